"""The audit chain: what is appended follows from what was before, and every later edit is found."""

from __future__ import annotations

import random

import pytest
from django.db import DatabaseError, connection, transaction

from controlpanel.core import audit
from controlpanel.core.models import AuditEvent

pytestmark = pytest.mark.django_db

EDITS = {
    "a changed message": "UPDATE core_auditevent SET message = 'other' WHERE sequence = %s",
    "another actor": "UPDATE core_auditevent SET actor = 'nobody' WHERE sequence = %s",
    "another time": "UPDATE core_auditevent SET at = at - interval '1 second' WHERE sequence = %s",
    "changed details": "UPDATE core_auditevent SET details = '{}' WHERE sequence = %s",
    "a removed row": "DELETE FROM core_auditevent WHERE sequence = %s",
    "a changed hash": "UPDATE core_auditevent SET hash = repeat('1', 64) WHERE sequence = %s",
}


def write(count: int) -> None:
    for number in range(count):
        audit.record(actor=audit.SYSTEM, action="test", message=f"event {number}", details={"number": number})


def test_events_follow_without_a_gap_and_the_chain_is_whole() -> None:
    write(5)
    assert list(AuditEvent.objects.order_by("sequence").values_list("sequence", flat=True)) == [1, 2, 3, 4, 5]
    assert audit.first_broken() is None
    assert audit.head() == AuditEvent.objects.get(sequence=5).hash


def test_a_rolled_back_event_leaves_no_gap() -> None:
    write(1)
    with pytest.raises(RuntimeError), transaction.atomic():
        write(1)
        raise RuntimeError
    write(1)
    assert list(AuditEvent.objects.order_by("sequence").values_list("sequence", flat=True)) == [1, 2]


@pytest.mark.parametrize("statement", ["UPDATE core_auditevent SET actor = 'x'", "DELETE FROM core_auditevent"])
def test_the_table_takes_no_change(statement: str) -> None:
    write(2)
    with pytest.raises(DatabaseError, match="append-only"), transaction.atomic(), connection.cursor() as cursor:
        cursor.execute(statement)


@pytest.mark.parametrize("edit", EDITS)
def test_an_edit_by_someone_who_may_disable_triggers_is_found_at_its_row(edit: str) -> None:
    write(20)
    row = random.Random(edit).randrange(1, 21)
    with connection.cursor() as cursor:
        cursor.execute("SET LOCAL session_replication_role = replica")
        cursor.execute(EDITS[edit], [row])
        cursor.execute("SET LOCAL session_replication_role = origin")
    broken = audit.first_broken()
    # a removed row shows at the row after it; removing the last one shows at the head
    assert broken in ({row, row + 1} if "removed" in edit else {row})
