"""Two hundred values that look like secrets lie in the secret store and are typed into every input: nowhere is one found afterwards.

Looked through are the database, the logs of every process, all objects of Git, every page, every answer of the API, the
problems that refused them, and what `doctor` and the metrics say. That the search finds what is there, the store proves.
"""

from __future__ import annotations

import itertools
import json
import re
import subprocess
import sys
from collections.abc import Iterator
from dataclasses import dataclass, field
from pathlib import Path
from typing import Any

import httpx
import pytest
from django.db import connection

from controlpanel.accounts.tokens import token_create
from controlpanel.core import audit
from controlpanel.core.permissions import Scope
from deployments.choices import Kind, State
from deployments.management.commands.demo import RELEASES
from deployments.services.promotions import promotion_request
from tenants.choices import Standing, TenantState
from tenants.models import CredentialReference, HubState, Tenant
from tenants.services.importing import tenants_import
from tenants.services.tenants import tenant_move
from tests.chaos.broker import Broker
from tests.security.canaries import canaries, traces
from tests.security.inputs import FIELDS, path_of
from tests.test_permissions import Route, routes
from tests.whole.conftest import CI
from tests.world import World, free_port, running_world, until

COUNT, TENANTS = 200, 100
PATIENCE = 300
pytestmark = pytest.mark.timeout(900)
STORE = "vault-staging"
NESTED = ("override", "source", "images", "environments", "contacts")
PARTS = ("store", "remoteKey", "property", "value", "key", "encrypted")
KEYS = ("DOKTOR365_SECRET", "ONLYCHANNEL_ACCOUNT_TOKEN", "DOKTOR365_BASE_URL")


@dataclass
class Place:
    """A world whose stores hold the canaries, and everything that was read in it."""

    world: World
    url: str
    token: str
    password: str
    canaries: list[str]
    program: httpx.Client = field(default_factory=lambda: httpx.Client(timeout=60))
    read: list[tuple[str, str]] = field(default_factory=list)

    def keep(self, where: str, answer: httpx.Response) -> httpx.Response:
        """Remember an answer, headers and all."""
        self.read.append((where, f"{answer.status_code} {answer.headers} {answer.text}"))
        return answer

    def found(self, texts: list[tuple[str, str]]) -> list[str]:
        """Where a trace of a canary is, and the number of the canary."""
        wanted = {trace: number for number, one in enumerate(self.canaries) for trace in traces(one)}
        pattern = re.compile("|".join(re.escape(trace) for trace in sorted(wanted, key=len, reverse=True)))
        return [f"{where}: canary {wanted[match[0]]}" for where, text in texts for match in pattern.finditer(text)]


@pytest.fixture(scope="module")
def place(tmp_path_factory: pytest.TempPathFactory, committed_database: str, valkey: Broker) -> Iterator[Place]:
    directory = tmp_path_factory.mktemp("canaries")
    port = free_port()
    with running_world(
        directory, committed_database, hubs={"staging": valkey.url}, PUBLIC_URL=f"http://127.0.0.1:{port}"
    ) as world:
        made = Place(world, f"http://127.0.0.1:{port}", "", "", canaries(COUNT))
        fill(made)
        made.password = world.manage("create_user", "adam", "--role", "administrator").split()[-1]
        token_create(actor=audit.SYSTEM, name="number-one-may-be-revoked", scopes=[Scope.READ])
        _, made.token = token_create(actor=audit.SYSTEM, name="canaries", scopes=[Scope.ADMIN, Scope.TENANTS])
        world.manage("demo")
        world.watch()
        world.serve(port)
        configure()
        yield made


def fill(place: Place) -> None:
    """Two canaries for each tenant."""
    secrets: dict[str, dict[str, str]] = {}
    for number, slug in enumerate(slugs()):
        first, second = place.canaries[2 * number : 2 * number + 2]
        secrets |= {f"{slug}/doktor365": {"hmac": first}, f"{slug}/onlychannel": {"token": second}}
    httpx.put(f"{place.world.server}/sandbox/secret-stores/{STORE}", json=secrets).raise_for_status()


def slugs() -> list[str]:
    return [f"clinic-{number:03d}" for number in range(TENANTS)]


def configure() -> None:
    """Tenants with references to all of them, promoted, verified, and looked at in the hub."""
    head = "slug,staging.DOKTOR365_SECRET,staging.ONLYCHANNEL_ACCOUNT_TOKEN"
    lines = [f"{slug},{STORE}:{slug}/doktor365#hmac,{STORE}:{slug}/onlychannel#token" for slug in slugs()]
    imported = tenants_import(actor=CI, text="\n".join([head, *lines]), format="csv", dry_run=False)
    assert not imported.problems
    for row in Tenant.objects.order_by("slug")[:3]:
        tenant_move(actor=CI, tenant=row, state=TenantState.ACTIVE)
    promoted(None, Kind.TENANT_CONFIG)
    verified = CredentialReference.objects.filter(standing=Standing.VERIFIED)
    until(lambda: verified.count() == COUNT, "every reference is verified", PATIENCE)
    until(lambda: HubState.objects.filter(token_present=True).count() == TENANTS, "the hub knows everybody", PATIENCE)


def promoted(release: str | None, kind: Kind) -> None:
    row = promotion_request(actor=CI, environment="staging", release=release, kind=kind)

    def has_ended() -> bool:
        row.refresh_from_db()
        return row.is_terminal or row.state == State.PAUSED

    until(has_ended, "the promotion ends", PATIENCE)
    assert row.state == State.SUCCEEDED, row.issue


def type_everywhere(place: Place) -> None:
    """Every field that a page or the API may know, in every address that takes one, by turns."""
    some = itertools.cycle(place.canaries)
    with httpx.Client(base_url=place.url, timeout=60) as browser:
        sign_in(browser, place.password)
        for route in routes():
            if route.name == "logout":
                continue
            address = path_of(route)
            words = {"params": {name: next(some) for name in FIELDS[:8]}}
            place.keep(f"GET {address}?", send(browser, place, route, "GET", address, **words))
            for method in ("POST", "PUT", "PATCH", "DELETE") if route.method == "any" else (route.method,):
                if method == "GET":
                    continue
                place.keep(f"{method} {address}", send(browser, place, route, method, address, fields=fields(some)))
                place.keep(
                    f"{method} {address} {{}}",
                    send(
                        browser,
                        place,
                        route,
                        method,
                        address,
                        fields={},
                        headers={"Idempotency-Key": next(some).split("\n")[-1]},
                    ),
                )
        for number, canary in enumerate(place.canaries):
            refer(place, number, canary)


def fields(some: Iterator[str]) -> dict[str, Any]:
    return {name: next(some) for name in FIELDS}


def refer(place: Place, number: int, canary: str) -> None:
    """A canary in two parts of a reference, so that all of them are in every part of every key."""
    for turn in (number, number + 1):
        key, part = KEYS[turn % len(KEYS)], PARTS[turn % len(PARTS)]
        body = {"kind": "ExternalSecret", "store": "vault", "remoteKey": "a/b", part: canary}
        body |= {"kind": "SealedSecret"} if part in ("key", "encrypted") else {}
        address = f"/api/v1/tenants/{slugs()[0]}/environments/staging/credentials/{key}"
        headers = {"Authorization": f"Bearer {place.token}"}
        content = {part: canary} if part == "value" else body
        answer = place.keep(f"PUT {part}", place.program.put(f"{place.url}{address}", json=content, headers=headers))
        assert answer.status_code == 422, f"{part} of {key}: {answer.status_code} for {canary[:3]}…"


def sign_in(browser: httpx.Client, password: str) -> None:
    browser.get("/login")
    form = {"username": "adam", "password": password, "csrfmiddlewaretoken": browser.cookies["csrf"]}
    assert browser.post("/login", data=form).status_code == 302


def send(browser: httpx.Client, place: Place, route: Route, method: str, address: str, *, fields: dict[str, Any] | None = None,
         params: dict[str, str] | None = None, headers: dict[str, str] | None = None) -> httpx.Response:  # fmt: skip
    """As a program with a token, or as somebody at a browser; streams are not waited for."""
    if "events" in address and method == "GET":
        return httpx.Response(204)
    given = dict(headers or {})
    if address.startswith("/api/") or route.is_for_tokens:
        body = {**fields, **{name: [fields] for name in NESTED}} if fields else {}
        return place.program.request(
            method, f"{place.url}{address}", params=params, json=None if method == "GET" else body,
            headers={**given, "Authorization": f"Bearer {place.token}"},
        )  # fmt: skip
    if method == "GET":
        return browser.get(address, params=params, headers=given)
    token = browser.cookies["csrf"]
    return browser.request(method, address, data={**(fields or {}), "csrfmiddlewaretoken": token}, headers=given)


def look_everywhere(place: Place) -> list[tuple[str, str]]:
    """Everything that the panel keeps or says afterwards."""
    texts = [*place.read, *rows_of_the_database()]
    texts += [(path.name, path.read_text(errors="replace")) for path in place.world.directory.glob("process-*.log")]
    for repository in (place.world.deploy, *place.world.directory.glob("cache/**/HEAD")):
        texts.append((f"Git {repository.name}", objects_of(repository if repository.is_dir() else repository.parent)))
    with httpx.Client(base_url=place.url, timeout=60) as browser:
        sign_in(browser, place.password)
        for route in routes():
            if "GET" in (route.method, "GET" if route.method == "any" else ""):
                address = path_of(route)
                place.read.append((f"GET {address}", send(browser, place, route, "GET", address).text))
    texts += place.read
    texts.append(("doctor", doctor(place.world)))
    return texts


def rows_of_the_database() -> list[tuple[str, str]]:
    with connection.cursor() as cursor:
        tables = connection.introspection.table_names(cursor)
        texts = []
        for table in tables:
            cursor.execute(f'SELECT t::text FROM "{table}" t')  # noqa: S608  # a name that the database gave
            texts.append((f"table {table}", "\n".join(row[0] for row in cursor.fetchall())))
    return texts


def objects_of(repository: Path) -> str:
    command = ["git", "-c", "safe.directory=*", f"--git-dir={repository}", "cat-file", "--batch-all-objects", "--batch"]
    return subprocess.run(command, capture_output=True, check=True).stdout.decode(errors="replace")


def doctor(world: World) -> str:
    """What it says, whatever it finds."""
    done = subprocess.run(
        [sys.executable, "manage.py", "doctor"], env=world.environment, capture_output=True, text=True
    )
    return done.stdout + done.stderr


def test_no_secret_is_found_anywhere_afterwards(place: Place) -> None:
    promoted(RELEASES[0][0], Kind.RELEASE)
    type_everywhere(place)
    assert place.found(look_everywhere(place)) == []
    refused = [where for where, text in place.read if text.startswith("422")]
    assert len(refused) > 700, "what is typed is refused"


def test_the_search_finds_what_is_there(place: Place) -> None:
    state = place.world.directory / "sandbox" / "sandbox.sqlite3"
    everything = "".join(path.read_bytes().decode(errors="replace") for path in state.parent.glob("sandbox.sqlite3*"))
    where = {entry.rpartition(" ")[2] for entry in place.found([("store", everything.replace("\\n", "\n"))])}
    assert len(where) == COUNT
    canary = place.canaries[0]
    assert place.found([("a page", f"<p>{canary}</p>"), ("a row", json.dumps([canary]))]) == [
        "a page: canary 0",
        "a row: canary 0",
    ]
