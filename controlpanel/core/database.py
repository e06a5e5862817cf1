"""What is peculiar to the database: connections given back before a long request ends, and a server that takes no writing."""

from __future__ import annotations

from django.db import DatabaseError, connections
from psycopg import errors


def give_back() -> None:
    """Close what this thread opened, or return it to the pool; a caller's own transaction goes on."""
    for connection in connections.all(initialized_only=True):
        if not connection.in_atomic_block:
            connection.close()


def is_read_only(error: DatabaseError) -> bool:
    """Whether the server refused to write, as a standby does."""
    return isinstance(error.__cause__, errors.ReadOnlySqlTransaction)
