"""A sandbox in a thread of its own over a real Git repository, and small words to talk to it."""

from __future__ import annotations

import json
import subprocess
import threading
import time
from collections.abc import Callable, Iterator
from pathlib import Path
from typing import Any, ClassVar

import httpx
import pytest
import uvicorn
import yaml

from sandbox.app import create_app
from sandbox.world import Settings

SPEED = 25.0
Json = dict[str, Any]


def git(directory: Path, *arguments: str) -> str:
    """Run git in a directory; its output."""
    identity = ["-c", "user.name=ci", "-c", "user.email=ci@example.test", "-c", "init.defaultBranch=main"]
    command = ["git", "-C", str(directory), *identity, *arguments]
    return subprocess.run(command, check=True, capture_output=True, text=True).stdout.strip()


def deployment(name: str, image: str, replicas: int = 2, deadline: int = 600) -> Json:
    """A Deployment of one container."""
    labels = {"app.kubernetes.io/name": name}
    container = {"name": name, "image": image, "ports": [{"containerPort": 4000, "name": "http"}]}
    template = {"metadata": {"labels": labels}, "spec": {"containers": [container]}}
    spec = {
        "replicas": replicas,
        "progressDeadlineSeconds": deadline,
        "selector": {"matchLabels": labels},
        "template": template,
    }
    return {"apiVersion": "apps/v1", "kind": "Deployment", "metadata": {"name": name, "labels": labels}, "spec": spec}


def config_map(name: str, **data: str) -> Json:
    """A ConfigMap."""
    return {"apiVersion": "v1", "kind": "ConfigMap", "metadata": {"name": name}, "data": data}


class DeployRepository:
    """A Git repository whose commits hold manifests."""

    def __init__(self, directory: Path) -> None:
        self.directory = directory
        directory.mkdir()
        git(directory, "init", "--quiet")

    @property
    def url(self) -> str:
        return str(self.directory)

    def commit(self, message: str, *objects: Json, path: str = "backend", text: str | None = None) -> str:
        """Replace what is below `path` by these objects (or this text); the commit."""
        folder = self.directory / path
        folder.mkdir(parents=True, exist_ok=True)
        for old in folder.iterdir():
            old.unlink()
        for item in objects:
            (folder / f"{item['kind']}-{item['metadata']['name']}.yaml").write_text(yaml.safe_dump(item))
        if text is not None:
            (folder / "broken.yaml").write_text(text)
        git(self.directory, "add", "--all")
        git(self.directory, "commit", "--quiet", "--allow-empty", "--message", message)
        return git(self.directory, "rev-parse", "HEAD")


class Running:
    """A server in a thread, stopped as SIGTERM would."""

    def __init__(self, state: Path, speed: float = SPEED, heartbeat: float = 15.0) -> None:
        self.state = state
        password = state.parent / "admin-password"
        password.write_text("a-good-password\n")
        settings = Settings(state, state.parent / "repositories", speed, password)
        self.app = create_app(settings, heartbeat)
        config = uvicorn.Config(
            self.app, port=0, log_config=None, access_log=False, timeout_graceful_shutdown=3, ws="none"
        )
        self.server = uvicorn.Server(config)
        self.thread = threading.Thread(target=self.server.run, daemon=True)

    def start(self) -> Running:
        self.thread.start()
        deadline = time.monotonic() + 10
        while not self.server.started:
            assert time.monotonic() < deadline, "the sandbox does not start"
            time.sleep(0.01)
        return self

    def stop(self) -> None:
        self.app.state.world.hub.close()
        self.server.should_exit = True
        self.thread.join(10)
        assert not self.thread.is_alive(), "the sandbox does not stop"

    @property
    def url(self) -> str:
        port = self.server.servers[0].sockets[0].getsockname()[1]
        return f"http://127.0.0.1:{port}"


class Argo:
    """A client with a token, and what the tests say often."""

    opened: ClassVar[list[httpx.Client]] = []

    def __init__(self, url: str, token: str | None = None) -> None:
        headers = {"Authorization": f"Bearer {token}"} if token else {}
        self.http = httpx.Client(base_url=url, headers=headers, timeout=20)
        self.opened.append(self.http)

    def get(self, path: str, **params: Any) -> httpx.Response:
        return self.http.get(path, params=params)

    def send(self, method: str, path: str, body: Json | None = None, **params: Any) -> httpx.Response:
        headers = {"Content-Type": "application/json"}
        content = json.dumps(body) if body is not None else None
        return self.http.request(method, path, content=content, params=params, headers=headers)

    def post(self, path: str, body: Json | None = None, **params: Any) -> httpx.Response:
        return self.send("POST", path, body, **params)

    def application(self, name: str, **params: Any) -> Json:
        answer = self.get(f"/api/v1/applications/{name}", **params)
        assert answer.status_code == 200, answer.text
        return dict(answer.json())

    def sync(self, name: str, revision: str | None = None, **body: Any) -> httpx.Response:
        whole = {**({"revision": revision} if revision else {}), **body}
        return self.post(f"/api/v1/applications/{name}/sync", whole)

    def wait(self, name: str, ready: Callable[[Json], bool], seconds: float = 15.0) -> Json:
        """Poll until the Application is as wanted."""
        deadline = time.monotonic() + seconds
        while True:
            found = self.application(name)
            if ready(found):
                return found
            assert time.monotonic() < deadline, f"never so: {json.dumps(found.get('status'))[:1500]}"
            time.sleep(0.01)


def manifest(name: str, repository: DeployRepository, **changes: Any) -> Json:
    """An Application as a client creates it; `changes` go into the spec."""
    source = {
        "repoURL": repository.url,
        "path": "backend",
        "targetRevision": "main",
        "directory": {"recurse": True},
    }
    spec = {
        "project": "hub",
        "source": source,
        "destination": {"server": "https://kubernetes.default.svc", "namespace": name},
        "syncPolicy": {"syncOptions": ["CreateNamespace=true"]},
        **changes,
    }
    labels = {"environment": "staging", "component": "backend"}
    return {"apiVersion": "argoproj.io/v1alpha1", "kind": "Application", "metadata": {"name": name, "labels": labels},
            "spec": spec}  # fmt: skip


def settled(application: Json) -> bool:
    """No operation runs and the last one was followed by a comparison that found all well."""
    status = application["status"]
    return (
        "operation" not in application
        and status.get("operationState", {}).get("phase") == "Succeeded"
        and status["sync"].get("revision") == status["operationState"]["syncResult"]["revision"]
        and status["sync"]["status"] == "Synced"
        and status["health"].get("status") == "Healthy"
    )


@pytest.fixture
def running(tmp_path: Path) -> Iterator[Running]:
    server = Running(tmp_path / "state").start()
    yield server
    server.stop()
    while Argo.opened:
        Argo.opened.pop().close()


@pytest.fixture
def repository(tmp_path: Path) -> DeployRepository:
    made = DeployRepository(tmp_path / "deploy")
    made.commit(
        "backend v1", config_map("backend-config", LOG_LEVEL="info"), deployment("backend", "example.test/backend:v1")
    )
    return made


@pytest.fixture
def anonymous(running: Running) -> Argo:
    return Argo(running.url)


@pytest.fixture
def admin(running: Running, anonymous: Argo) -> Argo:
    answer = anonymous.post("/api/v1/session", {"username": "admin", "password": "a-good-password"})
    return Argo(running.url, answer.json()["token"])


ROLE = "proj:hub:deployer"
PROJECT = {
    "metadata": {"name": "hub"},
    "spec": {
        "description": "Hub platform",
        "sourceRepos": ["*"],
        "destinations": [{"server": "https://kubernetes.default.svc", "namespace": "*"}],
        "clusterResourceWhitelist": [{"group": "", "kind": "Namespace"}],
        "roles": [
            {
                "name": "deployer",
                "policies": [
                    f"p, {ROLE}, applications, {right}, hub/*, allow"
                    for right in ("get", "create", "update", "delete", "sync", "override", "action/*")
                ]
                + [f"p, {ROLE}, logs, get, hub/*, allow"],
            }
        ],
    },
}


@pytest.fixture
def project(admin: Argo) -> Json:
    answer = admin.post("/api/v1/projects", {"project": PROJECT})
    assert answer.status_code == 200, answer.text
    return dict(answer.json())


@pytest.fixture
def deployer(running: Running, admin: Argo, project: Json) -> Argo:
    answer = admin.post("/api/v1/projects/hub/roles/deployer/token", {"expiresIn": 3600})
    return Argo(running.url, answer.json()["token"])
