"""Insights: are we getting better."""

from __future__ import annotations

from collections.abc import Sequence
from datetime import timedelta
from statistics import median
from typing import Any
from urllib.parse import urlencode

from django.http import HttpRequest, HttpResponse
from django.utils import timezone
from django.views.decorators.http import require_GET

from controlpanel.accounts.actors import of_request
from controlpanel.core.errors import AbsentError
from controlpanel.core.permissions import Right, declares
from controlpanel.core.presentation.wording import duration
from controlpanel.core.views.answering import page
from deployments.choices import Kind, State
from deployments.selectors.insights import Insights, insights_of
from deployments.selectors.interface import environments_seen_by
from deployments.selectors.step_times import step_times
from deployments.views import insight_plots as plots

TEMPLATE = "deployments/insights.html"
SPANS = ((4, "4 weeks"), (13, "13 weeks"), (52, "1 year"))
FEWEST = 5
"""Fewer promotions than this are not judged."""


@declares(Right.VIEW)
@require_GET
def insights(request: HttpRequest) -> HttpResponse:
    """Four plots of one environment, and where the time goes; computed anew for each look."""
    actor = of_request(request)
    actor.require(Right.VIEW)
    environments = environments_seen_by(actor)
    if not environments:
        return page(request, TEMPLATE, {"environment": None})
    name = request.GET.get("environment", environments[-1].name)
    chosen = next((one for one in environments if one.name == name), None)
    if chosen is None:
        raise AbsentError(f"There is no environment {name[:63]}, or it is not yours to see.", "See the pipeline.")
    asked = request.GET.get("weeks", "")
    weeks = int(asked) if asked in {str(number) for number, _ in SPANS} else 13
    found = insights_of(chosen, environments, weeks)
    looked_at, steps = step_times(chosen)
    context = {
        "environment": chosen, "weeks": weeks, "today": f"{found.period.today.day} {found.period.today:%b %Y}", "totals": _totals(found),
        "spans": [{"label": label, "href": _address(number, name), "current": number == weeks} for number, label in SPANS],
        "places": [{"label": one.title, "href": _address(weeks, one.name), "current": one == chosen} for one in environments],
        "cards": [_frequency(found), _lead(found), _failures(found), _restore(found)],
        "steps": [{"step": step, "change": _faster(step.change)} for step in steps], "looked_at": looked_at, "goal": plots.GOAL,
    }  # fmt: skip
    return page(request, TEMPLATE, context)


def _address(weeks: int, environment: str) -> str:
    return f"?{urlencode({'weeks': weeks, 'environment': environment})}"


def _totals(found: Insights) -> dict[str, int]:
    """Of the period: all promotions that count, those to this environment, rollbacks of it."""
    inside = [row for row in found.rows if found.period.week(row.day) is not None]
    here = [row for row in inside if row.environment == found.environment.pk]
    return {
        "all": sum(row.counts for row in inside), "here": sum(row.counts for row in here),
        "rollbacks": sum(row.kind == Kind.ROLLBACK and row.committed_at is not None for row in here),
    }  # fmt: skip


def _frequency(found: Insights) -> dict[str, Any]:
    weeks, before = found.frequency(found.period), found.frequency(found.period.before)
    here, elsewhere = sum(own for own, _ in weeks), sum(other for _, other in weeks)
    earlier = sum(own + other for own, other in before)
    more = here + elsewhere - earlier
    recent = [
        row
        for row in found.rows
        if row.counts and row.state == State.SUCCEEDED and row.asked_at >= timezone.now() - timedelta(days=7)
    ]
    own = sum(row.environment == found.environment.pk for row in recent)
    words = f"{abs(more)} {'more' if more > 0 else 'fewer'} than the {found.period.weeks} weeks before"
    return {
        "id": "frequency", "title": "Promotion frequency", "figure": str(len(recent)),
        "sentence": f"promotion{'' if len(recent) == 1 else 's'} in the last 7 days, {own} to {found.environment.name}",
        "trend": _trend(more, words, tone="ok" if more > 0 else "mute") if earlier else None, "too_few": _too_few(here + elsewhere),
        "plot": plots.frequency_plot(found), "legend": [("own", found.environment.name), ("other", "other environments")],
        "heads": ["Week of", found.environment.name, "Elsewhere"],
        "table": [(_week(found, index), str(here), str(elsewhere)) for index, (here, elsewhere) in enumerate(weeks)],
    }  # fmt: skip


def _lead(found: Insights) -> dict[str, Any]:
    values, before = found.lead_times(found.period), found.lead_times(found.period.before)
    weeks = found.lead_by_week()
    return {
        "id": "lead", "title": "Lead time for changes", "figure": duration(median(values)) if values else "–",
        "sentence": f"median of {len(values)}, release to {found.environment.name}",
        "trend": _compared(values, before, "shorter", "longer"), "too_few": _too_few(len(values)),
        "plot": plots.lead_plot(found, weeks), "legend": [("line", "median"), ("band", "half of all changes")],
        "heads": ["Week of", "Median", "Middle half", "Changes"],
        "table": [
            (_week(found, index), duration(one.middle), f"{duration(one.low)} to {duration(one.high)}", str(one.count))
            for index, one in enumerate(weeks) if one
        ],
    }  # fmt: skip


def _failures(found: Insights) -> dict[str, Any]:
    weeks, before = found.failures(found.period), found.failures(found.period.before)
    failed, total = _sums(weeks)
    moving = plots.moving_failures(found)
    last_failed, last_total = moving[-1]
    figure = f"{100 * last_failed / last_total:.1f} %" if last_total else "–"
    return {
        "id": "failures", "title": "Change failure rate", "figure": figure,
        "sentence": f"last 4 weeks, {last_failed} of {last_total}; {failed} of {total} in {found.period.weeks} weeks",
        "trend": _points(failed, total, *_sums(before)), "too_few": _too_few(total),
        "plot": plots.failure_plot(found, moving), "note": "Failed, or rolled back within 24 h. Moving 4 weeks.",
        "heads": ["Week of", "Failed", "Promotions", "Moving 4 weeks"],
        "table": [
            (_week(found, index), str(ill), str(every), f"{100 * moving[index][0] / moving[index][1]:.1f} %" if moving[index][1] else "–")
            for index, (ill, every) in enumerate(weeks)
        ],
    }  # fmt: skip


def _restore(found: Insights) -> dict[str, Any]:
    incidents = found.incidents(found.period)
    values = [one.seconds for one in incidents if one.seconds is not None]
    before = [one.seconds for one in found.incidents(found.period.before) if one.seconds is not None]
    open_ = len(incidents) - len(values)
    words = f"median of {len(values)} incident{'' if len(values) == 1 else 's'}"
    words += f", worst {duration(max(values))}" if values else ""
    return {
        "id": "restore", "title": "Time to restore", "figure": duration(median(values)) if values else "–",
        "sentence": words + (f"; {open_} not restored yet" if open_ else ""),
        "trend": _compared(values, before, "shorter", "longer"),
        "too_few": "" if incidents else "No incident in this period.",
        "plot": plots.restore_plot(found, incidents), "note": "One dot for each incident; each opens its promotion.",
        "heads": ["Promotion", "Known since", "Restored after"],
        "incidents": [(one, duration(one.seconds) if one.seconds is not None else "not yet") for one in incidents],
    }  # fmt: skip


def _too_few(count: int) -> str:
    return f"Too few promotions to judge ({count} of {FEWEST})." if count < FEWEST else ""


def _week(found: Insights, index: int) -> str:
    monday = found.period.mondays[index]
    return f"{monday.day} {monday:%b %Y}"


def _sums(weeks: Sequence[tuple[int, int]]) -> tuple[int, int]:
    return sum(first for first, _ in weeks), sum(second for _, second in weeks)


def _trend(difference: float, words: str, *, tone: str) -> dict[str, str]:
    """Said by an arrow and words; the tone only helps."""
    if not difference:
        return {"sign": "", "text": "same as the period before", "tone": "mute"}
    return {"sign": "▲" if difference > 0 else "▼", "text": words, "tone": tone}


def _compared(values: Sequence[float], before: Sequence[float], shorter: str, longer: str) -> dict[str, str] | None:
    """How the median differs from the period before; nothing where there was too little."""
    if len(values) < 2 or len(before) < 2:
        return None
    difference = median(values) - median(before)
    words = f"{duration(abs(difference))} {longer if difference > 0 else shorter}"
    return _trend(0 if abs(difference) < 1 else difference, words, tone="ok" if difference < 0 else "warn")


def _points(failed: int, total: int, failed_before: int, total_before: int) -> dict[str, str] | None:
    if total < FEWEST or total_before < FEWEST:
        return None
    difference = round(100 * failed / total - 100 * failed_before / total_before, 1)
    words = f"{abs(difference):.1f} points {'higher' if difference > 0 else 'lower'}"
    return _trend(difference, words, tone="ok" if difference < 0 else "warn")


def _faster(change: float | None) -> str:
    if change is None:
        return "–"
    if abs(change) < 1:
        return "same"
    return f"{duration(abs(change))} {'slower' if change > 0 else 'faster'}"
