"""What a real Argo CD said of its sync windows, before and after one was removed, is what the gate says."""

from __future__ import annotations

from contextlib import nullcontext
from typing import Any

import pytest
from django.utils import timezone

from controlpanel.catalog import connections
from deployments.choices import Verdict
from deployments.gates import for_target
from deployments.models import Application
from deployments.watching import windows
from deployments.watching.observations import Directory
from tests import fixtures_deployments as rows
from tests.contract.transcripts import exchanges

RECORDED = [one.answer for one in exchanges() if one.scenario == "sync-windows" and one.path.endswith("/syncwindows")]


class Recorded:
    """Answers for one Application with what was recorded; the others have no windows, which reads as `{canSync: true}`."""

    def __init__(self, answer: Any) -> None:
        self.answer = answer

    def sync_windows(self, name: str, project: str) -> Any:
        return self.answer if name == "backend-staging" else {"canSync": True}


@pytest.mark.django_db
def test_the_gate_blocks_as_argo_cd_does_and_opens_as_it_does(monkeypatch: pytest.MonkeyPatch) -> None:
    staging, _ = rows.platform()
    staging.gates = [{"name": "sync-windows"}]
    staging.save()
    release = rows.release("2026.11.3")
    assert RECORDED, "The transcript holds an answer of the windows."
    for answer in RECORDED:
        monkeypatch.setattr(connections, "argocd_for", lambda environment, said=answer: Recorded(said))
        assert windows.read(Directory("ARGOCD_SERVER"), nullcontext) == len(rows.COMPONENTS)
        said = next(one for one in for_target(release=release, environment=staging) if one.gate == "sync-windows")
        assert (said.verdict == Verdict.PASS) is answer.get("canSync", False)
    Application.objects.filter(name="backend-staging").update(windows_read_at=timezone.now().replace(year=2020))
    said = next(one for one in for_target(release=release, environment=staging) if one.gate == "sync-windows")
    assert said.verdict == Verdict.UNKNOWN
