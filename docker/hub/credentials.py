"""Tenants and their credentials as the platform mounts them: one file `<tenant>.<KEY>` for each, read anew at each request.

So adding a tenant restarts nothing. Values are compared and passed on, never answered or logged.
"""

from __future__ import annotations

import re
from collections.abc import Mapping
from dataclasses import dataclass
from pathlib import Path

OF_ENVIRONMENT = ("HUB_REGISTRY_URL", "PROMETHEUS_PUSHGATEWAY_URL", "TEMPO_ENDPOINT")
OF_TENANT = ("DOKTOR365_SECRET", "ONLYCHANNEL_ACCOUNT_TOKEN")
FILE = re.compile(r"(?P<tenant>[a-z0-9]([a-z0-9-]{0,61}[a-z0-9])?)\.(?P<key>[A-Z][A-Z0-9_]*)")


@dataclass(frozen=True)
class Credentials:
    """The mounted directory, and the variables that all tenants share."""

    directory: Path
    environment: Mapping[str, str]

    def tenants(self) -> list[str]:
        """The tenants that have at least one credential, by name."""
        files = self.directory.iterdir() if self.directory.is_dir() else ()
        return sorted({match["tenant"] for file in files if (match := FILE.fullmatch(file.name))})

    def value(self, tenant: str, key: str) -> str:
        """What a tenant's file holds, or "" where there is none."""
        file = self.directory / f"{tenant}.{key}"
        return file.read_text("utf-8").strip() if file.is_file() else ""

    def missing(self, tenant: str) -> list[str]:
        """The keys of the tenant checklist that are not set: telemetry, registry and webhooks stop without them."""
        shared = [key for key in OF_ENVIRONMENT if not self.environment.get(key)]
        return shared + [key for key in OF_TENANT if not self.value(tenant, key)]
