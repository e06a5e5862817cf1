"""Nothing starts without the approvals that its environment asks for: whose they are, what they bind to, when they end."""

from __future__ import annotations

from collections.abc import Callable
from datetime import timedelta
from typing import Any
from unittest import mock

import pytest
from django.db import DatabaseError, IntegrityError, transaction
from django.utils import timezone

from controlpanel.accounts.actors import SYSTEM, Actor, of_token
from controlpanel.accounts.models import RoleBinding, User
from controlpanel.accounts.tokens import token_create, token_revoke
from controlpanel.catalog.models import Environment
from controlpanel.core import audit
from controlpanel.core.errors import ConflictError, InvalidError, RefusedError
from controlpanel.core.models import AuditEvent
from controlpanel.core.permissions import Role
from deployments import lifecycle
from deployments.advance import advance
from deployments.choices import State, Verdict
from deployments.gates import for_target
from deployments.models import Approval, Promotion
from deployments.selectors.approvals import unconfirmed
from deployments.services.approving import emergencies_remind, emergency_confirm, promotion_approve, promotion_reject
from deployments.services.freezing import freeze_everything
from deployments.services.overriding import Override
from deployments.services.promotions import promotion_request, promotion_retry
from deployments.services.rollbacks import promotion_rollback
from tests import fixtures_deployments as rows

pytestmark = pytest.mark.django_db
OTHER = "e" * 64


def asks(place: Environment, **parameters: Any) -> Environment:
    """The environment asks for approvals, and for nothing else that could hold a promotion."""
    place.gates = [{"name": "approvals", "parameters": parameters}]
    place.save()
    return place


def page(user: User) -> Actor:
    return Actor(name=user.username, door="page", user=user)


@pytest.fixture
def production(elif_: User) -> Environment:
    return asks(rows.platform()[1], required=1)


@pytest.fixture
def elif_(db: None) -> User:
    return rows.person("elif", Role.OPERATOR, display_name="Elif Kaya")


@pytest.fixture
def deniz(db: None) -> User:
    return rows.person("deniz", Role.RELEASE_MANAGER, display_name="Deniz Arslan")


@pytest.fixture
def ada(db: None) -> User:
    return rows.person("ada", Role.ADMINISTRATOR, display_name="Ada")


@pytest.fixture
def asked(production: Environment, elif_: User) -> Callable[..., Promotion]:
    release = rows.release("2026.11.3")

    def ask(by: User = elif_) -> Promotion:
        row = Promotion.objects.create(
            environment=production, release=release, requester=by, requested_by=by.username, requested_door="page",
            preflight=rows.preflight(release, production), render_digest=rows.DIGEST,
        )  # fmt: skip
        row.refresh_from_db(fields=["number"])
        lifecycle.begin(row, actor=audit.SYSTEM)
        lifecycle.admit(
            row, for_target(release=release, environment=production, preflight=row.preflight, promotion=row)
        )
        return row

    return ask


def state_of(row: Promotion) -> str:
    return str(Promotion.objects.values_list("state", flat=True).get(pk=row.pk))


def test_it_waits_says_for_whom_and_goes_on_with_the_last_yes(
    production: Environment, asked: Callable[..., Promotion], deniz: User, ada: User
) -> None:
    asks(production, required=2)
    row = asked()
    assert (row.state, row.note) == (
        State.AWAITING_APPROVAL,
        "Needs 2 approvals of release manager or administrator, 0 are there.",
    )
    promotion_approve(actor=page(deniz), promotion=row, comment="Read it.", render_digest=rows.DIGEST)
    row.refresh_from_db()
    assert (row.state, row.note) == (
        State.AWAITING_APPROVAL,
        "Needs 2 approvals of release manager or administrator, 1 is there.",
    )
    promotion_approve(actor=page(ada), promotion=row)
    assert state_of(row) == State.QUEUED
    assert advance(row.pk) and state_of(row) == State.RENDERING
    events = AuditEvent.objects.filter(action="promotion.approved").order_by("sequence")
    said = list(events.values_list("actor", "message"))
    assert said == [("deniz", "Approved for dddd…dddd. Read it."), ("ada", "Approved for dddd…dddd.")]


def test_whoever_asked_cannot_approve_neither_as_a_person_nor_by_a_token(
    asked: Callable[..., Promotion], deniz: User
) -> None:
    row = asked(by=deniz)
    token, _ = token_create(actor=SYSTEM, name="own", scopes=["approve"], user=deniz)
    for actor in (page(deniz), of_token(token)):
        with pytest.raises(RefusedError, match="You asked for this promotion yourself"):
            promotion_approve(actor=actor, promotion=row)
    assert not Approval.objects.exists()
    assert AuditEvent.objects.filter(action="promotion.approve_refused").count() == 2
    with pytest.raises(IntegrityError), transaction.atomic():
        Approval.objects.create(promotion=row, person=deniz, decision="approve", digest=rows.DIGEST, door="page")


def test_nor_does_whoever_made_the_machines_token_that_asked(
    production: Environment, elif_: User, deniz: User, ada: User
) -> None:
    made, _ = token_create(actor=page(ada), name="ci", scopes=["promote"])
    release = rows.release("2026.11.1")
    preview = rows.preflight(release, production)
    asked = promotion_request(
        actor=of_token(made), environment="production", release=release.version, render_digest=preview.render_digest
    )
    assert asked.state == State.AWAITING_APPROVAL
    with pytest.raises(RefusedError, match="You made the token that asked"):
        promotion_approve(actor=page(ada), promotion=asked)
    with pytest.raises(IntegrityError), transaction.atomic():
        Approval.objects.create(promotion=asked, person=ada, decision="approve", digest=rows.DIGEST, door="page")
    promotion_approve(actor=page(deniz), promotion=asked)
    assert state_of(asked) == State.QUEUED


@pytest.mark.parametrize(("role", "may"), [(Role.OPERATOR, False), (Role.VIEWER, False), (Role.RELEASE_MANAGER, True)])
def test_only_the_named_roles_approve(asked: Callable[..., Promotion], role: Role, may: bool) -> None:
    row, somebody = asked(), rows.person("somebody", role)
    if may:
        promotion_approve(actor=page(somebody), promotion=row)
    else:
        with pytest.raises(RefusedError):
            promotion_approve(actor=page(somebody), promotion=row)
    assert Approval.objects.exists() is may


def test_an_environment_may_ask_for_fewer_roles_than_may_approve_elsewhere(
    production: Environment, asked: Callable[..., Promotion], deniz: User
) -> None:
    asks(production, roles=["administrator"])
    with pytest.raises(RefusedError, match="It needs the role administrator in production"):
        promotion_approve(actor=page(deniz), promotion=asked())


def test_a_token_approves_for_its_person_unless_the_environment_forbids_it_or_it_was_revoked(
    production: Environment, asked: Callable[..., Promotion], deniz: User
) -> None:
    token, _ = token_create(actor=SYSTEM, name="own", scopes=["approve"], user=deniz)
    nobodys, _ = token_create(actor=SYSTEM, name="robot", scopes=["approve"])
    row = asked()
    with pytest.raises(RefusedError, match="needs a person"):
        promotion_approve(actor=of_token(nobodys), promotion=row)
    asks(production, api=False)
    with pytest.raises(RefusedError, match="on its pages only"):
        promotion_approve(actor=of_token(token), promotion=row)
    asks(production)
    promotion_approve(actor=of_token(token), promotion=row)
    token_revoke(actor=SYSTEM, token=token)
    assert advance(row.pk) and state_of(row) == State.AWAITING_APPROVAL


def test_rejecting_ends_it_with_the_comment(asked: Callable[..., Promotion], deniz: User) -> None:
    row = asked()
    with pytest.raises(InvalidError):
        promotion_reject(actor=page(deniz), promotion=row, comment=" ")
    promotion_reject(actor=page(deniz), promotion=row, comment="Not on a Friday.")
    event = AuditEvent.objects.get(action="promotion.rejected")
    assert (state_of(row), event.message, event.actor) == (
        State.REJECTED, "Rejected by Deniz Arslan. Not on a Friday.", "deniz",
    )  # fmt: skip
    with pytest.raises(ConflictError):
        promotion_approve(actor=page(deniz), promotion=row)


def test_a_right_that_is_lost_before_the_start_voids_the_yes_and_one_that_came_back_may_be_given_again(
    asked: Callable[..., Promotion], deniz: User
) -> None:
    row = asked()
    promotion_approve(actor=page(deniz), promotion=row)
    RoleBinding.objects.filter(user=deniz).update(role=Role.OPERATOR)
    assert advance(row.pk) and state_of(row) == State.AWAITING_APPROVAL
    assert "Deniz Arslan may no longer approve here." in AuditEvent.objects.latest("sequence").message
    RoleBinding.objects.filter(user=deniz).update(role=Role.RELEASE_MANAGER)
    Promotion.objects.filter(pk=row.pk).update(next_run_at=timezone.now())
    promotion_approve(actor=page(User.objects.get(pk=deniz.pk)), promotion=row)
    assert advance(row.pk) and state_of(row) == State.RENDERING


def test_an_approval_is_of_what_was_looked_at(asked: Callable[..., Promotion], deniz: User) -> None:
    with pytest.raises(ConflictError, match="not to what you looked at"):
        promotion_approve(actor=page(deniz), promotion=asked(), render_digest=OTHER)


def test_another_digest_voids_the_yes_says_what_changed_and_asks_again(
    asked: Callable[..., Promotion], deniz: User, elif_: User
) -> None:
    row = asked()
    promotion_approve(actor=page(deniz), promotion=row)
    advance(row.pk)
    row.refresh_from_db()
    issue = {"cause": "digest_changed", "sentence": "Renders differently.", "effect": "", "advice": ""}
    lifecycle.pause(row, actor=audit.SYSTEM, lease=None, issue=issue)
    row.refresh_from_db()
    promotion_retry(actor=page(elif_), promotion=row)
    assert row.release is not None
    changes = [{**one, "diff": "@@ other"} for one in row.release.preflights.get().changes]
    preview = rows.preflight(row.release, row.environment, render_digest=OTHER, changes=changes)
    Promotion.objects.filter(pk=row.pk).update(preflight=preview)
    assert advance(row.pk)
    row.refresh_from_db()
    assert (row.state, row.render_digest) == (State.AWAITING_APPROVAL, OTHER)
    assert (
        "now eeee…eeee would be committed. What changed: backend (1 resource)." in Approval.objects.get().voided_because
    )
    promotion_approve(actor=page(deniz), promotion=row, render_digest=OTHER)
    assert state_of(row) == State.QUEUED


def test_nobody_decided_in_time(asked: Callable[..., Promotion]) -> None:
    row = asked()
    Promotion.objects.filter(pk=row.pk).update(state_since=timezone.now() - timedelta(hours=73))
    assert advance(row.pk) and state_of(row) == State.EXPIRED


def test_a_yes_that_waited_too_long_for_the_lane_has_lapsed(asked: Callable[..., Promotion], deniz: User) -> None:
    row = asked()
    promotion_approve(actor=page(deniz), promotion=row)
    row.environment.gates = [{"name": "approvals", "parameters": {"expireHours": 0}}]
    row.environment.save()
    assert advance(row.pk) and state_of(row) == State.AWAITING_APPROVAL


def test_an_approval_never_changes_and_never_goes(asked: Callable[..., Promotion], deniz: User) -> None:
    promotion_approve(actor=page(deniz), promotion=asked())
    for wrong in (
        lambda: Approval.objects.update(comment="Other"),
        lambda: Approval.objects.update(digest=OTHER, voided_at=timezone.now(), voided_because="x"),
        lambda: Approval.objects.all().delete(),
    ):
        with pytest.raises(DatabaseError), transaction.atomic():
            wrong()


def test_postgresql_itself_starts_nothing_with_too_few(asked: Callable[..., Promotion]) -> None:
    row = asked()
    Promotion.objects.filter(pk=row.pk).update(state=State.QUEUED)
    with pytest.raises(DatabaseError, match="started with 0 of 1 approvals"), transaction.atomic():
        Promotion.objects.filter(pk=row.pk).update(state=State.RENDERING)


def test_without_the_gate_nobody_is_asked(elif_: User) -> None:
    staging, _ = rows.platform()
    answers = for_target(release=rows.release("2026.11.3"), environment=staging)
    assert not [one for one in answers if one.gate == "approvals" or one.verdict == Verdict.OVERRIDDEN]


def test_an_emergency_rollback_asks_nobody_before_and_a_second_person_afterwards(
    production: Environment, elif_: User, deniz: User, ada: User
) -> None:
    first = rows.live(rows.release("2026.11.1"), asks_nothing(production), by=elif_)
    rows.live(rows.release("2026.11.2"), production, by=elif_)
    asks(production)
    freeze_everything(actor=SYSTEM, reason="Stocktaking.")
    with pytest.raises(RefusedError):
        promotion_rollback(actor=page(elif_), target=first, reason="Everything is down.", emergency=True)
    with pytest.raises(InvalidError):
        promotion_rollback(actor=page(deniz), target=first, reason="Now.", emergency=True)
    row = promotion_rollback(actor=page(deniz), target=first, reason="Everything is down.", emergency=True)
    preview = rows.preflight(rows.release("2026.11.3"), production)
    Promotion.objects.filter(pk=row.pk).update(preflight=preview)
    for _ in range(4):
        advance(row.pk)
    assert state_of(row) == State.RENDERING
    row.refresh_from_db()
    with pytest.raises(RefusedError):
        emergency_confirm(actor=page(deniz), promotion=row)
    assert unconfirmed(["production"]) == [row]
    assert emergencies_remind() == 0
    in_time = timezone.now() + timedelta(hours=25)
    with mock.patch("deployments.services.approving.timezone.now", return_value=in_time):
        assert (emergencies_remind(), emergencies_remind()) == (1, 0)
    emergency_confirm(actor=page(ada), promotion=row, comment="It was.")
    emergency_confirm(actor=page(ada), promotion=row)
    assert unconfirmed(["production"]) == []
    assert (
        AuditEvent.objects.get(action="promotion.emergency_confirmed").message
        == "Confirmed as an emergency by Ada. It was."
    )


def emergency(production: Environment, by: User) -> Promotion:
    """A rollback that passed approvals, rendered by now."""
    first = rows.live(rows.release("2026.11.1"), asks_nothing(production), by=by)
    rows.live(rows.release("2026.11.2"), production, by=by)
    row = promotion_rollback(actor=page(by), target=first, reason="Everything is down.", emergency=True)
    Promotion.objects.filter(pk=row.pk).update(render_digest=rows.DIGEST)
    return row


def test_an_emergency_takes_the_place_of_the_same_rollback_that_waits_for_approvals(
    production: Environment, elif_: User, deniz: User
) -> None:
    first = rows.live(rows.release("2026.11.1"), asks_nothing(production), by=elif_)
    rows.live(rows.release("2026.11.2"), production, by=elif_)
    asks(production)
    waiting = promotion_rollback(actor=page(deniz), target=first, reason="It is slow.")
    row = promotion_rollback(actor=page(deniz), target=first, reason="Everything is down.", emergency=True)
    assert row.pk != waiting.pk
    assert row.is_emergency
    assert state_of(waiting) == State.SUPERSEDED
    again = promotion_rollback(actor=page(deniz), target=first, reason="Everything is down.", emergency=True)
    assert again.pk == row.pk


def test_the_same_request_with_another_override_is_no_answer_to_it(production: Environment, deniz: User) -> None:
    asks(production)
    rows.release("2026.11.1")
    until = timezone.now() + timedelta(hours=1)
    wanted: dict[str, Any] = {"actor": page(deniz), "environment": "production", "release": "2026.11.1"}
    first = promotion_request(**wanted)
    override = [Override("freeze", "The fix is for production.", until)]
    with pytest.raises(ConflictError, match=f"Promotion {first.number} asks for the same already, without an override"):
        promotion_request(**wanted, overrides=override)
    assert promotion_request(**wanted).pk == first.pk


def test_an_emergency_is_confirmed_like_an_approval_by_the_same_roles_doors_and_digest(
    production: Environment, deniz: User, ada: User
) -> None:
    row = emergency(production, deniz)
    asks(production, roles=["administrator"], api=False)
    row.environment.refresh_from_db()
    with pytest.raises(RefusedError, match="It needs the role administrator in production"):
        emergency_confirm(actor=page(rows.person("rita", Role.RELEASE_MANAGER)), promotion=row)
    olga = rows.person("olga", Role.ADMINISTRATOR)
    token, _ = token_create(actor=SYSTEM, name="own", scopes=["approve"], user=olga)
    with pytest.raises(RefusedError, match="production takes approvals on its pages only"):
        emergency_confirm(actor=of_token(token), promotion=row)
    with pytest.raises(ConflictError, match="not to what you looked at"):
        emergency_confirm(actor=page(olga), promotion=row, render_digest="b" * 64)
    Promotion.objects.filter(pk=row.pk).update(render_digest="")
    with pytest.raises(ConflictError, match="It is being rendered"):
        emergency_confirm(actor=page(olga), promotion=row)
    Promotion.objects.filter(pk=row.pk).update(render_digest=rows.DIGEST)
    assert unconfirmed(["production"]) == [row]
    emergency_confirm(actor=page(olga), promotion=row, render_digest=rows.DIGEST)
    assert unconfirmed(["production"]) == []


def asks_nothing(place: Environment) -> Environment:
    place.gates = []
    place.save()
    return place
