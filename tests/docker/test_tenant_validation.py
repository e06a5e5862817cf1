"""`script/tenant-validation TENANT` says of a running hub whether it serves a tenant, whole and alone."""

from __future__ import annotations

import os
import subprocess
from collections.abc import Callable
from pathlib import Path

import httpx
import pytest
import yaml

from script.development import local_environment, tenant_validation
from script.development.tenant_validation import Validation, outcomes
from tests.docker.hub import OTHER, TENANT, Hub
from tests.world import ROOT


def run(hub: Hub, *arguments: str, **variables: str) -> subprocess.CompletedProcess[str]:
    environment = {**os.environ, "HUB_URL": hub.backend, "REDIS_URL": hub.redis_url, **hub.keys(TENANT), **variables}
    command = ["script/tenant-validation", *arguments]
    return subprocess.run(command, cwd=ROOT, env=environment, capture_output=True, text=True)


def test_a_tenant_that_is_served_passes_every_check(hub: Hub) -> None:
    done = run(hub, TENANT, "--other", OTHER)

    assert done.returncode == 0, done.stdout + done.stderr
    assert [line.split()[:2] for line in done.stdout.splitlines()] == [
        ["ok", name] for name in ("keys", "health", "accepted", "kept", "unseen", "untouched")
    ]
    for key in local_environment.OF_TENANT:
        assert hub.keys(TENANT)[key] not in done.stdout + done.stderr


def test_a_tenant_that_nobody_knows_fails(hub: Hub) -> None:
    done = run(hub, "nobody")

    assert done.returncode == 1
    assert "FAIL health     /api/health answers 404" in done.stdout
    assert "FAIL kept       The hub took no event" in done.stdout


def failed(hub: Hub, changes: dict[str, str], transport: httpx.BaseTransport | None = None) -> dict[str, str]:
    """The checks that fail, and what they say, where keys are changed or the hub is disturbed."""
    with httpx.Client(base_url=hub.backend, transport=transport) as client:
        validation = Validation(TENANT, OTHER, client, hub.streams, hub.keys(TENANT) | changes)
        return {name: said for name, holds, said in outcomes(validation) if not holds}


@pytest.mark.parametrize("key", tenant_validation.SHAPES)
def test_each_missing_or_misshapen_key_is_named_and_no_value_shown(hub: Hub, key: str) -> None:
    assert key in failed(hub, {key: ""})["keys"]
    said = failed(hub, {key: "not it"})["keys"]
    assert key in said
    assert "not it" not in said


class Disturbed(httpx.BaseTransport):
    """A hub that does something wrong: `change` gets each request and its answer, and returns what is answered."""

    def __init__(
        self, change: Callable[[httpx.Request, Callable[[httpx.Request], httpx.Response]], httpx.Response]
    ) -> None:
        self.change = change
        self.inner = httpx.HTTPTransport()

    def close(self) -> None:
        self.inner.close()

    def handle_request(self, request: httpx.Request) -> httpx.Response:
        return self.change(request, self.inner.handle_request)


Send = Callable[[httpx.Request], httpx.Response]


def loses_events(request: httpx.Request, send: Send) -> httpx.Response:
    return httpx.Response(202, json={"status": "accepted"}) if request.method == "POST" else send(request)


def believes_the_body(request: httpx.Request, send: Send) -> httpx.Response:
    """Under whatever header, an event lands where its body says."""
    request.headers["X-Tenant"] = TENANT if request.method == "POST" else request.headers["X-Tenant"]
    return send(request)


def forgets_the_header(request: httpx.Request, send: Send) -> httpx.Response:
    request.headers["X-Tenant"] = TENANT
    return send(request)


def is_down(request: httpx.Request, send: Send) -> httpx.Response:
    raise httpx.ConnectError("refused")


@pytest.mark.parametrize(
    ("disturbance", "found"),
    [
        (loses_events, {"kept", "untouched"}),
        (believes_the_body, {"untouched"}),
        (forgets_the_header, {"unseen", "untouched"}),
        (is_down, {"health", "accepted", "kept", "unseen", "untouched"}),
    ],
)
def test_what_a_hub_does_wrong_is_found(
    hub: Hub, monkeypatch: pytest.MonkeyPatch, disturbance: Callable[..., httpx.Response], found: set[str]
) -> None:
    monkeypatch.setattr(tenant_validation, "PATIENCE_SECONDS", 0.2)

    assert failed(hub, {}, Disturbed(disturbance)).keys() == found


def test_the_local_environment_is_made_once_and_kept(tmp_path: Path) -> None:
    (tmp_path / "docker").mkdir()
    (tmp_path / local_environment.EXAMPLE).write_text((ROOT / local_environment.EXAMPLE).read_text())
    local_environment.write(tmp_path, TENANT)
    file = tmp_path / local_environment.FILE
    first = file.read_text()
    local_environment.write(tmp_path, TENANT)

    assert file.read_text() == first
    assert file.stat().st_mode & 0o077 == 0
    known = tenant_validation.variables(tmp_path, TENANT, {})
    assert all(shape.fullmatch(known[key]) for key, shape in tenant_validation.SHAPES.items())
    assert known["REDIS_URL"] == f"redis://:{known['REDIS_PASSWORD']}@127.0.0.1:6379"
    neighbours = tenant_validation.variables(tmp_path, local_environment.NEIGHBOUR, {})
    assert neighbours["DOKTOR365_SECRET"] != known["DOKTOR365_SECRET"]


def test_the_example_holds_every_required_variable_and_no_secret() -> None:
    example = local_environment.read((ROOT / local_environment.EXAMPLE).read_text())
    catalog = yaml.safe_load((ROOT / "platform.yaml").read_text())["variables"]
    assert catalog.keys() <= example.keys()
    assert all(not example[name] for name in (*local_environment.SECRETS, "DATABASE_URL"))
