"""States and moves: the table in Python, its copy in PostgreSQL, and what the database refuses by itself."""

from __future__ import annotations

import itertools

import pytest
from django.db import DatabaseError, IntegrityError, connection, transaction

from controlpanel.catalog.models import Environment
from controlpanel.core import audit
from controlpanel.core.models import AuditEvent, OutboxMessage
from deployments import lifecycle
from deployments.choices import COMMITTED, IN_LANE, TERMINAL, Confidence, State
from deployments.lifecycle import MOVES, StaleMove
from deployments.models import Promotion, Release

pytestmark = pytest.mark.django_db


@pytest.fixture
def production() -> Environment:
    return Environment.objects.create(
        name="production",
        title="Production",
        position=1,
        branch="env/production",
        project="hub",
        server_from="S",
        token_from="T",
    )


@pytest.fixture
def release() -> Release:
    return Release.objects.create(version="2026.11.3", commit="a" * 40, images={}, created_by="ci")


def promotion_in(state: State, environment: Environment, release: Release) -> Promotion:
    promotion = Promotion(
        environment=environment, release=release, state=state, requested_by="elif", requested_door="page"
    )
    if state in (*COMMITTED, State.PAUSED):
        promotion.commit = "c" * 40
    if state == State.PAUSED:
        promotion.paused_from = State.ROLLING_OUT
    if state in TERMINAL:
        promotion.confidence = Confidence.OBSERVED
    promotion.save()
    promotion.refresh_from_db()
    return promotion


def test_postgresql_holds_the_same_table_of_moves() -> None:
    with connection.cursor() as cursor:
        for was, becomes in itertools.product(State, State):
            cursor.execute("SELECT deployments_legal_move(%s, %s)", [was.value, becomes.value])
            row = cursor.fetchone()
            assert row is not None
            assert row[0] is (becomes in MOVES[was]), f"{was} -> {becomes}"


@pytest.mark.parametrize("was", State)
def test_the_database_refuses_every_move_that_is_not_in_the_table(
    was: State, production: Environment, release: Release
) -> None:
    promotion = promotion_in(was, production, release)
    for becomes in set(State) - MOVES[was] - {was}:
        with (
            pytest.raises(DatabaseError),
            transaction.atomic(),
        ):
            Promotion.objects.filter(pk=promotion.pk).update(
                state=becomes, commit="c" * 40, confidence="observed", paused_from="syncing"
            )


def test_a_move_writes_the_row_and_its_event_together(production: Environment, release: Release) -> None:
    promotion = promotion_in(State.QUEUED, production, release)
    lifecycle.move(promotion, State.RENDERING, actor=audit.SYSTEM, message="Started.")
    event = AuditEvent.objects.get(promotion=promotion.pk)
    assert (event.action, event.promotion_sequence, event.details["from"]) == ("promotion.rendering", 1, "queued")
    assert Promotion.objects.get(pk=promotion.pk).started_at is not None


def test_a_move_from_a_state_that_was_left_meanwhile_is_refused_and_leaves_no_event(
    production: Environment, release: Release
) -> None:
    promotion = promotion_in(State.QUEUED, production, release)
    stale = Promotion.objects.select_related("environment").get(pk=promotion.pk)
    lifecycle.end(promotion, State.CANCELED, actor=audit.SYSTEM, message="Aborted.")
    with pytest.raises(StaleMove):
        lifecycle.move(stale, State.RENDERING, actor=audit.SYSTEM, message="Started.")
    assert AuditEvent.objects.filter(promotion=promotion.pk).count() == 1


@pytest.mark.parametrize("state", IN_LANE)
def test_only_one_promotion_is_in_the_lane(state: State, production: Environment, release: Release) -> None:
    promotion_in(State.ROLLING_OUT, production, release)
    with pytest.raises(IntegrityError), transaction.atomic():
        promotion_in(state, production, release)


def test_a_canceling_promotion_leaves_the_lane_to_the_next(production: Environment, release: Release) -> None:
    promotion_in(State.CANCELING, production, release)
    promotion_in(State.RENDERING, production, release)


@pytest.mark.parametrize("state", [State.SYNCING, State.ROLLING_OUT, State.VERIFYING, State.SUCCEEDED])
def test_nothing_is_synced_without_a_commit(state: State, production: Environment, release: Release) -> None:
    with pytest.raises(IntegrityError), transaction.atomic():
        Promotion.objects.create(
            environment=production, release=release, state=state, requested_by="elif", confidence="observed"
        )


@pytest.mark.parametrize(
    "change",
    [{"requested_by": "someone"}, {"number": 1}, {"kind": "rollback"}, {"fencing": -1}],
    ids=lambda change: next(iter(change)),
)
def test_identity_and_fencing_never_change_back(
    change: dict[str, object], production: Environment, release: Release
) -> None:
    promotion = promotion_in(State.QUEUED, production, release)
    with pytest.raises(DatabaseError), transaction.atomic():
        Promotion.objects.filter(pk=promotion.pk).update(**change)


def test_a_commit_is_written_once(production: Environment, release: Release) -> None:
    promotion = promotion_in(State.SYNCING, production, release)
    with pytest.raises(DatabaseError), transaction.atomic():
        Promotion.objects.filter(pk=promotion.pk).update(commit="d" * 40)


def test_an_end_is_not_rewritten(production: Environment, release: Release) -> None:
    promotion = promotion_in(State.SUCCEEDED, production, release)
    Promotion.objects.filter(pk=promotion.pk).update(note="changed", live_revision="d" * 40)
    promotion.refresh_from_db()
    assert (promotion.note, promotion.live_revision) == ("", "")


def test_a_release_never_changes(release: Release) -> None:
    with pytest.raises(DatabaseError), transaction.atomic():
        Release.objects.filter(pk=release.pk).update(notes="other")
    with pytest.raises(DatabaseError), transaction.atomic():
        Release.objects.filter(pk=release.pk).delete()


def test_the_requester_is_told_once_of_an_end(
    production: Environment, release: Release, django_user_model: type
) -> None:
    elif_ = django_user_model.objects.create_user(username="elif", email="elif@example.com")  # type: ignore[attr-defined]
    promotion = promotion_in(State.QUEUED, production, release)
    Promotion.objects.filter(pk=promotion.pk).update(requester=elif_)
    promotion.refresh_from_db()
    lifecycle.end(promotion, State.CANCELED, actor=audit.SYSTEM, message="Aborted.")
    assert OutboxMessage.objects.get().destination == "elif@example.com"


@pytest.mark.parametrize("state", TERMINAL)
def test_no_end_has_a_way_out(state: State) -> None:
    assert MOVES[state] == frozenset()
