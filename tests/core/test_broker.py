"""A bell rings in one queue."""

from __future__ import annotations

from controlpanel.core.broker import app
from controlpanel.core.doorbell import QUEUES


def test_each_queue_hears_its_own_bells_only() -> None:
    routes = {name: (queue.exchange.name, queue.routing_key) for name, queue in app.amqp.queues.items()}
    assert len(set(routes.values())) == len(routes)
    assert set(QUEUES.values()) <= routes.keys()
