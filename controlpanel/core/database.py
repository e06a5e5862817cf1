"""Giving a thread's database connections back before a request ends, because the request goes on for long."""

from __future__ import annotations

from django.db import connections


def give_back() -> None:
    """Close what this thread opened, or return it to the pool; a caller's own transaction goes on."""
    for connection in connections.all(initialized_only=True):
        if not connection.in_atomic_block:
            connection.close()
