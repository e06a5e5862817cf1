"""How long the steps of a promotion usually take: the median of the last ten successes, never of fewer than three."""

from __future__ import annotations

from collections import defaultdict
from statistics import median

from controlpanel.core.models import AuditEvent
from deployments.choices import Kind, State
from deployments.models import Promotion, PromotionComponent
from deployments.selectors.progress import seconds_of, spans_of

LAST, FEWEST = 10, 3


def usual_seconds(promotion: Promotion) -> dict[str, float]:
    """Seconds by step, in two queries; empty where too little was seen."""
    rows = Promotion.objects.filter(environment=promotion.environment_id, state=State.SUCCEEDED, kind=Kind.RELEASE)
    last = rows.order_by("-number").values("pk")[:LAST]
    events, rollouts = defaultdict(list), defaultdict(list)
    for event in AuditEvent.objects.filter(promotion__in=last).order_by("sequence").defer("message", "details"):
        events[event.promotion].append(event)
    for rollout in PromotionComponent.objects.filter(promotion__in=last):
        rollouts[rollout.promotion_id].append(rollout)
    seen: defaultdict[str, list[float]] = defaultdict(list)
    for key, own in events.items():
        if key is None:  # never: only events of these promotions were asked for
            continue
        for step, seconds in seconds_of(spans_of(own, rollouts[key])).items():
            seen[step].append(seconds)
    return {step: median(values) for step, values in seen.items() if len(values) >= FEWEST}


def remaining_seconds(usual: dict[str, float], steps_left: list[str]) -> float | None:
    """About how long the steps that are not done will take, or None where one of them has no estimate."""
    known = [usual.get(step) for step in steps_left]
    return sum(value for value in known if value is not None) if known and None not in known else None
