"""Every page about tenants, and the API's answers, at 100 and at 10,000 tenants in three environments.

Tenants are made by the services that people use and then copied in rows: 60 of a hundred are not ready, so that every list
is full, and 300 of ten thousand. Time is what the reader's thread and its backend in PostgreSQL spent on a processor: whatever
else the machine does only lengthens waiting.
"""

from __future__ import annotations

import argparse
import logging
import time
from copy import deepcopy
from pathlib import Path

import yaml
from django.conf import settings
from django.db import connection
from django.test import Client

from controlpanel.accounts.tokens import token_create
from controlpanel.catalog.models import Environment
from controlpanel.core import audit
from controlpanel.core.permissions import Role, Scope
from deployments.models import Release
from script.development.paths import ROOT
from tenants.models import Tenant
from tests import fixtures_tenants as make
from tests.bench.figures import Figure
from tests.bench.pages import Seen, browser_of_everyone
from tests.bench.pages import look as look_often

FEW, MANY = 100, 10_000
LACKING = {FEW: 60, MANY: 300}
"""How many of them are not ready."""
GROWTH = 1.5
"""How much longer a page may take at a hundred times as many tenants."""
READINGS = 12
PAGES = {
    "board": "/",
    "environment": "/environments/staging",
    "promote": "/environments/staging/promote?release=1.0.0",
    "configuration": "/environments/staging/configuration",
    "tenants": "/tenants",
    "tenants, one environment": "/tenants?environment=production",
    "tenants, not ready": "/tenants?readiness=not-ready",
    "tenants, missing key": "/tenants?missing=DOKTOR365_SECRET",
    "tenants, searched": "/tenants?q=copy-00007",
    "tenant": "/tenants/nova?environment=staging",
    "references": "/tenants/nova/references?environment=staging",
    "onboarding": "/tenants/nova/onboarding?environment=staging",
    "reviews": "/reviews",
    "import": "/onboarding/import",
    "search": "/search?q=nova",
}
ANSWERS = {
    "API: tenants": "/api/v1/tenants?environment=staging",
    "API: tenant": "/api/v1/tenants/nova",
    "API: checklist": "/api/v1/tenants/nova/checklist?environment=staging",
    "API: hub state": "/api/v1/tenants/nova/hub?environment=staging",
    "API: environments": "/api/v1/environments",
}


def run(directory: Path, database_url: str, options: argparse.Namespace) -> list[Figure]:
    """A hundred tenants, look; ten thousand, look again."""
    settings.ALLOWED_HOSTS = ["testserver"]
    logging.disable(logging.CRITICAL)
    places = _platform()
    readers = _readers()
    ready, lacking = _originals(places)
    _grow(ready, lacking, FEW)
    few = {name: look(client, address) for name, (client, address) in readers.items()}
    _grow(ready, lacking, MANY)
    many = {name: look(client, address) for name, (client, address) in readers.items()}
    return [figure for name in readers for figure in _figures(name, few[name], many[name])]


def look(client: Client, address: str) -> Seen:
    """Queries and size as they are, and the quickest of several readings."""
    seen = look_often(client, address, times=1)
    return Seen(seen.queries, min(_spent(client, address) for _ in range(READINGS)), seen.kilobytes)


def _spent(client: Client, address: str) -> float:
    """Milliseconds of processor time of one reading, here and in PostgreSQL."""
    connection.ensure_connection()
    backend = Path(f"/proc/{connection.connection.info.backend_pid}/schedstat")
    before = time.thread_time_ns() + _nanoseconds(backend)
    assert client.get(address).status_code == 200, address
    return (time.thread_time_ns() + _nanoseconds(backend) - before) / 1e6


def _nanoseconds(schedstat: Path) -> int:
    return int(schedstat.read_text().split()[0])


def _figures(name: str, few: Seen, many: Seen) -> list[Figure]:
    return [
        Figure(f"{name}: queries at 10,000", many.queries, most=few.queries),
        Figure(f"{name}: time at 100", few.milliseconds, "ms"),
        Figure(f"{name}: time at 10,000", many.milliseconds, "ms", most=GROWTH * few.milliseconds),
    ]


def _platform() -> list[Environment]:
    """The reference platform with one environment more."""
    document = yaml.safe_load((ROOT / "platform.yaml").read_text("utf-8"))
    preview = deepcopy(document["environments"]["staging"]) | {"title": "Preview"}
    preview["destination"]["namespace"] = "hub-preview"
    document["environments"]["preview"] = preview
    make.catalog(yaml.safe_dump(document, sort_keys=False))
    places = list(Environment.objects.order_by("pk"))
    for place in places:
        make.live_values(place)
    Release.objects.create(version="1.0.0", commit="c" * 40, images={}, created_by="ci-main")
    return places


def _readers() -> dict[str, tuple[Client, str]]:
    """Each address with whoever reads it."""
    _, token = token_create(actor=audit.SYSTEM, name="bench", scopes=[Scope.READ, Scope.TENANTS])
    browser, program = browser_of_everyone(), Client(headers={"Authorization": f"Bearer {token}"})
    read = {name: (browser, address) for name, address in PAGES.items()}
    return read | {name: (program, address) for name, address in ANSWERS.items()}


def _originals(places: list[Environment]) -> tuple[Tenant, Tenant]:
    """One tenant that is ready everywhere, and one that has nothing."""
    by = make.actor(make.person("ada", Role.ADMINISTRATOR))
    ready, lacking = make.tenant("nova", by=by), make.tenant("atlas", by=by)
    for place in places:
        make.put(ready, place, by=by)
        make.promote(place)
        make.verify(place, tenant=ready)
        make.items_sign_off_all(actor=by, tenant=ready, environment=place)
    return ready, lacking


def _grow(ready: Tenant, lacking: Tenant, count: int) -> None:
    """Until there are so many, some of them with nothing."""
    there = Tenant.objects.count()
    bare = LACKING[count] - Tenant.objects.filter(slug__contains="lacking-").count()
    prefix = f"of-{count}-"
    make.copies(lacking, bare, prefix=f"{prefix}lacking-")
    make.copies(ready, count - there - bare, prefix=prefix)
    with connection.cursor() as cursor:
        cursor.execute("VACUUM ANALYZE")  # as autovacuum leaves it within a minute
