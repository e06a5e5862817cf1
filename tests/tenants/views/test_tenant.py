"""The page of a tenant: its checklist, what each line offers, and what people do there."""

from __future__ import annotations

import re
from datetime import timedelta

import pytest
from django.utils import timezone

from controlpanel.core.permissions import Role
from tenants.choices import Standing
from tenants.models import ChecklistItem, CredentialReference, HubState, ReviewRequest
from tests import fixtures_tenants as make
from tests.tenants.conftest import World
from tests.tenants.views.conftest import Browser, browser
from tests.tenants.views.test_lists import queries

STAGING = "/tenants/nova?environment=staging"
KEY = "DOKTOR365_SECRET"


def line(html: str, key: str = KEY) -> str:
    """The row of a key."""
    return html.partition(f'id="{key}"')[2].partition("</tr>")[0]


def test_a_new_tenant_is_asked_for_its_five_keys(world: World, olga: Browser) -> None:
    make.tenant("nova", by=world.ada)
    html = olga.text(STAGING)
    for key in make.FIVE:
        assert f'id="{key}"' in html
    assert "No reference" in line(html)
    assert f'href="/tenants/nova/references?environment=staging#{KEY}"' in line(html)
    assert "X-Tenant: nova" in html


def test_the_line_follows_from_put_to_signed(world: World, ada: Browser) -> None:
    nova = make.tenant("nova", by=world.ada)
    make.put(nova, world.staging, by=world.ada)
    html = ada.text(STAGING)
    assert "Not promoted" in line(html)
    assert "nova/doktor365-secret" in line(html)
    assert "is new: nova/doktor365-secret in vault" in html
    assert 'href="/environments/staging/configuration"' in html
    make.promote(world.staging)
    assert "Check again" in line(ada.text(STAGING))
    make.verify(world.staging, standing=Standing.FAILING, message="secret nova/doktor365-secret was not found")
    assert "Not found" in line(ada.text(STAGING))
    assert "was not found" in line(ada.text(STAGING))
    make.verify(world.staging)
    html = ada.text(STAGING)
    assert "Verified" in line(html)
    assert "Sign off<" in line(html)
    html = ada.post("/tenants/nova/item/sign-off", {"environment": "staging", "key": KEY})
    assert "Withdraw" in line(html)
    assert "ada" in line(html)


def test_a_changed_remote_key_makes_the_sign_off_stale_and_says_from_what_to_what(world: World, ada: Browser) -> None:
    nova = make.ready("nova", world.staging, by=world.ada)
    make.put(nova, world.staging, by=world.ada, keys=(KEY,), remoteKey="nova/elsewhere")
    make.promote(world.staging)
    make.verify(world.staging)
    html = ada.text(STAGING)
    assert "Stale" in line(html)
    assert "Sign off again" in line(html)
    assert "remote key changed from nova/doktor365-secret to nova/elsewhere" in html
    assert "1 sign-off is stale" in html
    assert "Stale" not in line(ada.post("/tenants/nova/item/sign-off", {"environment": "staging", "key": KEY}))


def test_all_are_signed_at_once_only_when_each_can_be(world: World, selin: Browser) -> None:
    nova = make.tenant("nova", by=world.ada)
    html = selin.text(STAGING)
    assert re.search(r'aria-disabled="true"[^>]*aria-describedby="sign-all-reason"', html)
    assert "No reference yet" in html or "reference" in html.partition('id="sign-all-reason"')[2][:200]
    refused = selin.post("/tenants/nova/sign-off", {"environment": "staging"})
    assert "data-stays" in refused
    make.put(nova, world.staging, by=world.ada)
    make.promote(world.staging)
    make.verify(world.staging)
    make.live_values(world.staging)
    html = selin.post("/tenants/nova/sign-off", {"environment": "staging"})
    assert "signed off in staging." in html
    assert not ChecklistItem.objects.filter(environment=world.staging, sign_off=None).exists()


def test_an_owner_has_no_promote_button_and_no_way_to_waive(world: World, selin: Browser) -> None:
    make.put(make.tenant("nova", by=world.ada), world.staging, by=world.ada)
    html = selin.text(STAGING)
    for absent in ("Waive", "/configuration", "/edit", "Promote"):
        assert absent not in html
    assert "An operator promotes the configuration of staging" in html


@pytest.mark.parametrize(
    "address", ["/tenants/aegean", "/tenants/aegean/references", "/tenants/aegean/onboarding", "/tenants/absent"]
)
def test_another_tenant_reads_as_absent(world: World, selin: Browser, address: str) -> None:
    make.tenant("aegean", by=world.ada)
    assert "Not found, or not yours to see" in selin.text(address, status=404)


@pytest.mark.parametrize(
    "act",
    ["check", "sign-off", "item/sign-off", "item/withdraw", "item/waive", "item/unwaive", "review", "move", "offboard"],
)
def test_nothing_can_be_done_to_another_tenant(world: World, selin: Browser, act: str) -> None:
    make.tenant("aegean", by=world.ada)
    fields = {
        "environment": "staging",
        "key": KEY,
        "confirm": "aegean",
        "reason": "A long enough reason.",
        "state": "suspended",
    }
    response = selin.client.post(f"/tenants/aegean/{act}", fields)
    assert response.status_code == 404


def test_an_owner_of_one_environment_sees_no_other(world: World) -> None:
    make.tenant("nova", by=world.ada)
    half = browser(make.person("half", Role.TENANT_OWNER, tenant="nova", environment="staging"))
    html = half.text("/tenants/nova?environment=production")
    assert "Production" not in html
    assert "Staging" in html
    assert half.client.post("/tenants/nova/sign-off", {"environment": "production"}).status_code == 404


def test_a_reviewer_signs_and_puts_nothing(world: World, remzi: Browser) -> None:
    make.put(make.tenant("nova", by=world.ada), world.staging, by=world.ada)
    html = remzi.text(STAGING)
    assert "Edit references" not in html
    assert remzi.client.get("/tenants/nova/references?environment=staging").status_code == 403
    assert "Sign off all" in html


def test_a_waiver_asks_for_a_reason_and_a_day_and_can_be_ended(world: World, rita: Browser) -> None:
    make.tenant("nova", by=world.ada)
    fields = {"environment": "staging", "key": KEY, "until": (timezone.localdate() + timedelta(days=3)).isoformat()}
    assert "data-stays" in rita.post("/tenants/nova/item/waive", {**fields, "reason": "short"})
    assert "Until is no day." in rita.post(
        "/tenants/nova/item/waive", {**fields, "until": "soon", "reason": "The clinic opens on Monday."}
    )
    html = rita.post("/tenants/nova/item/waive", {**fields, "reason": "The clinic opens on Monday."})
    assert "Waived" in line(html)
    assert "The clinic opens on Monday." in line(html)
    assert "Waived" not in line(rita.post("/tenants/nova/item/unwaive", {"environment": "staging", "key": KEY}))


def test_a_waiver_is_not_the_operators(world: World, olga: Browser) -> None:
    make.tenant("nova", by=world.ada)
    assert olga.client.post("/tenants/nova/item/waive", {"environment": "staging", "key": KEY}).status_code == 403


def test_checking_again_makes_the_references_due_for_a_look(world: World, olga: Browser) -> None:
    nova = make.tenant("nova", by=world.ada)
    assert "Promote the configuration first." in olga.post("/tenants/nova/check", {"environment": "staging"})
    make.put(nova, world.staging, by=world.ada)
    make.promote(world.staging)
    make.verify(world.staging)
    assert "2 references are being looked at." in olga.post("/tenants/nova/check", {"environment": "staging"})
    assert not CredentialReference.objects.filter(environment=world.staging, checked_at__isnull=False).exists()


def test_what_changed_since_the_page_was_read_is_not_signed_with_the_rest(world: World, ada: Browser) -> None:
    nova = make.tenant("nova", by=world.ada)
    make.put(nova, world.staging, by=world.ada)
    make.live_values(world.staging)
    for place in ("nova/first", "nova/second"):
        make.put(nova, world.staging, by=world.ada, remoteKey=place)
        make.promote(world.staging)
        make.verify(world.staging)
        if place == "nova/first":
            seen = (
                ada.text(STAGING)
                .partition('tenants/nova/sign-off"')[2]
                .partition('name="seen" value="')[2]
                .partition('"')[0]
            )
    html = ada.post("/tenants/nova/sign-off", {"environment": "staging", "seen": seen})
    assert "changed since you looked." in html
    assert not ChecklistItem.objects.exclude(sign_off=None).exists()
    seen = html.partition('tenants/nova/sign-off"')[2].partition('name="seen" value="')[2].partition('"')[0]
    ada.post("/tenants/nova/sign-off", {"environment": "staging", "seen": seen})
    assert not ChecklistItem.objects.filter(environment=world.staging, sign_off=None).exists()


def test_asking_for_a_sign_off_is_shown_and_asked_once(world: World, olga: Browser) -> None:
    make.tenant("nova", by=world.ada)
    assert "olga asked for a sign-off" in olga.post(
        "/tenants/nova/review", {"environment": "staging", "note": "Before Friday."}
    )
    assert ReviewRequest.objects.count() == 1


def test_the_hub_says_what_is_there_and_never_a_token(world: World, olga: Browser) -> None:
    nova = make.tenant("nova", by=world.ada)
    assert "Not checked" in olga.text(STAGING)
    HubState.objects.create(
        tenant=nova, environment=world.staging, agents=14, token_present=True, token_ttl_seconds=2232, stream_length=1204,
        read_at=timezone.now(), tail=[{"at": timezone.now().isoformat(), "type": "agent.reply", "source": "ai", "note": "<b>842 ms</b>"}],
    )  # fmt: skip
    html = olga.text(STAGING)
    for shown in ("14 agents", "37 m 12 s", "value never read", "1,204 entries", "agent.reply", "&lt;b&gt;842 ms"):
        assert shown in html


def test_a_tenant_that_the_hub_does_not_know_is_said_to_be_missing_there(world: World, olga: Browser) -> None:
    nova = make.tenant("nova", by=world.ada)
    HubState.objects.create(tenant=nova, environment=world.staging, token_present=False, read_at=timezone.now())
    keys = olga.text(STAGING).partition('id="hub"')[2].partition("</table>")[0]
    assert keys.count("Missing") == 3 and "Not checked" not in keys


def test_a_hub_that_did_not_answer_says_so(world: World, olga: Browser) -> None:
    HubState.objects.create(
        tenant=make.tenant("nova", by=world.ada), environment=world.staging, error="Redis did not answer."
    )
    assert "Redis did not answer." in olga.text(STAGING)


def test_the_page_takes_the_same_queries_however_much_happened(world: World, ada: Browser) -> None:
    nova = make.tenant("nova", by=world.ada)
    few = queries(ada, STAGING)
    make.put(nova, world.staging, by=world.ada)
    make.promote(world.staging)
    make.verify(world.staging)
    for number in range(5):
        make.put(nova, world.staging, by=world.ada, remoteKey=f"nova/place-{number}")
    assert queries(ada, STAGING) - few <= 1
    assert few <= 20


def test_a_fragment_is_that_part_alone(world: World, ada: Browser) -> None:
    make.tenant("nova", by=world.ada)
    response = ada.client.get(STAGING, headers={"HX-Request": "true", "HX-Target": "tenant"})
    html = response.content.decode()
    assert html.strip().startswith('<div class="stack" id="tenant"')
    assert "<html" not in html


def test_contacts_and_labels_are_shown_as_text(world: World, ada: Browser) -> None:
    contact = {"name": "<i>Selin</i>", "email": "selin@example.com", "role": "owner"}
    make.tenant("nova", by=world.ada, contacts=[contact], labels={"region": "<eu>"})
    html = ada.text(STAGING)
    assert "&lt;i&gt;Selin" in html
    assert "region: &lt;eu&gt;" in html
