"""Recorded scenarios of one Application's rollout: every exchange, and the order of states that stream and poll saw."""

from __future__ import annotations

import pytest

from tests.sandbox.conftest import Argo, DeployRepository, Running, config_map
from tests.sandbox.replay import Watch
from tests.sandbox.scenarios import IMAGE, Stage, backend, hooked, workload


@pytest.fixture
def stage(running: Running, admin: Argo, repository: DeployRepository) -> Stage:
    return Stage(running, admin, repository)


def test_sync_success(stage: Stage) -> None:
    replay = stage.replay("sync-success")
    replay.commit("816098d", stage.repository.commit("backend v1", *backend("v1", "info")))
    with Watch(stage.deployer, stage.running, projects="hub") as watch:
        replay.steps(0, 1)
        replay.slowly(2)
        replay.steps(3)
        replay.slowly(4, 5)
        replay.steps(*range(6, 12))
        replay.commit("0fa5c6e", stage.repository.commit("backend v2", *backend("v2", "debug")))
        replay.slowly(12)
        replay.steps(14, 15)
        replay.slowly(16)
        replay.steps(17)
        replay.slowly(18)
        replay.steps(*range(19, 26))
    replay.same_order(26, watch, "backend-staging")


def test_rollout_degraded(stage: Stage) -> None:
    replay = stage.replay("rollout-degraded")
    objects = [config_map("backend-config", LOG_LEVEL="info"), workload("backend", f"{IMAGE}:does-not-exist", 15)]
    replay.commit("22159dc", stage.repository.commit("broken", *objects, path="broken"))
    with Watch(stage.deployer, stage.running, name="broken", project="hub") as watch:
        replay.slowly(0, 1)
        replay.steps(2, 3, 4)
    replay.same_order(5, watch, "broken")


def test_manifest_errors(stage: Stage) -> None:
    replay = stage.replay("manifest-errors")
    wrong = workload("backend", f"{IMAGE}:v1")
    wrong["spec"]["replicas"] = "two"
    replay.commit("d7bc9ee", stage.repository.commit("wrong type", wrong, path="badmanifest"))
    replay.slowly(0, 1)
    replay.step(2)
    replay.commit("b00a91f", stage.repository.commit("unreadable", text="a: [b\n", path="badmanifest"))
    replay.slowly(3)
    replay.steps(4, 5)


def test_hooks_and_waves(stage: Stage) -> None:
    replay = stage.replay("hooks-and-waves")
    replay.commit("87ec548", stage.repository.commit("hooks", *hooked("v1"), path="hooks"))
    with Watch(stage.deployer, stage.running, name="hooks", project="hub") as watch:
        replay.slowly(0, 1)
        replay.step(2)
        replay.commit(
            "8a035d1", stage.repository.commit("a hook that cannot start", *hooked("does-not-exist"), path="hooks")
        )
        replay.slowly(3)
        replay.step(4)
        replay.slowly(5, 6)
    replay.same_order(7, watch, "hooks")


def test_auto_sync(stage: Stage) -> None:
    replay = stage.replay("auto-sync")
    first, second = (config_map("backend-config", LOG_LEVEL=level) for level in ("info", "debug"))
    replay.commit("f16d586", stage.repository.commit("auto", first, path="auto"))
    with Watch(stage.deployer, stage.running, name="auto", project="hub") as watch:
        replay.slowly(0, 1)
        replay.steps(2, 3)
        replay.commit("6d02c3c", stage.repository.commit("auto", second, path="auto"))
        replay.slowly(4)
        replay.steps(5)
    replay.same_order(6, watch, "auto")
