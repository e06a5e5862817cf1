"""`script/tenant-validation TENANT`: asks a running hub whether it serves a tenant, whole and alone.

It posts a hub event and reads it back from the tenant's stream, looks at the five keys of the tenant checklist and at
`/api/health` under `X-Tenant`, and sees that another tenant's header leads to nothing of it. One line for each check; the exit
status is 1 where one fails. Values of secrets are looked at and never printed.
"""

from __future__ import annotations

import argparse
import os
import re
import sys
import time
import uuid
from collections.abc import Callable, Iterator, Mapping
from dataclasses import dataclass
from datetime import UTC, datetime
from pathlib import Path
from typing import Any
from urllib.parse import urlsplit, urlunsplit

import httpx
import redis

from script.development import local_environment
from script.development.paths import ROOT

PATIENCE_SECONDS = 10.0
LOOK_SECONDS = 0.1
LAST = 200
ADDRESS = re.compile(r"https?://[^\s/]+\S*")
SHAPES: Mapping[str, re.Pattern[str]] = {
    "HUB_REGISTRY_URL": ADDRESS,
    "PROMETHEUS_PUSHGATEWAY_URL": ADDRESS,
    "TEMPO_ENDPOINT": ADDRESS,
    "DOKTOR365_SECRET": re.compile(r"\S{16,}"),
    "ONLYCHANNEL_ACCOUNT_TOKEN": re.compile(r"ak_[0-9a-f]{32}_[0-9a-f]{8}"),
}
"""The tenant deployment checklist: a missing or mismatched one stops telemetry, registry or webhooks for the tenant."""


class Failed(Exception):
    """A check does not hold; the message says why, and what to do."""


@dataclass
class Validation:
    """One tenant at one hub. `variables` are those that the hub was started with."""

    tenant: str
    other: str
    hub: httpx.Client
    streams: redis.Redis
    variables: Mapping[str, str]
    is_taken: bool = False

    def __post_init__(self) -> None:
        self.event = {
            "id": f"validation-{uuid.uuid4()}",
            "tenantId": self.tenant,
            "type": "infra.deploy",
            "source": "argo",
            "timestamp": datetime.now(UTC).isoformat(),
            "payload": {"buildId": "tenant-validation"},
        }

    def keys(self) -> str:
        """The five keys are set, and look like what they are."""
        missing = [key for key in SHAPES if not self.variables.get(key)]
        if missing:
            raise Failed(f"Not set: {', '.join(missing)}. Set them in docker/.env.local or in the environment.")
        wrong = [key for key, shape in SHAPES.items() if not shape.fullmatch(self.variables[key])]
        if wrong:
            raise Failed(f"Set, but not of the right shape: {', '.join(wrong)}.")
        return f"all {len(SHAPES)} are set"

    def health(self) -> str:
        """`/api/health` answers for the tenant."""
        answer = self.hub.get("/api/health", headers={"X-Tenant": self.tenant})
        if answer.status_code != 200:
            raise Failed(f"/api/health answers {answer.status_code} under X-Tenant: {answer.text[:300]}")
        return "/api/health answers 200 under X-Tenant"

    def accepted(self) -> str:
        """The hub takes an event of the tenant."""
        answer = self._post(self.tenant)
        if answer.status_code not in (200, 202) or "status" not in _members(answer):
            raise Failed(f"POST /api/hub/events answers {answer.status_code}: {answer.text[:300]}")
        self.is_taken = True
        return f"POST /api/hub/events answers {answer.status_code}"

    def kept(self) -> str:
        """The event stands in the tenant's stream; one that was not taken is not waited for."""
        if not self.is_taken:
            raise Failed("The hub took no event, so that there is none to look for.")
        deadline = time.monotonic() + PATIENCE_SECONDS
        while not self._is_in(self.tenant):
            if time.monotonic() > deadline:
                raise Failed(f"The event is not in {self.tenant}:hub:events after {PATIENCE_SECONDS:.0f} s.")
            time.sleep(LOOK_SECONDS)
        return f"the event is in {self.tenant}:hub:events"

    def unseen(self) -> str:
        """Under another tenant's header nothing of this one is seen."""
        if self._is_in(self.other):
            raise Failed(f"The event is in {self.other}:hub:events, too.")
        for path in ("/api/health", urlsplit(self.variables.get("HUB_REGISTRY_URL", "")).path or "/api/hub/registry"):
            answer = self.hub.get(path, headers={"X-Tenant": self.other})
            if f'"{self.tenant}"' in answer.text or str(self.event["id"]) in answer.text:
                raise Failed(f"{path} under X-Tenant: {self.other} tells of {self.tenant}.")
        return f"X-Tenant: {self.other} sees nothing of it"

    def untouched(self) -> str:
        """Under another tenant's header nothing is written to this one."""
        self.event["id"] = f"validation-{uuid.uuid4()}"
        answer = self._post(self.other)
        if answer.status_code < 400:
            raise Failed(f"The hub took an event of {self.tenant} under X-Tenant: {self.other}.")
        if self._is_in(self.tenant) or self._is_in(self.other):
            raise Failed(f"An event that was refused with {answer.status_code} is in a stream all the same.")
        return f"an event of {self.tenant} under X-Tenant: {self.other} is refused with {answer.status_code}"

    def _post(self, header: str) -> httpx.Response:
        return self.hub.post("/api/hub/events", headers={"X-Tenant": header}, json=self.event)

    def _is_in(self, tenant: str) -> bool:
        entries: Any = self.streams.xrevrange(f"{tenant}:hub:events", count=LAST)
        return any(str(self.event["id"]).encode() in value for _, fields in entries for value in fields.values())


def outcomes(validation: Validation) -> Iterator[tuple[str, bool, str]]:
    """The name of each check, whether it holds, and what it says; all are made."""
    checks: list[Callable[[], str]] = [
        validation.keys, validation.health, validation.accepted, validation.kept, validation.unseen, validation.untouched,
    ]  # fmt: skip
    for check in checks:
        try:
            yield check.__name__, True, check()
        except Failed as error:
            yield check.__name__, False, str(error)
        except httpx.HTTPError as error:
            yield check.__name__, False, f"{validation.hub.base_url} does not answer: {type(error).__name__} {error}"
        except redis.RedisError as error:
            yield check.__name__, False, f"Redis does not answer: {type(error).__name__}. Set REDIS_URL."


def variables(root: Path, tenant: str, environment: Mapping[str, str]) -> dict[str, str]:
    """What the hub was started with: docker/.env.local, then the tenant's files, then the environment."""
    file = root / local_environment.FILE
    known = local_environment.read(file.read_text("utf-8")) if file.exists() else {}
    for key in local_environment.OF_TENANT:
        own = root / local_environment.TENANTS / f"{tenant}.{key}"
        known |= {key: own.read_text("utf-8").strip()} if own.exists() else {}
    if "REDIS_URL" in known:
        known["REDIS_URL"] = _on_this_machine(known["REDIS_URL"])
    return known | {name: environment[name] for name in (*SHAPES, "REDIS_URL") if environment.get(name)}


def _on_this_machine(url: str) -> str:
    """The address under which Compose publishes what its containers call by another name."""
    parts = urlsplit(url)
    user, at, _ = parts.netloc.rpartition("@")
    return urlunsplit(parts._replace(netloc=f"{user}{at}127.0.0.1:{parts.port or 6379}"))


def _members(answer: httpx.Response) -> dict[str, object]:
    try:
        body = answer.json()
    except ValueError:
        return {}
    return body if isinstance(body, dict) else {}


def main() -> int:
    """Make the checks and return 1 where one fails."""
    parser = argparse.ArgumentParser(prog="script/tenant-validation", description=__doc__)
    parser.add_argument("tenant", metavar="TENANT")
    parser.add_argument("--other", default=local_environment.NEIGHBOUR, help="a tenant that must see nothing")
    parser.add_argument("--hub", default=os.environ.get("HUB_URL", "http://127.0.0.1:4000"), help="the hub's address")
    options = parser.parse_args()
    known = variables(ROOT, options.tenant, os.environ)
    streams = redis.Redis.from_url(known.get("REDIS_URL", "redis://127.0.0.1:6379"), socket_timeout=5)
    with httpx.Client(base_url=options.hub, timeout=10) as hub:
        found = list(outcomes(Validation(options.tenant, options.other, hub, streams, known)))
    for name, holds, said in found:
        print(f"{'ok  ' if holds else 'FAIL'} {name:<10} {said}", flush=True)
    return 0 if all(holds for _, holds, _ in found) else 1


if __name__ == "__main__":
    sys.exit(main())
