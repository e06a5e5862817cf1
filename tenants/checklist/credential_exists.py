"""The secret is there: its reference is promoted, and was verified since it last changed."""

from __future__ import annotations

from tenants.checklist.base import Facts, Finding, item_type
from tenants.choices import VERIFICATION_MAX_AGE, ItemState, ReferenceKind, Standing
from tenants.models import CredentialReference

UNCHECKED = "Not checked. The panel has no cluster access for this environment; the owner's sign-off counts."


@item_type("credential_exists", title="Credential exists", needs_sign_off=True)
def credential_exists(facts: Facts) -> Finding:
    """Open without a reference, while it is pending, unverified or verified too long ago; failing as the operator says."""
    reference = facts.reference
    newest = reference.newest if reference else None
    if reference is None or newest is None or newest.is_removed:
        return Finding(
            state=ItemState.OPEN, evidence="No reference yet.", unsignable="Needs the reference first.",
            snapshot={"key": facts.asked.key},
        )  # fmt: skip
    snapshot = newest.place(facts.asked.key)
    if reference.is_pending:
        return Finding(
            state=ItemState.OPEN, evidence=f"Version {newest.number} waits to be promoted.", snapshot=snapshot
        )
    if newest.kind == ReferenceKind.VALUE:
        return Finding(state=ItemState.MET, evidence="The value is promoted.", snapshot=snapshot)
    return _verified(reference, snapshot, facts)


def _verified(reference: CredentialReference, snapshot: dict[str, str], facts: Facts) -> Finding:
    is_current = reference.verified_version_id == reference.promoted_id
    if reference.standing == Standing.FAILING:
        said = reference.message or "The operator does not say why."
        return Finding(
            state=ItemState.FAILING, evidence=f"Not found: {said}", snapshot=snapshot,
            unsignable="The reference fails. Put the secret in the store, then check again.",
        )  # fmt: skip
    if reference.standing == Standing.UNCHECKED:
        return Finding(state=ItemState.MET, evidence=UNCHECKED, snapshot=snapshot)
    if reference.standing == Standing.UNVERIFIED or reference.verified_at is None or not is_current:
        return Finding(state=ItemState.OPEN, evidence="Not verified since it changed.", snapshot=snapshot)
    until = reference.verified_at + VERIFICATION_MAX_AGE
    if until <= facts.now:
        days = VERIFICATION_MAX_AGE.days
        return Finding(
            state=ItemState.OPEN, evidence=f"Verified too long ago: more than {days} days.", snapshot=snapshot
        )
    return Finding(
        state=ItemState.MET, evidence="The reference is promoted and verified.", snapshot=snapshot, until=until
    )
