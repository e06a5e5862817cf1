"""The command line: `python -m sandbox --port …` serves, `… token …` prints an account's token,
`… kubeconfig …` a kubeconfig."""

from __future__ import annotations

import argparse
import logging
import os
import signal
import socket
import sys
from pathlib import Path
from types import FrameType
from typing import NoReturn

import uvicorn

from sandbox.app import create_app
from sandbox.clock import Clock
from sandbox.kubernetes_routes import kubeconfig
from sandbox.store import Store
from sandbox.tokens import Tokens
from sandbox.world import Settings

GRACE_SECONDS = 3


class Server(uvicorn.Server):
    """Ends open streams as soon as it is told to stop; they would hold it up otherwise."""

    def handle_exit(self, sig: int, frame: FrameType | None) -> None:
        app = self.config.app
        app.state.world.hub.close()  # type: ignore[union-attr]
        super().handle_exit(sig, frame)


def _arguments() -> argparse.ArgumentParser:
    parser = argparse.ArgumentParser(
        prog="python -m sandbox", description="An Argo CD, a Kubernetes and hubs for a laptop."
    )
    parser.add_argument("--host", default="127.0.0.1")
    parser.add_argument("--port", type=int, default=8080)
    parser.add_argument("--state", type=Path, required=True, help="directory that keeps everything")
    parser.add_argument("--repository-cache", type=Path, help="copies of Git repositories (default: below the state)")
    parser.add_argument("--speed", type=float, default=1.0, help="how many times faster than real time")
    parser.add_argument("--hub", action="append", default=[], metavar="NAME=VARIABLE", type=_hub,
                        help="play the hub of an environment (repeat it)")  # fmt: skip
    parser.add_argument("--admin-password-file", type=Path, help="holds admin's password; written if it is not there")
    return parser


def _hub(text: str) -> tuple[str, str]:
    """Name and address; the address may hold a password, which a command line would show to everybody."""
    name, _, variable = text.partition("=")
    if not name.replace("-", "").isalnum() or not os.environ.get(variable):
        raise argparse.ArgumentTypeError(
            "a hub is given as NAME=VARIABLE, the variable holding the address of its Redis"
        )
    return name, os.environ[variable]


def _token_arguments() -> argparse.ArgumentParser:
    parser = argparse.ArgumentParser(prog="python -m sandbox token", description="Print a token of an account.")
    parser.add_argument("--state", type=Path, required=True)
    parser.add_argument("--account", default="panel", help="created if it is not there")
    parser.add_argument("--expires-in", type=int, default=0, help="seconds; 0 is never")
    parser.add_argument("--policy", action="append", default=[], metavar="RESOURCE,ACTION,OBJECT",
                        help="what the account may do (repeat it); everything unless given")  # fmt: skip
    return parser


def print_token(arguments: list[str]) -> None:
    """Create the account if need be and print a new token of it; the server may run meanwhile."""
    given = _token_arguments().parse_args(arguments)
    store = Store(given.state)
    tokens = Tokens(store, Clock())
    lines = given.policy or ["*,*,*"]
    policies = [f"p, {given.account}, {', '.join(line.split(','))}, allow" for line in lines]
    if given.policy or given.account not in store.read_all("account"):
        tokens.create_account(given.account, policies)
    print(tokens.account_token(given.account, given.expires_in))


def print_kubeconfig(arguments: list[str]) -> None:
    """Print a kubeconfig of the small Kubernetes API, with a token of an account."""
    parser = argparse.ArgumentParser(prog="python -m sandbox kubeconfig", description="Print a kubeconfig.")
    parser.add_argument("--state", type=Path, required=True)
    parser.add_argument("--url", required=True, help="where the sandbox answers, for example http://127.0.0.1:8080")
    parser.add_argument("--account", default="kubernetes", help="created if it is not there; may do nothing in Argo CD")
    given = parser.parse_args(arguments)
    store = Store(given.state)
    tokens = Tokens(store, Clock())
    if given.account not in store.read_all("account"):
        tokens.create_account(given.account, [])
    print(kubeconfig(given.url, tokens.account_token(given.account)), end="")


class OneLine(logging.Formatter):
    """Time, level, logger and message on one line, a traceback included."""

    def format(self, record: logging.LogRecord) -> str:
        return super().format(record).replace("\n", " | ")


def _log_to_stderr() -> None:
    handler = logging.StreamHandler(sys.stderr)
    handler.setFormatter(OneLine("%(asctime)s level=%(levelname)s logger=%(name)s %(message)s"))
    logging.basicConfig(level=logging.INFO, handlers=[handler])


def _leave(number: int, frame: FrameType | None) -> NoReturn:
    # uvicorn raises the signal again once it has stopped; asked to stop and stopped is no failure.
    sys.exit(0)


def serve(arguments: list[str]) -> None:
    """Serve until SIGTERM or SIGINT."""
    given = _arguments().parse_args(arguments)
    _log_to_stderr()
    cache = given.repository_cache or given.state / "repositories"
    app = create_app(Settings(given.state, cache, given.speed, given.admin_password_file, dict(given.hub)))
    for number in (signal.SIGTERM, signal.SIGINT):
        signal.signal(number, _leave)
    config = uvicorn.Config(app, log_config=None, access_log=False, timeout_graceful_shutdown=GRACE_SECONDS)
    listener = socket.create_server((given.host, given.port), reuse_port=False)
    port = listener.getsockname()[1]
    print(f"sandbox ready url=http://{given.host}:{port} state={given.state} speed={given.speed}", flush=True)
    Server(config).run(sockets=[listener])


def main() -> None:
    """Serve, or print a token or a kubeconfig."""
    signal.signal(signal.SIGPIPE, signal.SIG_DFL)
    if sys.argv[1:2] == ["token"]:
        print_token(sys.argv[2:])
    elif sys.argv[1:2] == ["kubeconfig"]:
        print_kubeconfig(sys.argv[2:])
    else:
        serve(sys.argv[1:])


if __name__ == "__main__":
    main()
