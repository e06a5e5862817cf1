"""From a new tenant to a ready one, and what takes readiness away again."""

from __future__ import annotations

from django.db import connection
from django.test.utils import CaptureQueriesContext

from tenants.choices import ItemState, Standing
from tenants.models import CredentialReference, Readiness
from tenants.selectors.checklists import checklist
from tenants.selectors.readiness import not_ready, readiness_counts
from tests import fixtures_tenants as make
from tests.tenants.conftest import World


def of(slug: str, world: World) -> Readiness:
    return Readiness.objects.get(slug=slug, environment=world.staging)


def test_a_new_tenant_has_the_five_keys_of_the_checklist_in_every_environment(world: World) -> None:
    nova = make.tenant("nova", by=world.olga)
    for environment in (world.staging, world.production):
        assert {line.item.key for line in checklist(nova, environment)} == set(make.FIVE)
    assert (of("nova", world).met, of("nova", world).required) == (0, 5)


def test_promoted_verified_and_signed_is_ready(world: World) -> None:
    make.ready("nova", world.staging, by=world.ada)
    assert of("nova", world).is_ready
    assert not_ready(world.staging) == []
    assert readiness_counts([world.staging])["staging"].ready == 1


def test_each_missing_step_is_named(world: World) -> None:
    nova = make.tenant("nova", by=world.olga)
    key = make.SECRETS[0]
    assert make.item(nova, world.staging, key).evidence == "No reference yet."
    make.put(nova, world.staging, by=world.olga)
    assert make.item(nova, world.staging, key).evidence == "Version 1 waits to be promoted."
    make.promote(world.staging)
    assert make.item(nova, world.staging, key).evidence == "Not verified since it changed."
    make.verify(world.staging, standing=Standing.FAILING, message="could not get secret nova/doktor365-secret")
    failing = make.item(nova, world.staging, key)
    assert (failing.state, failing.evidence) == (
        ItemState.FAILING,
        "Not found: could not get secret nova/doktor365-secret",
    )
    make.verify(world.staging)
    assert make.item(nova, world.staging, key).evidence == "Not signed. The reference is promoted and verified."


def test_a_changed_remote_key_makes_its_sign_off_stale_and_says_from_what_to_what(world: World) -> None:
    nova = make.ready("nova", world.staging, by=world.ada)
    key = make.SECRETS[1]
    make.put(nova, world.staging, by=world.olga, keys=(key,), remoteKey="nova/onlychannel-new")
    changed = make.item(nova, world.staging, key)
    assert changed.changes_since == ["remote key changed from nova/onlychannel-account-token to nova/onlychannel-new"]
    make.promote(world.staging)
    make.verify(world.staging)
    assert "remote key changed from" in make.item(nova, world.staging, key).evidence
    assert (of("nova", world).met, of("nova", world).stale, of("nova", world).first_missing) == (4, 1, key)


def test_a_look_that_finds_the_same_tells_nobody_but_who_asked_for_it(world: World) -> None:
    make.ready("nova", world.staging, by=world.ada)
    with CaptureQueriesContext(connection) as queries:
        assert make.verify(world.staging) == []
    assert not [query for query in queries if "pg_notify" in query["sql"]]
    CredentialReference.objects.update(checked_at=None)
    with CaptureQueriesContext(connection) as queries:
        assert make.verify(world.staging) == []
    assert [query["sql"].count("tenant.nova") for query in queries if "pg_notify" in query["sql"]] == [1]
