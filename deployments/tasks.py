"""Celery's entries: an id in, a claim, one step. A bell that rings twice or never does no harm."""

from __future__ import annotations

from typing import Any

from celery import shared_task

from deployments.advance import advance
from deployments.checking import external_check_ask
from deployments.delivery import deliver
from deployments.services.automatic import rollback_by_policy
from deployments.services.inquiries import inquiry_answer
from deployments.services.instructions import instruction_carry_out
from deployments.services.planning import plan_carry_out
from deployments.services.preflights import preflight_render
from tenants.services.hub_events import hub_event_post
from tenants.services.rounds import round_look


@shared_task(name="panel.advance_promotion")
def advance_promotion(identifier: str, **_: Any) -> None:
    """Run the next step of a promotion."""
    advance(identifier)


@shared_task(name="panel.render_preflight")
def render_preflight(identifier: str, **_: Any) -> None:
    """Render a preflight."""
    preflight_render(identifier)


@shared_task(name="panel.deliver_message")
def deliver_message(identifier: str, **_: Any) -> None:
    """Send a message of the outbox."""
    deliver(identifier)


@shared_task(name="panel.read_for_page")
def read_for_page(identifier: str, **_: Any) -> None:
    """Answer a page's question."""
    inquiry_answer(int(identifier))


@shared_task(name="panel.carry_out")
def carry_out(identifier: str, **_: Any) -> None:
    """Have Argo CD do what a person asked for."""
    instruction_carry_out(identifier)


@shared_task(name="panel.roll_back_by_policy")
def roll_back_by_policy(identifier: str, **_: Any) -> None:
    """Ask for the way back that an environment's policy takes."""
    rollback_by_policy(int(identifier))


@shared_task(name="panel.ask_external_check")
def ask_external_check(identifier: str, **_: Any) -> None:
    """Ask somebody else's service for its verdict."""
    external_check_ask(identifier)


@shared_task(name="panel.carry_out_plan")
def carry_out_plan(identifier: str, **_: Any) -> None:
    """Ask for a promotion that was planned for now."""
    plan_carry_out(identifier)


@shared_task(name="panel.look_round")
def look_round(identifier: str, **_: Any) -> None:
    """Look at tenants' references, or at what the hub knows of them."""
    round_look(int(identifier))


@shared_task(name="panel.post_hub_event")
def post_hub_event(identifier: str, **_: Any) -> None:
    """Hand a test event over to the hub."""
    hub_event_post(identifier)
