"""Whatever people, workers and time do in whatever order: what is stored is what one computes from the rows themselves."""

from __future__ import annotations

from collections.abc import Callable
from datetime import timedelta
from typing import Any

from django.db import transaction
from django.db.models import F
from django.utils import timezone
from hypothesis import HealthCheck, Phase, given, settings
from hypothesis import strategies as some

from controlpanel.catalog.models import Environment
from controlpanel.core.errors import UserError
from tenants.choices import VERIFICATION_MAX_AGE, Standing, TenantState
from tenants.models import ChecklistItem, CredentialReference, EnvironmentValue, Readiness, Tenant
from tenants.selectors.parts import versions
from tenants.selectors.readiness import not_ready
from tenants.services.promoting import (
    LiveValue,
    environment_values_record,
    items_for_release,
    references_promoted,
    release_is_live,
)
from tenants.services.readiness import ITEM_COLUMNS, READINESS_COLUMNS, readiness_lapse, readiness_refresh
from tenants.services.references import reference_remove
from tenants.services.signing import item_sign_off, item_sign_off_withdraw, item_unwaive, item_waive
from tenants.services.tenants import tenant_move, tenant_offboard
from tests import fixtures_tenants as make
from tests.tenants.conftest import World

SLUGS, EXTRA = ("atlas", "nova"), "WHATSAPP_TOKEN"
KEYS = (*make.FIVE, EXTRA)


class Acts:
    """Everything that changes an input, on made-up tenants and keys; what is refused changes nothing."""

    def __init__(self, world: World) -> None:
        self.world, self.place = world, world.staging
        self.remembered: list[dict[str, int]] = [{}]

    def tenant(self, slug: str) -> Tenant:
        return Tenant.objects.get(slug=slug)

    def item(self, slug: str, key: str) -> ChecklistItem:
        rows = ChecklistItem.objects.select_related("tenant", "environment", "sign_off")
        found = rows.filter(tenant__slug=slug, environment=self.place, key=key).first()
        if found is None:
            raise UserError("There is no such item.")
        return found

    def put(self, slug: str, key: str, number: int) -> None:
        make.put(self.tenant(slug), self.place, by=self.world.ada, keys=(key,), remoteKey=f"{slug}/place-{number}")

    def remove(self, slug: str, key: str, number: int) -> None:
        reference_remove(actor=self.world.ada, tenant=self.tenant(slug), environment=self.place, key=key)

    def promote(self, slug: str, key: str, number: int) -> None:
        self.remembered.append(versions(self.place))
        make.promote(self.place)

    def roll_back(self, slug: str, key: str, number: int) -> None:
        references_promoted(self.place, self.remembered[number % len(self.remembered)])

    def verify(self, slug: str, key: str, number: int) -> None:
        make.verify(self.place, standing=list(Standing)[number % 4], message="as the operator says", tenant__slug=slug)

    def sign(self, slug: str, key: str, number: int) -> None:
        item_sign_off(actor=self.world.ada, item=self.item(slug, key))

    def withdraw(self, slug: str, key: str, number: int) -> None:
        item_sign_off_withdraw(actor=self.world.ada, item=self.item(slug, key))

    def waive(self, slug: str, key: str, number: int) -> None:
        until = timezone.now() + timedelta(days=1 + number)
        item_waive(actor=self.world.ada, item=self.item(slug, key), reason="The store moves today.", until=until)

    def unwaive(self, slug: str, key: str, number: int) -> None:
        item_unwaive(actor=self.world.ada, item=self.item(slug, key))

    def move(self, slug: str, key: str, number: int) -> None:
        if number == 3:
            tenant_offboard(actor=self.world.ada, tenant=self.tenant(slug), reason="The contract has ended.")
        else:
            tenant_move(actor=self.world.ada, tenant=self.tenant(slug), state=list(TenantState)[number % 3])

    def live(self, slug: str, key: str, number: int) -> None:
        values = [
            LiveValue(key=one, state="set", where="f.yaml", value=f"http://{number}")
            for one in make.FIVE[number % 2 : 3]
        ]
        environment_values_record(self.place, values)

    def release(self, slug: str, key: str, number: int) -> None:
        items_for_release(self.place, [EXTRA] if number % 2 else [], f"2026.12.{number}")

    def release_live(self, slug: str, key: str, number: int) -> None:
        release_is_live(self.place, f"2026.12.{number}")

    def time_passes(self, slug: str, key: str, number: int) -> None:
        """As if it were some days later, by the rows' own clocks."""
        days = timedelta(days=2 * number)
        CredentialReference.objects.update(verified_at=F("verified_at") - days)
        ChecklistItem.objects.update(waived_until=F("waived_until") - days)
        Readiness.objects.update(recheck_at=F("recheck_at") - days)
        readiness_lapse()


ACTS = [name for name in vars(Acts) if not name.startswith("_") and name not in ("tenant", "item")]
STEPS = some.lists(
    some.tuples(some.sampled_from(ACTS), some.sampled_from(SLUGS), some.sampled_from(KEYS), some.integers(0, 4)), min_size=4, max_size=14
)  # fmt: skip


def test_what_is_stored_is_what_one_computes(world: World) -> None:
    for slug in SLUGS:
        make.ready(slug, world.staging, by=world.ada)
    readiness_refresh(world.staging)

    @settings(
        max_examples=15,
        deadline=None,
        derandomize=True,
        phases=[Phase.generate],
        suppress_health_check=list(HealthCheck),
    )
    @given(STEPS)
    def holds(steps: list[tuple[str, str, str, int]]) -> None:
        with transaction.atomic():
            acts = Acts(world)
            for name, slug, key, number in steps:
                _do(getattr(acts, name), slug, key, number)
            _compare(world.staging)
            transaction.set_rollback(True)

    holds()


def _do(act: Callable[[str, str, int], None], slug: str, key: str, number: int) -> None:
    try:
        with transaction.atomic():
            act(slug, key, number)
    except UserError:
        pass


def _compare(place: Environment) -> None:
    stored = _rows(place)
    assert readiness_refresh(place) == [], "no service forgot to compute anew"
    ChecklistItem.objects.filter(environment=place).update(
        state="open", found="open", evidence="", subject="", snapshot={}, unsignable=""
    )
    Readiness.objects.filter(environment=place).update(
        is_ready=False, met=0, required=0, first_missing="", recheck_at=None
    )
    readiness_refresh(place)
    assert _rows(place) == stored, "computed from scratch it is the same"
    expected = {
        slug
        for slug in SLUGS
        if Tenant.objects.get(slug=slug).state == TenantState.ACTIVE and not _is_ready(slug, place)
    }
    assert {row.slug for row in not_ready(place)} == expected, "and what the rule says in other words"


def _rows(place: Environment) -> list[Any]:
    items = ChecklistItem.objects.filter(environment=place, is_retired=False).order_by("tenant", "key", "type")
    readiness = Readiness.objects.filter(environment=place).order_by("tenant")
    return [*items.values_list("tenant", "key", *ITEM_COLUMNS), *readiness.values_list("tenant", *READINESS_COLUMNS)]


def _is_ready(slug: str, place: Environment) -> bool:
    """Every required item is waived, or there, verified and signed for as it is."""
    rows = ChecklistItem.objects.filter(tenant__slug=slug, environment=place, is_required=True, is_retired=False)
    return all(_is_met(row, place) for row in rows.select_related("sign_off"))


def _is_met(row: ChecklistItem, place: Environment) -> bool:
    now = timezone.now()
    if row.waived_until is not None and row.waived_until > now:
        return True
    signed = row.sign_off.snapshot if row.sign_off else None
    if row.key in make.FIVE[:3]:
        value = EnvironmentValue.objects.filter(environment=place, key=row.key).first()
        if value is None:
            return (
                not EnvironmentValue.objects.filter(environment=place).exists()
                and signed is not None
                and "http" in signed.get("value", "")
            )
        return signed == {"key": row.key, "value": value.value}
    reference = (
        CredentialReference.objects.filter(tenant=row.tenant, environment=place, key=row.key)
        .select_related("newest")
        .first()
    )
    if (
        reference is None
        or reference.newest is None
        or reference.newest.is_removed
        or reference.newest_id != reference.promoted_id
    ):
        return False
    verified_at = reference.verified_at if reference.verified_version_id == reference.promoted_id else None
    fresh = verified_at is not None and verified_at + VERIFICATION_MAX_AGE > now
    verified = reference.standing == Standing.UNCHECKED or (reference.standing == Standing.VERIFIED and fresh)
    return verified and signed is not None and signed == reference.newest.place(row.key)
