"""Recorded scenarios without a rollout: tokens, projects, windows, creation and refusal. The sandbox answers as the real server."""

from __future__ import annotations

from typing import Any

import pytest

from tests.contract.transcripts import exchange
from tests.sandbox.conftest import Argo, DeployRepository, Running
from tests.sandbox.replay import Replay
from tests.sandbox.scenarios import PLATFORM, Stage, backend


@pytest.fixture
def stage(running: Running, admin: Argo, repository: DeployRepository) -> Stage:
    return Stage(running, admin, repository)


def test_auth(running: Running, anonymous: Argo) -> None:
    replay = Replay("auth", running, anonymous)
    replay.translation.add("<admin-password>", "a-good-password")
    replay.speed(100)
    replay.steps(0, 1, 2, 3, 4, 5)
    cookie = replay.step(6).headers["set-cookie"]
    assert cookie.endswith("; path=/; SameSite=lax; httpOnly")
    token = anonymous.http.cookies["argocd.token"]
    replay.step(7)  # the cookie counts
    replay.step(8, Argo(running.url, token))
    replay.steps(9, 10, 11)
    malformed = Argo(running.url, "malformed")
    malformed.http.cookies = anonymous.http.cookies
    replay.step(12, malformed)
    replay.step(13, Argo(running.url, token[:-4] + "AAAA"))
    replay.step(14)


def test_projects(running: Running, admin: Argo, repository: DeployRepository) -> None:
    replay = Replay("projects", running, admin)
    replay.repository(PLATFORM, repository)
    replay.steps(*range(8))


def test_project_token(stage: Stage) -> None:
    stage.replay("project-token").steps(*range(7))


def test_sync_windows(stage: Stage) -> None:
    made = stage.replay("sync-success")
    made.commit("816098d", stage.repository.commit("backend v1", *backend("v1", "info")))
    stage.create("sync-success")
    replay = stage.replay("sync-windows")

    def current(body: Any) -> Any:
        live = stage.admin.get("/api/v1/projects/hub").json()
        body["project"] |= {"metadata": live["metadata"], "status": live["status"]}
        body["project"]["spec"]["roles"] = live["spec"]["roles"]
        return body

    replay.step(0, stage.admin, change=current)
    replay.steps(1, 2)
    stale = current(replay.translation.request(exchange("sync-windows", 3).body))
    replay.step(3, stage.admin, change=current)
    replay.step(4, stage.admin, change=lambda body: stale)


def test_application_crud(stage: Stage) -> None:
    replay = stage.replay("application-crud", stage.admin)
    replay.commit("816098d", stage.repository.commit("backend v1", *backend("v1", "info")))
    replay.translation.add("https://git.example.test/other.git", "/nowhere/other.git")
    replay.speed(0.01)  # the recorded controller had not looked yet
    replay.steps(*range(8))
    replay.steps(*range(8, 24))
