"""Compare two environments or two releases: objects by component, images, variables. A worker looks; the page shows."""

from __future__ import annotations

from collections.abc import Sequence
from datetime import timedelta
from typing import Any

from django.http import HttpRequest, HttpResponse
from django.views.decorators.http import require_GET

from controlpanel.accounts.actors import of_request
from controlpanel.catalog.models import Environment
from controlpanel.core.errors import InvalidError
from controlpanel.core.permissions import Right, declares
from controlpanel.core.views.answering import page
from deployments.models import Release
from deployments.selectors.comparisons import Beside, Sides, beside, releases_named, sides_of
from deployments.selectors.interface import environments_seen_by
from deployments.services.inquiries import ask

TEMPLATE = "deployments/compare.html"
FRESH = timedelta(minutes=1)
"""A comparison younger than this is shown without looking again."""


@declares(Right.VIEW)
@require_GET
def compare(request: HttpRequest) -> HttpResponse:
    """`from` and `to` name two environments, or two releases that are rendered for `environment`."""
    actor = of_request(request)
    actor.require(Right.VIEW)
    environments = environments_seen_by(actor)
    before, after = _asked_for(request, environments)
    releases = releases_named([before, after])
    where = request.GET.get("environment", "")
    context: dict[str, Any] = {"selects": _selects(before, after, where, environments, releases), "refusal": None}
    if not before or not after:
        return page(request, TEMPLATE, {**context, "sides": None})
    try:
        sides = sides_of(before, after, where, environments, releases)
    except InvalidError as refusal:
        return page(request, TEMPLATE, {**context, "sides": None, "refusal": refusal}, status=refusal.status)
    return page(request, TEMPLATE, {**context, **_facts(sides)}, fragments=("comparison",))


def _asked_for(request: HttpRequest, environments: Sequence[Environment]) -> tuple[str, str]:
    """Without an address: the last environment with the one before it."""
    before, after = (request.GET.get(name, "").strip()[:100] for name in ("from", "to"))
    if before or after or len(environments) < 2:
        return before, after
    return environments[-2].name, environments[-1].name


def _facts(sides: Sides) -> dict[str, Any]:
    question = sides.question
    [answer] = ask(question, fresh=FRESH)
    rows = beside(sides)
    body = answer.body or {}
    variables = body.get("variables", [])
    apart = sum(one["before"] != one["after"] for one in variables)
    return {
        "sides": sides, "answer": answer, "topic": question.topic, "rows": _rows(rows, body.get("counts", {})),
        "images": [image for row in rows for image in row.images], "changes": body.get("changes", []),
        "unchanged": sum(own.get("unchanged", 0) for own in body.get("counts", {}).values()),
        "left_out": body.get("left_out", 0), "namespaces": body.get("namespaces", []), "variables": variables,
        "apart": apart, "same": len(variables) - apart,
    }  # fmt: skip


def _rows(rows: Sequence[Beside], counts: dict[str, dict[str, int]]) -> list[dict[str, Any]]:
    """Each component with how many of its objects differ."""
    found = []
    for row in rows:
        own = counts.get(row.component, {})
        differ = sum(count for change, count in own.items() if change != "unchanged")
        found.append(
            {"row": row, "differ": differ, "objects": sum(own.values()), "change": "changed" if differ else "unchanged"}
        )
    return found


def _selects(
    before: str, after: str, where: str, environments: Sequence[Environment], releases: Sequence[Release]
) -> list[dict[str, Any]]:
    names = [one.name for one in environments]
    both = [(name, name) for name in names] + [
        (one.version, one.version) for one in releases if one.version not in names
    ]
    chosen = where or (names[-1] if names else "")
    return [
        {"name": "from", "label": "From", "value": before, "choices": _with(both, before)},
        {"name": "to", "label": "To", "value": after, "choices": _with(both, after)},
        {"name": "environment", "label": "Releases as in", "value": chosen, "choices": _with([(name, name) for name in names], chosen)},
    ]  # fmt: skip


def _with(choices: list[tuple[str, str]], value: str) -> list[tuple[str, str]]:
    """The choices, with what the address names although it is none of them."""
    return choices if value in dict(choices) else [(value, value or "choose"), *choices]
