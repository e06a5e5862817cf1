"""Telling browsers which topics have changed (names only)."""

from __future__ import annotations

import json

from django.db import connection

CHANNEL = "live"


def publish(topic: str) -> None:
    """Tell every web process that `topic` has changed, when the current transaction commits."""
    with connection.cursor() as cursor:
        cursor.execute("SELECT pg_notify(%s, %s)", [CHANNEL, json.dumps({"topic": topic})])
