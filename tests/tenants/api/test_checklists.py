"""`/tenants/{slug}/checklist` and `…/credentials/{key}`: where secrets lie, and whose word stands for it."""

from __future__ import annotations

import secrets
from datetime import timedelta
from typing import Any

import pytest
from django.utils import timezone

from controlpanel.core.models import AuditEvent
from tenants.models import ReferenceVersion, Tenant
from tests import fixtures_tenants as make
from tests.tenants.api.conftest import Caller
from tests.tenants.conftest import World

KEY = "DOKTOR365_SECRET"
PLACE = {"kind": "ExternalSecret", "store": "vault-staging", "remoteKey": "nova/doktor365", "property": "hmac"}
CHECKLIST = "/tenants/nova/checklist?environment=staging"


def at(key: str, environment: str = "staging") -> str:
    return f"/tenants/nova/environments/{environment}/credentials/{key}"


def act(name: str, key: str = KEY) -> str:
    return f"/tenants/nova/checklist/{key}/{name}?environment=staging"


def item(told: dict[str, Any], key: str = KEY) -> dict[str, Any]:
    return next(one for one in told["items"] if one["key"] == key)


@pytest.fixture
def nova(world: World) -> Tenant:
    return make.tenant("nova", by=world.ada)


def test_a_reference_is_put_promoted_and_taken_away(world: World, nova: Tenant, nova_token: Caller) -> None:
    told = nova_token.ask("put", at(KEY), PLACE)
    assert told["pending"] is True
    assert told["promoted"] is None
    assert {name: told["newest"][name] for name in PLACE} == PLACE
    assert told["newest"]["target_key"] == f"nova.{KEY}"
    assert nova_token.ask("put", at(KEY), PLACE) == told
    assert ReferenceVersion.objects.count() == 1
    changes = nova_token.ask("get", "/environments/staging/tenant-changes")["items"]
    assert [(one["tenant"], one["key"], one["change"]) for one in changes] == [("nova", KEY, "new")]
    assert nova_token.ask("get", "/tenants/nova/environments/staging/changes")["items"] == changes
    make.promote(world.staging)
    assert nova_token.ask("get", "/environments/staging/tenant-changes")["items"] == []
    gone = nova_token.ask("delete", at(KEY))
    assert (gone["newest"], gone["pending"]) == (None, True)
    nova_token.refused("delete", at(KEY), status=404)


def test_a_value_of_a_key_that_is_no_secret(nova: Tenant, nova_token: Caller) -> None:
    told = nova_token.ask("put", at("DOKTOR365_BASE_URL"), {"value": "https://doktor365.example.com"})
    assert (told["newest"]["kind"], told["newest"]["value"]) == ("value", "https://doktor365.example.com")


def test_a_sealed_secret(nova: Tenant, nova_token: Caller) -> None:
    told = nova_token.ask("put", at(KEY), {"kind": "SealedSecret", "key": "hmac"})
    assert (told["newest"]["kind"], told["newest"]["key"]) == ("SealedSecret", "hmac")


@pytest.mark.parametrize("member", ["store", "remoteKey", "property", "name", "key", "encrypted", "value"])
def test_a_secret_in_any_member_is_refused_with_the_field_and_never_repeated(
    nova: Tenant, nova_token: Caller, member: str
) -> None:
    for secret in (f"ak_{secrets.token_hex(16)}_{secrets.token_hex(4)}", secrets.token_urlsafe(40)):
        body = {"kind": "SealedSecret", "key": "hmac"} if member in ("name", "key", "encrypted") else dict(PLACE)
        body = {"value": secret} if member == "value" else {**body, member: secret}
        told = nova_token.refused("put", at(KEY), body, status=422)
        assert told["field"] == member
        assert secret not in str(told)
    assert not ReferenceVersion.objects.exists()


def test_a_key_of_the_environment_is_refused_and_its_file_named(world: World, nova: Tenant, nova_token: Caller) -> None:
    make.live_values(world.staging)
    told = nova_token.refused("put", at("HUB_REGISTRY_URL"), {"value": "https://hub.example.com"}, status=422)
    assert "backend/ConfigMap.yaml" in told["detail"]


@pytest.mark.parametrize(
    "body",
    [
        {},
        {"kind": "ExternalSecret"},
        {"kind": "nonsense"},
        {**PLACE, "more": "x"},
        {"kind": "SealedSecret", "store": "vault"},
    ],
)
def test_an_incomplete_or_unknown_place_is_refused(nova: Tenant, nova_token: Caller, body: dict[str, str]) -> None:
    assert nova_token.refused("put", at(KEY), body, status=422)["field"]
    assert not ReferenceVersion.objects.exists()


def test_the_checklist_goes_from_open_to_signed(world: World, nova: Tenant, nova_token: Caller) -> None:
    told = nova_token.ask("get", CHECKLIST)
    assert {one["key"] for one in told["items"]} == set(make.FIVE)
    assert item(told)["unsignable"]
    assert nova_token.refused("post", act("sign-off"), status=409)["remedy"]
    make.put(nova, world.staging, by=world.ada)
    make.promote(world.staging)
    make.verify(world.staging)
    subject = item(nova_token.ask("get", CHECKLIST))["subject"]
    old = nova_token.refused("post", act("sign-off"), {"seen": ["f" * 64]}, status=409)
    assert "changed since you looked" in old["detail"]
    told = nova_token.ask("post", act("sign-off"), {"note": "Looked at it.", "seen": [subject]})
    signed = item(told)
    assert (signed["state"], signed["sign_off"]["note"], signed["sign_off"]["stale"]) == ("met", "Looked at it.", [])
    assert signed["reference"]["verification"]["standing"] == "verified"
    nova_token.ask("put", at(KEY), {**PLACE, "remoteKey": "nova/elsewhere"})
    stale = item(nova_token.ask("get", CHECKLIST))["sign_off"]["stale"]
    assert any("from nova/doktor365-secret to nova/elsewhere" in one for one in stale)
    assert item(nova_token.ask("post", act("withdraw")))["sign_off"] is None
    nova_token.refused("post", act("withdraw"), status=409)


def test_everything_is_signed_at_once(world: World, nova: Tenant, nova_token: Caller) -> None:
    make.put(nova, world.staging, by=world.ada)
    make.promote(world.staging)
    make.verify(world.staging)
    make.live_values(world.staging)
    told = nova_token.ask("post", "/tenants/nova/sign-off?environment=staging", key="k")
    assert (told["ready"], told["met"]) == (True, 5)
    assert nova_token.ask("post", "/tenants/nova/sign-off?environment=staging", key="k") == told


def test_a_waiver_lets_an_item_count_until_a_day(nova: Tenant, admin: Caller) -> None:
    until = (timezone.now() + timedelta(days=3)).isoformat()
    admin.refused("post", act("waive"), {"reason": "short", "until": until}, status=422)
    admin.refused("post", act("waive"), {"reason": "The clinic opens on Monday."}, status=422)
    told = admin.ask("post", act("waive"), {"reason": "The clinic opens on Monday.", "until": until})
    assert item(told)["state"] == "waived"
    assert item(told)["waived"]["reason"] == "The clinic opens on Monday."
    assert AuditEvent.objects.filter(target="nova", message__contains="The clinic opens on Monday.").exists()
    assert item(admin.ask("post", act("unwaive")))["state"] == "open"
    admin.refused("post", act("unwaive"), status=409)


def test_an_item_that_does_not_exist_is_absent(nova: Tenant, admin: Caller) -> None:
    admin.refused("post", act("sign-off", "NO_SUCH_KEY"), status=404)


def test_a_token_of_one_environment_does_nothing_in_another(nova: Tenant) -> None:
    token = Caller("tenants", environments=("staging",))
    token.ask("get", CHECKLIST)
    token.refused("get", "/tenants/nova/checklist?environment=production", status=404)
    token.refused("put", at(KEY, "production"), PLACE, status=404)
    token.refused("post", f"/tenants/nova/checklist/{KEY}/sign-off?environment=production", status=404)


def test_a_look_is_asked_for(world: World, nova: Tenant, nova_token: Caller) -> None:
    assert nova_token.refused("post", "/tenants/nova/check?environment=staging", status=409)["remedy"]
    make.put(nova, world.staging, by=world.ada)
    make.promote(world.staging)
    assert nova_token.ask("post", "/tenants/nova/check?environment=staging", status=202) == {"references": 2}
