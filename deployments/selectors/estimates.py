"""How long the steps of a promotion usually take: the median of the last ten successes, never of fewer than three."""

from __future__ import annotations

from collections import defaultdict
from collections.abc import Sequence
from datetime import timedelta
from statistics import median

from django.contrib.postgres.expressions import ArraySubquery
from django.db.models import DurationField, ExpressionWrapper, F, OuterRef, Subquery

from controlpanel.core.models import AuditEvent
from controlpanel.core.presentation.wording import duration
from deployments.choices import RUNNING, Kind, State
from deployments.models import Promotion, PromotionComponent
from deployments.selectors.progress import seconds_of, spans_of

LAST, FEWEST = 10, 3
SPREAD = 5
"""How many of the last successes say how much their times differ."""
NO_ESTIMATE = "no estimate yet"
LOOKED_AT = 50
"""Promotions in which earlier retries are looked for."""
HELPED = tuple(f"promotion.{state}" for state in (*RUNNING, State.SUCCEEDED))
"""How a retry ends that was not in vain."""
IDLE = "idle"
"""The key of all waves in which nothing changed."""


def usual_seconds(promotion: Promotion, rollouts: Sequence[PromotionComponent] = ()) -> dict[str, float]:
    """Seconds by step, in two queries; empty where too little was seen.

    A wave in which nothing changed is over at once: it tells nothing of one that rolls something out, so each kind is
    compared with its own. `rollouts` are the promotion's; before they are known every wave is taken to change something.
    """
    seen = _seen(promotion)
    usual = {step: median(values) for step, values in seen.items() if len(values) >= FEWEST}
    idle = usual.pop(IDLE, None)
    for wave in idle_waves(rollouts):
        usual.pop(wave, None)
        usual |= {wave: idle} if idle is not None else {}
    return usual


def expected_words(environment: int, kind: Kind = Kind.RELEASE) -> str:
    """ "about 4 m 10 s (last 5: 3 m 02 s to 6 m 40 s)", from start to end, in one query; under three "no estimate yet"."""
    rows = Promotion.objects.filter(environment=environment, state=State.SUCCEEDED, kind=kind, started_at__isnull=False)
    last = rows.order_by("-number").values_list("started_at", "finished_at")[:LAST]
    took = [(end - start).total_seconds() for start, end in last if start and end]
    if len(took) < FEWEST:
        return NO_ESTIMATE
    newest = took[:SPREAD]
    return f"about {duration(median(took))} (last {len(newest)}: {duration(min(newest))} to {duration(max(newest))})"


def newest_took() -> ArraySubquery:
    """How long the last successes of releases took in an environment (the outer row), for a query that is made anyway."""
    rows = Promotion.objects.filter(environment=OuterRef("pk"), state=State.SUCCEEDED, kind=Kind.RELEASE)
    took = ExpressionWrapper(F("finished_at") - F("started_at"), output_field=DurationField())
    return ArraySubquery(rows.filter(started_at__isnull=False).order_by("-number").values_list(took, flat=True)[:LAST])


def usual_took(took: Sequence[timedelta]) -> float | None:
    """The median in seconds, None under three."""
    return median(one.total_seconds() for one in took) if len(took) >= FEWEST else None


def rolled_back_words(environment: int) -> str:
    """ "about 1 m 30 s (last 3: …)" of rollbacks there, in one query; "" where too few were seen."""
    words = expected_words(environment, Kind.ROLLBACK)
    return "" if words == NO_ESTIMATE else words


def retried_words(promotion: Promotion) -> str:
    """ "Earlier retries took about 1 m 40 s.": of this step in the environment's newest promotions, where they helped; one query."""
    moves = AuditEvent.objects.filter(promotion=OuterRef("promotion"), details__has_key="to").order_by(
        "promotion_sequence"
    )
    ends = moves.filter(promotion_sequence__gt=OuterRef("promotion_sequence"))
    newest = Promotion.objects.filter(environment=promotion.environment_id).order_by("-number").values("pk")[:LOOKED_AT]
    retries = AuditEvent.objects.filter(promotion__in=newest, details__retry=True, details__to=promotion.paused_from)
    rows = retries.annotate(ended=Subquery(ends.values("at")[:1]), how=Subquery(ends.values("action")[:1]))
    last = rows.order_by("-sequence").values_list("at", "ended", "how")[:LAST]
    took = [(ended - at).total_seconds() for at, ended, how in last if at and ended and how in HELPED]
    if len(took) < FEWEST:
        return f"The last retry took {duration(took[0])}." if took else ""
    return f"Earlier retries took about {duration(median(took))}."


def _seen(promotion: Promotion) -> dict[str, list[float]]:
    """What the last successes took, by step; waves in which nothing changed together."""
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
        idle = idle_waves(rollouts[key])
        for step, seconds in seconds_of(spans_of(own, rollouts[key])).items():
            seen[IDLE if step in idle else step].append(seconds)
    return seen


def idle_waves(rollouts: Sequence[PromotionComponent]) -> set[str]:
    """The waves in which nothing changes."""
    return {f"wave-{row.wave}" for row in rollouts} - {f"wave-{row.wave}" for row in rollouts if row.is_changed}


def remaining_seconds(usual: dict[str, float], steps_left: list[str]) -> float | None:
    """About how long the steps that are not done will take, or None where one of them has no estimate."""
    known = [usual.get(step) for step in steps_left]
    return sum(value for value in known if value is not None) if known and None not in known else None
