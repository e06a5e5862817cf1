"""`verify_audit`: a whole chain is said so; a changed event is named, and so is a chain that was written anew, which Git alone tells."""

from __future__ import annotations

import io
import random
from datetime import UTC, datetime
from pathlib import Path

import pytest
from django.core.management import CommandError, call_command
from django.db import connection

from controlpanel.catalog import connections
from controlpanel.clients.errors import GitUnreachable
from controlpanel.clients.git import Author, GitRepository, create_local_repository
from controlpanel.core import audit
from controlpanel.core.models import AuditEvent
from deployments.services.verifying_audit import Anchor, broken_by_git, broken_in_chain
from tests import fixtures_deployments as rows

pytestmark = pytest.mark.django_db
WRITTEN_ANEW = """
DO $$
DECLARE known text := repeat('0', 64); place bigint; event core_auditevent;
BEGIN
  FOR place IN SELECT sequence FROM core_auditevent ORDER BY sequence LOOP
    UPDATE core_auditevent SET previous_hash = known WHERE sequence = place RETURNING * INTO event;
    known := encode(sha256(convert_to(core_audit_text(event), 'UTF8')), 'hex');
    UPDATE core_auditevent SET hash = known WHERE sequence = place;
    UPDATE core_auditchain SET sequence = place, hash = known;
  END LOOP;
END $$"""


def write(count: int) -> None:
    for number in range(count):
        audit.record(actor=audit.SYSTEM, action=f"act.{number}")


def edit(row: int) -> None:
    """As somebody does who may switch off triggers."""
    with connection.cursor() as cursor:
        cursor.execute("SET LOCAL session_replication_role = replica")
        cursor.execute("UPDATE core_auditevent SET actor = actor || 'x' WHERE sequence = %s", [row])
        cursor.execute("SET LOCAL session_replication_role = origin")


def write_anew() -> None:
    """Make every hash fit, the head too: the chain follows from itself again."""
    with connection.cursor() as cursor:
        cursor.execute("SET LOCAL session_replication_role = replica")
        cursor.execute(WRITTEN_ANEW)
        cursor.execute("SET LOCAL session_replication_role = origin")


@pytest.fixture
def repository(tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> GitRepository:
    create_local_repository(tmp_path / "deploy.git")
    made = GitRepository(f"file://{tmp_path / 'deploy.git'}", tmp_path / "cache")
    monkeypatch.setattr(connections, "deploy_repository", lambda: made)
    return made


def deploy(repository: GitRepository, number: int, *, branch: str = "env/staging", head: str = "") -> None:
    """A deploy commit that carries the head of the chain as it is now."""
    tip = repository.tip(branch)
    message = f"Release {number}\n\nPromotion-Id: {number}\nAudit-Head: {head or audit.head()}\n"
    commit = repository.commit(
        parent=tip, replace={"backend": {"backend/a.yaml": f"{number}\n".encode()}}, message=message,
        at=datetime(2026, 11, 30, tzinfo=UTC), author=Author("Panel", "panel@example.com"),
    )  # fmt: skip
    repository.push(branch=branch, expected=tip, commit=commit, claim=f"refs/panel/promotions/{branch[4:]}-{number}/1")


def said(*options: str) -> str:
    out = io.StringIO()
    call_command("verify_audit", *options, stdout=out)
    return out.getvalue()


def test_a_whole_chain_is_counted() -> None:
    write(3)
    assert said("--chain-only") == f"3 events follow from each other; the head is {audit.head()}.\n"


def test_a_changed_event_is_named() -> None:
    write(3)
    edit(2)
    with pytest.raises(CommandError, match="broken at event 2"):
        said()


def test_what_deploy_commits_carry_vouches_for_the_chain(repository: GitRepository) -> None:
    rows.platform()
    deploy(repository, 1, head=audit.GENESIS)
    write(3)
    deploy(repository, 2)
    write(2)
    deploy(repository, 1, branch="env/production")
    assert said().endswith("3 deploy commits carry heads of it: what Git knows is what stands here.\n")


def test_an_edit_before_the_last_deploy_commit_that_writes_the_chain_anew_is_found_through_git(
    repository: GitRepository,
) -> None:
    rows.platform()
    write(3)
    deploy(repository, 1)
    write(4)
    deploy(repository, 2)
    write(2)
    edit(5)
    write_anew()
    assert broken_in_chain() is None
    with pytest.raises(CommandError) as raised:
        said()
    assert "broken at event 4 at the earliest" in str(raised.value)
    assert "on env/staging of promotion 2 carries the head" in str(raised.value)
    assert "Events up to 3 are proved by Git." in str(raised.value)


def test_any_edit_that_writes_the_chain_anew_is_found_between_the_commits_that_stand_around_it() -> None:
    write(30)
    heads = list(AuditEvent.objects.order_by("sequence").values_list("hash", flat=True))
    places = (4, 11, 12, 27)
    carried = [Anchor(branch="env/staging", commit="c" * 40, promotion="", head=heads[one - 1]) for one in places]
    for row in random.Random(1).sample(range(1, 28), 12):
        with connection.cursor() as cursor:
            cursor.execute("SAVEPOINT before")
            edit(row)
            write_anew()
            found = broken_by_git(carried)
            cursor.execute("ROLLBACK TO SAVEPOINT before")
        assert found is not None
        assert found.sequence == max((one for one in (0, *places) if one < row), default=0) + 1 <= row


def test_a_repository_that_does_not_answer_is_said_after_the_chain(
    repository: GitRepository, monkeypatch: pytest.MonkeyPatch
) -> None:
    def away(_: str) -> str:
        raise GitUnreachable("The deploy repository cannot be reached.", "Try again.")

    rows.platform()
    write(1)
    monkeypatch.setattr(repository, "tip", away)
    with pytest.raises(CommandError, match=r"The chain holds, but it could not be compared with Git\. The deploy"):
        said()
    assert "1 events follow" in said("--chain-only")
