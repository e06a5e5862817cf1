"""The audit's chain is followed in portions: new events at once, old ones again and again, and what does not fit is named."""

from __future__ import annotations

import pytest
from django.db import connection

from controlpanel.core import audit, following
from controlpanel.core.models import AuditEvent, AuditFollowed
from tests.core.test_audit import EDITS, write

pytestmark = pytest.mark.django_db


@pytest.fixture(autouse=True)
def _small_portions(monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setattr(following, "PORTION", 4)


def edited(statement: str, row: int) -> None:
    """As somebody does who may switch off triggers."""
    with connection.cursor() as cursor:
        cursor.execute("SET LOCAL session_replication_role = replica")
        cursor.execute(statement, [row])
        cursor.execute("SET LOCAL session_replication_role = origin")


def followed() -> AuditFollowed:
    return AuditFollowed.objects.get(id=1)


@pytest.mark.parametrize("count", [0, 3, 4, 9])
def test_a_whole_chain_is_followed_to_its_head_and_only_what_is_new_after_that(count: int) -> None:
    write(count)
    assert following.follow() == count
    write(2)
    assert following.follow() == 2
    row = followed()
    assert (row.sequence, row.hash, row.broken) == (count + 2, audit.head(), None)
    assert row.at is not None


@pytest.mark.parametrize("edit", EDITS)
@pytest.mark.parametrize("place", [1, 6, 10])
def test_an_edit_is_found_whether_it_was_followed_before_or_not(edit: str, place: int) -> None:
    write(10)
    following.follow()
    write(2)
    edited(EDITS[edit], place)
    for _ in range(6):
        if not followed().broken:
            following.follow()
    assert followed().broken in ({place, place + 1} if "removed" in edit else {place})


def test_an_edit_of_what_is_new_is_found_at_once() -> None:
    write(10)
    following.follow()
    write(2)
    edited(EDITS["another actor"], 12)
    following.follow()
    assert followed().broken == 12


def test_a_tail_that_was_cut_off_is_found_at_the_head() -> None:
    write(5)
    following.follow()
    edited(EDITS["a removed row"], 5)
    edited("UPDATE core_auditchain SET sequence = 4 WHERE %s > 0", 5)
    for _ in range(3):
        following.follow()
    assert followed().broken


def test_a_chain_that_was_restored_holds_again() -> None:
    write(10)
    edited("UPDATE core_auditevent SET actor = 'x' WHERE sequence = %s", 3)
    following.follow()
    assert followed().broken == 3
    edited("UPDATE core_auditevent SET actor = 'panel' WHERE sequence = %s", 3)
    following.follow()
    assert (followed().broken, followed().sequence) == (None, 11)


def test_a_break_is_told_once_as_an_event_of_its_own() -> None:
    write(10)
    edited(EDITS["another actor"], 3)
    for _ in range(3):
        following.follow()
    (told,) = AuditEvent.objects.filter(action="audit.broken")
    assert (told.target, told.message.startswith("Entry 3, or one before it")) == ("entry 3", True)
