"""The references of one tenant in one environment, edited as one form and stored as one change set."""

from __future__ import annotations

from collections.abc import Mapping, Sequence
from types import MappingProxyType
from typing import Any
from urllib.parse import urlencode

from django.contrib import messages
from django.http import HttpRequest, HttpResponse
from django.urls import reverse
from django.views.decorators.http import require_http_methods

from controlpanel.accounts.actors import Actor, of_request
from controlpanel.catalog.models import Environment
from controlpanel.core.errors import ConflictError, InvalidError
from controlpanel.core.permissions import Right, declares
from controlpanel.core.views.answering import SeeOther, page
from tenants.forms import KINDS, MEMBERS, ReferenceForm
from tenants.models import Tenant
from tenants.selectors.askable import Askable, askables
from tenants.selectors.seeing import environments_visible, tenant_find
from tenants.services.inputs import VALUE_REFUSED
from tenants.services.references import Edit, references_put
from tenants.views.acts import back_to
from tenants.views.tenant import chosen_of

TEMPLATE = "tenants/references.html"


@declares(Right.TENANT_REFERENCE)
@require_http_methods(["GET", "HEAD", "POST"])
def references(request: HttpRequest, slug: str) -> HttpResponse:
    """The form; a good one becomes one pending change of the environment."""
    actor = of_request(request)
    tenant = tenant_find(actor, slug)
    environments = environments_visible(actor, slug, Right.TENANT_REFERENCE)
    here = chosen_of(request.GET.get("environment", "") or request.POST.get("environment", ""), environments)
    actor.require(Right.TENANT_REFERENCE, here.name if here else None, slug)
    assert here is not None  # the right holds somewhere, so there is a place
    lines = askables(tenant, here)
    forms = forms_of(lines, request.POST if request.method == "POST" else None)
    problem = ""
    if request.method == "POST":
        problem, is_done = put(request, actor, tenant, here, lines, forms)
        if is_done:
            return SeeOther(back_to(request, tenant, here))
    status = 422 if problem or any(form.errors for form in forms) else 200
    context = {
        "tenant": tenant, "environment": here, "entries": entries(lines, forms), "problem": problem,
        "errors": [error for form in forms for error in errors_of(form)], "back_url": back_to(request, tenant, here),
        "tabs": [{"label": one.title, "href": f"?{urlencode({'environment': one.name})}", "current": one == here} for one in environments],
        "here_url": f"{reverse('tenant_references', args=[slug])}?{urlencode({'environment': here.name})}",
    }  # fmt: skip
    return page(request, TEMPLATE, context, status=status)


def forms_of(
    lines: Sequence[Askable], data: Any, usual: Mapping[str, Mapping[str, str]] = MappingProxyType({})
) -> list[ReferenceForm]:
    """One form for each key, with what stands there now, or what is `usual` for the key where nothing does."""
    return [
        ReferenceForm(
            data, key=line.key, is_secret=line.is_secret, initial=_initial(line) or _initial_of(usual.get(line.key, {}))
        )
        for line in lines
    ]


def entries(lines: Sequence[Askable], forms: Sequence[ReferenceForm]) -> list[dict[str, Any]]:
    """What the template shows of each key."""
    return [
        {
            "key": line.key, "is_secret": line.is_secret, "scope": _scope(line, form), "exists": line.version is not None, "form": form,
            "kinds": [{"value": value, "label": label, "checked": value == (form["kind"].value() or KINDS[0][0])} for value, label in KINDS],
        }
        for line, form in zip(lines, forms, strict=True)
    ]  # fmt: skip


def edits(here: Environment, lines: Sequence[Askable], forms: Sequence[ReferenceForm]) -> list[Edit]:
    """What the forms ask for, without keys that stay empty or as they are."""
    found = []
    for line, form in zip(lines, forms, strict=True):
        place = form.place
        if place is None and line.version is None:
            continue
        if place == {} and line.version is None:
            continue
        if place is not None and place == _as_place(line):
            continue
        found.append(Edit(environment=here.name, key=line.key, place=place))
    return found


def put(
    request: HttpRequest,
    actor: Actor,
    tenant: Tenant,
    here: Environment,
    lines: Sequence[Askable],
    forms: Sequence[ReferenceForm],
) -> tuple[str, bool]:
    """Store the change set: what is wrong with it as a whole, and whether it is done; fields say the rest themselves."""
    if [form for form in forms if not form.is_valid()]:  # each says its own, so all are asked
        return "", False
    asked = edits(here, lines, forms)
    try:
        if asked:
            references_put(actor=actor, tenant=tenant, edits=asked)
    except (InvalidError, ConflictError) as refusal:
        return _refuse(forms, refusal), False
    count = f"{len(asked)} reference{'s' if len(asked) != 1 else ''}"
    told = f"{count} changed in {here.name}. The change waits for a promotion of the configuration."
    messages.success(request, told if asked else "Nothing was changed.")
    return "", True


def _refuse(forms: Sequence[ReferenceForm], refusal: InvalidError | ConflictError) -> str:
    key, member = refusal.extra.get("key", ""), str(refusal.extra.get("field", ""))
    form = next((one for one in forms if one.key == key), None)
    if form is None:
        return str(refusal)
    form.refuse(MEMBERS.get(member, member), VALUE_REFUSED if refusal.sentence == VALUE_REFUSED else str(refusal))
    return ""


def _initial(line: Askable) -> Mapping[str, str]:
    version = line.version
    if version is None:
        return {}
    return {
        "kind": version.kind, "store": version.store, "remote_key": version.remote_key, "remote_property": version.remote_property,
        "sealed_name": version.sealed_name, "sealed_key": version.sealed_key, "value": version.value,
    }  # fmt: skip


def _initial_of(place: Mapping[str, str]) -> Mapping[str, str]:
    return {MEMBERS[member]: text for member, text in place.items()}


def _as_place(line: Askable) -> dict[str, str]:
    """What stands there now, as the form would give it back."""
    known = {**_initial(line)}
    kind = known.pop("kind", "")
    found = {member: known[name] for member, name in MEMBERS.items() if known.get(name)}
    return {"kind": kind, **found} if line.is_secret else found


def _scope(line: Askable, form: ReferenceForm) -> str:
    if line.release_version:
        return f"asked for by release {line.release_version}"
    kind = "secret" if line.is_secret else "not secret, kept in Git"
    usual = ", filled in as the catalog says, not stored yet" if line.version is None and form.initial else ""
    return f"{kind}, on the checklist{usual}" if line.on_checklist else f"{kind}{usual}"


def errors_of(form: ReferenceForm) -> list[dict[str, str]]:
    """What is wrong with a key, with the fields' ids."""
    return [
        {
            "id": form[name].auto_id if name in form.fields else form.key,
            "label": f"{form.key} {name.replace('_', ' ')}",
            "text": str(text),
        }
        for name, texts in form.errors.items()
        for text in texts
    ]
