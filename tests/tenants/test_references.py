"""Putting references: places of secrets and values of keys that are none, versions, change sets."""

from __future__ import annotations

from typing import Any

import pytest
from django.db import DatabaseError, connection, transaction

from controlpanel.catalog.yaml_text import UNREAD_BY_ARGO_CD
from controlpanel.core.errors import AbsentError, ConflictError, InvalidError
from controlpanel.core.models import AuditEvent
from deployments.tenants_part import _with_their_stores
from tenants.models import CredentialReference, ReferenceVersion
from tenants.selectors.parts import parts, pending, versions
from tenants.services.promoting import (
    LiveValue,
    departures_cleared,
    departures_done,
    environment_values_record,
    references_promoted,
)
from tenants.services.references import Edit, reference_put, reference_remove, references_put
from tenants.services.signing import item_sign_off, item_sign_off_withdraw
from tenants.services.tenants import tenant_offboard
from tests import fixtures_tenants as make
from tests.tenants.conftest import World

KEY = make.SECRETS[0]


def test_a_place_is_put_once_and_again_changes_nothing(world: World) -> None:
    nova = make.tenant("nova", by=world.olga)
    for _ in range(2):
        make.put(nova, world.staging, by=world.olga, keys=(KEY,))
    row = CredentialReference.objects.get(tenant=nova, environment=world.staging)
    assert (row.versions.count(), row.newest.number, row.promoted) == (1, 1, None)
    assert AuditEvent.objects.filter(action="tenant.references", target="nova").count() == 1


def test_a_key_of_the_environment_names_the_file_that_sets_it(world: World) -> None:
    nova = make.tenant("nova", by=world.olga)
    where = "backend/hub-staging/ConfigMap-backend-settings.yaml"
    environment_values_record(
        world.staging, [LiveValue(key="TEMPO_ENDPOINT", state="set", where=where, value="http://tempo:4318")]
    )
    with pytest.raises(InvalidError, match=where):
        reference_put(
            actor=world.olga,
            tenant=nova,
            environment=world.staging,
            key="TEMPO_ENDPOINT",
            place={"value": "https://x.example.com"},
        )


NO_PLACES: list[tuple[str, dict[str, Any], str]] = [
        ("NO_SUCH_KEY", {"value": "x"}, "key"),
        ("TEMPO_ENDPOINT", {"value": "https://x.example.com"}, "key"),
        (KEY, {"value": "hunter2"}, "value"),
        (KEY, {}, "kind"),
        (KEY, {"kind": "Secret"}, "kind"),
        (KEY, {"kind": "ExternalSecret", "remoteKey": "nova/x"}, "store"),
        (KEY, {"kind": "ExternalSecret", "store": "vault"}, "remoteKey"),
        (KEY, {"kind": "ExternalSecret", "store": "Vault Production", "remoteKey": "nova/x"}, "store"),
        (KEY, {"kind": "ExternalSecret", "store": "vault", "remoteKey": "nova x"}, "remoteKey"),
        (KEY, {"kind": "ExternalSecret", "store": "vault", "remoteKey": "nova/x", "version": "1"}, "version"),
        (KEY, {"kind": "SealedSecret"}, "key"),
        (KEY, {"kind": "SealedSecret", "key": "token", "encrypted": "AgAAAA=="}, "encrypted"),
        ("DOKTOR365_BASE_URL", {"value": "http://doktor365.example.com"}, "value"),
        ("DOKTOR365_BASE_URL", {"kind": "ExternalSecret", "store": "vault", "remoteKey": "nova/x"}, "kind"),
        ("DOKTOR365_BASE_URL", {"value": None}, "value"),
        ("DOKTOR365_BASE_URL", {"value": f"https://x.example.com/{UNREAD_BY_ARGO_CD}"}, "value"),
        (KEY, {"kind": "ExternalSecret", "store": "vault", "remoteKey": f"nova/{UNREAD_BY_ARGO_CD}"}, "remoteKey"),
        (KEY, {"kind": "ExternalSecret", "store": "vault", "remoteKey": "nova/x", "property": UNREAD_BY_ARGO_CD}, "property"),
]  # fmt: skip


def test_what_is_no_place_is_refused_by_its_field(world: World) -> None:
    nova = make.tenant("nova", by=world.olga)
    for key, place, field in NO_PLACES:
        with pytest.raises(InvalidError) as refused:
            reference_put(actor=world.olga, tenant=nova, environment=world.staging, key=key, place=place)
        assert refused.value.extra["field"] == field, place
    assert not CredentialReference.objects.exists()


def test_several_edits_are_one_change_set_or_none(world: World) -> None:
    nova = make.tenant("nova", by=world.olga)
    good = [
        Edit(environment=name, key=key, place=make.external("nova", key))
        for name in ("staging", "production")
        for key in make.SECRETS
    ]
    with pytest.raises(InvalidError):
        references_put(
            actor=world.olga,
            tenant=nova,
            edits=[*good, Edit(environment="staging", key="DOKTOR365_BASE_URL", place={"value": "no"})],
        )
    assert not ReferenceVersion.objects.exists()
    references_put(actor=world.olga, tenant=nova, edits=good)
    assert len(set(ReferenceVersion.objects.values_list("change_set", flat=True))) == 1
    assert ReferenceVersion.objects.count() == 4


def test_a_rollback_makes_the_old_version_the_promoted_one_and_later_edits_stay_pending(world: World) -> None:
    nova = make.tenant("nova", by=world.olga)
    make.put(nova, world.staging, by=world.olga)
    make.promote(world.staging)
    first = versions(world.staging)
    make.put(nova, world.staging, by=world.olga, keys=(KEY,), remoteKey="nova/second")
    make.promote(world.staging)
    assert list(pending(world.staging)) == []
    references_promoted(world.staging, first)
    assert [(row.key, row.newest.remote_key, row.promoted.remote_key) for row in pending(world.staging)] == [
        (KEY, "nova/second", "nova/doktor365-secret")
    ]
    assert parts(world.staging, "promoted")[0].references[0].remote_key == "nova/doktor365-secret"


def test_going_back_to_what_git_holds_leaves_nothing_pending(world: World) -> None:
    nova = make.tenant("nova", by=world.olga)
    make.put(nova, world.staging, by=world.olga)
    make.promote(world.staging)
    make.put(nova, world.staging, by=world.olga, keys=(KEY,), remoteKey="nova/second")
    make.put(nova, world.staging, by=world.olga, keys=(KEY,))
    assert list(pending(world.staging)) == []
    never = make.tenant("mira", by=world.olga)
    make.put(never, world.staging, by=world.olga)
    reference_remove(actor=world.olga, tenant=never, environment=world.staging, key=KEY)
    assert [row.key for row in pending(world.staging)] == [make.SECRETS[1]]
    with pytest.raises(AbsentError):
        reference_remove(actor=world.olga, tenant=never, environment=world.staging, key=KEY)


def test_offboarding_takes_the_keys_out_first_and_keeps_history(world: World) -> None:
    nova = make.ready("nova", world.staging, by=world.ada)
    before = ReferenceVersion.objects.count()
    tenant_offboard(actor=world.olga, tenant=nova, reason="The contract has ended.")
    assert [(part.slug, part.is_leaving) for part in parts(world.staging)] == [("nova", True)]
    assert parts(world.staging, "promoted")[0].references
    make.promote(world.staging)
    assert parts(world.staging) == parts(world.staging, "promoted")
    departures_cleared(world.staging, ["nova"])
    assert parts(world.staging) == []
    departures_done(world.staging, ["nova"])
    assert ReferenceVersion.objects.count() == before + 2
    with pytest.raises(ConflictError):
        make.put(nova, world.staging, by=world.olga)


@pytest.mark.parametrize("what", ["value", "SealedSecret"])
def test_who_leaves_the_store_and_keeps_something_else_is_emptied_all_the_same(world: World, what: str) -> None:
    nova = make.tenant("nova", by=world.olga)
    make.put(nova, world.staging, by=world.olga, keys=(KEY,))
    make.promote(world.staging)
    kept = {
        "value": ("DOKTOR365_BASE_URL", {"value": "https://nova.example.com"}),
        "SealedSecret": (KEY, {"kind": "SealedSecret", "name": "nova", "key": "hmac"}),
    }
    key, place = kept[what]
    references_put(actor=world.olga, tenant=nova, edits=[Edit(environment="staging", key=key, place=place)])
    if what == "value":
        reference_remove(actor=world.olga, tenant=nova, environment=world.staging, key=KEY)
    [part] = parts(world.staging)
    assert part.is_leaving
    assert [one.kind for one in part.references] == [what]
    assert not parts(world.staging, "promoted")[0].is_leaving
    [with_store] = _with_their_stores(world.staging, [part])
    assert [(one.kind, one.store) for one in with_store.references] == [(what, ""), ("ExternalSecret", "vault")]


def test_a_rollback_brings_an_emptied_tenant_back(world: World) -> None:
    nova = make.tenant("nova", by=world.olga)
    make.put(nova, world.staging, by=world.olga)
    make.promote(world.staging)
    first = versions(world.staging)
    for key in make.SECRETS:
        reference_remove(actor=world.olga, tenant=nova, environment=world.staging, key=key)
    make.promote(world.staging)
    references_promoted(world.staging, first)
    assert len(parts(world.staging, "promoted")[0].references) == 2
    assert parts(world.staging)[0].is_leaving


GUARDED = {
    "a version changes": "UPDATE tenants_referenceversion SET remote_key = 'x'",
    "a version goes": "DELETE FROM tenants_referenceversion",
    "a change of an item goes": "DELETE FROM tenants_itemchange",
    "a tenant goes": "DELETE FROM tenants_tenant",
    "a slug changes": "UPDATE tenants_tenant SET slug = 'other' WHERE slug = 'nova'",
    "an illegal move": "UPDATE tenants_tenant SET state = 'onboarding'",
    "a foreign version is promoted": "UPDATE tenants_credentialreference SET promoted_id = (SELECT max(id) FROM tenants_referenceversion)",
    "a reference changes its key": "UPDATE tenants_credentialreference SET key = 'X'",
    "a sign-off changes": "UPDATE tenants_signoff SET subject = 'x'",
    "a sign-off comes back": "UPDATE tenants_signoff SET withdrawn_at = NULL WHERE withdrawn_at IS NOT NULL",
    "a waiver without a reason": "UPDATE tenants_checklistitem SET state = 'waived', waived_until = now(), waived_reason = ''",
    "ready without all items": "UPDATE tenants_readiness SET is_ready = true, met = 0, required = 5",
    "two kinds in one version": "INSERT INTO tenants_referenceversion (reference_id, number, kind, store, remote_key, remote_property, sealed_name, sealed_key, sealed_text, value, target_key, is_removed, created_by) SELECT id, 99, 'ExternalSecret', 'v', 'k', '', '', '', '', 'secret', 't', false, 'x' FROM tenants_credentialreference LIMIT 1",
}  # fmt: skip


def test_postgresql_refuses_what_no_service_does(world: World) -> None:
    nova = make.ready("nova", world.staging, by=world.ada)
    row = make.item(nova, world.staging, "TEMPO_ENDPOINT")
    item_sign_off_withdraw(actor=world.ada, item=row)
    item_sign_off(actor=world.ada, item=row)
    assert [what for what, statement in GUARDED.items() if _takes(statement)] == []


def _takes(statement: str) -> bool:
    try:
        with transaction.atomic(), connection.cursor() as cursor:
            cursor.execute(statement)
    except DatabaseError:
        return False
    return True
