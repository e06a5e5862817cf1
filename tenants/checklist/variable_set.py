"""The variable has a value: of the tenant by a promoted value, of the environment by what is live."""

from __future__ import annotations

from tenants.checklist.base import Facts, Finding, item_type
from tenants.checklist.credential_exists import credential_exists
from tenants.choices import ItemState


@item_type("variable_set", title="Variable is set", needs_sign_off=True)
def variable_set(facts: Facts) -> Finding:
    """A tenant's own is met by its promoted value or the catalog's default, an environment's by the files that are live."""
    if facts.asked.scope == "environment":
        return _of_environment(facts)
    has_own = (
        facts.reference is not None and facts.reference.newest is not None and not facts.reference.newest.is_removed
    )
    if not has_own and facts.asked.default:
        return Finding(
            state=ItemState.MET, evidence=f"The catalog's default: {facts.asked.default}",
            snapshot={"key": facts.asked.key, "value": facts.asked.default},
        )  # fmt: skip
    return credential_exists(facts)


def _of_environment(facts: Facts) -> Finding:
    """Before anything is live it counts as met, by the catalog's default: the release that comes is asked by its own gate,
    and could never come otherwise."""
    key, value = facts.asked.key, facts.value
    if value is None and not facts.is_anything_live:
        return Finding(
            state=ItemState.MET, evidence="Nothing is live here yet; the release that comes is asked for it.",
            snapshot=_said(key, "" if facts.asked.is_secret else facts.asked.default),
        )  # fmt: skip
    if value is None or value.state == "missing":
        return Finding(
            state=ItemState.FAILING, evidence="Neither set nor referenced in what is live.", snapshot={"key": key},
            unsignable="The variable is missing in what is live.",
        )  # fmt: skip
    verb = "Set" if value.state == "set" else "Referenced"
    return Finding(state=ItemState.MET, evidence=f"{verb} in {value.where}." if value.where else f"{verb}.", snapshot=_said(key, value.value))  # fmt: skip


def _said(key: str, value: str) -> dict[str, str]:
    return {"key": key, "value": value} if value else {"key": key}
