"""Asking for a promotion of any kind: one lane, one judgement, one row, whoever asks and through whichever door."""

from __future__ import annotations

import re
from typing import Any

from django.db import transaction
from django.db.models import Q

from controlpanel.catalog.models import Environment
from controlpanel.core import audit
from controlpanel.core.errors import ConflictError, InvalidError
from controlpanel.core.lease import StatementTime
from deployments import checking, gates, lifecycle
from deployments.choices import OPEN, WAITING, Kind, PreflightState, State
from deployments.gates import GateAnswer
from deployments.models import Preflight, Promotion
from deployments.services.overriding import note_overridden
from deployments.services.wanted import Wanted

DIGEST = re.compile(r"[0-9a-f]{64}")


def checked_digest(digest: str) -> str:
    """The digest as given. Raises `InvalidError` for what is none; an empty one asks for judgement after rendering."""
    if digest and not DIGEST.fullmatch(digest):
        raise InvalidError(
            "render_digest must be 64 hexadecimal characters.",
            "Take it from a preflight of this release.",
            field="render_digest",
        )
    return digest


def ask(wanted: Wanted) -> Promotion:
    """Insert a promotion, judged at once where it names a digest.

    `ConflictError` (409, with the gates) where the preview is stale or a gate blocks, recorded in the audit, and no
    promotion. The same request by the same actor while one is open returns that one.
    """
    digest = wanted.render_digest
    with transaction.atomic():
        # Rows that name it may still be added; another request waits here.
        Environment.objects.select_for_update(no_key=True).get(pk=wanted.environment.pk)
        existing = _open_equal(wanted)
        if existing is not None:
            _require_overridden(existing, wanted)
            return existing
        checking.want(wanted.environment, wanted.release, wanted.kind)
        preflight = _preview(wanted)
        answers = gates.for_target(
            release=wanted.release,
            environment=wanted.environment,
            preflight=preflight,
            kind=wanted.kind,
            overrides=wanted.overrides,
            is_emergency=wanted.is_emergency,
        )
        refusal = _refusal(digest, preflight, answers) if digest else None
        if refusal is None:
            return _create(wanted, preflight, answers)
        _record_refusal(wanted, refusal)
    raise refusal


def _open_equal(wanted: Wanted) -> Promotion | None:
    rows = Promotion.objects.filter(
        **wanted.looked_up,
        kind=wanted.kind,
        is_emergency=wanted.is_emergency,
        requested_by=wanted.actor.name,
        state__in=OPEN,
    ).exclude(state=State.CANCELING)
    digest = wanted.render_digest
    equal = rows.filter(Q(render_digest=digest) | Q(render_digest="")) if digest else rows
    return equal.select_related("environment", "release").first()


def _require_overridden(existing: Promotion, wanted: Wanted) -> None:
    """One that is open is the answer only where it lets the same gates pass."""
    known = {one["gate"] for one in existing.overrides}
    if missing := [one["gate"] for one in wanted.overrides if one["gate"] not in known]:
        raise ConflictError(
            f"Promotion {existing.number} asks for the same already, without an override of {', '.join(missing)}.",
            "Override it at that promotion, or abort that one first.",
        )


def _preview(wanted: Wanted) -> Preflight | None:
    if not wanted.render_digest:
        return None
    rows = Preflight.objects.filter(**wanted.looked_up, state=PreflightState.READY)
    return rows.filter(render_digest=wanted.render_digest).order_by("-ready_at").first()


def _refusal(digest: str, preview: Preflight | None, answers: list[GateAnswer]) -> ConflictError | None:
    shown = [gate_fields(answer) for answer in answers]
    if preview is None:
        return ConflictError(
            f"Preview is out of date: no preflight of this release gave the digest {digest[:4]}…{digest[-4:]}.",
            "Ask for a preflight and review the new diff.", gates=shown, stale=True,
        )  # fmt: skip
    blocking = [answer for answer in answers if answer.blocks]
    if not blocking:
        return None
    first = blocking[0]
    stale = any(answer.gate == "digest-current" for answer in blocking)
    more = {name: value for answer in blocking for name, value in answer.extra.items()}
    return ConflictError(f"Blocked: {first.reason}", first.remedy, gates=shown, stale=stale, **more)


def gate_fields(answer: GateAnswer) -> dict[str, Any]:
    """A gate's answer as the interfaces show it."""
    return {
        "gate": answer.gate, "title": answer.title, "verdict": answer.verdict.value, "reason": answer.reason,
        "owner": answer.owner, "remedy": answer.remedy, "opens_at": answer.opens_at, **answer.extra,
    }  # fmt: skip


def _record_refusal(wanted: Wanted, refusal: ConflictError) -> None:
    audit.record(
        actor=wanted.actor, action="promotion.refused", environment=wanted.environment.name, target=wanted.title,
        message=refusal.sentence,
        details={
            "kind": wanted.kind.value,
            "gates": [{"gate": gate["gate"], "verdict": gate["verdict"]} for gate in refusal.extra["gates"]],
        },
    )  # fmt: skip


def _create(wanted: Wanted, preflight: Preflight | None, answers: list[GateAnswer]) -> Promotion:
    superseded = list(_superseded_by(wanted))  # locked before the first event, see audit.record
    actor = wanted.actor
    promotion = Promotion.objects.create(
        **wanted.what, kind=wanted.kind, is_emergency=wanted.is_emergency, overrides=wanted.overrides, reason=wanted.reason, preflight=preflight, requester=actor.user, requested_by=actor.name,
        token_maker_id=actor.token.created_by_id if actor.token and actor.user is None else None,
        render_digest=preflight.render_digest if preflight else "", requested_door=actor.door, next_run_at=StatementTime(),
    )  # fmt: skip
    promotion.refresh_from_db(fields=["number"])
    lifecycle.begin(promotion, actor=actor)
    for override in wanted.overrides:
        note_overridden(promotion, actor, override)
    for older in superseded:
        said = f"Superseded by promotion {promotion.number} of {wanted.title}."
        lifecycle.end(older, State.SUPERSEDED, actor=actor, message=said)
    if preflight is not None:
        lifecycle.admit(promotion, answers)
    return promotion


def _superseded_by(wanted: Wanted) -> Any:
    """Promotions of older releases that have not started; only a newer release supersedes, and an emergency the same
    rollback that waits."""
    if wanted.is_emergency:
        return _waiting(wanted).filter(kind=Kind.ROLLBACK, restores=wanted.restores, is_emergency=False)
    if wanted.kind != Kind.RELEASE or wanted.release is None:
        return Promotion.objects.none()
    return _waiting(wanted).filter(kind=Kind.RELEASE, release__lt=wanted.release.pk)


def _waiting(wanted: Wanted) -> Any:
    rows = Promotion.objects.filter(environment=wanted.environment, state__in=WAITING)
    return rows.select_related("environment", "release", "requester").select_for_update(of=("self",)).order_by("number")
