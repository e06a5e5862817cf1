"""`verify_audit`: a whole chain is said so, a changed event is named."""

from __future__ import annotations

import io

import pytest
from django.core.management import CommandError, call_command
from django.db import connection

from controlpanel.core import audit

pytestmark = pytest.mark.django_db


def test_a_whole_chain_is_counted() -> None:
    for number in range(3):
        audit.record(actor=audit.SYSTEM, action=f"act.{number}")
    out = io.StringIO()
    call_command("verify_audit", stdout=out)
    assert out.getvalue() == f"3 events follow from each other; the head is {audit.head()}.\n"


def test_a_changed_event_is_named() -> None:
    for number in range(3):
        audit.record(actor=audit.SYSTEM, action=f"act.{number}")
    with connection.cursor() as cursor:
        cursor.execute("SET LOCAL session_replication_role = replica")
        cursor.execute("UPDATE core_auditevent SET actor = 'someone else' WHERE sequence = 2")
        cursor.execute("SET LOCAL session_replication_role = origin")
    with pytest.raises(CommandError, match="broken at event 2"):
        call_command("verify_audit")
