"""What looks like a secret is refused wherever somebody may type, and nothing of it is stored or repeated."""

from __future__ import annotations

import base64
import json
import secrets
from collections.abc import Callable
from datetime import timedelta
from string import ascii_uppercase
from typing import Any

import pytest
from django.apps import apps
from django.core import serializers
from django.utils import timezone

from controlpanel.core.errors import InvalidError, PanelError
from tenants.choices import Standing, TenantState
from tenants.models import CredentialReference, Tenant
from tenants.services import inputs
from tenants.services.importing import tenants_import
from tenants.services.references import reference_put
from tenants.services.reviews import review_request
from tenants.services.signing import item_sign_off, item_sign_off_withdraw, item_waive
from tenants.services.tenants import tenant_create, tenant_edit, tenant_move, tenant_offboard
from tenants.services.verification import Verified, verifications_record
from tests import fixtures_tenants as make
from tests.tenants.conftest import World


def jwt() -> str:
    part = (
        base64.urlsafe_b64encode(json.dumps({"alg": "HS256", "sub": secrets.token_hex(8)}).encode())
        .decode()
        .rstrip("=")
    )
    return f"{part}.{part}.{secrets.token_urlsafe(32)}"


CREDENTIALS: dict[str, Callable[[], str]] = {
    "the platform's account token": lambda: f"ak_{secrets.token_hex(16)}_{secrets.token_hex(4)}",
    "JSON Web Token": jwt,
    "private key": lambda: (
        f"-----BEGIN PRIVATE KEY-----\n{base64.b64encode(secrets.token_bytes(90)).decode()}\n-----END PRIVATE KEY-----"
    ),
    "address with a password": lambda: "postgresql://hub:" + secrets.token_urlsafe(12) + "@db.example.com/hub",
    "AWS access key": lambda: "AKIA" + base64.b32encode(secrets.token_bytes(10)).decode(),
    "AWS access key without a digit": lambda: "AKIA" + "".join(secrets.SystemRandom().sample(ascii_uppercase, 16)),
    "GitHub token": lambda: "ghp_" + secrets.token_hex(18),
    "panel token": lambda: "cp_" + secrets.token_urlsafe(32),
    "random text": lambda: secrets.token_urlsafe(32),
    "random hexadecimal": lambda: secrets.token_hex(16),
    "base64 key": lambda: base64.b64encode(secrets.token_bytes(32)).decode(),
}


def fields(world: World, nova: Tenant) -> dict[str, Callable[[str], object]]:
    """Everything that somebody may type into, by name."""
    key = make.SECRETS[0]
    item = make.item(nova, world.staging, key)
    signed = make.item(nova, world.staging, "TEMPO_ENDPOINT")
    item_sign_off(actor=world.ada, item=signed)
    soon = timezone.now() + timedelta(days=1)
    by: dict[str, Any] = {"actor": world.ada, "tenant": nova}

    def place(field: str) -> Callable[[str], object]:
        return lambda text: reference_put(
            **by, environment=world.staging, key=key, place=make.external("nova", key, **{field: text})
        )

    return {
        "slug": lambda text: tenant_create(actor=world.ada, slug=text),
        "display name": lambda text: tenant_edit(**by, display_name=f"Nova {text}"),
        "owner": lambda text: tenant_edit(**by, owner=text),
        "contact's name": lambda text: tenant_edit(**by, contacts=[{"name": text}]),
        "contact's role": lambda text: tenant_edit(**by, contacts=[{"name": "Selin", "role": text}]),
        "label": lambda text: tenant_edit(**by, labels={"note": text}),
        "label's name": lambda text: tenant_edit(**by, labels={text: "x"}),
        "store": place("store"),
        "remote key": place("remoteKey"),
        "remote key's last part": lambda text: place("remoteKey")(f"nova/{text}"),
        "property": place("property"),
        "value of a secret": lambda text: reference_put(
            **by, environment=world.staging, key=key, place={"value": text}
        ),
        "value": lambda text: reference_put(
            **by, environment=world.staging, key="DOKTOR365_BASE_URL", place={"value": f"https://d.example.com/{text}"}
        ),
        "name of a SealedSecret": lambda text: reference_put(
            **by, environment=world.staging, key=key, place={"kind": "SealedSecret", "key": "k", "name": text}
        ),
        "key of a SealedSecret": lambda text: reference_put(
            **by, environment=world.staging, key=key, place={"kind": "SealedSecret", "key": text}
        ),
        "encrypted text": lambda text: reference_put(
            **by, environment=world.staging, key=key, place={"kind": "SealedSecret", "key": "k", "encrypted": text}
        ),
        "an unknown field": lambda text: reference_put(
            **by, environment=world.staging, key=key, place=make.external("nova", key, **{text: "x"})
        ),
        "kind": place("kind"),
        "catalog key": lambda text: reference_put(
            **by, environment=world.staging, key=text, place=make.external("nova", key)
        ),
        "note": lambda text: item_sign_off(actor=world.ada, item=item, note=text),
        "reason to withdraw": lambda text: item_sign_off_withdraw(actor=world.ada, item=signed, reason=text),
        "reason of a waiver": lambda text: item_waive(
            actor=world.ada, item=item, reason=f"we wait for {text}", until=soon
        ),
        "reason to suspend": lambda text: tenant_move(**by, state=TenantState.SUSPENDED, reason=text),
        "reason to offboard": lambda text: tenant_offboard(**by, reason=f"they left {text}"),
        "note of a review": lambda text: review_request(**by, environment=world.staging, note=text),
        "CSV": lambda text: csv(world, f"slug,displayName\nmira,{json.dumps(text)}\n"),
        "place in CSV": lambda text: csv(world, f"slug,staging.DOKTOR365_SECRET\nmira,{json.dumps(text)}\n"),
        "YAML": lambda text: problems(
            tenants_import(
                actor=world.ada,
                text=json.dumps({"tenants": [{"slug": "mira", "labels": {"a": text}}]}),
                format="yaml",
                dry_run=False,
            )
        ),
        "heading of CSV": lambda text: csv(world, f"slug,{json.dumps(text)}\nmira,x\n"),
    }


def csv(world: World, text: str) -> None:
    problems(tenants_import(actor=world.ada, text=text, format="csv", dry_run=False))


def problems(found: object) -> None:
    """An import answers with problems; raise them like the others."""
    listed = getattr(found, "problems")  # noqa: B009
    if listed:
        raise InvalidError("; ".join(f"{one.field}: {one.sentence}" for one in listed), field="text")


def everything_stored() -> str:
    models = [model for model in apps.get_models() if model._meta.app_label in ("tenants", "core")]
    return "".join(serializers.serialize("json", model._default_manager.all()) for model in models)


@pytest.mark.parametrize("kind", CREDENTIALS)
def test_nothing_that_looks_like_a_secret_is_stored_or_repeated_wherever_it_is_typed(
    kind: str, world: World, caplog: pytest.LogCaptureFixture
) -> None:
    nova = make.tenant("nova", by=world.ada)
    make.put(nova, world.staging, by=world.ada)
    accepted, typed = [], []
    for name, put in fields(world, nova).items():
        credential = CREDENTIALS[kind]()
        typed.append(credential[:60].split("\n")[-1])
        accepted += _accepted(name, put, credential)
    assert accepted == []
    kept = everything_stored() + caplog.text
    assert [text for text in typed if text in kept] == []


def _accepted(name: str, put: Callable[[str], object], credential: str) -> list[str]:
    """The field's name, with what is wrong with its answer; nothing where it refuses as it should."""
    try:
        put(credential)
    except PanelError as error:
        said = f"{error} {error.extra}"
        is_named = isinstance(error, InvalidError) and error.extra.get("field")
        is_repeated = credential in said or credential[-12:] in said
        return [] if is_named and not is_repeated else [f"{name}: {said}"]
    return [name]


def test_an_operators_message_is_kept_without_what_looks_like_a_credential(world: World) -> None:
    nova = make.tenant("nova", by=world.ada)
    make.put(nova, world.staging, by=world.ada)
    make.promote(world.staging)
    credential = CREDENTIALS["the platform's account token"]()
    make.verify(world.staging, standing=Standing.FAILING, message=f"could not parse {credential}")
    assert credential not in everything_stored()
    assert make.item(nova, world.staging, make.SECRETS[0]).state == "failing"


@pytest.mark.parametrize(
    "text",
    [
        "Nova Fertility", "Aegean IVF & Health, İzmir", "Ağrı Klinik 2026", "onboarded by request CHG-2026-11-0042",
        "see https://wiki.example.com/tenants/nova-fertility for the contract", "Rotated on 2026-11-23T18:05:30Z by Selin Aydın",
        "nova/doktor365/hmac", "kv/data/tenants/nova-fertility/onlychannel", "projects/hub-production/secrets/nova-doktor365",
        "arn:aws:secretsmanager:eu-central-1:123456789012:secret:nova/doktor365-a1B2c3", "vault-production", "account.token",
        "2026.11.3 needs WHATSAPP_BUSINESS_ACCOUNT_TOKEN from everybody", "internationalization-and-localization-team",
    ],
)  # fmt: skip
def test_what_people_write_every_day_is_taken(text: str) -> None:
    inputs.refuse_secrets(text, "note")


@pytest.mark.parametrize(
    "address",
    [
        "https://doktor365.example.com",
        "https://doktor365.example.com:8443/api/v2",
        "https://nova.onlychannel.example.com/hub/",
    ],
)
def test_an_https_address_is_taken(address: str) -> None:
    assert inputs.checked_address(address, "value") == address


@pytest.mark.parametrize(
    "address",
    [
        "http://doktor365.example.com", "ftp://x.example.com", "doktor365.example.com", "https://", "https://user@x.example.com",
        "https://u:p@x.example.com", "https://x.example.com/?token=1", "https://x.example.com/#a", "https://x.example.com/a b",
        "javascript:alert(1)", "https://x.example.com:99999", "https://[::1", "", "https://x.example.com\\@evil.example.com",
    ],
)  # fmt: skip
def test_another_address_is_refused_by_its_field(address: str) -> None:
    with pytest.raises(InvalidError) as refused:
        inputs.checked_address(address, "value")
    assert refused.value.extra["field"] == "value"


def test_a_look_at_another_version_changes_nothing(world: World) -> None:
    nova = make.tenant("nova", by=world.ada)
    make.put(nova, world.staging, by=world.ada)
    make.promote(world.staging)
    row = CredentialReference.objects.get(tenant=nova, key=make.SECRETS[0])
    verifications_record(
        world.staging, [Verified(reference=row.pk, standing=Standing.VERIFIED, version=(row.promoted_id or 0) + 1)]
    )
    row.refresh_from_db()
    assert row.standing == Standing.UNVERIFIED
