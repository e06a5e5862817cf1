"""Tenants' references as files: all of ten thousand tenants in three environments, cold, unchanged, and with one tenant more."""

from __future__ import annotations

import argparse
import time
from collections.abc import Callable
from pathlib import Path
from typing import Any

import yaml
from django.db import connection

from controlpanel.catalog.loading import load_platform
from controlpanel.catalog.models import Environment
from controlpanel.catalog.yaml_text import canonical
from controlpanel.core import audit
from deployments.models import RenderedComponent
from deployments.rendering import Rendering
from deployments.tenants_part import render_tenants
from script.development.paths import ROOT
from tenants.models import CredentialReference, ReferenceVersion, Tenant
from tests.bench.figures import Figure

TENANTS = 10_000
ENVIRONMENTS = ("staging", "production", "preview")
SECRETS, VALUES = ("A_SECRET", "B_TOKEN", "C_KEY"), ("A_URL", "B_URL")
MOST_SECONDS = 10.0
BATCH = 5_000


def run(directory: Path, database_url: str, options: argparse.Namespace) -> list[Figure]:
    """Put every reference, and render each environment as a promotion of its configuration does, rows included."""
    places = _places()
    _put(
        [
            Tenant(slug=f"t{number:05d}", display_name=f"Tenant {number}", created_by="bench")
            for number in range(TENANTS)
        ],
        places,
    )
    cold, before = _timed(lambda: [render_tenants(place) for place in places])
    unchanged, _ = _timed(lambda: [render_tenants(place) for place in places])
    stored = RenderedComponent.objects.count()
    _put([Tenant(slug="one-more", display_name="One more", created_by="bench")], places)
    one, after = _timed(lambda: [render_tenants(place) for place in places])
    objects = sum(len(one.files) for one in before)
    return [
        Figure(f"{objects:,} files of {len(places)} environments, cold", cold, "s", MOST_SECONDS),
        Figure("unchanged", unchanged, "s", MOST_SECONDS),
        Figure("with one tenant more", one, "s", MOST_SECONDS),
        Figure("files that the one tenant changes, of each", _changed(before[0], after[0]), "", 2),
        Figure("shards stored anew for it", RenderedComponent.objects.count() - stored, "", len(places)),
        Figure("largest object", max(len(content) for content in after[0].files.values()) / 1024, "KiB", 200),
    ]  # fmt: skip


def _places() -> list[Environment]:
    """Three environments; the reference platform has two."""
    document = yaml.safe_load((ROOT / "platform.yaml").read_text("utf-8"))
    third = {**document["environments"]["staging"], "title": "Preview", "gates": []}
    third["destination"] = {**third["destination"], "namespace": "hub-preview"}
    document["environments"]["preview"] = third
    load_platform(actor=audit.SYSTEM, text=canonical(document).decode(), commit="c" * 40)
    return [Environment.objects.get(name=name) for name in ENVIRONMENTS]


def _put(made: list[Tenant], places: list[Environment]) -> None:
    """Rows as people's edits leave them; by the services it would take an hour."""
    tenants = Tenant.objects.bulk_create(made, batch_size=BATCH)
    references = CredentialReference.objects.bulk_create(
        [
            CredentialReference(tenant=tenant, environment=place, key=key)
            for tenant in tenants
            for place in places
            for key in (*SECRETS, *VALUES)
        ],
        batch_size=BATCH,
    )
    ReferenceVersion.objects.bulk_create([_version(one) for one in references], batch_size=BATCH)
    with connection.cursor() as cursor:
        cursor.execute(
            "UPDATE tenants_credentialreference SET newest_id = version.id FROM tenants_referenceversion version "
            "WHERE version.reference_id = tenants_credentialreference.id AND newest_id IS NULL"
        )
        cursor.execute("ANALYZE")


def _version(of: CredentialReference) -> ReferenceVersion:
    slug, key = of.tenant.slug, of.key
    place: dict[str, Any] = {"kind": "value", "value": f"https://{slug}.example.com/{key.lower()}"}
    if key in SECRETS:
        place = {"kind": "ExternalSecret", "store": "vault", "remote_key": f"tenants/{slug}", "remote_property": key}
    return ReferenceVersion(reference=of, number=1, target_key=f"{slug}.{key}", created_by="bench", **place)


def _timed(act: Callable[[], list[Rendering]]) -> tuple[float, list[Rendering]]:
    began = time.perf_counter()
    done = act()
    return time.perf_counter() - began, done


def _changed(before: Rendering, after: Rendering) -> float:
    return float(sum(after.files[path] != before.files.get(path) for path in after.files))
