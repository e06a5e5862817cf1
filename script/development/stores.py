"""Fills the sandbox's secret stores with made-up values for the demo's tenants, all but one."""

from __future__ import annotations

import asyncio
import csv
import json
import secrets
from collections import defaultdict
from urllib.request import Request, urlopen

from script.development.paths import ROOT

TENANTS = ROOT / "script/development/tenants.csv"
"""What the demo imports: `<environment>.<KEY>` columns hold `store:remote/key#property`."""
FORGOTTEN = ("vault-production", "nova-fertility/doktor365")
"""Nobody put it there yet, which the demo shows."""
ALSO = {("vault-production", "atlas-dental/onlychannel"): "token"}
"""A second property, for a reference that changes later."""
Stores = dict[str, dict[str, dict[str, str]]]


def wanted() -> Stores:
    """Store → remote key → property → a value that nobody knows."""
    found: defaultdict[str, defaultdict[str, dict[str, str]]] = defaultdict(lambda: defaultdict(dict))
    with TENANTS.open(encoding="utf-8", newline="") as file:
        for row in csv.DictReader(file):
            for place in (cell for name, cell in row.items() if "." in name and cell):
                store, _, rest = place.partition(":")
                key, _, name = rest.partition("#")
                found[store][key][name] = secrets.token_urlsafe(24)
    for (store, key), name in ALSO.items():
        found[store][key][name] = secrets.token_urlsafe(24)
    del found[FORGOTTEN[0]][FORGOTTEN[1]]
    return {store: dict(keys) for store, keys in found.items()}


async def fill(address: str) -> None:
    """Put everything into the sandbox at this address."""
    for store, content in wanted().items():
        await asyncio.to_thread(_put, f"{address}/sandbox/secret-stores/{store}", content)


def _put(address: str, content: dict[str, dict[str, str]]) -> None:
    headers = {"Content-Type": "application/json"}
    request = Request(address, json.dumps(content).encode(), headers, method="PUT")  # noqa: S310  # our own http address
    urlopen(request, timeout=10).close()  # noqa: S310
