"""`/tenants`, `/imports`, `/reviews`: who shares the platform."""

from __future__ import annotations

import secrets

import pytest
from django.db import connection
from django.test.utils import CaptureQueriesContext

from controlpanel.core.models import AuditEvent
from tenants.models import Tenant
from tests import fixtures_tenants as make
from tests.tenants.api.conftest import Caller
from tests.tenants.conftest import World

NOVA = {"slug": "nova", "display_name": "Nova Fertility", "labels": {"region": "eu"}}


def canary() -> str:
    return f"ak_{secrets.token_hex(16)}_{secrets.token_hex(4)}"


def test_a_tenant_is_made_read_changed_and_offboarded(admin: Caller) -> None:
    made = admin.ask("post", "/tenants", NOVA, status=201)
    assert (made["slug"], made["state"], made["labels"]) == ("nova", "onboarding", {"region": "eu"})
    assert [one["environment"] for one in made["environments"]] == ["staging", "production"]
    assert {(one["met"], one["required"]) for one in made["environments"]} == {(0, 5)}
    assert admin.ask("get", "/tenants/nova") == made
    changed = admin.ask("patch", "/tenants/nova", {"display_name": "Nova", "state": "active"})
    assert (changed["display_name"], changed["state"], changed["labels"]) == ("Nova", "active", {"region": "eu"})
    admin.refused("patch", "/tenants/nova", {"display_name": "Other", "state": "onboarding"}, status=409)
    assert admin.ask("get", "/tenants/nova")["display_name"] == "Nova", "all of it or nothing"
    assert admin.ask("post", "/tenants/nova/offboard", {"reason": "The contract has ended."})["state"] == "offboarded"
    assert admin.ask("get", "/tenants")["items"] == []
    assert [one["slug"] for one in admin.ask("get", "/tenants?state=offboarded")["items"]] == ["nova"]


def test_the_same_call_with_the_same_key_answers_the_same(admin: Caller) -> None:
    first = admin.ask("post", "/tenants", NOVA, key="k", status=201)
    events = AuditEvent.objects.count()
    assert admin.ask("post", "/tenants", NOVA, key="k", status=201) == first
    assert AuditEvent.objects.count() == events


@pytest.mark.parametrize(
    ("member", "value"),
    [
        ("slug", "Nova Fertility"),
        ("owner", "nobody"),
        ("labels", {"": "x"}),
        ("contacts", [{"name": "S", "email": "x"}]),
    ],
)
def test_a_wrong_member_is_named(admin: Caller, member: str, value: object) -> None:
    told = admin.refused("post", "/tenants", {**NOVA, member: value}, status=422)
    assert str(told["field"]).startswith(member)
    assert not Tenant.objects.exists()


@pytest.mark.parametrize("member", ["slug", "display_name", "owner", "labels", "contacts"])
def test_a_secret_is_refused_and_never_repeated(admin: Caller, member: str) -> None:
    secret = canary()
    value: object = {"labels": {"key": secret}, "contacts": [{"name": secret, "email": ""}]}.get(member, secret)
    told = admin.refused("post", "/tenants", {**NOVA, member: value}, status=422)
    assert secret not in str(told)
    assert not AuditEvent.objects.filter(message__contains=secret).exists()


@pytest.mark.parametrize(
    ("query", "found"),
    [
        ("", ["nova", "aegean"]),
        ("q=AEG", ["aegean"]),
        ("readiness=ready", []),
        ("readiness=ready&environment=staging", ["aegean"]),
        ("readiness=not-ready&environment=staging", ["nova"]),
        ("missing=DOKTOR365_SECRET&environment=staging", ["nova"]),
        ("state=suspended", []),
    ],
)
def test_the_list_is_narrowed_and_newest_first(world: World, admin: Caller, query: str, found: list[str]) -> None:
    make.ready("aegean", world.staging, by=world.ada)
    make.tenant("nova", by=world.ada)
    assert [one["slug"] for one in admin.ask("get", f"/tenants?{query}")["items"]] == found


def test_the_list_goes_on_behind_the_last_row(world: World, admin: Caller) -> None:
    for number in range(5):
        make.tenant(f"t{number}", by=world.ada)
    first = admin.ask("get", "/tenants?limit=3")
    second = admin.ask("get", f"/tenants?limit=3&cursor={first['next']}")
    assert [one["slug"] for one in first["items"] + second["items"]] == ["t4", "t3", "t2", "t1", "t0"]
    assert second["next"] is None


def test_an_environment_that_does_not_exist_is_absent(admin: Caller) -> None:
    admin.refused("get", "/tenants?environment=nowhere", status=404)
    admin.refused("get", "/environments/nowhere/tenant-changes", status=404)


def test_lists_take_the_same_queries_however_many_there_are(world: World, admin: Caller) -> None:
    one = make.ready("nova", world.staging, by=world.ada)
    make.put(one, world.production, by=world.ada)
    paths = (
        "/tenants",
        "/tenants/nova/checklist?environment=staging",
        "/environments/production/tenant-changes",
        "/reviews",
    )
    few = {path: queries(admin, path) for path in paths}
    make.copies(one, 300)
    assert {path: queries(admin, path) for path in paths} == few


def queries(by: Caller, path: str) -> int:
    by.ask("get", path)
    with CaptureQueriesContext(connection) as caught:
        by.ask("get", path)
    return len(caught)


def test_a_token_of_one_tenant_knows_no_other(world: World, nova_token: Caller) -> None:
    make.tenant("nova", by=world.ada)
    make.tenant("aegean", by=world.ada)
    assert [one["slug"] for one in nova_token.ask("get", "/tenants")["items"]] == ["nova"]
    absent = nova_token.refused("get", "/tenants/aegean", status=404)
    assert absent["title"] == nova_token.refused("get", "/tenants/no-such-tenant", status=404)["title"]
    nova_token.refused("post", "/tenants", {"slug": "mine"}, status=403)
    nova_token.refused("post", "/promotions", {"environment": "staging", "kind": "tenant_config"}, status=403)


def test_an_import_is_dry_unless_said_otherwise(admin: Caller) -> None:
    asked = {"format": "csv", "text": "slug,displayName\nnova,Nova\naegean,Aegean\n"}
    told = admin.ask("post", "/imports", asked)
    assert (told["dry_run"], [one["change"] for one in told["changes"]]) == (True, ["created", "created"])
    assert not Tenant.objects.exists()
    assert admin.ask("post", "/imports", {**asked, "dry_run": False})["problems"] == []
    assert Tenant.objects.count() == 2
    assert {one["change"] for one in admin.ask("post", "/imports", asked)["changes"]} == {"unchanged"}


def test_an_import_with_a_secret_is_refused_and_never_repeated(admin: Caller) -> None:
    secret = canary()
    text = f"slug,displayName\naegean,Aegean\nnova,{secret}\n"
    told = admin.refused("post", "/imports", {"format": "csv", "text": text, "dry_run": False}, status=422)
    assert told["field"] == "text"
    assert secret not in str(told)
    assert not Tenant.objects.exists()


def test_a_review_is_asked_for_listed_and_closed(world: World, admin: Caller) -> None:
    make.tenant("nova", by=world.ada)
    asked = admin.ask("post", "/tenants/nova/reviews?environment=staging", {"note": "Before Friday."}, status=201)
    again = admin.ask("post", "/tenants/nova/reviews?environment=staging", {"note": "Once more."}, status=201)
    assert again["id"] == asked["id"]
    assert [one["note"] for one in admin.ask("get", "/reviews?is_open=true")["items"]] == ["Before Friday."]
    closed = admin.ask("post", f"/reviews/{asked['id']}/close")
    assert closed["closed_at"] is not None
    assert admin.ask("get", "/reviews?is_open=true")["items"] == []
    assert len(admin.ask("get", "/reviews")["items"]) == 1


def test_the_hub_state_of_a_tenant_that_was_never_read_says_so(world: World, admin: Caller) -> None:
    make.tenant("nova", by=world.ada)
    told = admin.ask("get", "/tenants/nova/hub?environment=staging")
    assert (told["agents"], told["token_present"], told["read_at"], told["tail"]) == (None, None, None, [])
