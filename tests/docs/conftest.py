"""A panel with sandbox, watch and web, in which the commands of the documents are run."""

from __future__ import annotations

import shlex
import socket
import sys
from collections.abc import Iterator, Mapping
from dataclasses import dataclass
from pathlib import Path

import httpx
import pytest

from tests.docs.documents import ROOT
from tests.platform.test_control_panel import pods, variables
from tests.world import World, running_world, until

SHIM = """#!/usr/bin/env bash
# Stands for script/manage: the environment is this world's, the command is the real one.
set -a; . {environment}; set +a
cd {root} && exec {python} manage.py "$@"
"""
OF_ANY_PROCESS = {"PATH", "HOME", "LANG", "DJANGO_SETTINGS_MODULE", "CACHE_DIRECTORY", "SSL_CERT_FILE"}


@dataclass(frozen=True)
class Desk:
    """Where a reader of the documents sits: a checkout with `script/manage`, and the panel's address."""

    directory: Path
    address: str
    world: World


@pytest.fixture(scope="module")
def desk(tmp_path_factory: pytest.TempPathFactory, committed_database: str) -> Iterator[Desk]:
    port = _free_port()
    address = f"http://127.0.0.1:{port}"
    # Who works through a document looks on for a minute: `watch` need not ask as often as where tests wait for each step.
    with running_world(
        tmp_path_factory.mktemp("world"), committed_database, PUBLIC_URL=address, CONTROL_PANEL_RECONCILE_SECONDS="0.5",
        CONTROL_PANEL_RELIST_SECONDS="5", CONTROL_PANEL_OBSERVE_SECONDS="1",
    ) as world:  # fmt: skip
        world.manage("demo")
        world.watch()
        _serve(world, port)
        checkout = world.directory / "platform"
        _furnish(checkout, world)
        yield Desk(checkout, address, world)


def of_web(environment: Mapping[str, str]) -> dict[str, str]:
    """The variables that the manifest of web gives to web, and what any process has: no key of Git or Argo CD."""
    names = variables("production", dict(pods("production"))["web"]["containers"][0]) | OF_ANY_PROCESS
    return {name: value for name, value in environment.items() if name in names or name.startswith("CONTROL_PANEL_")}


def _serve(world: World, port: int) -> None:
    options = ["--host", "127.0.0.1", "--port", str(port), "--lifespan", "off", "--log-level", "warning"]
    command = ["-m", "uvicorn", "controlpanel.asgi:application", *options, "--timeout-graceful-shutdown", "1"]
    world._spawn(*command, environment=of_web(world.environment))
    until(lambda: _is_served(f"http://127.0.0.1:{port}/healthz"), f"the panel answers\n{world.logs()}")


def _furnish(checkout: Path, world: World) -> None:
    """What `script/server` and a checkout have, so that the commands find it at the same paths."""
    environment = world.directory / "environment"
    lines = [f"{name}={shlex.quote(value)}" for name, value in world.environment.items()]
    environment.write_text("\n".join(lines) + "\n")
    shim = checkout / "script/manage"
    shim.parent.mkdir()
    values = {"environment": environment, "root": ROOT, "python": sys.executable}
    shim.write_text(SHIM.format(**{name: shlex.quote(str(value)) for name, value in values.items()}))
    shim.chmod(0o755)
    (checkout / ".run").mkdir()
    (checkout / ".run/deploy.git").symlink_to(world.deploy)


def _is_served(url: str) -> bool:
    try:
        return httpx.get(url, timeout=5.0).status_code == 200
    except httpx.HTTPError:
        return False


def _free_port() -> int:
    with socket.socket() as listening:
        listening.bind(("127.0.0.1", 0))
        return int(listening.getsockname()[1])
