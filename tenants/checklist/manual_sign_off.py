"""Nothing that the panel can look at: a person gives their word."""

from __future__ import annotations

from tenants.checklist.base import Facts, Finding, item_type
from tenants.choices import ItemState


@item_type("manual_sign_off", title="Signed off by hand", needs_sign_off=True)
def manual_sign_off(facts: Facts) -> Finding:
    """Met as soon as somebody signs; it binds to the item's own words."""
    said = str(facts.asked.parameters.get("text", ""))
    return Finding(
        state=ItemState.MET, evidence=said or "A person has to sign.",
        snapshot={"key": facts.asked.key, **({"value": said} if said else {})},
    )  # fmt: skip
