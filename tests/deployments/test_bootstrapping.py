"""Bootstrap where Argo CD's server is behind itself, or where the token may not write projects."""

from __future__ import annotations

import contextlib
import json
import subprocess
from collections.abc import Iterator
from datetime import UTC, datetime
from pathlib import Path
from typing import Any

import httpx
import pytest

from controlpanel.catalog import argo
from controlpanel.clients.argocd import ArgoCD
from controlpanel.clients.errors import GitRejected, Invalid, PermissionRefused
from controlpanel.clients.git import GitRepository, create_local_repository
from deployments.services import bootstrapping

PROJECT: dict[str, Any] = {
    "metadata": {"name": "hub"},
    "spec": {
        "description": "Hub",
        "sourceRepos": ["https://git.example.com/deploy.git"],
        "destinations": [{"server": "https://kubernetes.default.svc", "namespace": "hub-staging"}],
        "clusterResourceWhitelist": [{"group": "", "kind": "Namespace"}],
        "roles": [],
    },
}
MANIFEST = {"metadata": {"name": "backend-staging"}, "spec": {"project": "hub"}}
NOT_YET = 'app is not allowed in project "hub", or the project does not exist'
STALE = (
    "application spec for backend-staging is invalid: InvalidSpecError: application destination server 'x' and "
    "namespace 'y' do not match any of the allowed destinations in project 'hub'"
)


def refusal(status: int, code: int, message: str) -> httpx.Response:
    return httpx.Response(status, json={"error": message, "code": code, "message": message})


def server(*answers: httpx.Response) -> ArgoCD:
    """Gives these answers, one after the other."""
    left: Iterator[httpx.Response] = iter(answers)
    return ArgoCD("https://argocd.example.com", "a.b.c", transport=httpx.MockTransport(lambda _: next(left)))


@pytest.mark.parametrize("said", [NOT_YET, STALE])
def test_a_project_that_was_just_written_is_not_known_everywhere_at_once(
    said: str, monkeypatch: pytest.MonkeyPatch
) -> None:
    monkeypatch.setattr(bootstrapping, "PAUSE_SECONDS", 0.001)
    argocd = server(refusal(400, 3, said), refusal(400, 3, said), httpx.Response(200, json=MANIFEST))
    assert bootstrapping._create(argocd, "backend-staging", MANIFEST) == "Application backend-staging: created."


def test_what_the_project_never_allows_is_said_in_the_end(monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setattr(bootstrapping, "PAUSE_SECONDS", 0.001)
    monkeypatch.setattr(bootstrapping, "PATIENCE_SECONDS", 0.003)
    with pytest.raises(Invalid, match="or the project does not exist"):
        bootstrapping._create(server(*[refusal(400, 3, NOT_YET)] * 4), "backend-staging", MANIFEST)


@pytest.mark.parametrize(
    ("hides", "said"),
    [
        ("", ""),
        ("transfer.hideRefs", "refused the push"),
        ("uploadpack.hideRefs", "does not show them"),
    ],
)
def test_a_git_server_must_take_and_show_the_refs_of_promotions(hides: str, said: str, tmp_path: Path) -> None:
    create_local_repository(tmp_path / "deploy.git")
    repository = GitRepository(str(tmp_path / "deploy.git"), tmp_path / "cache")
    repository.bootstrap_default_branch({"a": b"a"}, "Begin", datetime.now(UTC), bootstrapping.AUTHOR)
    if hides:
        subprocess.run(["git", "-C", str(tmp_path / "deploy.git"), "config", hides, "refs/panel"], check=True)
    for _ in range(2):
        with pytest.raises(GitRejected, match=said) if hides else contextlib.nullcontext():
            bootstrapping._require_claims(repository)


def project(**changes: Any) -> dict[str, Any]:
    return {"metadata": PROJECT["metadata"], "spec": {**PROJECT["spec"], **changes}}


GENEROUS = {
    "sourceRepos": ["*"],
    "destinations": [{"server": "*", "namespace": "hub-*"}],
    "clusterResourceWhitelist": [{"group": "*", "kind": "*"}],
}


@pytest.mark.parametrize(
    ("missing", "is_enough"),
    [
        ({}, True),
        ({"sourceRepos": ["https://git.example.com/other.git"]}, False),
        ({"destinations": [{"server": "*", "namespace": "elsewhere"}]}, False),
        ({"destinations": [{"name": "in-cluster", "namespace": "*"}]}, False),
        ({"clusterResourceWhitelist": None}, False),
    ],
)
def test_a_project_that_the_token_may_not_change_is_enough_where_it_permits_all(
    missing: dict[str, Any], is_enough: bool
) -> None:
    existing = project(**(GENEROUS | missing))
    argocd = server(httpx.Response(200, json=existing), refusal(403, 7, "permission denied: projects, create, hub"))
    if is_enough:
        assert "left as it is" in bootstrapping._project(argocd, PROJECT)
    else:
        with pytest.raises(PermissionRefused, match=r"p, <account>, projects, \*, hub, allow"):
            bootstrapping._project(argocd, PROJECT)


WANTED: dict[str, Any] = {
    "metadata": {"name": "backend-staging", "labels": dict(argo.MANAGED_BY), "finalizers": ["resources-finalizer.argocd.argoproj.io"]},
    "spec": {"project": "hub", "source": {"repoURL": "x", "path": "backend", "directory": {"recurse": True}}},
}  # fmt: skip


@pytest.mark.parametrize(
    ("metadata", "spec", "said"),
    [
        ({"annotations": {"argocd.argoproj.io/hydrate": "normal"}, "labels": {**argo.MANAGED_BY, "team": "hub"}}, {}, "up to date"),
        ({"finalizers": []}, {}, "updated"),
        ({}, {"revisionHistoryLimit": 3}, "updated"),
    ],
)  # fmt: skip
def test_an_application_is_written_only_where_it_differs(
    metadata: dict[str, Any], spec: dict[str, Any], said: str
) -> None:
    there = {"metadata": {**WANTED["metadata"], **metadata}, "spec": {**WANTED["spec"], **spec}}
    answers = [httpx.Response(200, json=there)] + [httpx.Response(200, json=WANTED)] * (said == "updated")
    assert bootstrapping._application(server(*answers), WANTED) == f"Application backend-staging: {said}."


def test_a_project_that_may_not_be_read_is_not_written_over() -> None:
    difference = 'existing project spec is different; use upsert flag to force update; difference in keys "roles"'
    argocd = server(refusal(403, 7, "permission denied"), refusal(400, 3, difference))
    with pytest.raises(PermissionRefused, match="exists, and the token may not read it") as refused:
        bootstrapping._project(argocd, PROJECT)
    assert "projects, get, hub" in refused.value.remedy


def test_automated_sync_that_an_operator_switched_on_stays_on() -> None:
    wanted = {
        "metadata": {"name": "backend-staging", "labels": dict(argo.MANAGED_BY), "finalizers": []},
        "spec": {"project": "hub", "syncPolicy": {"syncOptions": ["PruneLast=true"]}},
    }
    automated = {"syncOptions": ["PruneLast=true"], "automated": {"prune": True, "selfHeal": True}}
    there = {**wanted, "spec": {"project": "hub", "syncPolicy": automated}}
    assert bootstrapping._application(server(httpx.Response(200, json=there)), wanted).endswith("up to date.")

    written: list[Any] = []

    def answer(request: httpx.Request) -> httpx.Response:
        if request.method == "POST":
            written.append(json.loads(request.content))
        older = {**there, "spec": {**there["spec"], "syncPolicy": {"automated": automated["automated"]}}}
        return httpx.Response(200, json=older)

    argocd = ArgoCD("https://argocd.example.com", "a.b.c", transport=httpx.MockTransport(answer))
    assert bootstrapping._application(argocd, wanted) == "Application backend-staging: updated."
    assert written[0]["spec"]["syncPolicy"] == automated
