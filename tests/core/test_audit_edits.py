"""A thousand edits of the audit by somebody who may switch triggers off: every one is found, and named at its row."""

# ruff: noqa: S608
from __future__ import annotations

import random
from collections.abc import Callable

import pytest
from django.db import connection

from controlpanel.core import audit

pytestmark = pytest.mark.django_db
ROWS, EDITS = 12, 1000
Edit = Callable[[random.Random, int], tuple[str, set[int]]]
"""SQL that edits around a row, and the entries at which it may show."""

VALUES = {
    "at": "at + interval '1 microsecond'", "actor": "actor || 'x'", "door": "'command'", "action": "action || '.x'",
    "environment": "environment || 'x'", "target": "target || ' '", "message": "reverse(message)", "promotion": "gen_random_uuid()",
    "details": "details || '{\"more\": null}'", "promotion_sequence": "coalesce(promotion_sequence, 0) + 1",
    "previous_hash": "repeat('0', 63) || '1'", "hash": "md5(hash) || md5(hash)",
}  # fmt: skip
OWN_HASH = "encode(sha256(convert_to(core_audit_text(core_auditevent), 'UTF8')), 'hex')"


def column(draw: random.Random, row: int) -> tuple[str, set[int]]:
    name = draw.choice(sorted(VALUES))
    return f"UPDATE core_auditevent SET {name} = {VALUES[name]} WHERE sequence = {row}", {row}


def hashed_anew(draw: random.Random, row: int) -> tuple[str, set[int]]:
    """The row's own hash is made to fit; it shows at the next row, or at the head."""
    edit = f"UPDATE core_auditevent SET actor = 'nobody' WHERE sequence = {row};"
    return f"{edit} UPDATE core_auditevent SET hash = {OWN_HASH} WHERE sequence = {row}", {min(row + 1, ROWS)}


def removed(draw: random.Random, row: int) -> tuple[str, set[int]]:
    return f"DELETE FROM core_auditevent WHERE sequence = {row}", {min(row + 1, ROWS)}


def closed_up(draw: random.Random, row: int) -> tuple[str, set[int]]:
    """A row is removed and those behind it take its place."""
    gone = f"DELETE FROM core_auditevent WHERE sequence = {row};"
    moved = f"UPDATE core_auditevent SET sequence = -sequence WHERE sequence > {row};"
    return f"{gone} {moved} UPDATE core_auditevent SET sequence = -sequence - 1 WHERE sequence < 0", {row}


def cut_off(draw: random.Random, row: int) -> tuple[str, set[int]]:
    return f"DELETE FROM core_auditevent WHERE sequence >= {row}", {ROWS}


def swapped(draw: random.Random, row: int) -> tuple[str, set[int]]:
    other = draw.choice([one for one in range(1, ROWS + 1) if one != row])
    away = f"UPDATE core_auditevent SET sequence = 0 WHERE sequence = {row};"
    there = f"UPDATE core_auditevent SET sequence = {row} WHERE sequence = {other};"
    return f"{away} {there} UPDATE core_auditevent SET sequence = {other} WHERE sequence = 0", {min(row, other)}


def put_in(draw: random.Random, row: int) -> tuple[str, set[int]]:
    """A row of their own, at the end, that even fits in itself."""
    columns = "actor, door, action, environment, target, message, details"
    copied = f"INSERT INTO core_auditevent (sequence, at, previous_hash, hash, {columns})"
    chosen = f"SELECT {ROWS + 1}, clock_timestamp(), (SELECT hash FROM core_auditevent WHERE sequence = {ROWS}), '', {columns}"
    fits = f"UPDATE core_auditevent SET hash = {OWN_HASH} WHERE sequence = {ROWS + 1}"
    return f"{copied} {chosen} FROM core_auditevent WHERE sequence = {row}; {fits}", {ROWS}


def another_head(draw: random.Random, row: int) -> tuple[str, set[int]]:
    return f"UPDATE core_auditchain SET sequence = {row - 1}, hash = md5(hash) || md5(hash)", {row - 1}


KINDS: tuple[Edit, ...] = (column, hashed_anew, removed, closed_up, cut_off, swapped, put_in, another_head)


TRIED = """
CREATE FUNCTION pg_temp.tried(statement text) RETURNS bigint LANGUAGE plpgsql AS $$
DECLARE found bigint;
BEGIN
  BEGIN
    EXECUTE statement;
    found := core_audit_first_broken();
    RAISE EXCEPTION 'undone' USING ERRCODE = 'P9999';
  EXCEPTION WHEN SQLSTATE 'P9999' THEN RETURN found;
  END;
END $$"""
"""Edits, looks, and takes the edit back."""


def test_a_thousand_edits_are_all_found_and_named() -> None:
    for number in range(ROWS):
        audit.record(actor=audit.SYSTEM, action="test", message=f"event {number}", details={"number": number})
    assert audit.first_broken() is None
    draw = random.Random(4711)
    edits = [draw.choice((column, *KINDS))(draw, draw.randint(1, ROWS)) for _ in range(EDITS)]
    with connection.cursor() as cursor:
        cursor.execute("SET LOCAL session_replication_role = replica")
        cursor.execute(TRIED)
        cursor.execute(
            "SELECT pg_temp.tried(edit) FROM unnest(%s::text[]) edit", [[statement for statement, _ in edits]]
        )
        found = [row[0] for row in cursor.fetchall()]
    assert [edit for edit, one in zip(edits, found, strict=True) if one not in edit[1]] == []
    assert audit.first_broken() is None
