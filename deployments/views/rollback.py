"""The rollback page: the promote page of the way back. What will not roll back stands first."""

from __future__ import annotations

from typing import Any
from urllib.parse import urlencode

from django.http import HttpRequest, HttpResponse
from django.urls import reverse
from django.views.decorators.http import require_http_methods

from controlpanel.accounts.actors import Actor, of_request
from controlpanel.core.errors import AbsentError, ConflictError, InvalidError
from controlpanel.core.idempotency import answer_once
from controlpanel.core.permissions import Right, declares
from controlpanel.core.views.answering import SeeOther, page
from deployments.forms import PromotionForm
from deployments.models import Preflight, Promotion
from deployments.selectors import preflights as reading
from deployments.selectors.rollbacks import follows, keeps, loses, taken_back
from deployments.services.preflights import find_environment
from deployments.services.rollbacks import (
    TENANTS,
    promotion_rollback,
    release_of,
    rollback_preview,
    rollback_targets,
)
from deployments.views.overriding import emergency_offered
from deployments.views.promote import FRAGMENTS, TEMPLATE, command, decision, keep_reason, reasons_of

NOTHING = "deployments/rollback_nothing.html"
MAY_NOT = "You may look but not roll back: ask an operator."
UNDECIDED = "Choose what becomes of the tenants' references."
OFFERED = 20


@declares(Right.VIEW)
@require_http_methods(["GET", "HEAD", "POST"])
def rollback(request: HttpRequest, name: str) -> HttpResponse:
    """Show what going back would do; POST asks for it."""
    actor = of_request(request)
    targets = list(rollback_targets(actor=actor, environment=name)[:OFFERED])
    target = _target(request, actor, name, targets)
    if target is None:
        return page(request, NOTHING, {"environment": find_environment(name, actor=actor)}, fragments=())
    expected = target.environment.name if target.environment.confirm_by_name else ""
    form = PromotionForm(request.POST if request.method == "POST" else None, expected=expected)
    if request.method != "POST":
        return _show(request, actor, target, targets, form)
    actor.require(Right.PROMOTION_ROLL_BACK, name)
    return _ask(request, actor, target, targets, form)


def _target(request: HttpRequest, actor: Actor, name: str, targets: list[Promotion]) -> Promotion | None:
    """The promotion that the address names, else the newest one that can be gone back to."""
    wanted = request.GET.get("to", "")
    if not wanted:
        return targets[0] if targets else None
    known = next((target for target in targets if str(target.number) == wanted), None)
    if known is not None or not (wanted.isascii() and wanted.isdigit() and len(wanted) < 19):
        return known or _absent(wanted)
    rows = Promotion.objects.select_related("environment", "release")
    return rows.filter(environment__name=name, number=int(wanted)).first() or _absent(wanted)


def _named(request: HttpRequest, target: Promotion) -> Preflight | None:
    """The preview that a live part follows, also where it failed: looking again makes no new one."""
    named = request.GET.get("preflight", "") if request.method != "POST" else ""
    release = release_of(target)
    if not named or release is None:
        return None
    return reading.by_id(named, release.version, target.environment.name, restores=target)


def _tenants(request: HttpRequest) -> str:
    """What the address says of the tenants' part; what it may not say says nothing."""
    said = request.GET.get("tenants", "")
    return said if said in TENANTS else ""


def _absent(wanted: str) -> Promotion:
    raise AbsentError(f"There is no promotion {wanted[:50]} of this environment.", "See the list of promotions.")


def _ask(
    request: HttpRequest, actor: Actor, target: Promotion, targets: list[Promotion], form: PromotionForm
) -> HttpResponse:
    if not form.is_valid():
        return _show(request, actor, target, targets, form, status=422)
    said: dict[str, Any] = {name: form.cleaned_data[name] for name in ("reason", "render_digest")}
    said |= {"tenants": _tenants(request), "emergency": request.POST.get("emergency") == "1"}

    def work() -> tuple[int, dict[str, Any]]:
        return 303, {"number": promotion_rollback(actor=actor, target=target, **said).number}

    try:
        _, answer = answer_once(
            principal=f"person {actor.name}",
            key=form.cleaned_data["key"],
            request={"to": target.number, **said},
            work=work,
        )
    except InvalidError as refusal:
        if refusal.extra.get("field") != "reason":
            raise
        form.add_error("reason", f"{refusal.sentence} {refusal.remedy}".strip())
        return _show(request, actor, target, targets, form, status=422)
    except ConflictError as refusal:
        banner = ("Not now.", f"{refusal.sentence} {refusal.remedy}".strip())
        return _show(request, actor, target, targets, form, status=409, banner=banner)
    return SeeOther(reverse("promotion", args=[answer["number"]]))


def _show(
    request: HttpRequest,
    actor: Actor,
    target: Promotion,
    targets: list[Promotion],
    form: PromotionForm,
    *,
    status: int = 200,
    banner: tuple[str, str] | None = None,
) -> HttpResponse:
    tenants = _tenants(request)
    preflight = _named(request, target) or rollback_preview(actor=actor, target=target, tenants=tenants)
    missing = "" if actor.may(Right.PROMOTION_ROLL_BACK, target.environment.name) else MAY_NOT
    if not missing and preflight.losses and not tenants:
        missing = UNDECIDED
    path = f"/api/v1/promotions/{target.number}/rollback"
    said: dict[str, Any] = {"tenants": tenants} if tenants else {}
    known = decision(preflight, form, query={"to": target.number, **said}, path=request.path, missing=missing)
    emergency = emergency_offered(actor, preflight, known["gates"], lambda rest: reasons_of(rest, missing))
    if emergency and not emergency.reason:
        said = {**said, "emergency": True}
    context = {
        **known, "emergency": emergency, "banner": banner, **_asked(request, target, preflight, tenants),
        "target": target, "selects": _choices(target, targets), "taken_back": taken_back(target), "keeps": keeps(preflight), "loses": loses(preflight),
        "follows": follows(known["open_there"]), "command": command(preflight, form, path, said),
    }  # fmt: skip
    keep_reason(form, actor, context["here"])
    return page(request, TEMPLATE, context, fragments=(*FRAGMENTS, "stays"), status=status)


def _asked(request: HttpRequest, target: Promotion, preflight: Preflight, tenants: str) -> dict[str, Any]:
    """The question that is asked where tenants would lose references, and that stays once it was answered."""
    labels = {"keep": "Keep today's tenants' part", "restore": "Take the references back"}
    choices = [
        {
            "id": f"tenants-{name}", "label": label, "is_chosen": tenants == name,
            "href": f"{request.path}?{urlencode({'to': target.number, 'tenants': name})}",
        }
        for name, label in labels.items()
    ]  # fmt: skip
    return {"asks_tenants": bool(preflight.losses or tenants), "tenants_choices": choices, "tenants_choice": tenants}


def _choices(target: Promotion, targets: list[Promotion]) -> list[dict[str, Any]]:
    """The field that chooses another promotion to go back to."""
    offered = [(str(one.number), f"{one.title}, promotion {one.number}") for one in targets]
    return [{"name": "to", "label": "Go back to", "value": str(target.number), "choices": offered}] if offered else []
