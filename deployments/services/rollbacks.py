"""Use cases of rollbacks: look at, and ask for, the files of an earlier promotion."""

from __future__ import annotations

from django.db.models import QuerySet

from controlpanel.accounts.actors import Actor
from controlpanel.core.errors import ConflictError
from controlpanel.core.permissions import Right
from deployments.choices import State
from deployments.models import Preflight, Promotion
from deployments.services.asking import ask, checked_digest
from deployments.services.preflights import find_environment, preflight_of
from deployments.services.wanted import Wanted


def promotion_rollback(*, actor: Actor, target: Promotion, reason: str = "", render_digest: str = "") -> Promotion:
    """Ask for the files that `target` committed.

    It goes first in its environment: when its gates pass, what runs there is called off in the same transaction. Raises
    `ConflictError` where there is nothing to go back to, and as `promotion_request` does for a digest.
    """
    actor.require(Right.PROMOTION_ROLL_BACK, target.environment.name)
    return ask(_wanted(actor, target, reason.strip(), checked_digest(render_digest)))


def rollback_preview(*, actor: Actor, target: Promotion) -> Preflight:
    """The preview of a rollback to `target`: one that is ready or being made; a new one only where none is still true."""
    return preflight_of(_wanted(actor, target, "", ""))


def rollback_targets(*, actor: Actor, environment: str) -> QuerySet[Promotion]:
    """What the environment can go back to, newest first: what succeeded there before its last commit."""
    place = find_environment(environment, actor=actor)
    last = _last_committed(place.pk)
    rows = Promotion.objects.filter(environment=place, state=State.SUCCEEDED).exclude(commit="")
    earlier = rows.exclude(pk=last.pk) if last else rows
    return earlier.select_related("environment", "release").order_by("-number")


def _wanted(actor: Actor, target: Promotion, reason: str, digest: str) -> Wanted:
    place = target.environment
    if place.is_retired or not actor.may(Right.VIEW, place.name):
        place = find_environment(place.name, actor=actor)  # says so
    if target.state != State.SUCCEEDED or target.release is None or not target.commit:
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
        actor=actor, environment=place, release=target.release, restores=target, reason=reason, render_digest=digest
    )


def _last_committed(environment: int) -> Promotion | None:
    rows = Promotion.objects.filter(environment=environment).exclude(commit="")
    return rows.order_by("-committed_at").first()
