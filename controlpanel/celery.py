"""The worker process: `celery -A controlpanel.celery worker`. Celery is a doorbell; the truth is in PostgreSQL.

Losing or doubling any message costs seconds: tasks claim rows, and `manage.py watch` finds every due row.
"""

from __future__ import annotations

import os

os.environ.setdefault("DJANGO_SETTINGS_MODULE", "controlpanel.settings")

from celery.signals import heartbeat_sent

from controlpanel.core.alive import alive
from controlpanel.core.broker import app  # after the settings are named

app.autodiscover_tasks(["deployments"])


def say_alive(**_: object) -> None:
    """Every two seconds, while the worker is connected to its broker."""
    alive("worker")


heartbeat_sent.connect(say_alive)

__all__ = ["app"]
