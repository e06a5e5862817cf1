"""Rings a Celery task by its name. Losing a bell is free: `watch` finds every due row within seconds."""

from __future__ import annotations

from functools import partial

import structlog
from django.db import transaction

from controlpanel.core.broker import app

log = structlog.get_logger(__name__)
QUEUES = {
    "advance_promotion": "wake",
    "render_preflight": "render",
    "deliver_message": "notify",
    "read_for_page": "wake",
    "carry_out": "wake",
    "ask_external_check": "wake",
    "carry_out_plan": "wake",
    "look_round": "wake",
    "roll_back_by_policy": "wake",
    "post_hub_event": "notify",
}


def ring(task: str, identifier: object) -> None:
    """Ring when the surrounding transaction commits. Never raises, never waits for a broker that is away."""
    transaction.on_commit(partial(ring_now, task, identifier), robust=True)


def ring_now(task: str, identifier: object) -> bool:
    """Ring at once; False where no broker took it."""
    try:
        app.send_task(f"panel.{task}", args=[str(identifier)], queue=QUEUES[task], retry=False, ignore_result=True)
    except Exception as error:  # noqa: BLE001  # kombu raises many types; every one means the same: nobody heard the bell
        log.warning("doorbell_unheard", task=task, identifier=str(identifier), error=type(error).__name__)
        return False
    return True
