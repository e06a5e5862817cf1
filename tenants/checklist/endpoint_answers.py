"""An address of the hub answers under the tenant's header `X-Tenant`; parameters: {"path": "/api/health"}."""

from __future__ import annotations

from tenants.checklist.base import Facts, Finding, item_type
from tenants.checklist.observed import observed


@item_type("endpoint_answers", title="Endpoint answers", needs_sign_off=False, is_observed=True)
def endpoint_answers(facts: Facts) -> Finding:
    """As a worker saw it last."""
    return observed(facts, f"{facts.asked.parameters.get('path', '/api/health')} answers")
