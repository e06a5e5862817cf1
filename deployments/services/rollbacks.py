"""Use cases of rollbacks: look at, and ask for, the files of an earlier promotion."""

from __future__ import annotations

import dataclasses

from django.db.models import QuerySet

from controlpanel.accounts.actors import Actor
from controlpanel.core.errors import ConflictError, InvalidError
from controlpanel.core.permissions import Right
from deployments.choices import State
from deployments.models import Preflight, Promotion, Release
from deployments.restoring import losses_of
from deployments.services.asking import ask, checked_digest
from deployments.services.preflights import find_environment, preflight_of
from deployments.services.wanted import Wanted

SHORTEST_REASON = 10
TENANTS = ("", "keep", "restore")
"""What becomes of the tenants' part; "" asks where something would be lost."""


def promotion_rollback(
    *,
    actor: Actor,
    target: Promotion,
    reason: str = "",
    render_digest: str = "",
    tenants: str = "",
    emergency: bool = False,
) -> Promotion:
    """Ask for the files that `target` committed; `tenants` is "keep" for today's tenants' part, "restore" for that of then.

    It goes first in its environment: when its gates pass, what runs there is called off in the same transaction. Raises
    `ConflictError` where there is nothing to go back to, where it would take a reference from a tenant and `tenants` does
    not say what is wanted, and as `promotion_request` does for a digest.
    """
    actor.require(Right.PROMOTION_ROLL_BACK, target.environment.name)
    wanted = _wanted(actor, target, reason.strip(), checked_digest(render_digest), tenants)
    if emergency:
        wanted = _as_emergency(wanted)
    if not tenants:
        _require_no_loss(wanted)
    return ask(wanted)


def _as_emergency(wanted: Wanted) -> Wanted:
    """Waits for no approval and no freeze; a second person looks at it afterwards (`approving.emergency_confirm`)."""
    wanted.actor.require(Right.GATE_OVERRIDE, wanted.environment.name)
    if len(wanted.reason) < SHORTEST_REASON:
        said = f"An emergency needs a reason of at least {SHORTEST_REASON} characters."
        raise InvalidError(said, "Say what is broken; a second person reads it within 24 hours.", field="reason")
    return dataclasses.replace(wanted, is_emergency=True)


def rollback_preview(*, actor: Actor, target: Promotion, tenants: str = "") -> Preflight:
    """The preview of a rollback to `target`: one that is ready or being made; a new one only where none is still true."""
    return preflight_of(_wanted(actor, target, "", "", tenants))


def rollback_targets(*, actor: Actor, environment: str) -> QuerySet[Promotion]:
    """What the environment can go back to, newest first: what succeeded there before its last commit."""
    place = find_environment(environment, actor=actor)
    last = _last_committed(place.pk)
    rows = Promotion.objects.filter(environment=place, state=State.SUCCEEDED).exclude(commit="")
    earlier = rows.exclude(pk=last.pk) if last else rows
    return earlier.select_related("environment", "release").order_by("-committed_at")


def release_of(target: Promotion) -> Release | None:
    """The release whose files the commit of `target` holds: its own, or the one that was live with that configuration."""
    if target.release is not None:
        return target.release
    rows = Promotion.objects.filter(environment=target.environment, committed_at__lte=target.committed_at)
    before = rows.exclude(commit="").exclude(release=None).order_by("-committed_at").select_related("release").first()
    return before.release if before else None


def _require_no_loss(wanted: Wanted) -> None:
    """Nobody loses a credential by an answer that was never given."""
    assert wanted.restores is not None
    found = losses_of(wanted.restores)
    if not found:
        return
    names = ", ".join(one["slug"] for one in found[:5]) + (f" and {len(found) - 5} more" if len(found) > 5 else "")
    raise ConflictError(
        f"This would take references from {len(found)} tenant{'s' if len(found) > 1 else ''}: {names}.",
        'Say "tenants": "keep" to keep today\'s tenants\' part, or "restore" to take them back.', losses=found,
    )  # fmt: skip


def _wanted(actor: Actor, target: Promotion, reason: str, digest: str, tenants: str) -> Wanted:
    if tenants not in TENANTS:
        raise InvalidError(
            f"tenants is one of {', '.join(filter(None, TENANTS))}.", "Leave it out to be asked.", field="tenants"
        )
    place = target.environment
    if place.is_retired or not actor.may(Right.VIEW, place.name):
        place = find_environment(place.name, actor=actor)  # says so
    release = release_of(target) if target.commit else None
    if target.state != State.SUCCEEDED or release is None or not target.commit:
        raise ConflictError(
            f"Promotion {target.number} is {target.get_state_display().lower()}: only what has succeeded can be gone back to.",
            f"Choose an earlier promotion of {place.name} that succeeded.",
        )
    last = _last_committed(place.pk)
    if last is not None and last.pk == target.pk:
        raise ConflictError(
            f"{place.title} holds the files of promotion {target.number} already.",
            "Promote its release again to repair what was changed by hand, or choose an earlier promotion.",
        )
    return Wanted(
        actor=actor, environment=place, release=release, restores=target, reason=reason, render_digest=digest,
        keeps_tenants=tenants == "keep",
    )  # fmt: skip


def _last_committed(environment: int) -> Promotion | None:
    rows = Promotion.objects.filter(environment=environment).exclude(commit="")
    return rows.order_by("-committed_at").first()
