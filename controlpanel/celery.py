"""The worker process: `celery -A controlpanel.celery worker`. Celery is a doorbell; the truth is in PostgreSQL.

Losing or doubling any message costs seconds: tasks claim rows, and `manage.py watch` finds every due row.
"""

from __future__ import annotations

import os

os.environ.setdefault("DJANGO_SETTINGS_MODULE", "controlpanel.settings")

from controlpanel.core.broker import app  # after the settings are named

app.autodiscover_tasks(["deployments"])

__all__ = ["app"]
