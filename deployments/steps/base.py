"""What a step gets and gives back."""

from __future__ import annotations

import contextlib
from collections.abc import Callable, Iterator
from dataclasses import dataclass, field
from datetime import datetime, timedelta
from typing import Any

from django.conf import settings

from controlpanel.catalog import connections
from controlpanel.clients.argocd import ArgoCD
from controlpanel.core import audit, lease
from controlpanel.core.lease import Clock, Lease
from deployments import lifecycle
from deployments.choices import State
from deployments.models import Promotion, PromotionComponent

CALL_SECONDS = 10.0
"""No single outside call of a step takes longer; less of the lease than this left, and the step gives the row back."""


@dataclass(frozen=True, kw_only=True)
class Outcome:
    """What comes next: a move (`to`), an `end`, a pause (`issue`), or waiting. `again` is seconds, None: until woken."""

    again: float | None = 0.0
    to: State | None = None
    message: str = ""
    fields: dict[str, Any] = field(default_factory=dict)
    issue: dict[str, Any] | None = None


def move_to(state: State, message: str, **fields: Any) -> Outcome:
    """Go on with the next step at once."""
    return Outcome(to=state, message=message, fields=fields)


def wait(seconds: float | None, note: str = "") -> Outcome:
    """Look again in so many seconds; `note` is shown meanwhile."""
    return Outcome(again=seconds, message=note)


def pause(cause: str, sentence: str, *, effect: str = "", advice: str = "", **facts: Any) -> Outcome:
    """Stop and ask a person: what happened, what it means, what usually helps."""
    issue = {"cause": cause, "sentence": sentence, "effect": effect, "advice": advice, **facts}
    return Outcome(again=lifecycle.PAUSE_SECONDS, issue=issue)


@dataclass
class Context:
    """A claimed promotion and what a step may use. `guard` before every outside call; `held` around every write."""

    promotion: Promotion
    lease: Lease
    timings: Any = field(default_factory=lambda: settings.TIMINGS)
    clock: Callable[[], datetime] = field(default_factory=Clock)

    def guard(self, seconds: float = CALL_SECONDS) -> None:
        """Self-fence: raise `LeaseTooShort` unless a call of so many seconds fits into the lease."""
        self.lease.guard(min(seconds, self.timings.lease_seconds / 3))

    @contextlib.contextmanager
    def held(self) -> Iterator[None]:
        """A transaction in which the promotion is locked, still ours and in the state that we saw."""
        with lease.held(self.promotion, self.lease, state=self.promotion.state):
            yield

    def save(self, row: PromotionComponent, **values: Any) -> None:
        """Write progress of one component, and tell the browsers."""
        with self.held():
            _write(row, values)
            lifecycle.publish(self.promotion)

    def note(self, row: PromotionComponent, **values: Any) -> None:
        """Write what only the next step needs."""
        with self.held():
            _write(row, values)

    def tell(self, action: str, message: str, **details: Any) -> None:
        """Add an event to the promotion's history."""
        with self.held():
            lifecycle.note(self.promotion, actor=audit.SYSTEM, action=action, message=message, details=details)

    @property
    def plan(self) -> dict[str, Any]:
        """What rendering found; every step after it has one."""
        assert self.promotion.plan is not None
        return dict(self.promotion.plan)

    @property
    def marker(self) -> str:
        """What our operations carry in `infos`."""
        return str(self.promotion.pk)

    @property
    def project(self) -> str:
        """The environment's AppProject."""
        return self.promotion.environment.project

    def argocd(self) -> ArgoCD:
        """The environment's Argo CD. Raises `NotConfigured`."""
        return connections.argocd_for(self.promotion.environment)

    def now(self) -> datetime:
        """The database's time: the next worker may run on a machine whose clock is wrong."""
        return self.clock()

    def later(self, seconds: float) -> datetime:
        """So many seconds from now."""
        return self.now() + timedelta(seconds=seconds)

    @property
    def claim(self) -> str:
        """The create-only ref under which the promotion's commit is pushed; each wave's own where they commit one by one."""
        return claim_ref(self.promotion, self.promotion.wave if self.promotion.is_by_wave else 1)


def claim_ref(promotion: Promotion, number: int = 1) -> str:
    """`refs/panel/promotions/<id>/<n>`."""
    return f"refs/panel/promotions/{promotion.pk}/{number}"


Step = Callable[[Context], Outcome]


def _write(row: PromotionComponent, values: dict[str, Any]) -> None:
    PromotionComponent.objects.filter(pk=row.pk).update(**values)
    for name, value in values.items():
        setattr(row, name, value)
