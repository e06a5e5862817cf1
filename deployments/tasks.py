"""Celery's entries: an id in, a claim, one step. A bell that rings twice or never does no harm."""

from __future__ import annotations

from typing import Any

from celery import shared_task

from deployments.advance import advance
from deployments.delivery import deliver
from deployments.services.preflights import preflight_render


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
