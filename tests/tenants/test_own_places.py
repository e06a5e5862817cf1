"""An owner says where the own tenant's secrets lie, and cannot have another tenant's delivered."""

from __future__ import annotations

from pathlib import Path
from typing import Any

import pytest

from controlpanel.core.errors import InvalidError
from controlpanel.core.permissions import Role
from tenants.models import CredentialReference, ReferenceVersion
from tenants.services.references import Edit, references_put
from tests import fixtures_tenants as make
from tests.tenants.conftest import World

KEY = make.SECRETS[0]
ROOT = Path(__file__).parents[2]
USUAL = 'reference: {store: "vault-{environment}", remoteKey: "{tenant}/doktor365", property: hmac}'


def put(world: World, slug: str = "nova", *, key: str = KEY, **place: Any) -> None:
    """As the tenant's owner."""
    nova = make.tenant(slug, by=world.olga)
    owner = make.as_role(Role.TENANT_OWNER, tenant=slug)
    edit = Edit(environment="staging", key=key, place={"kind": "ExternalSecret", "store": "vault-staging", **place})
    references_put(actor=owner, tenant=nova, edits=[edit])


@pytest.mark.parametrize(
    "place",
    [{"remoteKey": "nova/doktor365", "property": "hmac"}, {"remoteKey": "nova/new/place"}, {"remoteKey": "nova"}],
)
def test_an_owner_puts_places_of_the_own_tenant(world: World, place: dict[str, str]) -> None:
    put(world, **place)
    assert CredentialReference.objects.get().newest is not None


@pytest.mark.parametrize(
    "place",
    [
        {"remoteKey": "mira/doktor365"},
        {"remoteKey": "nova-fertility/doktor365"},
        {"remoteKey": "control-panel", "property": "ARGOCD_TOKEN"},
        {"remoteKey": "nova/../mira/doktor365"},
        {"remoteKey": "nova/./x"},
        {"remoteKey": "nova//x"},
        {"remoteKey": "nova/x", "store": "control-panel"},
        {"remoteKey": "nova/x", "store": "vault-production"},
        {"remoteKey": "nova/x", "store": "SecretStore/vault-staging"},
    ],
)
def test_but_none_that_another_has(world: World, place: dict[str, str]) -> None:
    with pytest.raises(InvalidError) as refused:
        put(world, **place)
    assert refused.value.extra["field"] == "remoteKey"
    assert not ReferenceVersion.objects.exists()


def test_the_refusal_says_where_the_own_place_is(world: World) -> None:
    with pytest.raises(InvalidError, match="not one of nova in staging") as refused:
        put(world, remoteKey="mira/doktor365")
    assert refused.value.remedy == "Name one of nova in vault-staging, or ask an operator to put it."


def test_an_operator_puts_any_and_the_owner_may_put_the_same_again(world: World) -> None:
    nova = make.tenant("nova", by=world.olga)
    make.put(nova, world.staging, by=world.olga, keys=(KEY,), store="SecretStore/elsewhere", remoteKey="clinics/nova")
    place = make.external("nova", KEY, store="SecretStore/elsewhere", remoteKey="clinics/nova")
    owner = make.as_role(Role.TENANT_OWNER, tenant="nova")
    references_put(
        actor=owner, tenant=nova, edits=[Edit(environment="staging", key=KEY, place=place, rotation_days=90)]
    )
    assert CredentialReference.objects.get().rotation_days == 90


@pytest.mark.parametrize(
    ("usual", "own", "others"),
    [
        ("remoteKey: 'tenants/{tenant}/a'", "tenants/nova/b", "tenants/mira/a"),
        ("remoteKey: 'hub-{tenant}-a'", "hub-nova-a", "hub-nova-fertility-a"),
        ("remoteKey: 'hub-{tenant}'", "hub-nova", "hub-nova/x"),
        ("remoteKey: all, property: '{tenant}'", "all", "some"),
    ],
)
def test_where_the_catalog_gives_no_folder_the_place_is_exactly_what_it_says(
    db: None, usual: str, own: str, others: str
) -> None:
    text = (ROOT / "platform.yaml").read_text("utf-8")
    assert USUAL in text
    make.catalog(text.replace(USUAL, f"reference: {{store: vault-staging, {usual}}}"))
    olga = make.actor(make.person("olga", Role.OPERATOR))
    nova, owner = make.tenant("nova", by=olga), make.as_role(Role.TENANT_OWNER, tenant="nova")
    inner = {"property": "nova"} if own == "all" else {}

    def put_at(remote: str) -> None:
        place = {"kind": "ExternalSecret", "store": "vault-staging", "remoteKey": remote, **inner}
        references_put(actor=owner, tenant=nova, edits=[Edit(environment="staging", key=KEY, place=place)])

    put_at(own)
    with pytest.raises(InvalidError, match="not one of nova"):
        put_at(others)
