"""Onboarding, editing, import, the pending change set, offboarding."""

from __future__ import annotations

import base64
import re
import secrets

import pytest

from controlpanel.catalog.shards import object_name, shard_of
from controlpanel.core.permissions import Role
from tenants.models import ReferenceVersion, Tenant
from tenants.services.references import reference_put
from tests import fixtures_tenants as make
from tests.tenants.conftest import World
from tests.tenants.views.conftest import Browser, browser

CSV = "slug,displayName\nnova,Nova Fertility\naegean,Aegean IVF\n"


def current(html: str) -> str:
    """The step that is open."""
    return html.partition("<details")[2].partition(" open><summary")[0].rpartition('id="step-')[2].partition('"')[0]


def open_steps(html: str) -> list[str]:
    """The steps that are open."""
    return [one.partition('"')[0] for one in html.split('id="step-')[1:] if " open>" in one.partition("<summary")[0]]


def test_onboarding_leads_from_a_name_to_an_active_tenant(world: World, ada: Browser) -> None:
    assert open_steps(ada.text("/onboarding")) == ["create"]
    html = ada.post("/onboarding", {"slug": "nova", "display_name": "Nova Fertility", "labels": "region=eu"})
    assert "nova is created. It restarts nothing." in html
    assert open_steps(html) == ["references"]
    sent = {"environment": "staging"}
    for key in make.SECRETS:
        sent |= {f"{key}-kind": "ExternalSecret", f"{key}-store": "vault", f"{key}-remote_key": f"nova/{key.lower()}"}
    html = ada.post("/tenants/nova/onboarding?environment=staging", sent)
    assert open_steps(html) == ["sign-off"]
    html = ada.post("/tenants/nova/review", {"environment": "staging", "from": "onboarding"})
    assert open_steps(html) == ["promote"]
    assert "is new: nova/doktor365_secret in vault" in html
    make.promote(world.staging)
    assert open_steps(ada.text("/tenants/nova/onboarding?environment=staging")) == ["verify"]
    make.verify(world.staging)
    make.live_values(world.staging)
    ada.post("/tenants/nova/sign-off", {"environment": "staging"})
    assert open_steps(ada.text("/tenants/nova/onboarding?environment=staging")) == ["done"]
    ada.post("/tenants/nova/move", {"state": "active"})
    assert Tenant.objects.get().state == "active"


def test_onboarding_fills_in_where_the_catalog_says_that_secrets_lie(world: World, ada: Browser) -> None:
    ada.post("/onboarding", {"slug": "nova"})
    for place in ("staging", "production"):
        html = ada.text(f"/tenants/nova/onboarding?environment={place}")
        assert f'value="vault-{place}"' in html and 'value="nova/doktor365"' in html and 'value="hmac"' in html
        assert "filled in as the catalog says, not stored yet" in html
    assert not ReferenceVersion.objects.exists()
    sent = {"environment": "staging"}
    for key, what in zip(make.SECRETS, ("doktor365", "onlychannel"), strict=True):
        sent |= {f"{key}-store": "vault-staging", f"{key}-remote_key": f"nova/{what}"}
    assert "not stored yet" not in ada.post("/tenants/nova/onboarding?environment=staging", sent)
    assert ReferenceVersion.objects.count() == 2


@pytest.mark.parametrize(
    ("field", "text"),
    [("slug", "Nova Fertility"), ("slug", ""), ("slug", "import"), ("owner", "nobody-knows"), ("contacts", "<>"), ("labels", "eu")],
)  # fmt: skip
def test_what_is_wrong_with_a_new_tenant_is_said_at_its_field(
    world: World, ada: Browser, field: str, text: str
) -> None:
    html = ada.post("/onboarding", {"slug": "nova", field: text}, status=422)
    assert f'href="#id_{field}"' in html
    assert not Tenant.objects.exists()


@pytest.mark.parametrize("field", ["slug", "display_name", "owner", "contacts", "labels"])
def test_a_secret_in_any_field_is_refused_and_never_shown_again(world: World, ada: Browser, field: str) -> None:
    canary = f"ak_{secrets.token_hex(16)}_{secrets.token_hex(4)}"
    text = {"contacts": f"Selin <selin@example.com>, {canary}", "labels": f"key={canary}"}.get(field, canary)
    html = ada.post("/onboarding", {"slug": "nova", field: text}, status=422)
    assert canary not in html
    assert not Tenant.objects.exists()


def test_an_edit_keeps_the_slug_and_shows_contacts_as_they_were_typed(world: World, olga: Browser) -> None:
    make.tenant("nova", by=world.ada)
    sent = {"display_name": "Nova", "contacts": "Selin Aydın <selin@example.com>, owner\nDesk", "labels": "region=eu"}
    assert "nova is stored." in olga.post("/tenants/nova/edit", sent)
    html = olga.text("/tenants/nova/edit")
    assert "Selin Aydın &lt;selin@example.com&gt;, owner" in html
    row = Tenant.objects.get()
    assert row.contacts[0] == {"name": "Selin Aydın", "email": "selin@example.com", "role": "owner"}
    assert row.labels == {"region": "eu"}


def test_offboarding_asks_for_the_slug_and_a_reason(world: World, olga: Browser) -> None:
    make.tenant("nova", by=world.ada)
    assert "Type nova to continue." in olga.post(
        "/tenants/nova/offboard", {"reason": "The contract has ended."}, status=422
    )
    assert "reason" in olga.post("/tenants/nova/offboard", {"confirm": "nova", "reason": "end"}, status=422)
    assert Tenant.objects.get().state == "active"
    html = olga.post("/tenants/nova/offboard", {"confirm": "nova", "reason": "The contract has ended."})
    assert "was offboarded" in html
    assert "The contract has ended." in html


def test_keys_that_a_sealed_secret_leaves_behind_are_named_before_its_tenant_goes(world: World, olga: Browser) -> None:
    nova = make.tenant("nova", by=world.ada)
    encrypted = base64.b64encode((512).to_bytes(2) + secrets.token_bytes(512 + 60)).decode()
    place = {"kind": "SealedSecret", "key": "hmac", "encrypted": encrypted}
    reference_put(actor=world.ada, tenant=nova, environment=world.staging, key=make.SECRETS[0], place=place)
    assert 'id="sealed"' not in olga.text("/tenants/nova/edit")
    make.promote(world.staging)
    shard = object_name(shard_of("nova", 16))
    assert f"nova.{make.SECRETS[0]} of Secret {shard} in staging" in olga.text("/tenants/nova/edit")


@pytest.mark.parametrize("kind", ["multipart/form-data; boundary=x", "application/x-www-form-urlencoded"])
def test_an_import_that_no_server_would_read_whole_is_said_to_be_too_large(
    world: World, olga: Browser, kind: str
) -> None:
    answer = olga.client.post("/onboarding/import", data="", content_type=kind, CONTENT_LENGTH="1000001")
    assert (answer.status_code, Tenant.objects.count()) == (413, 0)
    assert "larger than 1 MB; nothing of it was read. Send it in parts." in " ".join(
        re.sub(r"<[^>]+>", " ", answer.content.decode()).split()
    )


def test_suspending_and_resuming(world: World, olga: Browser) -> None:
    make.tenant("nova", by=world.ada)
    assert "is suspended" in olga.post("/tenants/nova/move", {"state": "suspended"})
    olga.post("/tenants/nova/move", {"state": "active"})
    assert "data-stays" in olga.post("/tenants/nova/move", {"state": "nonsense"})
    assert Tenant.objects.get().state == "active"


@pytest.mark.parametrize("address", ["/onboarding", "/onboarding/import", "/tenants/nova/edit"])
def test_tenants_are_made_and_changed_by_operators(world: World, selin: Browser, address: str) -> None:
    make.tenant("nova", by=world.ada)
    selin.text(address, status=403)


def test_an_import_shows_first_what_would_change(world: World, olga: Browser) -> None:
    html = olga.post("/onboarding/import", {"format": "csv", "text": CSV}, status=200)
    assert "What would change" in html
    assert "Import 2 tenants" in html
    assert not Tenant.objects.exists()
    html = olga.post("/onboarding/import", {"format": "csv", "text": CSV, "import": "1"})
    assert "2 tenants imported." in html
    assert Tenant.objects.count() == 2
    assert "Nothing would change." in olga.post("/onboarding/import", {"format": "csv", "text": CSV}, status=200)


def test_an_import_that_is_wrong_names_the_line_and_changes_nothing(world: World, olga: Browser) -> None:
    html = olga.post("/onboarding/import", {"format": "csv", "text": CSV + "No Slug,x\n", "import": "1"}, status=422)
    assert "Line 4" in html
    assert not Tenant.objects.exists()


def test_an_import_never_shows_a_secret_again(world: World, olga: Browser) -> None:
    canary = f"ak_{secrets.token_hex(16)}_{secrets.token_hex(4)}"
    html = olga.post("/onboarding/import", {"format": "csv", "text": f"slug,displayName\nnova,{canary}\n"}, status=422)
    assert canary not in html


def test_the_pending_change_set_names_each_change_and_who_put_it(world: World, olga: Browser) -> None:
    nova = make.tenant("nova", by=world.ada)
    assert "Nothing waits here." in olga.text("/environments/staging/configuration")
    make.put(nova, world.staging, by=world.ada)
    make.promote(world.staging)
    make.put(nova, world.staging, by=world.ada, keys=("DOKTOR365_SECRET",), remoteKey="nova/elsewhere")
    html = olga.text("/environments/staging/configuration")
    assert "1 reference of 1 tenant" in html
    assert "remote key changed from nova/doktor365-secret to nova/elsewhere" in html
    assert "Nothing waits here." not in html


def test_the_pending_change_set_belongs_to_all_tenants_and_so_not_to_an_owner(world: World, selin: Browser) -> None:
    assert selin.client.get("/environments/staging/configuration").status_code == 404


def test_a_viewer_sees_why_the_button_is_not_theirs(world: World) -> None:
    vera = browser(make.person("vera", Role.VIEWER))
    make.put(make.tenant("nova", by=world.ada), world.staging, by=world.ada)
    assert "It needs the role operator or release manager here." in vera.text("/environments/staging/configuration")
    assert vera.client.post("/environments/staging/configuration").status_code == 403
