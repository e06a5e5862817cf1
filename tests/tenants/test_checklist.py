"""Signing, withdrawing, waiving, reviews, and what releases and live values do to a checklist."""

from __future__ import annotations

from datetime import timedelta

import pytest
from django.utils import timezone

from controlpanel.catalog.models import Variable
from controlpanel.core.errors import ConflictError, InvalidError, RefusedError
from controlpanel.core.models import AuditEvent, OutboxMessage
from controlpanel.core.permissions import Role
from tenants.choices import ItemState, Standing
from tenants.models import ChecklistItem, CredentialReference, KeyNeed, Readiness, ReviewRequest, SignOff
from tenants.selectors.checklists import checklist, item_history
from tenants.selectors.readiness import not_ready, readiness_counts
from tenants.services.observing import Seen, observations_record
from tenants.services.promoting import LiveValue, environment_values_record, items_for_release, release_is_live
from tenants.services.readiness import readiness_lapse, readiness_refresh, readiness_tidy
from tenants.services.reviews import review_request
from tenants.services.signing import item_sign_off, item_sign_off_withdraw, item_unwaive, item_waive, items_sign_off_all
from tests import fixtures_tenants as make
from tests.tenants.conftest import World

KEY = make.SECRETS[0]
LIVE = [
    LiveValue(key="HUB_REGISTRY_URL", state="set", where="backend.yaml", value="http://backend:4000/api/hub/registry"),
    LiveValue(key="PROMETHEUS_PUSHGATEWAY_URL", state="set", where="backend.yaml", value="http://prometheus:9091"),
    LiveValue(key="TEMPO_ENDPOINT", state="set", where="backend.yaml", value="http://tempo:4318"),
]


def blocked(world: World, release: str = "") -> dict[str, list[str]]:
    return {row.slug: [item.key for item in row.items] for row in not_ready(world.staging, release)}


def test_an_owner_signs_and_an_operator_may_not(world: World) -> None:
    nova = make.ready("nova", world.staging, by=world.ada)
    item = make.item(nova, world.staging, "TEMPO_ENDPOINT")
    selin = make.as_role(Role.TENANT_OWNER, tenant="nova")
    item_sign_off_withdraw(actor=selin, item=item, reason="I signed too early.")
    assert blocked(world) == {"nova": ["TEMPO_ENDPOINT"]}
    with pytest.raises(RefusedError):
        item_sign_off(actor=world.olga, item=item)
    for _ in range(2):
        item_sign_off(actor=selin, item=item)
    assert blocked(world) == {}
    assert SignOff.objects.filter(item=item).count() == 2
    assert [change.becomes for change in item_history(item)][:3] == ["met", "open", "met"]


def test_one_signs_what_one_saw(world: World) -> None:
    nova = make.tenant("nova", by=world.olga)
    make.put(nova, world.staging, by=world.olga)
    seen = make.item(nova, world.staging, KEY).subject
    make.put(nova, world.staging, by=world.olga, keys=(KEY,), remoteKey="nova/other")
    with pytest.raises(ConflictError, match="changed since you looked"):
        item_sign_off(actor=world.ada, item=make.item(nova, world.staging, KEY), seen=seen)


def test_all_is_what_is_left_and_not_what_is_waived(world: World) -> None:
    nova = make.ready("nova", world.staging, by=world.ada)
    waived = make.item(nova, world.staging, KEY)
    make.put(nova, world.staging, by=world.olga, keys=(KEY,), remoteKey="nova/other")
    item_waive(actor=world.rita, item=waived, reason="It comes tomorrow.", until=timezone.now() + timedelta(days=2))
    other = make.item(nova, world.staging, "TEMPO_ENDPOINT")
    item_sign_off_withdraw(actor=world.ada, item=other, reason="To sign it again.")
    signed = items_sign_off_all(actor=world.ada, tenant=nova, environment=world.staging)
    assert [row.key for row in signed] == ["TEMPO_ENDPOINT"]


def test_nobody_signs_for_what_is_missing_or_fails(world: World) -> None:
    nova = make.tenant("nova", by=world.olga)
    with pytest.raises(ConflictError, match="cannot be signed yet"):
        item_sign_off(actor=world.ada, item=make.item(nova, world.staging, KEY))
    make.put(nova, world.staging, by=world.olga)
    with pytest.raises(ConflictError, match="cannot be signed yet"):
        items_sign_off_all(actor=world.ada, tenant=nova, environment=world.staging)
    make.promote(world.staging)
    make.verify(world.staging, standing=Standing.FAILING, message="no such key")
    with pytest.raises(ConflictError, match="cannot be signed yet"):
        item_sign_off(actor=world.ada, item=make.item(nova, world.staging, KEY))


def test_without_cluster_access_the_sign_off_counts(world: World) -> None:
    nova = make.tenant("nova", by=world.olga)
    make.put(nova, world.staging, by=world.olga)
    make.promote(world.staging)
    make.verify(world.staging, standing=Standing.UNCHECKED)
    items_sign_off_all(actor=world.ada, tenant=nova, environment=world.staging)
    assert blocked(world) == {}
    assert make.item(nova, world.staging, KEY).evidence.startswith("Not checked. The panel has no cluster access")


def test_a_waiver_counts_until_it_lapses_by_itself(world: World) -> None:
    nova = make.ready("nova", world.staging, by=world.ada)
    make.verify(world.staging, standing=Standing.FAILING, message="no such key", key=KEY)
    item = make.item(nova, world.staging, KEY)
    until = timezone.now() + timedelta(days=2)
    with pytest.raises(RefusedError):
        item_waive(actor=world.olga, item=item, reason="The store moves today.", until=until)
    item_waive(actor=world.rita, item=item, reason="The store moves today.", until=until)
    assert blocked(world) == {}
    assert Readiness.objects.get(slug="nova", environment=world.staging).waived == 1
    ChecklistItem.objects.filter(pk=item.pk).update(waived_until=timezone.now() - timedelta(seconds=1))
    Readiness.objects.filter(slug="nova").update(recheck_at=timezone.now() - timedelta(seconds=1))
    assert list(blocked(world)) == ["nova"], "it counts no more, even before anybody computes it anew"
    assert readiness_lapse() >= 1
    assert blocked(world) == {"nova": [KEY]}
    assert AuditEvent.objects.filter(action="tenant.waiver_lapsed", target="nova").count() == 1
    assert readiness_lapse() == 0


def test_a_waiver_can_be_ended_and_needs_a_reason_and_an_end(world: World) -> None:
    nova = make.tenant("nova", by=world.olga)
    item = make.item(nova, world.staging, KEY)
    now = timezone.now()
    for reason, until, field in (
        ("short", now + timedelta(days=1), "reason"),
        ("long enough reason", now - timedelta(seconds=1), "until"),
        ("long enough reason", now + timedelta(days=91), "until"),
    ):
        with pytest.raises(InvalidError) as refused:
            item_waive(actor=world.rita, item=item, reason=reason, until=until)
        assert refused.value.extra["field"] == field
    item_waive(actor=world.rita, item=item, reason="long enough reason", until=now + timedelta(days=1))
    item_unwaive(actor=world.rita, item=item)
    assert make.item(nova, world.staging, KEY).state == ItemState.OPEN


def test_a_verification_grows_too_old(world: World) -> None:
    nova = make.ready("nova", world.staging, by=world.ada)
    CredentialReference.objects.filter(tenant=nova).update(verified_at=timezone.now() - timedelta(days=8))
    Readiness.objects.filter(slug="nova").update(recheck_at=timezone.now())
    readiness_lapse()
    assert make.item(nova, world.staging, KEY).evidence == "Verified too long ago: more than 7 days."
    make.verify(world.staging)
    assert blocked(world) == {}


def test_what_a_new_release_needs_opens_an_item_for_those_that_lack_it_and_blocks_that_release_alone(
    world: World,
) -> None:
    make.ready("nova", world.staging, by=world.ada)
    mira = make.ready("mira", world.staging, by=world.ada)
    items_for_release(world.staging, ["WHATSAPP_TOKEN"], "2026.12.0")
    make.put(mira, world.staging, by=world.olga, keys=("WHATSAPP_TOKEN",))
    assert blocked(world) == {}
    assert blocked(world, "2026.12.0") == {"mira": ["WHATSAPP_TOKEN"], "nova": ["WHATSAPP_TOKEN"]}
    make.promote(world.staging)
    make.verify(world.staging)
    items_sign_off_all(actor=world.ada, tenant=mira, environment=world.staging)
    assert blocked(world, "2026.12.0") == {"nova": ["WHATSAPP_TOKEN"]}
    assert readiness_counts([world.staging], "2026.12.0")["staging"].ready == 1
    assert blocked(world, "2026.11.9") == {}
    release_is_live(world.staging, "2026.12.0")
    assert blocked(world) == {"nova": ["WHATSAPP_TOKEN"]}
    items_for_release(world.staging, [], "2026.12.1")
    release_is_live(world.staging, "2026.12.1")
    assert blocked(world) == {}


def test_who_has_the_key_already_gets_no_item(world: World) -> None:
    nova = make.ready("nova", world.staging, by=world.ada)
    items_for_release(world.staging, ["WHATSAPP_TOKEN"], "2026.12.0")
    make.put(nova, world.staging, by=world.olga, keys=("WHATSAPP_TOKEN",))
    late = make.tenant("late", by=world.olga)
    make.put(late, world.staging, by=world.olga, keys=("WHATSAPP_TOKEN",))
    items_for_release(world.staging, ["WHATSAPP_TOKEN"], "2026.12.1")
    assert {line.item.key for line in checklist(make.tenant("fresh", by=world.olga), world.staging)} >= {
        "WHATSAPP_TOKEN"
    }


@pytest.mark.parametrize(
    ("standing", "is_had"),
    [(None, False), (Standing.FAILING, False), (Standing.VERIFIED, True), (Standing.UNVERIFIED, True)],
)
def test_a_key_is_had_when_git_holds_its_reference_and_it_finds_something(
    world: World, standing: Standing | None, is_had: bool
) -> None:
    Variable.objects.create(key="WHATSAPP_TOKEN", scope="tenant", is_secret=True, on_checklist=False)
    nova = make.ready("nova", world.staging, by=world.ada)
    make.put(nova, world.staging, by=world.olga, keys=("WHATSAPP_TOKEN",))
    if standing is not None:
        make.promote(world.staging)
    if standing == Standing.FAILING:
        make.verify(world.staging, standing=standing, message="not there", key="WHATSAPP_TOKEN")
    items_for_release(world.staging, ["WHATSAPP_TOKEN"], "2026.12.0")
    assert blocked(world, "2026.12.0") == ({} if is_had else {"nova": ["WHATSAPP_TOKEN"]})


def test_a_release_that_is_looked_at_again_after_a_month_needs_its_keys_still(world: World) -> None:
    make.ready("nova", world.staging, by=world.ada)
    items_for_release(world.staging, ["WHATSAPP_TOKEN"], "2026.12.0")
    KeyNeed.objects.update(recorded_at=timezone.now() - timedelta(days=31))
    readiness_refresh(world.staging)
    assert blocked(world, "2026.12.0") == {}
    items_for_release(world.staging, ["WHATSAPP_TOKEN"], "2026.12.0")
    assert blocked(world, "2026.12.0") == {"nova": ["WHATSAPP_TOKEN"]}


def test_a_release_that_leaves_values_equal_keeps_sign_offs_and_a_changed_one_makes_them_stale(world: World) -> None:
    nova = make.ready("nova", world.staging, by=world.ada)
    environment_values_record(world.staging, LIVE)
    assert blocked(world) == {}
    changed = [
        *LIVE[:2],
        LiveValue(key="TEMPO_ENDPOINT", state="set", where="backend.yaml", value="http://tempo-2:4318"),
    ]
    environment_values_record(world.staging, changed)
    assert blocked(world) == {"nova": ["TEMPO_ENDPOINT"]}
    stale = make.item(nova, world.staging, "TEMPO_ENDPOINT")
    assert stale.changes_since == ["value changed from http://tempo:4318 to http://tempo-2:4318"]


def test_a_variable_missing_in_what_is_live_fails_unless_the_release_brings_it(world: World) -> None:
    make.ready("nova", world.staging, by=world.ada)
    environment_values_record(world.staging, LIVE[:2])
    assert blocked(world) == {"nova": ["TEMPO_ENDPOINT"]}
    assert not_ready(world.staging, provided=["TEMPO_ENDPOINT"]) == []


def test_a_review_is_asked_for_by_mail_and_closes_when_everything_is_signed(world: World) -> None:
    nova = make.tenant("nova", by=world.olga)
    make.put(nova, world.staging, by=world.olga)
    make.promote(world.staging)
    make.verify(world.staging)
    selin = make.as_role(Role.TENANT_OWNER, tenant="nova")
    make.as_role(Role.TENANT_REVIEWER, tenant="other")
    review = review_request(actor=world.olga, tenant=nova, environment=world.staging, note="Until Friday if you can.")
    assert review_request(actor=world.olga, tenant=nova, environment=world.staging) == review
    assert list(OutboxMessage.objects.values_list("destination", flat=True)) == [f"{selin.name}@example.com"]
    items_sign_off_all(actor=selin, tenant=nova, environment=world.staging)
    assert ReviewRequest.objects.get().outcome == "signed"


def test_items_of_the_catalog_besides_variables(world: World) -> None:
    text = (make.ROOT / "platform.yaml").read_text("utf-8") + (
        "\nchecklist:\n"
        "  data-agreement: {type: manual_sign_off, environments: [staging], parameters: {text: The agreement is signed.}}\n"
        "  health: {type: endpoint_answers, environments: [staging], parameters: {path: /api/health}}\n"
        "  token: {type: redis_key_present, required: false, environments: [staging], parameters: {key: '{tenant}:onlychannel:token'}}\n"
    )  # fmt: skip
    nova = make.ready("nova", world.staging, by=world.ada)
    make.catalog(text)
    assert readiness_tidy() == 2
    assert readiness_tidy() == 0
    assert blocked(world) == {"nova": ["data-agreement", "health"]}
    item_sign_off(actor=world.ada, item=make.item(nova, world.staging, "data-agreement"))
    seen = Seen(
        slug="nova", type="endpoint_answers", key="health", is_met=True, evidence="200 in 12 ms", at=timezone.now()
    )
    observations_record(world.staging, [seen])
    assert blocked(world) == {}
    assert (
        make.item(nova, world.staging, "token").evidence
        == "Nobody has looked yet whether nova:onlychannel:token is in Redis."
    )
    make.catalog()
    readiness_tidy()
    assert {line.item.key for line in checklist(nova, world.staging)} == set(make.FIVE)
