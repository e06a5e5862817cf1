"""One promotion: follow, decide, prove."""

from __future__ import annotations

from collections.abc import Callable
from typing import Any

from django.contrib import messages
from django.http import HttpRequest, HttpResponse
from django.urls import reverse
from django.views.decorators.http import require_GET, require_POST

from controlpanel.accounts.actors import Actor, of_request
from controlpanel.core.errors import ConflictError, InvalidError
from controlpanel.core.models import AuditEvent
from controlpanel.core.permissions import Right, declares
from controlpanel.core.presentation.vocabulary import status_of
from controlpanel.core.sharing import shared
from controlpanel.core.views.answering import SeeOther, page
from deployments.choices import RUNNING, WAITING, State
from deployments.models import Promotion
from deployments.selectors.freezes import FROZEN
from deployments.selectors.outside import deployed_commit_page
from deployments.selectors.promotions import Followed, follow, promotion_of_page
from deployments.selectors.recurrences import recurrence_of
from deployments.selectors.rollbacks import before
from deployments.services import promotions as services
from deployments.services.overriding import Override, promotion_override
from deployments.views.approvals import decision_of, emergency_of
from deployments.views.curl import commands
from deployments.views.deciding import NEEDS, choices_of, overridable
from deployments.views.incident import issue_links, markdown
from deployments.views.looks import look_of
from deployments.views.promotion_checks import TAB as CHECKS
from deployments.views.promotion_checks import checks_shown, policy_of
from deployments.views.promotion_log import LOG_EVERY, log_shown

TEMPLATE = "deployments/promotion.html"
EVENTS = "events"
TABS = (EVENTS, "log", "commit", "audit")
CAUSE = "cause"
"""The tab of a paused promotion that comes first."""
ICONS = {State.SUCCEEDED: "ok", State.FAILED: "bad", State.REJECTED: "bad", State.PAUSED: "bad", State.CANCELED: ""}
SIGNS = {"run": "◐", "ok": "✓", "bad": "✕", "": "○"}


@declares(Right.VIEW)
@require_GET
@shared(look_of)
def promotion(request: HttpRequest, identifier: str) -> HttpResponse:
    """Everything about one promotion; its number is its address."""
    actor = of_request(request)
    wanted = request.GET.get("tab", "")
    row = promotion_of_page(identifier, actor=actor, with_files=wanted == "commit")
    tabs = (CAUSE,) * (row.state == State.PAUSED) + (CHECKS,) * row.has_checks + TABS  # type: ignore[attr-defined]
    first = EVENTS if row.state != State.PAUSED else CAUSE
    tab = wanted if wanted in tabs else first
    if identifier != str(row.number):
        return SeeOther(reverse("promotion", args=[row.number]))
    followed = follow(row)
    shown = log_shown(actor, followed) if tab == "log" else {}
    badge, result = _badge(followed), _result(followed)
    context = {
        "followed": followed, "promotion": row, "environment": row.environment, "tab": tab, **shown,
        "tabs": [{"label": name.capitalize(), "href": f"?tab={name}", "current": name == tab} for name in tabs],
        "entries": _entries(row, followed.events), "choices": choices_of(actor, followed), "head_title": _title(followed),
        "icon": _icon(row), "badge_word": badge, "announced": _announced(followed, badge), "now_words": _now(followed), "abort_reason": _abort_reason(actor, row),
        "is_mine": row.claimed_by == actor.name, "is_anothers": row.claimed_by not in ("", actor.name), "is_moving": row.state in (*WAITING, *RUNNING, State.CANCELING),
        **checks_shown(request, row, tab), "policy": policy_of(row),
        "trailers": _trailers(row), "result": result, "rollback_url": _way_back(actor, row),
        "topics": " ".join([f"promotion.{row.pk}", f"environment.{row.environment.name}", *shown.get("topics", ())]),
        "every": LOG_EVERY if shown else 0, "seen_before": recurrence_of(row) if tab == CAUSE else None,
        "markdown": markdown(followed, state=badge, result=result), "commands": commands(row),
        "overridable": overridable(actor, followed), "approval": decision_of(request, row), "emergency": emergency_of(request, row), "commit_url": deployed_commit_page(row.commit), **issue_links(row),
        "claim_reason": "" if actor.may(Right.PROMOTION_CLAIM, row.environment.name) else NEEDS,
        "may_ignore": row.paused_from in services.IGNORABLE and actor.may(Right.PROMOTION_IGNORE, row.environment.name),
        "is_proving": row.paused_from == State.VERIFYING,
        "abort_label": "Abort after commit…" if row.commit else "Abort…",
        "abort_title": f"Abort promotion {row.number}?", "abort_button": "Abort after commit" if row.commit else "Abort promotion",
    }  # fmt: skip
    response = page(request, TEMPLATE, context, fragments=("promotion", "dialogs"))
    # It reads otherwise for whoever asked, and for whoever has decided.
    if row.state == State.AWAITING_APPROVAL or context["emergency"]:
        response.is_fragment = False  # type: ignore[attr-defined]
    response.not_shared_with = row.claimed_by  # type: ignore[attr-defined]  # whoever is on it reads "you"
    return response


@declares(Right.PROMOTION_ABORT)
@require_POST
def abort(request: HttpRequest, identifier: str) -> HttpResponse:
    """Stop it; nothing that is live is rolled back."""
    reason = request.POST.get("reason", "")[:2000]
    return _act(
        request, identifier, lambda actor, row: services.promotion_abort(actor=actor, promotion=row, reason=reason)
    )


@declares(Right.PROMOTION_RETRY)
@require_POST
def retry(request: HttpRequest, identifier: str) -> HttpResponse:
    """Resume the step at which it paused."""
    return _act(request, identifier, lambda actor, row: services.promotion_retry(actor=actor, promotion=row))


@declares(Right.PROMOTION_CLAIM)
@require_POST
def claim(request: HttpRequest, identifier: str) -> HttpResponse:
    """Take the decision upon oneself."""
    return _act(request, identifier, lambda actor, row: services.promotion_claim(actor=actor, promotion=row))


@declares(Right.PROMOTION_IGNORE)
@require_POST
def ignore(request: HttpRequest, identifier: str) -> HttpResponse:
    """Go on although a component is not proved."""
    reason = request.POST.get("reason", "")[:2000]
    return _act(
        request, identifier, lambda actor, row: services.promotion_ignore(actor=actor, promotion=row, reason=reason)
    )


@declares(Right.GATE_OVERRIDE)
@require_POST
def override(request: HttpRequest, identifier: str) -> HttpResponse:
    """Let the gate that holds it pass, with a reason."""
    said = Override(request.POST.get("gate", "")[:60], request.POST.get("reason", "")[:2000])
    return _act(request, identifier, lambda actor, row: promotion_override(actor=actor, promotion=row, override=said))


def _act(request: HttpRequest, identifier: str, act: Callable[[Actor, Promotion], Any]) -> HttpResponse:
    """Do it and go back to the page; what cannot be done now is said there."""
    actor = of_request(request)
    row = promotion_of_page(identifier, actor=actor)
    try:
        act(actor, row)
    except (ConflictError, InvalidError) as refusal:
        messages.error(request, f"{refusal.title}. {refusal}")
    return SeeOther(reverse("promotion", args=[row.number]))


def _way_back(actor: Actor, row: Promotion) -> str:
    """The page that rolls back to before this one; empty where there is nothing to take back, no right to, or a choice of a
    pause that says it. What still runs was the last to commit there: the page chooses what was before by itself."""
    page = reverse("rollback", args=[row.environment.name])
    if not actor.may(Right.PROMOTION_ROLL_BACK, row.environment.name):
        return ""
    if row.state in RUNNING:
        return page if row.commit and row.release_id else ""
    number = before(row)
    return f"{page}?to={number}" if number else ""


def _abort_reason(actor: Actor, row: Promotion) -> str:
    """Why it cannot be aborted; empty where it can."""
    if not actor.may(Right.PROMOTION_ABORT, row.environment.name):
        return NEEDS
    return "It is stopping already." if row.state == State.CANCELING else ""


def _result(followed: Followed) -> str:
    """What its last move said."""
    last = next((event for event in reversed(followed.events) if "to" in event.details), None)
    return last.message if last and last.message else status_of("promotion", followed.promotion.state).word


def _badge(followed: Followed) -> str:
    row = followed.promotion
    word = status_of("promotion", row.state).word
    if row.state == State.PAUSED:
        frozen = (row.issue or {}).get("cause") == FROZEN
        return f"{word} by a freeze" if frozen else f"{word}, needs a person"
    if row.state in (State.SYNCING, State.ROLLING_OUT) and followed.waves:
        return f"{word}, wave {row.wave} of {len(followed.waves)}"
    return word


def _announced(followed: Followed, badge: str) -> str:
    """What a screen reader is told when it changes: a sentence at each step, none at ticks."""
    current = followed.current
    if current is None:
        return f"{badge}."
    if not followed.moving or followed.promotion.state == State.CANCELING:
        return f"{badge}: {current.name}."
    for card in followed.moving:
        blocking = (card.application.blocking if card.application else None) or {}
        if blocking.get("kind") == "Pod" and card.application and card.application.known_health != "Healthy":
            why = str(blocking.get("message") or "").partition(":")[0].rstrip(".")
            return f"Waiting for Pod {blocking['name']}{f': {why[:1].lower()}{why[1:]}' if why else ''}."
    return f"{current.name.replace(':', ' started:', 1)}."


def _now(followed: Followed) -> str:
    """What the current step says of itself, else the word of the state."""
    said = followed.current.detail if followed.current else ""
    return said or status_of("promotion", followed.promotion.state).word


def _icon(row: Promotion) -> str:
    return ICONS.get(State(row.state), "run")


def _title(followed: Followed) -> str:
    """The tab's title follows the state."""
    row = followed.promotion
    what = f"{row.title} to {row.environment.name}"
    sign = SIGNS[_icon(row)]
    if row.state == State.PAUSED:
        return f"{sign} Paused: {(row.issue or {}).get('application') or row.paused_from} · {what}"
    current = followed.current
    if row.is_terminal or current is None:
        return f"{sign} {what}"
    return f"{sign} {followed.done + 1}/{len(followed.steps)} {current.name} · {what}"


TONES = {
    "succeeded": "ok", "component_done": "ok", "failed": "bad", "paused": "bad", "rejected": "bad", "canceled": "mute",
    "canceling": "warn", "superseded": "mute", "expired": "mute", "requested": "mute", "awaiting_approval": "mute", "queued": "mute",
    "claimed": "mute", "verification_failed": "bad", "rolled_back_by_policy": "warn", "rollback_refused": "bad",
    "approved": "ok", "approvals_voided": "warn", "approve_refused": "mute", "reject_refused": "mute",
}  # fmt: skip


def _entries(row: Promotion, events: tuple[AuditEvent, ...]) -> list[dict[str, Any]]:
    """The timeline, newest first; the same text in a row is folded. Only what goes on right now turns."""
    found: list[dict[str, Any]] = []
    for event in events:
        text = event.message or event.action
        if found and found[-1]["text"] == text:
            found[-1] |= {"times": found[-1]["times"] + 1, "at": event.at}
            continue
        is_last = event is events[-1] and not row.is_terminal
        tone, shape = _look(event, is_last=is_last)
        found.append(
            {"at": event.at, "tone": tone, "shape": shape, "text": text, "times": 1, "key": f"event-{event.sequence}"}
        )
    return found[::-1]


def _look(event: AuditEvent, *, is_last: bool) -> tuple[str, str]:
    """Tone and icon of an entry ("" for the tone's own icon)."""
    action = event.action.removeprefix("promotion.")
    if action in (State.SYNCING, State.VERIFYING) and event.details.get("from") != State.PAUSED:
        return "ok", "ring-check"  # committed, or a wave that is done
    tone = TONES.get(action, "run")
    return (
        (tone, "arrow")
        if tone == "run" and not is_last
        else (tone, "person" if action in ("requested", "claimed", "approved") else "")
    )


def _trailers(row: Promotion) -> list[tuple[str, str]]:
    """The trailers of the commit, as they stand in its message."""
    return [
        ("Promotion-Id", str(row.pk)), ("Release", str(row.release or "")), ("Render-Digest", row.render_digest),
        ("Requested-By", row.requested_by), ("Audit-Head", row.audit_head),
    ]  # fmt: skip
