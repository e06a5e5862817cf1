"""Previews: what the release's author can mend ends them at once, an outage does not."""

from __future__ import annotations

import subprocess
from pathlib import Path

import pytest
from django.utils import timezone

from controlpanel.catalog import connections
from controlpanel.clients.git import GitRepository
from deployments.choices import PreflightState
from deployments.models import Preflight
from deployments.services import preflights
from tests import fixtures_deployments as rows

pytestmark = pytest.mark.django_db


@pytest.fixture
def due() -> Preflight:
    staging, _ = rows.platform()
    row = rows.preflight(rows.release("2026.11.3"), staging, PreflightState.RENDERING)
    Preflight.objects.filter(pk=row.pk).update(next_run_at=timezone.now())
    return row


def test_a_commit_that_the_repository_does_not_have_ends_the_preview_at_once(
    due: Preflight, tmp_path: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    subprocess.run(["git", "init", "-q", "--bare", tmp_path / "platform.git"], check=True)
    platform = GitRepository(str(tmp_path / "platform.git"), tmp_path / "cache")
    monkeypatch.setattr(connections, "platform_repository", lambda: platform)
    preflights.preflight_render(due.pk)
    due.refresh_from_db()
    assert (due.state, due.next_run_at) == (PreflightState.FAILED, None)
    assert f"has no commit {due.release.commit[:12]}" in due.error
    assert due.remedy.startswith(f"Push commit {due.release.commit[:12]}")


def test_a_repository_that_does_not_answer_is_asked_again(
    due: Preflight, tmp_path: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    platform = GitRepository(str(tmp_path / "absent.git"), tmp_path / "cache")
    monkeypatch.setattr(connections, "platform_repository", lambda: platform)
    preflights.preflight_render(due.pk)
    due.refresh_from_db()
    assert due.state == PreflightState.RENDERING
    assert due.next_run_at is not None
