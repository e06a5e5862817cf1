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
from tests.bench.figures import Figure

TENANTS = 10_000
ENVIRONMENTS = ("staging", "production", "preview")
SECRETS = ("A_SECRET", "B_TOKEN", "C_KEY")
KEYS = (*SECRETS, "A_URL", "B_URL")
MOST_SECONDS = 10.0


def run(directory: Path, database_url: str, options: argparse.Namespace) -> list[Figure]:
    """Put every reference, and render each environment as a promotion of its configuration does, rows included."""
    places = _places()
    _put(0, TENANTS)
    used = time.process_time()
    cold, before = _timed(lambda: [render_tenants(place) for place in places])
    used = time.process_time() - used
    unchanged, _ = _timed(lambda: [render_tenants(place) for place in places])
    stored = RenderedComponent.objects.count()
    _put(TENANTS, 1)
    one, after = _timed(lambda: [render_tenants(place) for place in places])
    objects = sum(len(one.files) for one in before)
    return [
        Figure(f"{objects:,} files of {len(places)} environments, cold", cold, "s", MOST_SECONDS),
        Figure("of that, processor time of this process", used, "s", MOST_SECONDS),
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


def _put(first: int, count: int) -> None:
    """Rows as people's edits leave them; by the services it would take an hour."""
    steps: list[tuple[str, list[Any]]] = [
        (_TENANTS, [first, first + count - 1]), (_REFERENCES, [list(KEYS), f"t{first:05d}"]), (_VERSIONS, [list(SECRETS)]), (_NEWEST, []),
    ]  # fmt: skip
    with connection.cursor() as cursor:
        for statement, values in steps:
            cursor.execute(statement, values)
            cursor.execute("ANALYZE")  # no autovacuum has come by yet


_TENANTS = """
INSERT INTO tenants_tenant (slug, display_name, state, owner, contacts, labels, search_text, created_by)
SELECT 't' || lpad(n::text, 5, '0'), 'Tenant ' || n, 'active', '', '[]', '{}', '', 'bench' FROM generate_series(%s, %s) n
"""
_REFERENCES = """
INSERT INTO tenants_credentialreference (tenant_id, environment_id, key, owner, standing, message)
SELECT tenant.id, environment.id, key, '', 'unverified', ''
FROM tenants_tenant tenant, catalog_environment environment, unnest(%s::text[]) key WHERE tenant.slug >= %s
"""
_VERSIONS = """
INSERT INTO tenants_referenceversion (reference_id, number, kind, store, remote_key, remote_property, sealed_name, sealed_key,
  sealed_text, value, target_key, is_removed, created_by)
SELECT reference.id, 1, place.kind, CASE WHEN is_secret THEN 'vault' ELSE '' END, CASE WHEN is_secret THEN 'tenants/' || slug ELSE '' END,
  CASE WHEN is_secret THEN key ELSE '' END, '', '', '',
  CASE WHEN is_secret THEN '' ELSE 'https://' || slug || '.example.com/' || key END, slug || '.' || key, false, 'bench'
FROM tenants_credentialreference reference JOIN tenants_tenant tenant ON tenant.id = reference.tenant_id,
  LATERAL (SELECT key = ANY(%s::text[]) AS is_secret) asked,
  LATERAL (SELECT CASE WHEN is_secret THEN 'ExternalSecret' ELSE 'value' END AS kind) place WHERE reference.newest_id IS NULL
"""
_NEWEST = """
UPDATE tenants_credentialreference SET newest_id = version.id FROM tenants_referenceversion version
WHERE version.reference_id = tenants_credentialreference.id AND newest_id IS NULL
"""


def _timed(act: Callable[[], list[Rendering]]) -> tuple[float, list[Rendering]]:
    began = time.perf_counter()
    done = act()
    return time.perf_counter() - began, done


def _changed(before: Rendering, after: Rendering) -> float:
    return float(sum(after.files[path] != before.files.get(path) for path in after.files))
