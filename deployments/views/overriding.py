"""Letting a gate pass from the promote page: who may, what else stands in the way, and what was typed."""

from __future__ import annotations

from collections.abc import Callable, Sequence
from dataclasses import dataclass
from datetime import timedelta
from typing import Any

from django.utils import timezone

from controlpanel.accounts.actors import Actor
from controlpanel.core.permissions import Right
from deployments.choices import PreflightState, Verdict
from deployments.forms import PromotionForm
from deployments.gates import GateAnswer
from deployments.gates.approvals import NAME as APPROVALS
from deployments.gates.freeze import NAME as FREEZE
from deployments.models import Preflight
from deployments.services.overriding import Override, may_be_overridden

MAY_NOT_OVERRIDE = "A gate is overridden by a release manager: ask one."
NO_EMERGENCY = "An emergency is declared by a release manager: ask one."


@dataclass(frozen=True, kw_only=True)
class Offer:
    """The gates that refuse and may be overridden, by name and title, and why they cannot be now ("" where they can)."""

    names: tuple[str, ...]
    titles: tuple[str, ...]
    reason: str


ReasonsOf = Callable[[Sequence[GateAnswer]], list[str]]


def offered(actor: Actor, preflight: Preflight, answers: Sequence[GateAnswer], reasons_of: ReasonsOf) -> Offer | None:
    """What the page offers; None where no gate refuses that could be overridden. `reasons_of` tells what other gates say."""
    possible = may_be_overridden(preflight.environment, preflight.kind)
    refusing = [answer for answer in answers if answer.blocks and answer.gate in possible]
    return _offer(actor, preflight, refusing, answers, reasons_of, MAY_NOT_OVERRIDE)


def emergency_offered(
    actor: Actor, preflight: Preflight, answers: Sequence[GateAnswer], reasons_of: ReasonsOf
) -> Offer | None:
    """The same of a rollback that passes freezes and approvals as an emergency; None where neither holds it."""
    holding = [answer for answer in answers if answer.gate in (FREEZE, APPROVALS) and answer.verdict != Verdict.PASS]
    return _offer(actor, preflight, holding, answers, reasons_of, NO_EMERGENCY)


def _offer(
    actor: Actor, preflight: Preflight, passed: Sequence[GateAnswer], answers: Sequence[GateAnswer], reasons_of: ReasonsOf,
    may_not: str,
) -> Offer | None:  # fmt: skip
    """To let `passed` pass, unless others of the `answers` refuse."""
    if not passed or preflight.state != PreflightState.READY:
        return None
    may = actor.may(Right.GATE_OVERRIDE, preflight.environment.name)
    rest = reasons_of([answer for answer in answers if answer not in passed])
    return Offer(
        names=tuple(answer.gate for answer in passed), titles=tuple(answer.title for answer in passed),
        reason=next(iter(rest), "") if may else may_not,
    )  # fmt: skip


def overrides_of(form: PromotionForm) -> list[Override]:
    """What the button asked for, from now on; nothing where another button was pressed."""
    typed = form.cleaned_data
    until = timezone.now() + timedelta(hours=typed["override_hours"])
    return [Override(name, typed["override_reason"], until) for name in _names(form)]


def override_typed(form: PromotionForm) -> dict[str, Any]:
    """The same as it was typed: a second click is the same request."""
    typed = form.cleaned_data
    said = {"reason": typed["override_reason"], "hours": typed["override_hours"]}
    return {"override": [{"gate": name, **said} for name in _names(form)]} if _names(form) else {}


def _names(form: PromotionForm) -> list[str]:
    return [name for name in form.cleaned_data["override"].split(",") if name]
