"""From rows to the answers of the API, member by member."""

from __future__ import annotations

from collections.abc import Iterable, Mapping
from typing import Any

from django.conf import settings

from controlpanel.core.models import AuditEvent
from deployments.api import answers
from deployments.choices import Rollout
from deployments.gates import GateAnswer
from deployments.models import Application, Evidence, GateResult, Preflight, Promotion, PromotionComponent, Release
from deployments.selectors.interface import Place, Told
from deployments.selectors.tenants import Tenants
from deployments.selectors.verifications import Shown, shown_of

MOST_EVIDENCE = 50
GATE_MEMBERS = ("gate", "title", "verdict", "reason", "owner", "remedy", "opens_at")


def release(row: Release) -> dict[str, Any]:
    """A release as it was stored."""
    return {
        "version": row.version,
        "source": {"commit": row.commit},
        "images": row.images,
        "notes": row.notes,
        "title": row.title,
        "created_by": row.created_by,
        "created_at": row.created_at,
    }


def preflight(row: Preflight, gates: Iterable[GateAnswer], tenants: Tenants | None) -> dict[str, Any]:
    """A preflight with the gates and the tenants as they stand now; tenants' configuration blocks no tenant."""
    return {
        "id": row.pk,
        "state": row.state,
        "kind": row.kind.value,
        "release": row.release.version if row.release else None,
        "environment": row.environment.name,
        "render_digest": row.render_digest,
        "digests": row.digests,
        "changes": [change_of(one) for one in row.changes],
        "gates": [gate(answer) for answer in gates],
        "variables": row.variables,
        "findings": row.findings,
        "tenants": tenants.facts() if tenants else {"total": 0, "ready": 0, "blocked": []},
        "losses": row.losses,
        "waves": row.waves,
        "error": row.error,
        "remedy": row.remedy,
        "url": f"{settings.PUBLIC_URL}/api/v1/preflight/{row.pk}",
    }


def change_of(change: Mapping[str, Any]) -> dict[str, Any]:
    """One object of a preflight."""
    return {name: change[name] for name in answers.ChangeOut.model_fields if name in change}


def gate(answer: GateAnswer | GateResult) -> dict[str, Any]:
    """One gate's answer, fresh or kept."""
    return {name: getattr(answer, name) for name in GATE_MEMBERS}


def promotion(told: Told) -> dict[str, Any]:
    """A promotion as it stands."""
    row = told.promotion
    return {
        **_facts(row),
        "waves": _waves(row),
        "applications": [application(one, _message(row, one)) for one in told.applications],
        "blocking": _blocking(told),
        "gates": [gate(result) for result in _newest(row.gates.all())],
        "events": [event(one) for one in told.events],
        "issue": _issue(row.issue),
        "approvals": _approvals(told),
        "findings": row.findings,
        "verifications": [verification(one) for one in shown_of(row)],
        "live": {"revision": row.live_revision, "git_revision": row.git_revision, "confidence": row.confidence},
        "url": f"{settings.PUBLIC_URL}/promotions/{row.number}",
    }


def verification(shown: Shown) -> dict[str, Any]:
    """The newest run of a check."""
    names = ("name", "type", "title", "state", "run", "rounds", "note", "ignored_by", "ignored_reason", "began_at", "finished_at")  # fmt: skip
    return {
        **{name: getattr(shown.row, name) for name in names},
        "total": shown.total,
        "passing": shown.well,
        "failed": [evidence(one) for one in shown.lost[:MOST_EVIDENCE]],
    }


def evidence(row: Evidence) -> dict[str, Any]:
    """What a check found of one tenant."""
    names = ("proof", "samples", "failures", "request", "answer", "trace_id", "at")
    return {"tenant": row.subject, **{name: getattr(row, name) for name in names}}


def _approvals(told: Told) -> dict[str, Any] | None:
    if told.policy is None:
        return None
    items = [
        {
            "by": word.approval.person.username, "decision": word.approval.decision, "digest": word.approval.digest,
            "comment": word.approval.comment, "at": word.approval.at, "counts": word.counts, "why_not": word.why_not,
        }
        for word in told.words
    ]  # fmt: skip
    given = sum(word.counts for word in told.words)
    return {"required": told.policy.required, "roles": list(told.policy.roles), "given": given, "items": items}


def application(row: Application, message: str | None = None) -> dict[str, Any]:
    """An Application as last observed; `message` is what hinders it, where something does."""
    said = message or row.operation_message if row.operation not in ("", "Succeeded") else message or row.health_message
    return {
        "name": row.name,
        "component": row.component,
        "sync": row.known_sync,
        "health": row.known_health,
        "operation": row.operation,
        "revision": row.revision,
        "message": said or "",
    }


def application_detail(row: Application) -> dict[str, Any]:
    """An Application with its pods and what hinders it."""
    names = ("images", "pods", "blocking", "is_missing", "observed_at")
    return {**application(row), **{name: getattr(row, name) for name in names}}


def event(row: AuditEvent) -> dict[str, Any]:
    """An event of a promotion; `sequence` counts within the promotion, from 1, without gaps."""
    return {
        "sequence": row.promotion_sequence,
        "at": row.at,
        "type": row.action,
        "actor": row.actor,
        "message": row.message,
    }


def audit_event(row: AuditEvent) -> dict[str, Any]:
    """An event of the audit; `sequence` counts all events."""
    return {name: getattr(row, name) for name in answers.AuditEventOut.model_fields}


def environment(place: Place) -> dict[str, Any]:
    """An environment with what is live and in flight there."""
    row, last = place.environment, place.last
    return {
        "name": row.name,
        "title": row.title,
        "after": row.after,
        "branch": row.branch,
        "confirm_by_name": row.confirm_by_name,
        "gates": [gate["name"] for gate in row.gates],
        "release": last.release.version if last and last.release else None,
        "promotion": _active(last),
        "active": _active(place.active),
        "applications": _counted(place.applications),
    }


def _facts(row: Promotion) -> dict[str, Any]:
    names = ("number", "kind", "state", "requested_by", "reason", "render_digest", "commit", "note", "claimed_by")
    times = ("created_at", "started_at", "finished_at")
    return {
        "id": row.pk,
        "release": row.release.version if row.release else None,
        "environment": row.environment.name,
        "restores": _restored(row.restores),
        **{name: getattr(row, name) for name in (*names, *times)},
    }


def _restored(row: Promotion | None) -> dict[str, Any] | None:
    return {"id": row.pk, "number": row.number, "commit": row.commit} if row else None


def _waves(row: Promotion) -> list[dict[str, Any]]:
    """As they roll out; before that as the preview had them."""
    by_number: dict[int, list[PromotionComponent]] = {}
    for rollout in row.rollouts.all():
        by_number.setdefault(rollout.wave, []).append(rollout)
    if by_number:
        return [
            _wave(
                place, list(dict.fromkeys(one.component for one in rollouts)), _state(rollouts), _commit(row, rollouts)
            )
            for place, (_, rollouts) in enumerate(sorted(by_number.items()), start=1)
        ]
    planned = row.plan["waves"] if row.plan else row.preflight.waves if row.preflight else []
    return [_wave(place, names, Rollout.WAITING, "") for place, names in enumerate(planned, start=1)]


def _commit(row: Promotion, rollouts: Iterable[PromotionComponent]) -> str:
    """The wave's own where waves commit one by one; "" before it is there."""
    own = next((one.commit for one in rollouts if one.commit), "")
    return own if row.is_by_wave else row.commit


def _wave(number: int, components: list[str], state: str, commit: str) -> dict[str, Any]:
    return {"number": number, "components": list(components), "state": str(state), "commit": commit}


def _state(rollouts: Iterable[PromotionComponent]) -> str:
    """The wave's: stuck where one is, else the state of its slowest component."""
    states = {rollout.state for rollout in rollouts}
    if states & {Rollout.SYNCING, Rollout.ROLLING_OUT} and Rollout.STUCK not in states:
        return Rollout.SYNCING if Rollout.SYNCING in states else Rollout.ROLLING_OUT
    return next(str(state) for state in (Rollout.STUCK, Rollout.WAITING, Rollout.DONE) if state in states)


def _message(row: Promotion, application: Application) -> str:
    return next((one.message for one in row.rollouts.all() if one.application == application.name), "")


def _blocking(told: Told) -> list[dict[str, str]]:
    issue = told.promotion.issue or {}
    named = [{**issue, "message": issue.get("raw") or issue.get("sentence", "")}] if issue.get("kind") else []
    seen = [one.blocking for one in told.applications if one.blocking and not told.promotion.is_terminal]
    found = [
        {name: str(entry.get(name) or "") for name in answers.BlockingOut.model_fields} for entry in (*named, *seen)
    ]
    return list({(entry["kind"], entry["namespace"], entry["name"]): entry for entry in reversed(found)}.values())[::-1]


def _issue(issue: Mapping[str, Any] | None) -> dict[str, str] | None:
    return {name: str(issue.get(name) or "") for name in answers.IssueOut.model_fields} if issue else None


def _newest(results: Iterable[GateResult]) -> Iterable[GateResult]:
    """What each gate said last: at the start, else at the request."""
    return {result.gate: result for result in sorted(results, key=lambda result: result.asked == "start")}.values()


def _active(row: Promotion | None) -> dict[str, Any] | None:
    if row is None:
        return None
    return {
        "id": row.pk,
        "number": row.number,
        "state": row.state,
        "release": row.release.version if row.release else None,
    }


def _counted(applications: Iterable[Application]) -> dict[str, int]:
    counts: dict[str, int] = {}
    for row in applications:
        health = "Missing" if row.is_missing else row.health or "Unknown"
        counts[health] = counts.get(health, 0) + 1
    return counts
