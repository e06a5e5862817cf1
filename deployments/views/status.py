"""System status: what our own rows tell at once, and what a worker finds when it looks at everything."""

from __future__ import annotations

from datetime import timedelta

from django.http import HttpRequest, HttpResponse
from django.views.decorators.http import require_GET

from controlpanel.accounts.actors import of_request
from controlpanel.core.permissions import Right, declares
from controlpanel.core.views.answering import page
from deployments.selectors.inquiries import Question
from deployments.selectors.status import status_of_panel, worst
from deployments.services.inquiries import ask

TEMPLATE = "settings/status.html"
FRESH = timedelta(seconds=20)
"""A checkup asks every outside system: not more often than this, however many look."""
WORDS = {
    "ok": "Everything that was looked at is fine",
    "warn": "Something needs a look",
    "fail": "Something stops promotions",
    "unknown": "Something is not known",
}


@declares(Right.ADMINISTER)
@require_GET
def status(request: HttpRequest) -> HttpResponse:
    """For administrators: it tells addresses, rights and versions."""
    actor = of_request(request)
    actor.require(Right.ADMINISTER, "")
    [checkup] = ask(Question("checkup"), fresh=FRESH)
    shown = status_of_panel()
    facts = checkup.body or {}
    findings = sorted(facts.get("findings", ()), key=lambda one: ("fail", "warn", "ok").index(one["level"]))
    own = worst((*shown.leaders, *shown.queues, *shown.observers, *shown.outbox))
    levels = {own, *(one["level"] for one in findings)}
    level = next((one for one in ("fail", "unknown", "warn") if one in levels), "ok")
    context = {
        "shown": shown, "checkup": checkup, "facts": facts, "findings": findings, "level": level, "words": WORDS[level],
        "counts": {one: sum(found["level"] == one for found in findings) for one in ("fail", "warn", "ok")},
    }  # fmt: skip
    return page(request, TEMPLATE, context, fragments=("status",))
