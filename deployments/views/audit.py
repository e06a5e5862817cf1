"""The audit log: who did what, and whether it is intact."""

from __future__ import annotations

from collections.abc import Sequence
from typing import Any

from django.http import HttpRequest, HttpResponse
from django.views.decorators.http import require_GET

from controlpanel.accounts.actors import of_request
from controlpanel.catalog.models import Environment
from controlpanel.core.keyset import portion
from controlpanel.core.models import AuditEvent
from controlpanel.core.permissions import Right, declares
from controlpanel.core.views.answering import fragment_of, page
from controlpanel.core.views.paging import pages, without
from deployments.forms import AuditFilter
from deployments.selectors import audits

TEMPLATE = "deployments/audit.html"
LISTED = 50
FAMILIES = ("promotion", "release", "user", "token", "catalog")
WORDS = {"who": "who", "action": "action", "environment": "environment", "since": "from"}
"""How the page calls each filter."""


@declares(Right.AUDIT_VIEW)
@require_GET
def audit(request: HttpRequest) -> HttpResponse:
    """Entries of the chain, newest first; it never scrolls by itself, but says how many came since."""
    actor = of_request(request)
    actor.require(Right.AUDIT_VIEW)
    form = AuditFilter(request.GET)
    form.is_valid()
    sought = audits.Sought(**{name: value for name, value in form.cleaned_data.items() if value})
    rows = audits.entries(actor, sought)
    if fragment_of(request) == "newer":
        return page(request, TEMPLATE, _newer(request, audits.newer(rows, _shown(request))), fragments=("newer",))
    found, following = portion(rows, by="sequence", cursor=request.GET.get("cursor", ""), limit=LISTED)
    names = actor.environments(list(Environment.objects.values_list("name", flat=True)), Right.AUDIT_VIEW)
    context = {
        "entries": found, **pages(request, following), **_controls(form, names), **_newer(request, 0, found), "chain": audits.chain(),
        "clears": [{"label": WORDS[name], "href": without(request, name)} for name in sought.named],
    }  # fmt: skip
    return page(request, TEMPLATE, context)


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
    who, action, environment, since = (form[name].value() or "" for name in WORDS)
    actions = [*FAMILIES, *([action] if action and action not in FAMILIES else [])]
    return {
        "search": {"name": "who", "value": who, "placeholder": "Who, by account name"},
        "selects": [
            {"name": "action", "label": "Action", "value": action, "choices": [("", "any"), *((name, name) for name in actions)]},
            {"name": "environment", "label": "Environment", "value": environment, "choices": [("", "all"), *((name, name) for name in names)]},
        ],
        "fields": [{"name": "since", "label": "From", "type": "date", "value": since, "error": str(next(iter(form.errors.get("since", [])), ""))}],
    }  # fmt: skip
