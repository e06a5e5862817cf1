"""`script/server`: everything that the control panel needs, on this machine, until Ctrl-C.

A part whose variable names a real one (DATABASE_URL, CELERY_BROKER_URL, ARGOCD_SERVER, DEPLOY_REPO_URL, EMAIL_URL ...)
is not started here. Everything is kept in .run; a second start goes on with it.
"""

from __future__ import annotations

import argparse
import asyncio
import os
import signal
import sys
import time
from collections.abc import Awaitable
from pathlib import Path
from typing import Any

from script.development import environment, hub_faults, hubs, parts, postgres, probes, processes, stores
from script.development.environment import Credentials, Parts
from script.development.errors import CannotGoOn
from script.development.logbook import Logbook
from script.development.paths import ROOT, RUN
from script.development.rundirectory import RunDirectory
from script.development.supervisor import Supervisor

WEB_PORT = 8000
VALKEY_PORT = 16379
SANDBOX_PORT = 18080
SEEDING_SPEED = 40.0
SEEDING_TIMES = {
    "CONTROL_PANEL_SETTLE_SECONDS": "0.2",
    "CONTROL_PANEL_QUARANTINE_SECONDS": "2",
    "CONTROL_PANEL_RELIST_SECONDS": "1",  # nothing streams yet: what was read is read again soon
    "CONTROL_PANEL_OBSERVE_SECONDS": "0",
}
DATABASE = "control_panel"
PREPARATION = ("migrate", "load_platform --or-keep")
STOPPED_LAST = ("valkey", "postgres")


class Server:
    """One run of the development server."""

    def __init__(self, options: argparse.Namespace, directory: RunDirectory, logbook: Logbook) -> None:
        self.options = options
        self.directory = directory
        self.run = directory.path
        self.logbook = logbook
        self.supervisor = Supervisor(logbook)
        self.parts = Parts.missing_from(os.environ)
        self.marker = {processes.MARKER: str(self.run)}
        self.variables: dict[str, str] = {}
        self.began = time.monotonic()

    async def start(self) -> None:
        """Bring everything up. Raises `CannotGoOn` with the first thing that does not come up."""
        _check_checkout()
        port = self._web_port()
        self.credentials = Credentials.kept_in(self.run)
        self.variables = environment.general(self.run, port, self.credentials)
        await _all(self._start_postgres(), self._start_outside(), self._make_deploy_repository())
        environment.write(self.run / "environment", self.variables)
        await self._prepare()
        surrounding = {**self.marker, **self.variables}
        programs = [parts.web(port, surrounding), parts.worker(surrounding), parts.watch(surrounding)]
        if self._wants_demo():
            # The worker and watch come after the demo, whose promotions settle faster than theirs would.
            await _all(self._seed(), self.supervisor.start(programs.pop(0)))
        await _all(*map(self.supervisor.start, programs))
        self.supervisor.settled = True
        self._announce(port)

    async def stop(self) -> None:
        """End everything; the stores last, so that nobody misses them."""
        running = self.supervisor.running()
        await self.supervisor.stop([name for name in running if name not in STOPPED_LAST])
        await self.supervisor.stop([name for name in running if name in STOPPED_LAST])

    async def _start_postgres(self) -> None:
        if not self.parts.postgres:
            self.variables["DATABASE_URL"] = os.environ["DATABASE_URL"]
            return
        cluster = postgres.cluster_at(self.run / "postgres")
        if not cluster.data.is_relative_to(self.run):
            self._say(
                f"PostgreSQL runs as {postgres.ACCOUNT} and cannot enter {self.run}: its data is in {cluster.data}."
            )
        await asyncio.to_thread(postgres.initialise, cluster)
        await self.supervisor.start(parts.database(cluster, self.marker))
        await asyncio.to_thread(postgres.create_database, cluster, DATABASE)
        self.variables["DATABASE_URL"] = cluster.url(DATABASE)

    async def _start_outside(self) -> None:
        """The sandbox, and before it the Valkey that its hubs keep their keys in."""
        await self._start_valkey()
        await self._start_sandbox()

    async def _start_valkey(self) -> None:
        if not self.parts.valkey:
            self.variables["CELERY_BROKER_URL"] = os.environ["CELERY_BROKER_URL"]
            return
        port = processes.free_port(VALKEY_PORT)
        password = self.credentials.valkey_password
        await self.supervisor.start(parts.broker(self.run / "valkey", port, password, self.marker))
        self.variables["CELERY_BROKER_URL"] = f"redis://:{password}@127.0.0.1:{port}/0"

    async def _start_sandbox(self) -> None:
        if not self.parts.sandbox:
            return
        port = processes.free_port(SANDBOX_PORT)
        state = str(self.run / "sandbox")
        token = await self.supervisor.run(
            "token", [sys.executable, "-m", "sandbox", "token", "--state", state, "--account", "panel"], {}, ROOT
        )
        address = f"http://127.0.0.1:{port}"
        self.variables |= {"ARGOCD_SERVER": address, "ARGOCD_TOKEN": token.strip()}
        if self.parts.valkey:
            self.variables |= hubs.variables(address, self.variables["CELERY_BROKER_URL"])
        surrounding = {**self.marker, **self.variables}
        await self.supervisor.start(parts.sandbox(self.run, port, self.options.speed, surrounding))
        # Its cluster is quick, and so is who looks.
        self.variables["CONTROL_PANEL_OBSERVE_SECONDS"] = os.environ.get("CONTROL_PANEL_OBSERVE_SECONDS") or "15"
        # A preflight against the sandbox must not ask the cluster that this account happens to be connected to.
        self.variables["KUBECONFIG"] = ""

    async def _make_deploy_repository(self) -> None:
        if not self.parts.deploy_repository:
            return
        repository = self.run / "deploy.git"
        if not (repository / "HEAD").exists():
            command = ["git", "init", "--quiet", "--bare", "--initial-branch=main", str(repository)]
            await self.supervisor.run("git", command, {}, ROOT)
        self.variables["DEPLOY_REPO_URL"] = str(repository)

    def _wants_demo(self) -> bool:
        """The demo is made once; into a database that is not ours, again and again: it leaves alone what is there."""
        return not self.options.no_demo and not (self._story.exists() and self.parts.postgres)

    async def _seed(self) -> None:
        """Make the demo fleet; its real promotions run on a faster cluster."""
        self._say("Making the demo fleet ...")
        await self._set_speed(SEEDING_SPEED)
        # History is only made up where nothing real can be touched.
        history = ["--history", "--tenants", str(stores.TENANTS)] if self.parts.sandbox else []
        has_hub = bool(history) and self.parts.valkey and hub_faults.HUB in hubs.played()
        if history:
            await stores.fill(self.variables["ARGOCD_SERVER"])
        if has_hub:
            await hub_faults.begin(self.variables["ARGOCD_SERVER"])
        text = await self._python("demo", "manage.py", "demo", *history, **SEEDING_TIMES)
        if has_hub:
            await hub_faults.end(self.variables["ARGOCD_SERVER"])
        await self._set_speed(self.options.speed)
        environment.write_private(self._story, f"{text}\n")

    async def _set_speed(self, speed: float) -> None:
        if self.parts.sandbox:
            await probes.set_sandbox_speed(self.variables["ARGOCD_SERVER"], speed)

    async def _prepare(self) -> None:
        """Rows, catalog, and what promotions need outside; a real Argo CD may be away just now, which stops no start."""
        preparation = ("prepare", "-m", "script.development.preparation")
        if self.parts.sandbox:
            await self._python(*preparation, *PREPARATION, "bootstrap")
            return
        await self._python(*preparation, *PREPARATION)
        try:
            await self._python("bootstrap", "manage.py", "bootstrap")
        except CannotGoOn as error:
            self._say("\n".join([*error.lines, "Not bootstrapped: mend what was said, then script/manage bootstrap."]))

    async def _python(self, name: str, *arguments: str, **changes: str) -> str:
        """Run our own Python with the variables of the panel, and return what it writes to standard output."""
        surrounding = {**self.marker, **self.variables, **changes}
        return await self.supervisor.run(name, [sys.executable, *arguments], surrounding, ROOT)

    @property
    def _story(self) -> Path:
        """What the demo told when it was made."""
        return self.run / "demo.txt"

    def _web_port(self) -> int:
        wanted = self.options.port or WEB_PORT
        if processes.is_free(wanted):
            return int(wanted)
        holder = processes.holder_of(wanted)
        if self.options.port:
            raise CannotGoOn(f"Port {wanted} is used by {holder}. Stop it, or choose another with --port.")
        port = processes.free_port(wanted + 1)
        self._say(f"Port {wanted} is used by {holder}; the panel is on port {port}.")
        return port

    def _announce(self, port: int) -> None:
        address = self.variables["PUBLIC_URL"]
        self.directory.describe({"process": os.getpid(), "url": address})
        told = self._story.read_text().rstrip() if self._story.exists() else (
            "Nobody can sign in yet. Make an account: script/manage create_user NAME --role administrator"
        )  # fmt: skip
        seconds = time.monotonic() - self.began
        self._say(f"\nThe control panel is at {address} (started in {seconds:.0f} s).\n\n{told}\n")
        if self.variables["EMAIL_URL"].startswith("file://"):
            self._say(f"Mail is written to {self.variables['EMAIL_URL'].removeprefix('file://')}.")
        self._say(f"Logs: {self.logbook.directory}. Commands: script/manage help. Ctrl-C stops everything.\n")

    def _say(self, sentence: str) -> None:
        self.logbook.say(sentence)


async def serve(options: argparse.Namespace, directory: RunDirectory, logbook: Logbook) -> int:
    """Run the server until a signal, and return the exit status."""
    stop = _stop_on_signals()
    server = Server(options, directory, logbook)
    asyncio.get_running_loop().add_signal_handler(signal.SIGINT, _on_signal, stop, server.supervisor)
    starting = asyncio.create_task(server.start())
    stopping = asyncio.create_task(stop.wait())
    events: set[asyncio.Future[Any]] = {starting, stopping, server.supervisor.failed}
    try:
        await asyncio.wait(events, return_when=asyncio.FIRST_COMPLETED)
        if server.supervisor.failed.done():
            server.supervisor.failed.result()
        if starting.done():
            starting.result()
            await stopping
        return 0
    finally:
        starting.cancel()
        logbook.say("Stopping ...")
        await server.stop()
        logbook.say("Stopped; the data is kept for the next start.")


def _stop_on_signals() -> asyncio.Event:
    stop = asyncio.Event()
    for number in (signal.SIGTERM, signal.SIGHUP):
        asyncio.get_running_loop().add_signal_handler(number, stop.set)
    return stop


def _on_signal(stop: asyncio.Event, supervisor: Supervisor) -> None:
    """Ctrl-C: stop in order; the second time, at once."""
    if stop.is_set():
        supervisor.kill()
    stop.set()


async def _all(*steps: Awaitable[None]) -> None:
    """Do the steps at the same time; the first failure ends the others."""
    tasks = [asyncio.ensure_future(step) for step in steps]
    try:
        await asyncio.gather(*tasks)
    finally:
        for task in tasks:
            task.cancel()
        await asyncio.gather(*tasks, return_exceptions=True)


def _check_checkout() -> None:
    if os.environ.get("PLATFORM_REPO_URL"):
        return
    if not (ROOT / ".git").exists():
        raise CannotGoOn(
            f"{ROOT} is no Git checkout, and releases are read from one. Clone it, or set PLATFORM_REPO_URL."
        )
    if ROOT.stat().st_uid != os.geteuid():
        raise CannotGoOn(
            f"{ROOT} belongs to another account, so git refuses to read it. Run this as its owner, or: chown -R $(id -u) {ROOT}"
        )


def _options() -> argparse.Namespace:
    parser = argparse.ArgumentParser(prog="script/server", description=__doc__)
    parser.add_argument("--port", type=int, help=f"port of the pages (default: {WEB_PORT}, or the next free one)")
    parser.add_argument(
        "--speed", type=float, default=1.0, help="how much faster than real time the sandbox's cluster moves"
    )
    parser.add_argument("--no-demo", action="store_true", help="start without the demo fleet and its history")
    parser.add_argument("--reset", action="store_true", help="forget everything that was kept in .run and start anew")
    return parser.parse_args()


def _prepare(options: argparse.Namespace, directory: RunDirectory) -> list[str]:
    """Leave nothing of an earlier run in the way, and return what to say about it."""
    data = postgres.cluster_at(directory.path / "postgres").data
    said = []
    if left := directory.clean_up(data):
        said.append(f"An earlier run ended without stopping its programs; {left} of them were stopped now.")
    if options.reset:
        directory.empty(data)
        said.append("Everything that was kept is removed.")
        if os.environ.get("DATABASE_URL"):
            said.append("The database that DATABASE_URL names is left as it is.")
    return said


def main() -> int:
    """Run `script/server` and return its exit status."""
    options = _options()
    os.umask(0o077)  # what is kept in .run is nobody else's business
    try:
        directory = RunDirectory(RUN)
        said = _prepare(options, directory)
        logbook = Logbook(directory.path / "logs")
        for sentence in said:
            logbook.say(sentence)
        return asyncio.run(serve(options, directory, logbook))
    except CannotGoOn as error:
        for line in error.lines:
            print(f"    {line}", file=sys.stderr)
        print(f"script/server: {error.sentence}", file=sys.stderr)
        return 1


if __name__ == "__main__":
    sys.exit(main())
