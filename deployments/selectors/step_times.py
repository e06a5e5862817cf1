"""Where the time of promotions goes: step by step, of the last successes and of those before them."""

from __future__ import annotations

import uuid
from collections import defaultdict
from collections.abc import Mapping, Sequence
from dataclasses import dataclass
from statistics import median

from controlpanel.catalog.models import Environment
from controlpanel.core.models import AuditEvent
from deployments.choices import Kind, State
from deployments.models import Promotion, PromotionComponent
from deployments.selectors.estimates import idle_waves
from deployments.selectors.progress import seconds_of, spans_of

LAST = 30
PERSON = "person"
"""The key of the time in which a person was waited for: paused, or awaiting an approval."""
NAMES = {"gates": "Gates", "render": "Render", "commit": "Commit", "verify": "Verify", PERSON: "Waiting for a person"}


@dataclass(frozen=True, kw_only=True)
class StepTime:
    """One step: seconds in the middle, the 95th percentile, its share of the whole (0 to 1), and the seconds that the
    median differs from the successes before (None where there are too few)."""

    name: str
    middle: float
    late: float
    share: float
    change: float | None


def step_times(environment: Environment) -> tuple[int, list[StepTime]]:
    """How many promotions were looked at, and their steps in order; three queries."""
    rows = Promotion.objects.filter(environment=environment, state=State.SUCCEEDED, kind=Kind.RELEASE)
    keys = list(rows.order_by("-number").values_list("pk", flat=True)[: 2 * LAST])
    events: defaultdict[uuid.UUID | None, list[AuditEvent]] = defaultdict(list)
    for event in AuditEvent.objects.filter(promotion__in=keys).order_by("promotion_sequence").defer("message"):
        events[event.promotion].append(event)
    rollouts: defaultdict[uuid.UUID, list[PromotionComponent]] = defaultdict(list)
    for rollout in PromotionComponent.objects.filter(promotion__in=keys):
        rollouts[rollout.promotion_id].append(rollout)
    seen = [_seconds(events[key], rollouts[key]) for key in keys]
    return len(seen[:LAST]), _rows(seen[:LAST], seen[LAST:], _wave_names([rollouts[key] for key in keys[:LAST]]))


def _seconds(events: Sequence[AuditEvent], rollouts: Sequence[PromotionComponent]) -> dict[str, float]:
    """Seconds of each step that did something, and of waiting for a person."""
    idle = idle_waves(rollouts)
    found = {key: value for key, value in seconds_of(spans_of(events, rollouts)).items() if key not in idle}
    return {**found, PERSON: _waited(events)}


def _waited(events: Sequence[AuditEvent]) -> float:
    total, since = 0.0, None
    for event in events:
        if (
            event.at is not None
            and since is not None
            and event.details.get("from") in (State.PAUSED, State.AWAITING_APPROVAL)
        ):
            total, since = total + (event.at - since).total_seconds(), None
        if event.action in ("promotion.paused", "promotion.awaiting_approval"):
            since = event.at
    return total


def _wave_names(promotions: Sequence[Sequence[PromotionComponent]]) -> dict[str, str]:
    """What the waves of the newest promotion that changed something in them hold."""
    found: dict[str, str] = {}
    for rollouts in promotions:
        for row in rollouts:
            if names := dict.fromkeys(one.component for one in rollouts if one.wave == row.wave and one.is_changed):
                found.setdefault(f"wave-{row.wave}", f"Wave {row.wave}: {', '.join(names)}")
    return found


def _rows(
    last: Sequence[Mapping[str, float]], before: Sequence[Mapping[str, float]], waves: Mapping[str, str]
) -> list[StepTime]:
    order = [
        "gates",
        "render",
        "commit",
        *sorted(waves, key=lambda key: int(key.removeprefix("wave-"))),
        "verify",
        PERSON,
    ]
    now = {key: [one[key] for one in last if key in one] for key in order}
    then = {key: [one[key] for one in before if key in one] for key in order}
    whole = sum(median(values) for key, values in now.items() if values and key != PERSON)
    return [
        StepTime(
            name=NAMES.get(key) or waves[key], middle=median(values), late=_late(values),
            share=median(values) / whole if whole and key != PERSON else 0.0,
            change=median(values) - median(then[key]) if len(then[key]) >= 3 else None,
        )
        for key, values in now.items() if values
    ]  # fmt: skip


def _late(values: Sequence[float]) -> float:
    """The 95th percentile: the value that at most one in twenty exceeds."""
    ordered = sorted(values)
    return ordered[min(len(ordered) - 1, int(0.95 * len(ordered)))]
