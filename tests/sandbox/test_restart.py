"""What survives a restart, and what goes on after it."""

from __future__ import annotations

import os
import signal
import subprocess
import sys
from pathlib import Path

from tests.sandbox.conftest import PROJECT, Argo, DeployRepository, Running, config_map, deployment, manifest, settled

NAME = "backend-staging"
LOGIN = {"username": "admin", "password": "a-good-password"}


def signed_in(server: Running) -> Argo:
    return Argo(server.url, Argo(server.url).post("/api/v1/session", LOGIN).json()["token"])


def close_clients() -> None:
    while Argo.opened:
        Argo.opened.pop().close()


def test_a_restart_keeps_projects_tokens_applications_and_finishes_what_ran(
    tmp_path: Path, repository: DeployRepository
) -> None:
    first = Running(tmp_path / "state", speed=1).start()
    admin = signed_in(first)
    admin.post("/api/v1/projects", {"project": PROJECT})
    token = admin.post("/api/v1/projects/hub/roles/deployer/token", {"expiresIn": 3600}).json()["token"]
    admin.post("/api/v1/applications", manifest(NAME, repository))
    before = admin.sync(NAME, infos=[{"name": "promotion", "value": "p1"}]).json()
    first.stop()

    second = Running(tmp_path / "state").start()
    deployer = Argo(second.url, token)
    found = deployer.wait(NAME, settled)
    assert found["metadata"]["uid"] == before["metadata"]["uid"]
    assert int(found["metadata"]["resourceVersion"]) > int(before["metadata"]["resourceVersion"])
    assert found["status"]["operationState"]["operation"]["info"] == [{"name": "promotion", "value": "p1"}]
    log = deployer.get("/sandbox/operations").json()["items"]
    assert [(item["application"], item["infos"][0]["value"]) for item in log] == [(NAME, "p1")]
    second.stop()
    close_clients()


def test_pods_stay_and_a_rollout_goes_on_after_a_restart(tmp_path: Path, repository: DeployRepository) -> None:
    first = Running(tmp_path / "state").start()
    admin = signed_in(first)
    admin.post("/api/v1/applications", manifest(NAME, repository, project="default"))
    admin.sync(NAME)
    admin.wait(NAME, settled)
    admin.send("PUT", "/sandbox/settings", {"speed": 1})
    commit = repository.commit("v2", config_map("backend-config"), deployment("backend", "example.test/backend:v2"))
    admin.sync(NAME, commit)
    admin.wait(NAME, lambda item: "operation" not in item and item["status"]["health"]["status"] == "Progressing")
    first.stop()

    second = Running(tmp_path / "state").start()
    admin = signed_in(second)
    found = admin.wait(NAME, lambda item: settled(item) and item["status"]["sync"]["revision"] == commit)
    assert len(found["status"]["history"]) == 2
    second.stop()
    close_clients()


def test_the_server_says_that_it_is_ready_and_stops_on_sigterm_with_a_stream_open(
    tmp_path: Path, repository: DeployRepository
) -> None:
    password = tmp_path / "password"
    command = [sys.executable, "-m", "sandbox", "--port", "0", "--state", str(tmp_path / "state"), "--speed", "50",
               "--admin-password-file", str(password)]  # fmt: skip
    environment = {**os.environ, "PYTHONUNBUFFERED": "1"}
    with subprocess.Popen(command, stdout=subprocess.PIPE, stderr=subprocess.PIPE, text=True, env=environment) as child:
        assert child.stdout is not None
        ready = child.stdout.readline()
        assert ready.startswith("sandbox ready url=http://127.0.0.1:")
        url = ready.split("url=")[1].split(" ")[0]
        login = {"username": "admin", "password": password.read_text().strip()}
        answer = Argo(url).post("/api/v1/session", login)
        assert answer.status_code == 200
        assert password.stat().st_mode & 0o077 == 0
        admin = Argo(url, answer.json()["token"])
        admin.post("/api/v1/applications", manifest("open", repository, project="default"))
        with admin.http.stream("GET", "/api/v1/stream/applications") as stream:
            assert next(stream.iter_lines())
            child.send_signal(signal.SIGTERM)
            assert child.wait(10) == 0
    close_clients()
