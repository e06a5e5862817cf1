"""Many tenants at once: look at what would change, then do it."""

from __future__ import annotations

from django.contrib import messages
from django.http import HttpRequest, HttpResponse
from django.urls import reverse
from django.views.decorators.http import require_http_methods

from controlpanel.accounts.actors import of_request
from controlpanel.core.errors import ConflictError, InvalidError
from controlpanel.core.permissions import Right, declares
from controlpanel.core.views.answering import SeeOther, page
from tenants.forms import ImportForm, is_credential
from tenants.services.importing import Imported, tenants_import

TEMPLATE = "tenants/import.html"
SHOWN = 200


@declares(Right.TENANT_EDIT)
@require_http_methods(["GET", "HEAD", "POST"])
def tenants_load(request: HttpRequest) -> HttpResponse:
    """The text, what it would change, and the button that does it."""
    actor = of_request(request)
    actor.require(Right.TENANT_EDIT)
    form = ImportForm(request.POST or None, request.FILES or None, initial={"format": "csv"})
    found: Imported | None = None
    if request.method == "POST" and form.is_valid():
        wanted, is_dry = form.cleaned_data, "import" not in request.POST
        try:
            found = tenants_import(actor=actor, text=wanted["text"], format=wanted["format"], dry_run=is_dry)
        except (InvalidError, ConflictError) as refusal:
            form.add_error("text", str(refusal))
        if found is not None and not found.is_dry_run and not found.problems:
            messages.success(request, f"{_count(found)} imported.")
            return SeeOther(reverse("tenants"))
    return _show(request, form, found)


def _show(request: HttpRequest, form: ImportForm, found: Imported | None) -> HttpResponse:
    text = form.cleaned_data.get("text", "") if form.is_bound and hasattr(form, "cleaned_data") else ""
    changes = [one for one in found.changes if one.change != "unchanged"] if found else []
    context = {
        "form": form, "found": found, "changes": changes[:SHOWN], "more": max(0, len(changes) - SHOWN),
        "same": len(found.changes) - len(changes) if found else 0, "text": "" if holds_credential(text) else text,
        "format": form["format"].value() or "csv", "formats": form.fields["format"].choices,  # type: ignore[attr-defined]
    }  # fmt: skip
    return page(request, TEMPLATE, context, status=422 if form.errors or (found and found.problems) else 200)


def holds_credential(text: str) -> bool:
    """Whether a word of the text looks like a credential, so that it is not shown again."""
    return any(
        is_credential(word.strip("\"',;")) for line in text.splitlines() for word in line.replace(",", " ").split()
    )


def _count(found: Imported) -> str:
    count = sum(one.change != "unchanged" for one in found.changes)
    return f"{count} tenant{'s' if count != 1 else ''}"
