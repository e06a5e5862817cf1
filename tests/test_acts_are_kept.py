"""Services × doors: every use case that somebody may start is kept with who, door and act. A new service without a row fails."""

from __future__ import annotations

import importlib
import inspect
import pkgutil
from collections.abc import Callable, Iterator, Mapping
from datetime import timedelta
from types import ModuleType
from typing import Any

import pytest
from django.db import transaction
from django.test import Client
from django.utils import timezone

import controlpanel.accounts
import deployments.services
import tenants.services
from controlpanel.accounts import own, people, tokens
from controlpanel.accounts.actors import SYSTEM, Actor
from controlpanel.accounts.models import User
from controlpanel.catalog.models import Environment
from controlpanel.core import audit, outbox
from controlpanel.core.models import AuditEvent, OutboxMessage
from controlpanel.core.permissions import Role
from deployments import lifecycle
from deployments.choices import Act
from deployments.gates import for_target
from deployments.models import Application, PlannedPromotion, Promotion
from deployments.services import (
    approving,
    freezing,
    instructions,
    notifying,
    overriding,
    planning,
    promotions,
    releases,
    rollbacks,
)
from tenants.choices import Standing, TenantState
from tenants.models import CredentialReference
from tenants.selectors.parts import versions
from tenants.services import hub_events, importing, looking, promoting, references, reviews, signing, verification
from tenants.services import tenants as of_tenants
from tests import fixtures_deployments as make
from tests import fixtures_tenants as rows
from tests.deployments.notifications.conftest import catalog

DOORS = ("page", "api", "command")
Do = Callable[[Any, Actor], object]
PACKAGES = (deployments.services, tenants.services, controlpanel.accounts)
READS = {
    "checked_overrides", "find_environment", "find_promotion", "gates_of", "rollback_preview", "rollback_targets", "given_to",
    "may_see_all", "why_not", "find_freeze", "find_plan", "note_overridden", "tokens_seen_by", "token_of_page", "record",
    "why_not_confirm", "require_own_place",
}  # fmt: skip
"""They read, or are the shorthand that others keep their acts by."""
ELSEWHERE = {
    "bootstrap": "asks Argo CD and Git: tests/deployments/test_bootstrapping.py",
    "preflight_request": "a look at what would be; nothing is done, and what it renders is nobody's act",
    "environment_values_record": "what was observed, no act",
    "reviews_close_signed": "part of the sign-off that closes the review, kept as review_close",
}  # fmt: skip


class Stage:
    """Who and what is there."""

    def __init__(self) -> None:
        self.staging, self.production = make.platform()
        self.elif_ = make.person("elif", Role.OPERATOR)
        self.release = make.release("2026.11.3")
        catalog()

    def promotion(self) -> Promotion:
        return make.promotion(self.release, self.staging, by=self.elif_)

    def older(self) -> Promotion:
        """One that can be gone back to."""
        first = make.live(self.release, self.staging, by=self.elif_)
        make.live(make.release("2026.11.4"), self.staging, by=self.elif_)
        return first

    def awaiting(self) -> Promotion:
        """One that waits for an approval."""
        place = Environment.objects.get(pk=self.staging.pk)
        place.gates = [{"name": "approvals"}]
        place.save()
        row = Promotion.objects.create(
            environment=place, release=self.release, requester=self.elif_, requested_by="elif", requested_door="page",
            preflight=make.preflight(self.release, place), render_digest=make.DIGEST,
        )  # fmt: skip
        row.refresh_from_db(fields=["number"])
        lifecycle.admit(
            row, for_target(release=self.release, environment=place, preflight=row.preflight, promotion=row)
        )
        return row

    def manager(self, actor: Actor) -> Actor:
        """The same as a person who may approve."""
        return Actor(actor.name, actor.door, user=make.person("rita", Role.RELEASE_MANAGER))

    def plan(self, actor: Actor) -> PlannedPromotion:
        return planning.promotion_plan(actor=self.manager(actor), environment="staging", release="2026.11.3", at=soon())

    def emergency(self) -> Promotion:
        said = "Everything is down."
        row = rollbacks.promotion_rollback(actor=SYSTEM, target=self.older(), reason=said, emergency=True)
        Promotion.objects.filter(pk=row.pk).update(render_digest=make.DIGEST)
        return row

    def browser(self) -> None:
        Client().force_login(self.elif_)

    def paused(self) -> Promotion:
        return make.paused(self.promotion())

    def dead(self) -> OutboxMessage:
        event = audit.record(actor=audit.SYSTEM, action="promotion.failed")
        message = outbox.queue(event, kind="slack", destination="chat", payload={"subject": "x"})
        OutboxMessage.objects.filter(pk=message.pk).update(dead_at=timezone.now())
        return message


class Clinic:
    """A tenant whose items are signed in staging."""

    def __init__(self) -> None:
        self.staging, _ = rows.catalog()
        self.ada = rows.as_role(Role.ADMINISTRATOR)
        self.nova = rows.ready("nova", self.staging, by=self.ada)

    def item(self) -> Any:
        return rows.item(self.nova, self.staging, "DOKTOR365_SECRET")

    def unsigned(self) -> Any:
        signing.item_sign_off_withdraw(actor=self.ada, item=self.item())
        return self.item()

    def waived(self) -> Any:
        signing.item_waive(actor=self.ada, item=self.unsigned(), reason="They move next week.", until=soon())
        return self.item()

    def review(self) -> Any:
        self.unsigned()
        return reviews.review_request(actor=self.ada, tenant=self.nova, environment=self.staging)

    def changed(self) -> Mapping[str, int]:
        rows.put(self.nova, self.staging, by=self.ada, keys=("DOKTOR365_SECRET",), remoteKey="nova/other")
        return versions(self.staging)

    def look(self) -> verification.Verified:
        row = CredentialReference.objects.filter(tenant=self.nova).first()
        assert row is not None
        return verification.Verified(
            reference=row.pk, standing=Standing.FAILING, version=row.promoted_id, generation=2, message="It is gone."
        )


def soon() -> Any:
    return timezone.now() + timedelta(days=2)


def user() -> User:
    return User.objects.create_user(username="mert")


OF_DEPLOYMENTS: dict[str, tuple[str, Do]] = {
    "instruct": ("application.restart", lambda s, a: instructions.instruct(
        actor=a, application=Application.objects.filter(environment=s.staging)[0], act=Act.RESTART, reason="It leaks memory.",
        resource={"kind": "Deployment", "namespace": "hub", "name": "ai", "group": "apps", "version": "v1"})),
    "receiver_test": ("notification.test", lambda s, a: notifying.receiver_test(actor=a, receiver="chat")),
    "message_replay": ("notification.replay", lambda s, a: notifying.message_replay(actor=a, message=s.dead().pk)),
    "promotion_request": ("promotion.requested", lambda s, a: promotions.promotion_request(actor=a, environment="staging", release="2026.11.3")),
    "promotion_abort": ("promotion.canceled", lambda s, a: promotions.promotion_abort(actor=a, promotion=s.promotion())),
    "promotion_retry": ("promotion.rolling_out", lambda s, a: promotions.promotion_retry(actor=a, promotion=s.paused())),
    "promotion_ignore": ("promotion.rolling_out", lambda s, a: promotions.promotion_ignore(actor=a, promotion=s.paused(), reason="Known and harmless.")),
    "promotion_claim": ("promotion.claimed", lambda s, a: promotions.promotion_claim(actor=a, promotion=s.paused())),
    "promotion_rollback": ("promotion.requested", lambda s, a: rollbacks.promotion_rollback(
        actor=a, target=s.older(), reason="It is slow.")),
    "promotion_approve": ("promotion.approved", lambda s, a: approving.promotion_approve(actor=s.manager(a), promotion=s.awaiting())),
    "promotion_reject": ("promotion.rejected", lambda s, a: approving.promotion_reject(actor=s.manager(a), promotion=s.awaiting(), comment="No.")),
    "emergency_confirm": ("promotion.emergency_confirmed", lambda s, a: approving.emergency_confirm(
        actor=s.manager(a), promotion=s.emergency())),
    "promotion_override": ("promotion.gate_overridden", lambda s, a: overriding.promotion_override(
        actor=a, promotion=s.promotion(), override=overriding.Override("freeze", "Mends the outage."))),
    "freeze_set": ("freeze.set", lambda s, a: freezing.freeze_set(actor=a, wanted=freezing.Wanted(reason="Stocktaking."))),
    "freeze_everything": ("freeze.set", lambda s, a: freezing.freeze_everything(actor=a, reason="Stocktaking.")),
    "freeze_lift": ("freeze.lifted", lambda s, a: freezing.freeze_lift(
        actor=a, freeze=freezing.freeze_everything(actor=SYSTEM, reason="Stocktaking."))),
    "promotion_plan": ("promotion.planned", lambda s, a: s.plan(a)),
    "plan_cancel": ("promotion.plan_canceled", lambda s, a: planning.plan_cancel(actor=a, plan=s.plan(a))),
    "release_hold": ("release.held", lambda s, a: planning.release_hold(actor=a, release=s.release, reason="Leaks memory.")),
    "release_let_go": ("release.let_go", lambda s, a: (
        planning.release_hold(actor=SYSTEM, release=s.release, reason="Leaks memory."),
        planning.release_let_go(actor=a, release=s.release))),
    "release_create": ("release.create", lambda s, a: releases.release_create(actor=a, version="2026.11.9", commit="a" * 40)),
    "sessions_end": ("user.sessions_end", lambda s, a: (s.browser(), own.sessions_end(actor=Actor(a.name, a.door, user=s.elif_), keep=""))),
    "password_change": ("user.password", lambda s, a: own.password_change(actor=a, user=user(), password="correct horse battery")),
    "user_create": ("user.create", lambda s, a: people.user_create(actor=a, username="vera", roles=["viewer"])),
    "token_create": ("token.create", lambda s, a: tokens.token_create(actor=a, name="ci", scopes=["read"])),
    "token_revoke": ("token.revoke", lambda s, a: tokens.token_revoke(
        actor=a, token=tokens.token_create(actor=audit.SYSTEM, name="ci", scopes=["read"])[0])),
}  # fmt: skip
OF_TENANTS: dict[str, tuple[str, Do]] = {
    "hub_event_send": ("tenant.test_event", lambda c, a: hub_events.hub_event_send(actor=a, tenant=c.nova, environment=c.staging)),
    "tenants_import": ("tenant.import", lambda c, a: importing.tenants_import(actor=a, text="slug\nother\n", format="csv", dry_run=False)),
    "references_look": ("tenant.look", lambda c, a: looking.references_look(actor=a, tenant=c.nova, environment=c.staging)),
    "references_promoted": ("tenant.promoted", lambda c, a: promoting.references_promoted(c.staging, c.changed(), actor=a)),
    "reference_put": ("tenant.references", lambda c, a: references.reference_put(
        actor=a, tenant=c.nova, environment=c.staging, key="DOKTOR365_SECRET", place=rows.external("nova", "x"))),
    "references_put": ("tenant.references", lambda c, a: references.references_put(actor=a, tenant=c.nova, edits=[
        references.Edit(environment="staging", key="DOKTOR365_SECRET", place=rows.external("nova", "y"))])),
    "reference_remove": ("tenant.references", lambda c, a: references.reference_remove(
        actor=a, tenant=c.nova, environment=c.staging, key="DOKTOR365_SECRET")),
    "review_request": ("tenant.review_request", lambda c, a: (c.unsigned(), reviews.review_request(actor=a, tenant=c.nova, environment=c.staging))),
    "review_close": ("tenant.review_close", lambda c, a: reviews.review_close(actor=a, review=c.review())),
    "item_sign_off": ("tenant.sign_off", lambda c, a: signing.item_sign_off(actor=a, item=c.unsigned())),
    "item_sign_off_withdraw": ("tenant.sign_off_withdrawn", lambda c, a: signing.item_sign_off_withdraw(actor=a, item=c.item())),
    "items_sign_off_all": ("tenant.sign_off", lambda c, a: (c.unsigned(), signing.items_sign_off_all(actor=a, tenant=c.nova, environment=c.staging))),
    "item_waive": ("tenant.waive", lambda c, a: signing.item_waive(actor=a, item=c.unsigned(), reason="They move next week.", until=soon())),
    "item_unwaive": ("tenant.unwaive", lambda c, a: signing.item_unwaive(actor=a, item=c.waived())),
    "tenant_create": ("tenant.create", lambda c, a: of_tenants.tenant_create(actor=a, slug="aegean")),
    "tenant_edit": ("tenant.edit", lambda c, a: of_tenants.tenant_edit(actor=a, tenant=c.nova, display_name="Nova")),
    "tenant_move": ("tenant.suspended", lambda c, a: of_tenants.tenant_move(actor=a, tenant=c.nova, state=TenantState.SUSPENDED)),
    "tenant_offboard": ("tenant.offboard", lambda c, a: of_tenants.tenant_offboard(actor=a, tenant=c.nova, reason="They closed for good.")),
    "verifications_record": ("tenant.verification", lambda c, a: verification.verifications_record(c.staging, [c.look()], actor=a)),
}  # fmt: skip


def services() -> Iterator[str]:
    """Every public function that takes who acts."""
    for package in PACKAGES:
        for found in pkgutil.iter_modules(package.__path__):
            module: ModuleType = importlib.import_module(f"{package.__name__}.{found.name}")
            for name, function in vars(module).items():
                is_own = inspect.isfunction(function) and function.__module__ == module.__name__
                if is_own and not name.startswith("_") and "actor" in inspect.signature(function).parameters:
                    yield name


def unkept(stage: Any, table: dict[str, tuple[str, Do]], *, doors_each: int = len(DOORS)) -> list[str]:
    """What each service did not keep, through each door, or through so many in turn."""
    found = []
    for number, (name, (action, do)) in enumerate(table.items()):
        for door in [DOORS[(number + one) % len(DOORS)] for one in range(doors_each)]:
            actor = Actor(name=f"mia-{name}", door=door, is_system=True)
            with transaction.atomic():
                do(stage, actor)
                kept = AuditEvent.objects.filter(actor=actor.name, door=door).values_list("action", flat=True)
                if action not in kept:
                    found.append(f"{name} by {door}: {sorted(kept)} instead of {action}")
                transaction.set_rollback(True)
    return found


def test_no_service_is_left_out() -> None:
    rows_of = OF_DEPLOYMENTS.keys() | OF_TENANTS.keys() | ELSEWHERE.keys() | READS
    assert set(services()) - rows_of == set(), "Give it a row: what it keeps of whoever acts, or why it keeps nothing."
    assert rows_of - set(services()) == set(), "These are gone."


@pytest.mark.django_db
def test_every_act_on_promotions_releases_people_and_tokens_is_kept_through_every_door() -> None:
    assert unkept(Stage(), OF_DEPLOYMENTS) == []


@pytest.mark.django_db
def test_every_act_on_tenants_is_kept() -> None:
    assert unkept(Clinic(), OF_TENANTS, doors_each=1) == []
