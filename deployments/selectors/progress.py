"""The steps of a promotion as people follow them, with how long each took and usually takes."""

from __future__ import annotations

from collections.abc import Iterable, Mapping, Sequence
from dataclasses import dataclass
from datetime import datetime

from controlpanel.core.models import AuditEvent
from controlpanel.core.presentation.vocabulary import status_of
from controlpanel.core.presentation.wording import duration, short_digest
from deployments.choices import RUNNING, WAITING, Kind, Rollout, State
from deployments.models import Promotion, PromotionComponent
from deployments.selectors.outside import deployed_commit_page

COMMIT_TAB = "?tab=commit#evidence"
Spans = dict[str, tuple[datetime | None, datetime | None]]
"""Start and end of each step by its key: gates, render, commit, wave-1 …, verify."""


@dataclass(frozen=True, kw_only=True)
class Step:
    """One step. `state` is a word of the step vocabulary; `took` stays empty while `started_at` counts on."""

    key: str
    name: str
    state: str
    detail: str = ""
    error: str = ""
    took: str = ""
    started_at: datetime | None = None
    estimate: str = ""
    commit: str = ""
    commit_url: str = ""

    @property
    def id(self) -> str:
        """The anchor of the step."""
        return f"step-{self.key}"


def waves_of(promotion: Promotion, rollouts: Sequence[PromotionComponent]) -> dict[int, list[str]]:
    """Components by wave: as they roll out, before that as the preview had them."""
    if rollouts:
        numbers = sorted({row.wave for row in rollouts})
        return {number: _names(row for row in rollouts if row.wave == number) for number in numbers}
    planned = promotion.preflight.waves if promotion.preflight else []
    return dict(enumerate(planned, start=1))


def spans_of(events: Iterable[AuditEvent], rollouts: Sequence[PromotionComponent]) -> Spans:
    """When each step began and ended, from the promotion's events and its components' rollouts."""
    first: dict[str, datetime] = {}
    for event in events:
        if event.at is not None:
            first.setdefault(event.action.removeprefix("promotion."), event.at)
    end = first.get(State.SUCCEEDED)
    queued = first.get(State.QUEUED) or first.get(State.RENDERING)
    spans: Spans = {
        "gates": (first.get("requested"), queued),
        "render": (first.get(State.RENDERING), first.get(State.COMMITTING)),
        "commit": (first.get(State.COMMITTING), first.get(State.SYNCING)),
        "verify": (first.get(State.VERIFYING), end),
    }
    began = first.get(State.SYNCING)
    for number in sorted({row.wave for row in rollouts}):
        ended = _end_of_wave([row for row in rollouts if row.wave == number])
        spans[f"wave-{number}"] = (began, ended)
        began = ended
    return spans


def seconds_of(spans: Spans) -> dict[str, float]:
    """How long each finished step took."""
    return {key: (end - start).total_seconds() for key, (start, end) in spans.items() if start and end}


def steps_of(
    promotion: Promotion,
    rollouts: Sequence[PromotionComponent],
    events: Sequence[AuditEvent] = (),
    usual: Mapping[str, float] | None = None,
    gates: str = "",
) -> list[Step]:
    """All steps in order. `usual` are seconds by step where enough was seen to say so, `gates` what they said, in words."""
    waves = waves_of(promotion, rollouts)
    names = ["gates", "render", "commit", *(f"wave-{number}" for number in waves), "verify"]
    spans, reached = spans_of(events, rollouts), _reached(promotion, names, events)
    words = _words(promotion, rollouts, waves, gates)
    return [
        _step(promotion, key, index, reached, spans.get(key, (None, None)), words[key], (usual or {}).get(key))
        for index, key in enumerate(names)
    ]


def sentence_of(promotion: Promotion, rollouts: Sequence[PromotionComponent]) -> str:
    """What happens right now, in one line."""
    if promotion.state == State.PAUSED:
        return str((promotion.issue or {}).get("sentence", "Needs a person."))
    if promotion.state in (State.SYNCING, State.ROLLING_OUT):
        last = max((row.wave for row in rollouts), default=promotion.wave)
        open_rows = [row for row in rollouts if row.wave == promotion.wave and row.state != Rollout.DONE]
        what = "; ".join(f"{row.title}, {row.message}" if row.message else row.title for row in open_rows[:3])
        what += f"; {len(open_rows) - 3} more" if len(open_rows) > 3 else ""
        said = promotion.note if promotion.note and promotion.state == State.SYNCING else what
        return f"Wave {promotion.wave} of {last}: {said or 'all components done'}"
    return promotion.note or STATE_SENTENCES.get(State(promotion.state), "")


STATE_SENTENCES = {
    State.REQUESTED: "Renders and asks the gates",
    State.AWAITING_APPROVAL: "Waits for an approval",
    State.QUEUED: "Waits for the lane",
    State.RENDERING: "Renders the manifests",
    State.COMMITTING: "Commits to Git",
    State.VERIFYING: "Verifies what is live",
    State.CANCELING: "Stops what is still running",
}


def _names(rows: Iterable[PromotionComponent]) -> list[str]:
    """Components in the order of their rows; one with several shards stands once."""
    return list(dict.fromkeys(row.component for row in rows))


def _end_of_wave(rows: Sequence[PromotionComponent]) -> datetime | None:
    ends = [row.finished_at for row in rows]
    return max(end for end in ends if end) if rows and all(ends) else None


def _reached(promotion: Promotion, names: Sequence[str], events: Sequence[AuditEvent]) -> int:
    """The index of the step at which the promotion is or stopped; behind the last where it succeeded."""
    if promotion.state == State.SUCCEEDED:
        return len(names)
    at = promotion.paused_from or promotion.state
    if at not in (*RUNNING, *WAITING):
        at = next((event.details["from"] for event in reversed(events) if _left(event) in RUNNING), State.REQUESTED)
    key = {
        State.RENDERING: "render", State.VERIFYING: "verify",
        State.COMMITTING: f"wave-{promotion.wave}" if promotion.wave > 1 else "commit",
        State.SYNCING: f"wave-{promotion.wave}", State.ROLLING_OUT: f"wave-{promotion.wave}",
    }.get(State(at), "gates")  # fmt: skip
    return names.index(key) if key in names else 0


def _left(event: AuditEvent) -> str:
    return str(event.details.get("from", ""))


def _step(
    promotion: Promotion, key: str, index: int, reached: int, span: tuple[datetime | None, datetime | None],
    words: tuple[str, str], usual: float | None,
) -> Step:  # fmt: skip
    start, end = span
    state = _state(promotion, index, reached)
    is_running = state in ("running", "failed") and not promotion.is_terminal
    done = duration(end - start) if state == "done" and start and end else ""
    about = f"about {duration(usual)}" if usual and usual >= 1 and state in ("running", "waiting") else ""
    return Step(
        key=key, name=words[0], state=state, detail=words[1], took=done,
        started_at=start if is_running and key != "gates" else None,
        estimate=f"of {about}" if about and state == "running" else about,
        error=status_of("cause", promotion.issue["cause"]).word if state == "failed" and promotion.issue else "",
        commit=promotion.commit if key == "commit" else "", commit_url=deployed_commit_page(promotion.commit) or COMMIT_TAB,
    )  # fmt: skip


def _state(promotion: Promotion, index: int, reached: int) -> str:
    if index < reached:
        return "done"
    if index > reached:
        return "waiting" if not promotion.is_terminal else "canceled"
    if promotion.state in (State.PAUSED, State.FAILED, State.REJECTED):
        return "failed"
    if promotion.state in (State.CANCELED, State.CANCELING, State.EXPIRED, State.SUPERSEDED):
        return "canceled"
    return "running"


def _words(
    promotion: Promotion,
    rollouts: Sequence[PromotionComponent],
    waves: Mapping[int, Sequence[str]],
    gates: str,
) -> dict[str, tuple[str, str]]:
    """Name and line of detail of each step."""
    digest = promotion.render_digest
    return {
        "gates": ("Gates", promotion.note if promotion.state in WAITING and promotion.note else gates),
        "render": ("Render", f"digest {short_digest(digest)}, as reviewed" if digest else ""),
        "commit": ("Commit", f"on {promotion.environment.branch}"),
        **{f"wave-{number}": _wave_words(number, names, rollouts) for number, names in waves.items()},
        "verify": ("Verify", _proof(promotion)),
    }


def _proof(promotion: Promotion) -> str:
    if promotion.state == State.VERIFYING and promotion.note:
        return promotion.note
    if promotion.kind == Kind.TENANT_CONFIG:
        return "every shard proved Synced, every changed secret answered"
    return "every Application proved Synced and Healthy"


def _wave_words(number: int, names: Sequence[str], rollouts: Sequence[PromotionComponent]) -> tuple[str, str]:
    rows = [row for row in rollouts if row.wave == number]
    changed = _names(row for row in rows if row.is_changed) if rows else list(names)
    same = [name for name in _names(row for row in rows if not row.is_changed) if name not in changed]
    running = [row for row in rows if row.state not in (Rollout.WAITING, Rollout.DONE) and row.message]
    detail = running[0].message if running else ""
    if running and (moving := [row for row in rows if row.is_changed])[1:]:
        what = "shards" if len(changed) == 1 else "components"
        detail = f"{sum(row.state == Rollout.DONE for row in moving)} of {len(moving)} {what} done"
    if not detail and same and changed:
        detail = f"{', '.join(same)} unchanged"
    elif not detail and same:
        detail = "unchanged"
    elif not detail and rows:
        done = all(row.state == Rollout.DONE for row in rows)
        detail = ", ".join(sorted({row.message for row in rows if row.message})) if done else ""
    if not detail and number > 1:
        detail = f"after wave {number - 1}"
    return f"Wave {number}: {', '.join(changed or same or names)}", detail
