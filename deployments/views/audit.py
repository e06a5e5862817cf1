"""The audit log: who did what, and whether it is intact."""

from __future__ import annotations

from collections.abc import Sequence
from typing import Any, cast, get_args

from django.http import HttpRequest, HttpResponse, HttpResponseBase
from django.urls import reverse
from django.utils import timezone
from django.views.decorators.http import require_GET

from controlpanel.accounts.actors import of_request
from controlpanel.catalog.models import Environment
from controlpanel.core.errors import InvalidError
from controlpanel.core.keyset import portion
from controlpanel.core.models import AuditEvent
from controlpanel.core.permissions import Right, declares
from controlpanel.core.views.answering import fragment_of, page
from controlpanel.core.views.paging import pages, without
from controlpanel.core.views.streaming import download
from deployments.forms import AuditFilter
from deployments.notifications.events import EVENTS
from deployments.selectors import audits
from deployments.selectors.audit_export import CONTENT_TYPES, Format, exported

TEMPLATE, OF_ENTRY = "deployments/audit.html", "deployments/audit_entry.html"
LISTED = 50
FAMILIES = tuple(dict.fromkeys(name.partition(".")[0] for name in EVENTS))
DOORS = ("page", "api", "command", "schedule", "automation", "policy", "system")
WORDS = {
    "text": "words",
    "who": "who",
    "action": "action",
    "environment": "environment",
    "target": "subject",
    "door": "door",
    "since": "from",
    "until": "to",
}
"""How the page calls each filter."""


@declares(Right.AUDIT_VIEW)
@require_GET
def audit(request: HttpRequest) -> HttpResponse:
    """Entries of the chain, newest first; it never scrolls by itself, but says how many came since."""
    actor = of_request(request)
    actor.require(Right.AUDIT_VIEW)
    form, sought = _sought(request)
    rows = audits.entries(actor, sought)
    if fragment_of(request) == "newer":
        return page(request, TEMPLATE, _newer(request, audits.newer(rows, _shown(request))), fragments=("newer",))
    found, following = portion(rows, by="sequence", cursor=request.GET.get("cursor", ""), limit=LISTED)
    names = actor.environments(list(Environment.objects.values_list("name", flat=True)), Right.AUDIT_VIEW)
    context = {
        "entries": found, **pages(request, following), **_controls(form, names), **_newer(request, 0, found), "chain": audits.chain(),
        "clears": [{"label": WORDS[name], "href": without(request, name)} for name in sought.named], "exports": _exports(request),
    }  # fmt: skip
    return page(request, TEMPLATE, context)


@declares(Right.AUDIT_VIEW)
@require_GET
def audit_entry(request: HttpRequest, sequence: int) -> HttpResponse:
    """One entry, at an address that lasts: all that it holds, and whether its hash is that of what it says."""
    actor = of_request(request)
    actor.require(Right.AUDIT_VIEW)
    entry = audits.entry(actor, sequence)
    context = {"entry": entry, "changes": audits.changes(entry), "hash_fits": audits.hash_fits(entry)}
    return page(request, OF_ENTRY, context)


@declares(Right.AUDIT_VIEW)
@require_GET
def audit_export(request: HttpRequest) -> HttpResponseBase:
    """The filtered log as a file, as much of it as the reader may see."""
    actor = of_request(request)
    actor.require(Right.AUDIT_VIEW)
    form = request.GET.get("format", "csv")
    if form not in get_args(Format):
        raise InvalidError("There is no such format.", f"Choose {' or '.join(get_args(Format))}.", field="format")
    chosen = cast("Format", form)
    rows = exported(audits.entries(actor, _sought(request)[1]), chosen)
    name = f"audit-{timezone.localdate():%Y-%m-%d}.{chosen}"
    return download(request, rows, filename=name, content_type=CONTENT_TYPES[chosen])


def _sought(request: HttpRequest) -> tuple[AuditFilter, audits.Sought]:
    form = AuditFilter(request.GET)
    form.is_valid()
    return form, audits.Sought(**{name: value for name, value in form.cleaned_data.items() if value})


def _exports(request: HttpRequest) -> list[dict[str, str]]:
    """Both formats, with the filters kept."""
    query = request.GET.copy()
    query.pop("cursor", None)
    links = []
    for form, label in (("csv", "Export CSV"), ("jsonl", "Export JSON Lines")):
        query["format"] = form
        links.append({"label": label, "href": f"{reverse('audit_export')}?{query.urlencode()}"})
    return links


def _shown(request: HttpRequest) -> int:
    """The newest entry that the asking page shows."""
    given = request.GET.get("shown", "")
    return int(given) if given.isascii() and given.isdigit() and len(given) <= 18 else 0


def _newer(request: HttpRequest, count: int, found: Sequence[AuditEvent] = ()) -> dict[str, Any]:
    """What the button on top says, where it leads, and where it is read again."""
    query = request.GET.copy()
    query.pop("cursor", None)
    shown = found[0].sequence if found else _shown(request)
    query.pop("shown", None)
    first = f"?{query.urlencode()}"
    query["shown"] = str(shown)
    words = f"{audits.NEWER_AT_MOST}+" if count > audits.NEWER_AT_MOST else str(count)
    label = f"{words} newer {'entry' if count == 1 else 'entries'}" if count else "Newest entries"
    return {"newer_label": label, "newer_count": count, "newest_url": first, "newer_url": f"{request.path}?{query.urlencode()}"}  # fmt: skip


def _controls(form: AuditFilter, names: Sequence[str]) -> dict[str, Any]:
    """Search, selects and field of the filter, with what was chosen."""
    typed = {name: form[name].value() or "" for name in WORDS}
    action = typed["action"]
    actions = [*FAMILIES, *([action] if action and action not in FAMILIES else [])]
    choices = {"action": ("any", actions), "environment": ("all", names), "door": ("any", DOORS)}
    return {
        "search": {"name": "text", "value": typed["text"], "placeholder": "Words of subject or detail"},
        "selects": [
            {"name": name, "label": name.capitalize(), "value": typed[name], "choices": [("", nothing), *((one, one) for one in found)]}
            for name, (nothing, found) in choices.items()
        ],
        "fields": [
            {"name": name, "label": WORDS[name].capitalize() + " (UTC)" * (kind == "date"), "type": kind, "value": typed[name], "error": str(next(iter(form.errors.get(name, [])), ""))}
            for name, kind in (("who", "text"), ("target", "text"), ("since", "date"), ("until", "date"))
        ],
    }  # fmt: skip
