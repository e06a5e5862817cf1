"""A key of the tenant is in the environment's Redis, its value never read; parameters: {"key": "{tenant}:onlychannel:token"}."""

from __future__ import annotations

from tenants.checklist.base import Facts, Finding, item_type
from tenants.checklist.observed import observed


@item_type("redis_key_present", title="Redis key is present", needs_sign_off=False, is_observed=True)
def redis_key_present(facts: Facts) -> Finding:
    """As a worker saw it last."""
    name = str(facts.asked.parameters.get("key", facts.asked.key)).replace("{tenant}", facts.slug)
    return observed(facts, f"{name} is in Redis")
