"""What a worker finds when two environments are compared; releases go the same way through `render_release`."""

from __future__ import annotations

from dataclasses import dataclass, field
from typing import Any

import pytest

from controlpanel.catalog import connections
from controlpanel.catalog.models import Variable
from controlpanel.core.errors import AbsentError
from deployments.services import comparing
from deployments.services.comparing import compare
from tests import fixtures_deployments as make

DEPLOYMENT = (
    b"apiVersion: apps/v1\nkind: Deployment\nmetadata:\n  name: backend\n  namespace: hub-%s\nspec:\n  replicas: %d\n"
)
SERVICE = b"apiVersion: v1\nkind: Service\nmetadata:\n  name: backend\n  namespace: hub-%s\n"
SECRET = b"apiVersion: v1\nkind: Secret\nmetadata:\n  name: keys\n  namespace: hub-%s\ndata:\n  KEY: %s\n"
SETTINGS = b"apiVersion: v1\nkind: ConfigMap\nmetadata:\n  name: settings\n  namespace: hub-%s\ndata:\n  HOST: hub-%s.example\n"


@dataclass
class Repository:
    """A deploy repository with these files on each branch."""

    branches: dict[str, dict[str, bytes]]
    fetched: list[bool] = field(default_factory=list)

    def fetch(self) -> None:
        self.fetched.append(True)

    def tip(self, branch: str) -> str | None:
        return branch if branch in self.branches else None

    def files(self, tip: str, component: str) -> dict[str, bytes]:
        return {path: content for path, content in self.branches[tip].items() if path.startswith(f"{component}/")}


def branch(place: bytes, replicas: int, secret: bytes) -> dict[str, bytes]:
    root = f"backend/hub-{place.decode()}"
    return {
        f"{root}/Deployment-backend.yaml": DEPLOYMENT % (place, replicas), f"{root}/Service-backend.yaml": SERVICE % place,
        f"{root}/Secret-keys.yaml": SECRET % (place, secret), f"{root}/ConfigMap-settings.yaml": SETTINGS % (place, place),
        f"ai/hub-{place.decode()}/Service-{'ai' if place == b'staging' else 'other'}.yaml": SERVICE % place,
    }  # fmt: skip


@pytest.fixture
def repository(db: None, monkeypatch: pytest.MonkeyPatch) -> Repository:
    make.platform()
    Variable.objects.create(key="HOST", scope="environment")
    Variable.objects.create(key="NOWHERE", scope="environment")
    held = Repository(
        {"env/staging": branch(b"staging", 1, b"b25l"), "env/production": branch(b"production", 6, b"dHdv")}
    )
    monkeypatch.setattr(connections, "deploy_repository", lambda: held)
    return held


def told(**parameters: str) -> dict[str, Any]:
    return compare("", {"from": "staging", "to": "production", "environment": "", **parameters})


def test_environments_differ_in_what_differs_and_not_in_their_namespaces(repository: Repository) -> None:
    found = told()
    assert [(one["kind"], one["name"], one["change"]) for one in found["changes"]] == [
        ("Service", "ai", "removed"), ("Service", "other", "new"), ("ConfigMap", "settings", "changed"), ("Deployment", "backend", "changed"),
        ("Secret", "keys", "changed"),
    ]  # fmt: skip
    assert found["namespaces"] == [("hub-staging", "hub-production")]
    assert found["counts"] == {"backend": {"changed": 3, "unchanged": 1}, "ai": {"removed": 1, "new": 1}}
    diff = next(one["diff"] for one in found["changes"] if one["kind"] == "Deployment")
    assert "-  replicas: 1" in diff
    assert "+  replicas: 6" in diff
    assert "namespace" not in "".join(line for line in diff.splitlines() if line[:1] in "+-")


def test_a_name_that_only_looks_like_the_namespace_stays_a_difference(repository: Repository) -> None:
    diff = next(one["diff"] for one in told()["changes"] if one["kind"] == "ConfigMap")
    assert "-  HOST: hub-staging.example" in diff


def test_values_of_secrets_are_not_in_the_answer(repository: Repository) -> None:
    found = told()
    assert "b25l" not in str(found)
    assert "dHdv" not in str(found)
    assert "(hidden, before)" in next(one["diff"] for one in found["changes"] if one["kind"] == "Secret")


def test_required_variables_stand_side_by_side(repository: Repository) -> None:
    del repository.branches["env/production"]["backend/hub-production/ConfigMap-settings.yaml"]
    assert told()["variables"] == [
        {"key": "HOST", "before": "set", "after": "missing"},
        {"key": "NOWHERE", "before": "missing", "after": "missing"},
    ]


def test_an_environment_without_a_branch_holds_nothing(repository: Repository) -> None:
    del repository.branches["env/production"]
    assert {one["change"] for one in told()["changes"]} == {"removed"}


def test_only_so_many_diffs_are_kept(repository: Repository, monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setattr(comparing, "MOST", 2)
    found = told()
    assert (len(found["changes"]), found["left_out"]) == (2, 3)


@pytest.mark.parametrize(
    "parameters", [{"to": "nowhere"}, {"to": "1", "environment": "staging"}, {"environment": "nowhere"}]
)
def test_what_is_gone_meanwhile_is_said(repository: Repository, parameters: dict[str, str]) -> None:
    with pytest.raises(AbsentError):
        told(**parameters)
