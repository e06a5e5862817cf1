"""The promote page: look, decide, confirm."""

from __future__ import annotations

import uuid
from collections.abc import Mapping, Sequence
from typing import Any
from urllib.parse import urlencode

from django.http import HttpRequest, HttpResponse
from django.urls import reverse
from django.views.decorators.http import require_http_methods

from controlpanel.accounts.actors import Actor, of_request
from controlpanel.core.errors import AbsentError, ConflictError, InvalidError
from controlpanel.core.idempotency import answer_once
from controlpanel.core.permissions import Right, declares
from controlpanel.core.presentation.curl import curl
from controlpanel.core.views.answering import SeeOther, page
from deployments import gates
from deployments.choices import PreflightState, Verdict
from deployments.forms import PromotionForm
from deployments.gates import GateAnswer
from deployments.gates.base import UNRENDERED
from deployments.models import Preflight
from deployments.selectors import preflights as reading
from deployments.selectors.estimates import expected_words
from deployments.selectors.rollbacks import ALWAYS
from deployments.selectors.rollouts import rollouts_of
from deployments.services.preflights import find_environment, preflight_request
from deployments.services.promotions import promotion_request
from deployments.views.outlook import MAY_NOT, lowered
from deployments.views.overriding import offered, override_typed, overrides_of

TEMPLATE, FRAGMENTS = "deployments/promote.html", ("preview", "readiness", "decision")
URGENCY = (Verdict.BLOCK, Verdict.UNKNOWN, Verdict.WAIT, Verdict.OVERRIDDEN, Verdict.PASS)


@declares(Right.VIEW)
@require_http_methods(["GET", "HEAD", "POST"])
def promote(request: HttpRequest, name: str) -> HttpResponse:
    """Show what a promotion would do; POST asks for it."""
    actor = of_request(request)
    preflight = _preflight(request, actor, name)
    form = PromotionForm(request.POST if request.method == "POST" else None, expected=_expected(preflight))
    if request.method != "POST":
        return _show(request, actor, preflight, form)
    actor.require(Right.PROMOTION_REQUEST, name)
    return _ask(request, actor, preflight, form)


def _preflight(request: HttpRequest, actor: Actor, name: str) -> Preflight:
    version = request.GET.get("release", "")
    if not version:  # without one a preview would be of the tenants' configuration
        raise AbsentError("No release is named.", "Choose one from the list of releases.")
    named = request.GET.get("preflight", "") if request.method != "POST" else ""
    found = reading.by_id(named, version, name) if named else reading.current(version, name)
    if found is None:
        return preflight_request(actor=actor, release=version, environment=name)
    if not actor.may(Right.VIEW, name):
        find_environment(name, actor=actor)
    return found


def _version(preflight: Preflight) -> str:
    """This page is of releases; tenants' configuration has one of its own."""
    assert preflight.release is not None
    return preflight.release.version


def _expected(preflight: Preflight) -> str:
    return preflight.environment.name if preflight.environment.confirm_by_name else ""


def _ask(request: HttpRequest, actor: Actor, preflight: Preflight, form: PromotionForm) -> HttpResponse:
    if not form.is_valid():
        return _show(request, actor, preflight, form, status=422)
    wanted = {
        "environment": preflight.environment.name, "release": _version(preflight),
        "reason": form.cleaned_data["reason"], "render_digest": form.cleaned_data["render_digest"],
    }  # fmt: skip

    def work() -> tuple[int, dict[str, Any]]:
        return 303, {"number": promotion_request(actor=actor, overrides=overrides_of(form), **wanted).number}

    try:
        key, asked = form.cleaned_data["key"], wanted | override_typed(form)
        _, answer = answer_once(principal=f"person {actor.name}", key=key, request=asked, work=work)
    except InvalidError as refusal:
        if refusal.extra.get("field") != "override":
            raise
        form.add_error("override_reason", f"{refusal.sentence} {refusal.remedy}".strip())
        return _show(request, actor, preflight, form, status=422)
    except ConflictError as refusal:
        return _again(request, actor, preflight, form, refusal)
    return SeeOther(reverse("promotion", args=[answer["number"]]))


def _again(
    request: HttpRequest, actor: Actor, seen: Preflight, form: PromotionForm, refusal: ConflictError
) -> HttpResponse:
    """The same page with what is true now, the typed text kept."""
    now = preflight_request(actor=actor, release=_version(seen), environment=seen.environment.name)
    if refusal.extra.get("stale"):
        digest = form.cleaned_data["render_digest"]
        rows = Preflight.objects.filter(render_digest=digest, release=seen.release, environment=seen.environment)
        moved = reading.what_moved(rows.order_by("-created_at").first(), now)
        text = f"Something changed since you looked{f': {moved}' if moved else ''}. Review the new diff."
        return _show(request, actor, now, form, status=409, banner=("Preview is out of date.", text))
    banner = ("Not now.", f"{refusal.sentence} {refusal.remedy}".strip())
    return _show(request, actor, now, form, status=409, banner=banner)


def _show(
    request: HttpRequest,
    actor: Actor,
    preflight: Preflight,
    form: PromotionForm,
    *,
    status: int = 200,
    banner: tuple[str, str] | None = None,
) -> HttpResponse:
    query = {"release": _version(preflight)}
    missing = "" if actor.may(Right.PROMOTION_REQUEST, preflight.environment.name) else MAY_NOT
    context = decision(preflight, form, query=query, path=request.path, missing=missing)
    context["override"] = offered(actor, preflight, context["gates"], lambda rest: reasons_of(rest, missing))
    keep_reason(form, actor, context["here"])
    wanted = {"release": _version(preflight), "environment": preflight.environment.name}
    context |= {"banner": banner, "command": command(preflight, form, "/api/v1/promotions", wanted)}
    return page(request, TEMPLATE, context, fragments=FRAGMENTS, status=status)


def decision(
    preflight: Preflight, form: PromotionForm, *, query: Mapping[str, object], path: str, missing: str
) -> dict[str, Any]:
    """What the page of a promotion or a rollback shows. `query` names what is looked at, `missing` the lacking right."""
    environment = preflight.environment
    facts = gates.facts_of([environment], [preflight.release])
    answers = gates.for_target(
        release=preflight.release, environment=environment, preflight=preflight, facts=facts, kind=preflight.kind
    )
    versions, _ = rollouts_of([environment.pk], [])
    is_ready = preflight.state == PreflightState.READY
    open_there = facts.open.get(environment.name, ())
    holder = next(iter(open_there), None)
    tenants = next((answer.extra["tenants"] for answer in answers if "tenants" in answer.extra), None)
    return {
        "tenants": tenants, "topics": _topics(preflight, is_ready=is_ready, of_tenants=tenants is not None),
        "environment": environment, "release": preflight.release, "preflight": preflight, "form": form,
        "is_ready": is_ready, "is_rendering": preflight.state == PreflightState.RENDERING, "expected": form.expected,
        "gates": sorted(answers, key=lambda answer: URGENCY.index(answer.verdict)), "gates_meta": _summary(answers),
        "rows": reading.from_to(preflight, versions), "versions": versions, "holder": holder, "open_there": open_there, "takes": expected_words(environment.pk),
        "changed": reading.changed_resources(preflight), "unchanged": len(preflight.changes) - len(reading.changed_resources(preflight)),
        "missing": [one for one in preflight.variables if one["state"] == "missing"],
        "standing": [one for one in preflight.variables if one["state"] != "missing"],
        "component_count": facts.places[environment.pk]["component_count"], "from_version": reading.from_words(versions),
        "reasons": reasons_of(answers, missing), "key": form["key"].value() or uuid.uuid4().hex,
        "act": f"Roll back {environment.name}" if preflight.restores_id else f"Promote to {environment.name}",
        "stays": ALWAYS, "here": f"{path}?{urlencode(query)}", "topic": f"preflight.{preflight.pk}",
        "preview_url": f"{path}?{urlencode({**query, 'preflight': preflight.pk})}",
        "drifted": [one for one in facts.applications.get(environment.pk, ()) if one.known_sync == "OutOfSync" and not one.shard] if not holder else [],
    }  # fmt: skip


def _topics(preflight: Preflight, *, is_ready: bool, of_tenants: bool) -> str:
    """What may change gates and button: a freeze or another promotion there, and tenants where they have to be ready."""
    if not is_ready:
        return f"preflight.{preflight.pk}"
    return f"environment.{preflight.environment.name}{' tenant' if of_tenants else ''}"


def keep_reason(form: PromotionForm, actor: Actor, here: str) -> None:
    """Have the browser keep an unsent reason for an hour (`comforts.js`): whose it is, and for which page."""
    form.fields["reason"].widget.attrs["data-keep"] = f"{actor.name} {here}"


def command(preflight: Preflight, form: PromotionForm, path: str, wanted: Mapping[str, object]) -> str:
    """The same by the API; nothing before the diff is there."""
    said = {"reason": form["reason"].value() or "…", "render_digest": preflight.render_digest}
    return curl(path, {**wanted, **said}) if preflight.render_digest else ""


def _summary(answers: Sequence[GateAnswer]) -> str:
    """ "3 of 4 pass, 1 waits": the line beside the panel's title."""
    words = {"block": "blocks", "unknown": "unknown", "wait": "waits", "overridden": "overridden"}
    counts = {word: sum(answer.verdict.value == verdict for answer in answers) for verdict, word in words.items()}
    passing = sum(answer.verdict == Verdict.PASS for answer in answers)
    rest = [f"{count} {word}" for word, count in counts.items() if count]
    return ", ".join([f"{passing} of {len(answers)} pass", *rest])


def reasons_of(answers: Sequence[GateAnswer], missing: str) -> list[str]:
    """All that stands between the reader and the button, apart from typing the name."""
    blocking = (answer.reason for answer in answers if answer.blocks)
    words = [reason if reason == UNRENDERED else f"Blocked: {lowered(reason)}" for reason in blocking]
    return list(dict.fromkeys([missing, *words] if missing else words))
