"""A promotion in rows, and an Argo CD and a deploy repository that answer what a test says and remember what was asked."""

from __future__ import annotations

from collections.abc import Callable
from dataclasses import dataclass, field
from datetime import UTC, datetime
from typing import Any

import pytest

from controlpanel.accounts.models import User
from controlpanel.catalog import connections
from controlpanel.catalog.models import Environment
from controlpanel.clients.argocd_models import Application
from controlpanel.clients.argocd_tree import Tree
from controlpanel.core.permissions import Role
from deployments.models import Promotion, Release
from tests import fixtures_deployments as rows

STARTED, FINISHED, COMPARED = (datetime(2026, 11, 23, 12, 0, second, tzinfo=UTC) for second in (1, 3, 5))


@dataclass
class FakeArgoCD:
    """Answers from `applications` (a value or an error), takes syncs, counts requests."""

    applications: dict[str, Any] = field(default_factory=dict)
    requests: list[tuple[str, str]] = field(default_factory=list)
    revisions: list[str | None] = field(default_factory=list)

    def get_application(self, name: str, project: str, refresh: str | None = None) -> Application:
        self.requests.append(("refresh" if refresh else "get", name))
        return self._answer(name)

    def sync(self, name: str, project: str, revision: str | None, promotion_id: str, prune: bool = True) -> Application:
        self.requests.append(("sync", name))
        self.revisions.append(revision)
        self.applications[name] = synced(
            name, promotion_id, revision or rows.COMMIT, operation_running=True, operation_phase=""
        )
        return self._answer(name)

    def terminate(self, name: str, project: str) -> None:
        self.requests.append(("terminate", name))

    def resource_tree(self, name: str, project: str, *, only_if_quiet: bool = False) -> Tree:
        self.requests.append(("tree", name))
        return Tree()

    def _answer(self, name: str) -> Application:
        answer = self.applications[name]
        if isinstance(answer, Exception):
            raise answer
        assert isinstance(answer, Application)
        return answer


@dataclass
class FakeGit:
    """The deploy repository: `tips` by ref, `messages` by commit, paths that differ between any two commits."""

    tips: dict[str, str] = field(default_factory=dict)
    messages: dict[str, str] = field(default_factory=dict)
    changed: dict[str, tuple[str, ...]] = field(default_factory=dict)
    ancestors: set[tuple[str, str]] = field(default_factory=set)

    def fetch(self) -> None:
        """Nothing to bring."""

    def tip(self, ref: str) -> str | None:
        return self.tips.get(ref)

    def claim(self, ref: str) -> str | None:
        return self.tips.get(ref)

    def message(self, commit: str) -> str:
        return self.messages.get(commit, "")

    def is_ancestor(self, commit: str, of: str) -> bool:
        return (commit, of) in self.ancestors

    def changed_paths(self, old: str, new: str, prefix: str = "") -> tuple[str, ...]:
        return self.changed.get(prefix, ())

    def reserve(self, claim: str, commit: str) -> Any:
        from controlpanel.clients.git import Claimed, Pushed

        if claim in self.tips:
            return Claimed(self.tips[claim])
        self.tips[claim] = commit
        return Pushed(commit)


def synced(name: str, marker: str, commit: str = rows.COMMIT, **fields: Any) -> Application:
    """An Application whose operation with this marker succeeded at the commit, compared again since, and healthy."""
    values: dict[str, Any] = {
        "name": name, "project": "hub", "resource_version": 1000, "sync_status": "Synced", "revision": commit, "health_status": "Healthy",
        "operation_phase": "Succeeded", "operation_marker": marker, "operation_revision": commit, "sync_result_revision": commit,
        "operation_started_at": STARTED, "operation_finished_at": FINISHED, "reconciled_at": COMPARED, "compared_to_spec": True,
    }  # fmt: skip
    return Application(**{**values, **fields})


@pytest.fixture
def argocd(monkeypatch: pytest.MonkeyPatch) -> FakeArgoCD:
    fake = FakeArgoCD()
    monkeypatch.setattr(connections, "argocd_for", lambda environment: fake)
    return fake


@pytest.fixture
def git(monkeypatch: pytest.MonkeyPatch) -> FakeGit:
    fake = FakeGit()
    monkeypatch.setattr(connections, "deploy_repository", lambda: fake)
    return fake


@pytest.fixture
def staging(db: None) -> Environment:
    return rows.platform()[0]


@pytest.fixture
def elif_(db: None) -> User:
    return rows.person("elif", Role.OPERATOR)


@pytest.fixture
def promoted(staging: Environment, elif_: User) -> Callable[[], Promotion]:
    """Makes a promotion to staging that waits in the queue, of a new release each time."""

    def make() -> Promotion:
        release: Release = rows.release(f"2026.11.{Release.objects.count() + 1}")
        return rows.promotion(release, staging, by=elif_)

    return make
