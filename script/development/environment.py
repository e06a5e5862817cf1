"""Which parts `script/server` must bring itself, and the environment variables that its programs get.

A part is embedded only while the variable that names a real one is unset; the variables are the same everywhere.
"""

from __future__ import annotations

import json
import os
import secrets
import shlex
from collections.abc import Mapping
from dataclasses import dataclass
from pathlib import Path

from script.development.errors import CannotGoOn
from script.development.paths import ROOT

CONFIGURED = ("DATABASE_URL", "CELERY_BROKER_URL", "ARGOCD_SERVER", "DEPLOY_REPO_URL", "PLATFORM_REPO_URL", "EMAIL_URL")


@dataclass(frozen=True)
class Parts:
    """Which parts are embedded: the variables that name real ones are unset."""

    postgres: bool
    valkey: bool
    sandbox: bool
    deploy_repository: bool

    @classmethod
    def missing_from(cls, environment: Mapping[str, str]) -> Parts:
        """Read an environment. Raises `CannotGoOn` when a real Argo CD is named without what it needs."""
        unset = {name for name in CONFIGURED if not environment.get(name)}
        server = environment.get("ARGOCD_SERVER", "")
        if server and not environment.get("ARGOCD_TOKEN"):
            raise CannotGoOn(f"ARGOCD_TOKEN is not set. Set it to a token of the Argo CD at {server}.")
        if server and "DEPLOY_REPO_URL" in unset:
            raise CannotGoOn(
                f"DEPLOY_REPO_URL is not set. Set it to a repository that the Argo CD at {server} can read: "
                "it cannot read one on this machine."
            )
        return cls(
            postgres="DATABASE_URL" in unset,
            valkey="CELERY_BROKER_URL" in unset,
            sandbox="ARGOCD_SERVER" in unset,
            deploy_repository="DEPLOY_REPO_URL" in unset,
        )


@dataclass(frozen=True)
class Credentials:
    """Secrets of the development server, made once and kept in the run directory."""

    django_secret_key: str
    valkey_password: str

    @classmethod
    def kept_in(cls, run: Path) -> Credentials:
        """Read them, or make them where they are missing."""
        path = run / "credentials.json"
        if not path.exists():
            made = {"django_secret_key": secrets.token_urlsafe(48), "valkey_password": secrets.token_urlsafe(24)}
            write_private(path, json.dumps(made))
        return cls(**json.loads(path.read_text()))


def general(run: Path, web_port: int, credentials: Credentials) -> dict[str, str]:
    """The variables that need no server of ours, for those that are unset."""
    wanted = {
        "DJANGO_SECRET_KEY": credentials.django_secret_key,
        "PUBLIC_URL": f"http://localhost:{web_port}",
        "EMAIL_URL": f"file://{run / 'mail'}",
        "LOG_FORMAT": "console",
        "CACHE_DIRECTORY": str(run / "cache"),
        "PLATFORM_REPO_URL": str(ROOT),
        "PLATFORM_REPO_REF": "HEAD",
    }
    if os.environ.get("PLATFORM_REPO_URL"):
        del wanted["PLATFORM_REPO_REF"]
    return {name: os.environ.get(name) or value for name, value in wanted.items()}


def write(path: Path, variables: Mapping[str, str]) -> None:
    """Keep the variables for `script/manage`, readable by ourselves only; a shell can read the file, too."""
    write_private(path, "".join(f"{name}={shlex.quote(value)}\n" for name, value in sorted(variables.items())))


def read(path: Path) -> dict[str, str]:
    """Return the variables that `write` kept."""
    words = (shlex.split(line) for line in path.read_text().splitlines())
    return dict(word.split("=", 1) for line in words for word in line)


def of_process(process: int) -> dict[str, str]:
    """The variables that a process of ours was started with; none where it cannot be asked."""
    try:
        entries = Path(f"/proc/{process}/environ").read_bytes().split(b"\0")
    except OSError:
        return {}
    return dict(entry.split("=", 1) for raw in entries if "=" in (entry := os.fsdecode(raw)))


def write_private(path: Path, text: str) -> None:
    """Replace a file by one that only its owner may read."""
    new = path.with_name(f".{path.name}.new")
    new.unlink(missing_ok=True)
    descriptor = os.open(new, os.O_WRONLY | os.O_CREAT | os.O_EXCL, 0o600)
    with os.fdopen(descriptor, "w") as file:
        file.write(text)
    new.replace(path)
