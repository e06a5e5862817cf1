"""200 tenants, 7 incomplete in different ways: the gate's list is exactly these 7, each with its reason and who has to act."""

from __future__ import annotations

import re
from datetime import timedelta

from django.test import Client
from django.utils import timezone

from controlpanel.accounts.models import User
from tenants.choices import Standing
from tenants.models import CredentialReference, Readiness, Tenant
from tenants.selectors.readiness import not_ready, readiness_counts
from tenants.services.readiness import readiness_lapse
from tenants.services.references import reference_remove
from tenants.services.signing import item_sign_off, item_sign_off_withdraw, item_waive
from tests import fixtures_deployments as rows
from tests import fixtures_tenants as make
from tests.tenants.api.conftest import Caller
from tests.tenants.conftest import World

FIRST, SECOND = make.SECRETS
WAYS = {
    "copy-00001": (FIRST, "No reference yet."),
    "copy-00002": (FIRST, "Version 2 waits to be promoted."),
    "copy-00003": (SECOND, "Not verified since it changed."),
    "copy-00004": (FIRST, "Not found: could not get secret data from provider"),
    "copy-00005": (SECOND, "Verified too long ago: more than 7 days."),
    "copy-00006": ("TEMPO_ENDPOINT", "Not signed. Nothing is live here yet; the release that comes is asked for it."),
    "copy-00007": (
        SECOND,
        "The sign-off of ada is stale: remote key changed from copy-00007/onlychannel_account_token to copy-00007/moved.",
    ),
}


def test_exactly_the_seven_are_listed_and_each_leaves_when_it_is_mended(world: World) -> None:
    make.copies(make.ready("nova", world.staging, by=world.ada), 199)
    make.sign_copies(world.staging)
    assert not_ready(world.staging) == []
    _break_seven(world)
    assert {row.slug: (row.items[0].key, row.items[0].evidence) for row in not_ready(world.staging)} == WAYS
    assert all(len(row.items) == 1 and row.items[0].owner for row in not_ready(world.staging))
    assert readiness_counts([world.staging])["staging"].not_ready == 7
    _page_preflight_and_refusal_agree(world)
    waived = make.item(Tenant.objects.get(slug="copy-00004"), world.staging, FIRST)
    item_waive(actor=world.rita, item=waived, reason="The store moves today.", until=timezone.now() + timedelta(days=1))
    signed = make.item(Tenant.objects.get(slug="copy-00006"), world.staging, "TEMPO_ENDPOINT")
    item_sign_off(actor=world.ada, item=signed)
    assert {row.slug for row in not_ready(world.staging)} == set(WAYS) - {"copy-00004", "copy-00006"}


def _page_preflight_and_refusal_agree(world: World) -> None:
    """What people and programs are told before and after the click: these seven, these items, by their ids."""
    world.staging.gates = [{"name": "tenants-ready"}]
    world.staging.save()
    provided = [{"key": key, "state": "set", "where": "x"} for key in make.FIVE[:3]]
    preview = rows.preflight(rows.release("2026.11.3"), world.staging, variables=provided)
    ids = {row.slug: [item.id for item in row.items] for row in not_ready(world.staging)}
    admin, browser = Caller("admin"), Client()
    browser.force_login(User.objects.get(username="rita"))

    page = browser.get("/environments/staging/promote?release=2026.11.3").content.decode()
    seen = admin.ask("get", f"/preflight/{preview.pk}")["tenants"]
    asked = {"release": "2026.11.3", "environment": "staging", "render_digest": preview.render_digest}
    told = admin.refused("post", "/promotions", asked, status=409)["tenants"]

    assert set(re.findall(r'data-key="tenant-([^"]+)"', page)) == set(WAYS)
    for tenants in (seen, told):
        assert (tenants["total"], tenants["ready"]) == (200, 193)
        assert {one["slug"]: [item["id"] for item in one["items"]] for one in tenants["blocked"]} == ids
        assert {one["slug"]: one["items"][0]["key"] for one in tenants["blocked"]} == {
            slug: key for slug, (key, _) in WAYS.items()
        }


def _break_seven(world: World) -> None:
    tenants = {row.slug: row for row in Tenant.objects.filter(slug__in=WAYS)}
    reference_remove(actor=world.ada, tenant=tenants["copy-00001"], environment=world.staging, key=FIRST)
    make.put(tenants["copy-00003"], world.staging, by=world.ada, keys=(SECOND,), remoteKey="copy-00003/moved")
    make.put(tenants["copy-00007"], world.staging, by=world.ada, keys=(SECOND,), remoteKey="copy-00007/moved")
    make.promote(world.staging)
    make.verify(world.staging, tenant__slug="copy-00007")
    item_sign_off(actor=world.ada, item=make.item(tenants["copy-00003"], world.staging, SECOND))
    make.put(tenants["copy-00002"], world.staging, by=world.ada, keys=(FIRST,), remoteKey="copy-00002/moved")
    make.verify(
        world.staging, standing=Standing.FAILING, message="could not get secret data from provider", tenant__slug="copy-00004", key=FIRST,
    )  # fmt: skip
    old = CredentialReference.objects.filter(tenant=tenants["copy-00005"], environment=world.staging, key=SECOND)
    old.update(verified_at=timezone.now() - timedelta(days=8))
    Readiness.objects.filter(slug="copy-00005", environment=world.staging).update(recheck_at=timezone.now())
    readiness_lapse()
    item = make.item(tenants["copy-00006"], world.staging, "TEMPO_ENDPOINT")
    item_sign_off_withdraw(actor=world.ada, item=item)
