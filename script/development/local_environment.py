"""`script/local-environment TENANT`: makes docker/.env.local from its example and the tenant's credential files.

Secrets that are empty are made up, for the stand-ins; what a person has set stays. Beside the tenant stands a neighbour, whose
requests must see nothing of it. Nothing that this writes is committed.
"""

from __future__ import annotations

import argparse
import re
import secrets
import string
import sys
from collections.abc import Callable, Mapping
from pathlib import Path

from script.development.paths import ROOT

FILE = Path("docker/.env.local")
EXAMPLE = Path("docker/.env.local.example")
TENANTS = Path("docker/.tenants")
NEIGHBOUR = "neighbour"
TENANT = re.compile(r"[a-z0-9]([a-z0-9-]{0,61}[a-z0-9])?")
LINE = re.compile(r"(?P<name>[A-Z][A-Z0-9_]*)=(?P<value>.*)")


def made_up_token() -> str:
    """An OnlyChannel account token by its shape alone."""
    return f"ak_{secrets.token_hex(16)}_{secrets.token_hex(4)}"


def made_up_secret() -> str:
    """A random password that needs no quoting anywhere."""
    return secrets.token_urlsafe(32)


OF_TENANT: Mapping[str, Callable[[], str]] = {
    "DOKTOR365_SECRET": made_up_secret,
    "ONLYCHANNEL_ACCOUNT_TOKEN": made_up_token,
}
SECRETS = {**OF_TENANT, "REDIS_PASSWORD": made_up_secret, "GRAFANA_ADMIN_PASSWORD": made_up_secret}


def filled(text: str) -> str:
    """The text of an environment file with its empty secrets made up."""

    def line(match: re.Match[str]) -> str:
        make = SECRETS.get(match["name"])
        return f"{match['name']}={make()}" if make and not match["value"] else match[0]

    return LINE.sub(line, text)


def read(text: str) -> dict[str, str]:
    """The variables of an environment file; `${NAME}` stands for a variable of an earlier line."""
    variables: dict[str, str] = {}
    for line in text.splitlines():
        if match := LINE.fullmatch(line.strip()):
            variables[match["name"]] = string.Template(match["value"]).safe_substitute(variables)
    return variables


def write(root: Path, tenant: str) -> None:
    """Write the environment file and the credentials of the tenant and its neighbour below `root`."""
    file = root / FILE
    text = filled((file if file.exists() else root / EXAMPLE).read_text("utf-8"))
    _write(file, text, 0o600)
    variables = read(text)
    (root / TENANTS).mkdir(exist_ok=True)
    for key, make in OF_TENANT.items():
        # The container's account is another one than ours, and must read them.
        _write(root / TENANTS / f"{tenant}.{key}", variables[key], 0o644)
        _write(root / TENANTS / f"{NEIGHBOUR}.{key}", make(), 0o644)


def _write(file: Path, text: str, mode: int) -> None:
    file.touch(mode)
    file.chmod(mode)
    file.write_text(text, "utf-8")


def main() -> int:
    """Write the files and say what to type next."""
    parser = argparse.ArgumentParser(prog="script/local-environment", description=__doc__)
    parser.add_argument("tenant", metavar="TENANT", help="the tenant that is validated, such as chat365")
    tenant = parser.parse_args().tenant
    if not TENANT.fullmatch(tenant) or tenant == NEIGHBOUR:
        parser.error(f"{tenant!r} is no tenant's name: lower-case letters, digits and hyphens, and not {NEIGHBOUR!r}.")
    write(ROOT, tenant)
    print(f"{FILE} and the credentials of {tenant} and {NEIGHBOUR} in {TENANTS} are written.")
    return 0


if __name__ == "__main__":
    sys.exit(main())
