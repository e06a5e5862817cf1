"""Promotions: history and queue."""

from __future__ import annotations

from collections.abc import Sequence
from typing import Any

from django.http import HttpRequest, HttpResponse
from django.views.decorators.http import require_GET

from controlpanel.accounts.actors import of_request
from controlpanel.catalog.models import Environment
from controlpanel.core.keyset import portion
from controlpanel.core.permissions import Right, declares
from controlpanel.core.presentation.vocabulary import status_of
from controlpanel.core.views.answering import page
from controlpanel.core.views.paging import pages, without
from deployments.choices import Kind, State
from deployments.forms import PromotionFilter
from deployments.selectors.history import Wanted, promotions_listed

TEMPLATE = "deployments/promotions.html"
LISTED = 50
WORDS = {
    "environment": "environment", "release": "release", "state": "state", "kind": "kind", "requester": "requested by",
    "since": "from", "until": "to",
}  # fmt: skip
"""How the page calls each filter."""


@declares(Right.VIEW)
@require_GET
def promotions(request: HttpRequest) -> HttpResponse:
    """History and queue, newest first."""
    actor = of_request(request)
    actor.require(Right.VIEW)
    form = PromotionFilter(request.GET)
    form.is_valid()
    wanted = Wanted(**{name: value for name, value in form.cleaned_data.items() if value})
    rows = promotions_listed(actor, wanted)
    found, following = portion(rows, by="number", cursor=request.GET.get("cursor", ""), limit=LISTED)
    names = actor.environments(list(Environment.objects.values_list("name", flat=True)))
    context = {
        "promotions": found, **pages(request, following), **_controls(form, names),
        "clears": [{"label": WORDS[name], "href": without(request, name)} for name in wanted.named],
        "is_moving": any(not row.is_terminal for row in found), "topics": " ".join(f"environment.{name}" for name in names),
    }  # fmt: skip
    return page(request, TEMPLATE, context, fragments=("list",))


def _controls(form: PromotionFilter, names: Sequence[str]) -> dict[str, Any]:
    """Selects and fields of the filter, with what was chosen."""
    states = [("", "all"), ("open", "open"), ("ended", "ended"), *_words("promotion", State.values)]
    kinds = [("", "all"), *((kind.value, kind.label.lower()) for kind in Kind)]
    return {
        "selects": [
            _select(form, "environment", "Environment", [("", "all"), *((name, name) for name in names)]),
            _select(form, "state", "State", states),
            _select(form, "kind", "Kind", kinds),
        ],
        "fields": [
            _field(form, "release", "Release", "search"),
            _field(form, "requester", "Requested by", "search"),
            _field(form, "since", "From (UTC)", "date"),
            _field(form, "until", "To (UTC)", "date"),
        ],
    }


def _words(vocabulary: str, values: Sequence[str]) -> list[tuple[str, str]]:
    return [(value, status_of(vocabulary, value).word.lower()) for value in values]


def _select(form: PromotionFilter, name: str, label: str, choices: list[tuple[str, str]]) -> dict[str, Any]:
    """A value that the list does not know stays chosen, so that the address says what is shown."""
    value = form[name].value() or ""
    known = choices if value in dict(choices) else [*choices, (value, value)]
    return {"name": name, "label": label, "value": value, "choices": known}


def _field(form: PromotionFilter, name: str, label: str, kind: str) -> dict[str, str]:
    error = next(iter(form.errors.get(name, [])), "")
    return {"name": name, "label": label, "type": kind, "value": form[name].value() or "", "error": str(error)}
