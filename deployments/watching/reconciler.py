"""Finds due rows: rings for them, and runs them itself where nobody hears the bell."""

from __future__ import annotations

import time
from collections.abc import Callable
from concurrent.futures import ThreadPoolExecutor
from datetime import timedelta
from typing import Any

import structlog
from django.db import connection, models

from controlpanel.accounts.tokens import tokens_expiring_tell
from controlpanel.core import doorbell, following, lease
from controlpanel.core.lease import StatementTime
from controlpanel.core.models import Leased, OutboxMessage
from deployments.advance import advance
from deployments.checking import external_check_ask
from deployments.delivery import deliver
from deployments.models import (
    AutomaticRollback,
    ExternalCheck,
    Inquiry,
    Instruction,
    PlannedPromotion,
    Preflight,
    Promotion,
)
from deployments.notifications.routing import route
from deployments.services.approving import emergencies_remind
from deployments.services.automatic import rollback_by_policy
from deployments.services.automating import promotions_automatic
from deployments.services.inquiries import inquiries_forget, inquiry_answer
from deployments.services.instructions import instruction_carry_out
from deployments.services.planning import plan_carry_out
from deployments.services.preflights import preflight_render
from tenants.models import HubEvent, Round
from tenants.services.hub_events import hub_event_post
from tenants.services.readiness import readiness_lapse, readiness_tidy
from tenants.services.rounds import round_look, rounds_tidy

log = structlog.get_logger(__name__)
BATCH = 200
STEPS_AT_ONCE = 20
"""Steps of one promotion that follow each other here before others get their turn."""
PATIENCE = timedelta(seconds=6)
"""A row that is due for longer than this was rung for and not run: the workers are away or busy."""
FORGET_SECONDS = 60.0
TIDY_SECONDS = 10.0
"""How often checklists are compared with what they follow from: the catalog, live values, needs of releases."""

DUTIES: tuple[tuple[type[Leased], str, Callable[[Any], bool]], ...] = (
    (Promotion, "advance_promotion", advance),
    (Preflight, "render_preflight", preflight_render),
    (OutboxMessage, "deliver_message", deliver),
    (Inquiry, "read_for_page", inquiry_answer),
    (Instruction, "carry_out", instruction_carry_out),
    (AutomaticRollback, "roll_back_by_policy", rollback_by_policy),
    (ExternalCheck, "ask_external_check", external_check_ask),
    (PlannedPromotion, "carry_out_plan", plan_carry_out),
    (Round, "look_round", round_look),
    (HubEvent, "post_hub_event", hub_event_post),
)


class Reconciler:
    """One pass at a time; `run_here` uses a few threads, and claims keep two runners apart."""

    def __init__(self, threads: int = 4) -> None:
        self.pool = ThreadPoolExecutor(threads, thread_name_prefix="due")
        self.running: set[tuple[str, Any]] = set()
        self._forgets_at = 0.0
        self._follows_at = 0.0
        self._tidies_at = 0.0

    def once(self) -> int:
        """Look at every kind of due row once; returns how many were found. What time alone changes of tenants is computed anew;
        now and then checklists are brought up to date, the audit is followed, and old answers forgotten."""
        found = sum(self._look(model, task, run) for model, task, run in DUTIES)
        self._here("lapse", readiness_lapse)
        self._here("notifications", route)
        if time.monotonic() >= self._tidies_at:
            self._tidies_at = time.monotonic() + TIDY_SECONDS
            self._here("tidy", readiness_tidy)
            self._here("rounds", rounds_tidy)
            self._here("automation", promotions_automatic)
            self._here("emergencies", emergencies_remind)
        if time.monotonic() >= self._follows_at:
            self._follows_at = time.monotonic() + following.EVERY_SECONDS
            self._here("audit", following.follow)
        if time.monotonic() >= self._forgets_at:
            self._forgets_at = time.monotonic() + FORGET_SECONDS
            inquiries_forget()
            self._here("tokens", tokens_expiring_tell)
        return found

    def close(self) -> None:
        """Let what runs finish."""
        self.pool.shutdown(wait=True, cancel_futures=True)

    def _look(self, model: type[Leased], task: str, run: Callable[[Any], bool]) -> int:
        rows = list(_due(model)[:BATCH])
        unheard = False
        for pk, is_late in rows:
            unheard = unheard or is_late or not doorbell.ring_now(task, pk)
            if unheard:
                self._run_here(model.__name__, run, pk)
        return len(rows)

    def _here(self, name: str, duty: Callable[[], int]) -> None:
        """Run a duty beside the others, never twice at once."""

        def once(_: Any) -> bool:
            duty()
            return False

        self._run_here("duty", once, name)

    def _run_here(self, kind: str, run: Callable[[Any], bool], pk: Any) -> None:
        if (kind, pk) in self.running:  # rows of different models share their numbers
            return
        self.running.add((kind, pk))
        self.pool.submit(self._run, kind, run, pk)

    def _run(self, kind: str, run: Callable[[Any], bool], pk: Any) -> None:
        try:
            for _ in range(STEPS_AT_ONCE):
                if not run(pk):
                    break
        except Exception:
            log.exception("due_row_failed", row=str(pk))  # the row comes back by its lease
        finally:
            self.running.discard((kind, pk))
            connection.close()


def _due(model: type[Leased]) -> models.QuerySet[Any, Any]:
    is_late = models.Case(
        models.When(next_run_at__lt=StatementTime() - PATIENCE, then=True),
        models.When(lease_until__lt=StatementTime() - PATIENCE, then=True),  # its holder died; the others may have too
        default=False,
        output_field=models.BooleanField(),
    )
    return lease.due(model).annotate(is_late=is_late).values_list("pk", "is_late")
