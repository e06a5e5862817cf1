"""A PostgreSQL whose connections all break at once, as when one of its processes is killed: it restarts by itself."""

from __future__ import annotations

import os
import signal

import psycopg
from django.db import connection
from psycopg import sql

from tests.world import until


def make_durable(url: str) -> None:
    """What was committed survives the crash of a process. Tests have that switched off for speed; call it before others connect."""
    with psycopg.connect(url, autocommit=True) as session:
        name = session.info.dbname
        session.execute(sql.SQL("ALTER DATABASE {} SET synchronous_commit = on").format(sql.Identifier(name)))
    connection.close()


def crash(url: str) -> None:
    """Kill one process of it, wait until it noticed and has replayed its journal."""
    with psycopg.connect(url, autocommit=True) as victim, psycopg.connect(url, autocommit=True) as witness:
        os.kill(victim.info.backend_pid, signal.SIGKILL)
        until(lambda: not _answers(witness), "PostgreSQL notices")
    until(lambda: _accepts(url), "PostgreSQL is back")
    connection.close()


def _answers(session: psycopg.Connection) -> bool:
    try:
        session.execute("SELECT 1")
    except psycopg.OperationalError:
        return False
    return True


def _accepts(url: str) -> bool:
    try:
        psycopg.connect(url, connect_timeout=2).close()
    except psycopg.OperationalError:
        return False
    return True
