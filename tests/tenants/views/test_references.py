"""Editing references as one form."""

from __future__ import annotations

import secrets

import pytest

from controlpanel.core.models import AuditEvent
from tenants.models import CredentialReference, ReferenceVersion, Tenant
from tests import fixtures_tenants as make
from tests.tenants.conftest import World
from tests.tenants.views.conftest import Browser

PAGE = "/tenants/nova/references?environment=staging"
LOOKS = "This looks like a value. Put it in the store and enter its place."


def token() -> str:
    """What an account token of the platform looks like."""
    return f"ak_{secrets.token_hex(16)}_{secrets.token_hex(4)}"


def fields(**changed: str) -> dict[str, str]:
    """The form as a browser sends it, with both secrets in the store."""
    sent = {"environment": "staging"}
    for key, name in (("DOKTOR365_SECRET", "doktor365"), ("ONLYCHANNEL_ACCOUNT_TOKEN", "onlychannel")):
        sent |= {f"{key}-kind": "ExternalSecret", f"{key}-store": "vault-staging", f"{key}-remote_key": f"nova/{name}"}
    return sent | {name.replace("__", "-"): text for name, text in changed.items()}


@pytest.fixture
def nova(world: World) -> Tenant:
    return make.tenant("nova", by=world.ada)


def test_the_form_asks_for_every_key_of_tenants_and_for_none_of_environments(nova: Tenant, selin: Browser) -> None:
    html = selin.text(PAGE)
    for key in ("DOKTOR365_SECRET", "ONLYCHANNEL_ACCOUNT_TOKEN", "DOKTOR365_BASE_URL", "ONLYCHANNEL_BASE_URL"):
        assert f'id="{key}"' in html
    assert "HUB_REGISTRY_URL" not in html


def test_several_edits_travel_as_one_change_set(nova: Tenant, selin: Browser) -> None:
    html = selin.post(PAGE, fields(DOKTOR365_BASE_URL__value="https://doktor365.example.com"))
    assert "3 references changed in staging." in html
    assert len(set(ReferenceVersion.objects.values_list("change_set", flat=True))) == 1
    assert AuditEvent.objects.filter(action="tenant.references").count() == 1
    assert "nova/doktor365" in selin.text(PAGE)


def test_the_same_form_once_more_changes_nothing(nova: Tenant, selin: Browser) -> None:
    selin.post(PAGE, fields())
    before = ReferenceVersion.objects.count()
    assert "Nothing was changed." in selin.post(PAGE, fields())
    assert ReferenceVersion.objects.count() == before


def test_a_sealed_secret_has_a_name_and_a_key(nova: Tenant, selin: Browser) -> None:
    sent = fields(
        DOKTOR365_SECRET__kind="SealedSecret",
        DOKTOR365_SECRET__sealed_key="hmac",
        DOKTOR365_SECRET__sealed_name="nova-secrets",
    )
    selin.post(PAGE, sent)
    row = CredentialReference.objects.get(key="DOKTOR365_SECRET", environment__name="staging")
    assert row.newest is not None
    assert (row.newest.kind, row.newest.sealed_name, row.newest.sealed_key) == ("SealedSecret", "nova-secrets", "hmac")


@pytest.mark.parametrize(
    "field", ["store", "remote_key", "remote_property", "sealed_name", "sealed_key", "sealed_text"]
)  # fmt: skip
def test_what_looks_like_a_value_is_refused_at_its_field_and_never_shown_again(
    nova: Tenant, selin: Browser, field: str
) -> None:
    canary, other = token(), token()
    sent = fields(**{f"DOKTOR365_SECRET__{field}": canary, "ONLYCHANNEL_ACCOUNT_TOKEN__remote_key": other})
    if field.startswith("sealed"):
        sent["DOKTOR365_SECRET-kind"] = "SealedSecret"
    html = selin.post(PAGE, sent, status=422)
    assert ("This is not what kubeseal prints." if field == "sealed_text" else LOOKS) in html
    assert canary not in html
    assert other not in html
    assert f'href="#id_DOKTOR365_SECRET-{field}"' in html
    assert 'value="vault-staging"' in html
    assert not ReferenceVersion.objects.exists()
    assert not AuditEvent.objects.filter(message__contains=canary).exists()


def test_a_value_where_a_place_belongs_is_refused_even_if_it_has_no_known_shape(nova: Tenant, selin: Browser) -> None:
    drawn = secrets.token_urlsafe(32)
    html = selin.post(PAGE, fields(DOKTOR365_SECRET__remote_key=drawn), status=422)
    assert LOOKS in html
    assert drawn not in html


def test_an_incomplete_place_is_said_at_its_field_and_the_rest_stays_typed(nova: Tenant, selin: Browser) -> None:
    html = selin.post(PAGE, fields(DOKTOR365_SECRET__store=""), status=422)
    assert 'href="#id_DOKTOR365_SECRET-store"' in html
    assert 'value="nova/doktor365"' in html
    assert not ReferenceVersion.objects.exists()


def test_an_address_that_is_none_is_said_at_its_key(nova: Tenant, selin: Browser) -> None:
    html = selin.post(PAGE, fields(DOKTOR365_BASE_URL__value="ftp://nowhere"), status=422)
    assert 'href="#id_DOKTOR365_BASE_URL-value"' in html


def test_a_reference_is_taken_away_as_a_pending_change(nova: Tenant, selin: Browser, world: World) -> None:
    selin.post(PAGE, fields())
    make.promote(world.staging)
    html = selin.post(PAGE, fields(DOKTOR365_SECRET__remove="1"))
    assert "is taken away" in html


def test_an_offboarded_tenant_takes_no_reference(nova: Tenant, olga: Browser) -> None:
    olga.post("/tenants/nova/offboard", {"confirm": "nova", "reason": "The contract has ended."})
    assert "is offboarded" in olga.post(PAGE, fields(), status=422)
