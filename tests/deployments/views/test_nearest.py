"""Where a page is not there, the nearest name that the reader may see is offered."""

from __future__ import annotations

import re

import pytest
from django.test import Client

from controlpanel.core.permissions import Role
from tenants.models import Tenant
from tests import fixtures_deployments as make
from tests.deployments.views.conftest import Stage


def offered(client: Client, address: str) -> str:
    """The address that is offered instead; nothing where none is."""
    response = client.get(address)
    assert response.status_code == 404
    found = re.search(r'Did you mean <a href="([^"]+)">', response.content.decode())
    return found[1] if found else ""


@pytest.mark.parametrize(
    ("address", "instead"),
    [
        ("/releases/2026.11.33", "/releases/2026.11.3"),
        ("/environments/Stagin", "/environments/staging"),
        ("/environments/prodution/promote?release=2026.11.3", "/environments/production"),
        ("/applications/backnd-staging", "/applications/backend-staging"),
        ("/promotion", "/promotions"),
        ("/setting/tokens", "/settings/tokens"),
        ("/approval", "/approvals"),
        ("/freeze", "/freezes"),
        ("/releases/zzzzzz", ""),
        ("/x", ""),
        ("/" + "a" * 3000, ""),
    ],
)
def test_the_nearest_name_is_offered(client: Client, stage: Stage, address: str, instead: str) -> None:
    assert offered(client, address) == instead


def test_nothing_that_is_not_mine_is_offered(stage: Stage) -> None:
    assert offered(stage.client(stage.stan), "/environments/prodution") == ""
    assert offered(stage.client(stage.stan), "/applications/backend-productio") == "/applications/backend-staging"
    owner = make.person("selin", Role.TENANT_OWNER)
    assert offered(stage.client(owner), "/environments/Stagin") == ""
    assert offered(stage.client(owner), "/promotion") == ""
    assert offered(stage.client(make.person("deniz", Role.ADMINISTRATOR)), "/settings/statu") == "/settings/status"


def test_a_tenant_or_a_promotion_is_offered_to_whoever_may_see_it(client: Client, stage: Stage) -> None:
    for slug in ("meridian-clinic", "nova-clinic"):
        Tenant.objects.create(slug=slug, display_name=slug)
    selin = make.person("selin", Role.TENANT_OWNER)
    selin.bindings.update(tenant="nova-clinic")
    owner = stage.client(selin)
    assert offered(owner, "/tenants/nova-clinik") == "/tenants/nova-clinic"
    assert offered(owner, "/tenants/meridian-clinik") == ""
    assert offered(owner, "/tenant") == "/tenants"
    row = make.promotion(stage.new, stage.production, by=stage.elif_)
    assert offered(client, f"/promotions/{row.number}7") == f"/promotions/{row.number}"
    assert offered(stage.client(stage.stan), f"/promotions/{row.number}7") == ""


def test_nobody_is_offered_anything_without_signing_in(stage: Stage) -> None:
    assert Client().get("/environments/Stagin").status_code == 302
