"""Connections to PostgreSQL: a process that stops in the middle of a transaction does not keep its locks."""

from __future__ import annotations

import psycopg
import pytest
from django.conf import settings
from django.db import connections

from controlpanel import settings as real


def options(monkeypatch: pytest.MonkeyPatch, **more: str) -> dict[str, object]:
    """What the settings make of the tests' database, with further options in its address."""
    database = settings.DATABASES["default"]
    url = psycopg.conninfo.make_conninfo(
        host=database["HOST"], port=database["PORT"] or None, user=database["USER"], dbname="postgres", **more
    )
    monkeypatch.setattr(real, "CONFIGURATION", real.CONFIGURATION.model_copy(update={"database_url": url}))
    return dict(real._database()["OPTIONS"])


def shown(made: dict[str, object], name: str) -> str:
    """What a server says of a setting in a session with these options."""
    wanted = {key: value for key, value in made.items() if key != "pool"}
    own = connections["default"].get_connection_params()
    place = {key: own[key] for key in ("host", "port", "user", "password") if key in own}
    with psycopg.connect(**place, dbname="postgres", **wanted) as session:  # type: ignore[arg-type]
        row = session.execute("SELECT current_setting(%s)", [name]).fetchone()
    assert row is not None
    return str(row[0])


def test_a_transaction_that_stays_idle_is_ended(monkeypatch: pytest.MonkeyPatch, db: None) -> None:
    assert shown(options(monkeypatch), "idle_in_transaction_session_timeout") == "15s"


def test_what_the_address_says_counts(monkeypatch: pytest.MonkeyPatch, db: None) -> None:
    made = options(
        monkeypatch, options="-c idle_in_transaction_session_timeout=7s -c lock_timeout=3s", keepalives_idle="40"
    )
    assert shown(made, "idle_in_transaction_session_timeout") == "7s"
    assert shown(made, "lock_timeout") == "3s"
    assert made["keepalives_idle"] == "40"


def test_a_server_that_is_gone_is_noticed_within_half_a_minute(monkeypatch: pytest.MonkeyPatch) -> None:
    made = options(monkeypatch)
    assert made["keepalives_idle"] + made["keepalives_interval"] * made["keepalives_count"] <= 30  # type: ignore[operator]
    assert made["tcp_user_timeout"] == 30_000
