"""The tenants' part of an environment as it would be committed: from the references that people put."""

from __future__ import annotations

import pytest

from controlpanel.accounts.actors import Actor
from controlpanel.catalog.models import Environment
from controlpanel.catalog.shards import shard_of
from controlpanel.core.permissions import Role
from deployments.models import RenderedComponent
from deployments.rendering import NotRenderable
from deployments.tenants_part import render_tenants
from tenants.services.tenants import tenant_offboard
from tests import fixtures_tenants as tenants

pytestmark = pytest.mark.django_db


@pytest.fixture
def staging() -> Environment:
    return tenants.catalog()[0]


@pytest.fixture
def ada() -> Actor:
    return tenants.actor(tenants.person("ada", Role.ADMINISTRATOR))


def path_of(slug: str) -> str:
    return f"tenant-credentials/{shard_of(slug, 16)}/hub-staging/ExternalSecret-tenant-{slug}.yaml"


def test_it_holds_what_was_put_last_and_says_which_versions(staging: Environment, ada: Actor) -> None:
    nova = tenants.tenant("nova", by=ada)
    tenants.put(nova, staging, by=ada)

    made = render_tenants(staging)

    assert path_of("nova") in made.files
    assert set(made.versions or ()) == {"nova.DOKTOR365_SECRET", "nova.ONLYCHANNEL_ACCOUNT_TOKEN"}
    assert made.digests == {"tenants": made.digest}
    assert len(made.parts) == 16


def test_a_shard_that_stays_equal_is_stored_once(staging: Environment, ada: Actor) -> None:
    tenants.put(tenants.tenant("nova", by=ada), staging, by=ada)
    before = render_tenants(staging)
    tenants.put(tenants.tenant("lumen", by=ada), staging, by=ada)

    after = render_tenants(staging)

    changed = [directory for directory, digest in after.parts.items() if before.parts[directory] != digest]
    assert changed == [f"tenant-credentials/{shard_of('lumen', 16)}"]
    assert RenderedComponent.objects.count() == 17


def test_a_tenant_that_left_keeps_an_object_that_gives_up_its_keys(staging: Environment, ada: Actor) -> None:
    nova = tenants.tenant("nova", by=ada)
    tenants.put(nova, staging, by=ada)
    tenants.promote(staging)
    tenant_offboard(actor=ada, tenant=nova, reason="They closed.")

    pending = render_tenants(staging).files[path_of("nova")]
    tenants.promote(staging)
    promoted = render_tenants(staging).files[path_of("nova")]

    assert b"deletionPolicy: Merge" in pending and b"name: vault" in pending
    assert promoted == pending


def test_a_catalog_without_tenants_references_says_so(staging: Environment) -> None:
    staging.tenant_shards = 0

    with pytest.raises(NotRenderable, match="keeps no references"):
        render_tenants(staging)
