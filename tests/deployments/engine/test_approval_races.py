"""Approval, change of the digest, loss of a right and start at the same moment: nothing starts without a valid approval."""

from __future__ import annotations

import os
from collections.abc import Callable, Iterator
from concurrent.futures import ThreadPoolExecutor
from threading import Barrier
from typing import Any
from unittest import mock

import pytest
from django.db import connection, transaction
from django.utils import timezone

from controlpanel.accounts.actors import Actor
from controlpanel.accounts.models import RoleBinding, User
from controlpanel.catalog.models import Environment
from controlpanel.core import audit, doorbell
from controlpanel.core.errors import UserError
from controlpanel.core.models import AuditEvent
from controlpanel.core.permissions import Role
from deployments.advance import advance
from deployments.choices import Decision, PreflightState, State
from deployments.models import Approval, Preflight, Promotion
from deployments.services.approving import promotion_approve
from deployments.steps import STEPS, await_approval
from deployments.steps.base import wait
from tests import fixtures_deployments as rows

pytestmark = [pytest.mark.django_db(transaction=True), pytest.mark.slow]
RACES, OTHER = int(os.environ.get("APPROVAL_RACES", "40")), "e" * 64
"""Continuous integration has four minutes for all units; `APPROVAL_RACES=200` is what was promised."""
Act = Callable[[Promotion], object]


@pytest.fixture
def pool() -> Iterator[ThreadPoolExecutor]:
    """Threads that keep their connections for all races."""
    with (
        ThreadPoolExecutor(4) as threads, mock.patch.object(doorbell, "ring"), mock.patch.object(doorbell, "ring_now"),
        mock.patch.dict(STEPS, {State.RENDERING: lambda _: wait(None)}),
    ):  # fmt: skip
        yield threads
        ends = Barrier(4)
        list(threads.map(lambda _: (connection.close(), ends.wait()), range(4)))


@pytest.fixture
def asked(db: None) -> list[Promotion]:
    """One promotion in each of many environments; in each, deniz has the role that approves there. Every second one is approved."""
    elif_, deniz = rows.person("elif", Role.OPERATOR), User.objects.create(username="deniz")
    release = rows.release("2026.11.3")
    places = Environment.objects.bulk_create(
        Environment(
            name=f"place-{number}", title="", position=number, branch=f"env/{number}", project="hub", server_from="A", token_from="T",
            gates=[{"name": "approvals"}],
        )
        for number in range(RACES)
    )  # fmt: skip
    RoleBinding.objects.bulk_create(
        RoleBinding(user=deniz, role=Role.RELEASE_MANAGER, environment=place.name) for place in places
    )
    preview: dict[str, Any] = {
        "release": release,
        "state": PreflightState.READY,
        "created_by": "elif",
        "ready_at": timezone.now(),
    }
    previews = Preflight.objects.bulk_create(
        Preflight(environment=place, render_digest=rows.DIGEST, **preview) for place in places
    )
    Preflight.objects.bulk_create(Preflight(environment=place, render_digest=OTHER, **preview) for place in places)
    found = Promotion.objects.bulk_create(
        Promotion(
            environment=place, release=release, requester=elif_, requested_by="elif", requested_door="page", preflight=one,
            render_digest=rows.DIGEST, state=State.QUEUED if number % 2 else State.AWAITING_APPROVAL, next_run_at=timezone.now(),
        )
        for number, (place, one) in enumerate(zip(places, previews, strict=True))
    )  # fmt: skip
    Approval.objects.bulk_create(
        Approval(promotion=row, person=deniz, decision=Decision.APPROVE, digest=rows.DIGEST, door="page")
        for row in found[1::2]
    )
    for row in found[1::2]:
        audit.record(actor=audit.SYSTEM, action="promotion.approved", promotion=row.pk)
    return list(Promotion.objects.select_related("environment").order_by("number"))


def approve(row: Promotion) -> None:
    deniz = User.objects.get(username="deniz")
    try:
        promotion_approve(actor=Actor(name="deniz", door="page", user=deniz), promotion=row)
    except UserError:
        pass  # too late, or the right is gone: that is the race


@transaction.atomic
def lose_the_right(row: Promotion) -> None:
    if RoleBinding.objects.filter(environment=row.environment.name).delete()[0]:
        audit.record(actor=audit.SYSTEM, action="test.right_lost", promotion=row.pk)


@transaction.atomic
def change_the_digest(row: Promotion) -> None:
    locked = Promotion.objects.select_related("environment").select_for_update(of=("self",)).get(pk=row.pk)
    if locked.state in (State.AWAITING_APPROVAL, State.QUEUED):
        other = Preflight.objects.get(environment=row.environment_id, render_digest=OTHER)
        await_approval.digest_changed(locked, other, "")


def start(row: Promotion) -> None:
    for _ in range(3):
        if not advance(row.pk):
            break


def started_validly(row: Promotion) -> bool | None:
    """By the order of the audit, which is that of the commits: whether a yes for the digest of then, by somebody entitled
    then, stood when it started; None where it did not start."""
    entitled, stands = True, False
    for event in AuditEvent.objects.filter(promotion=row.pk).order_by("sequence"):
        if event.action == "test.right_lost":
            entitled = False
        elif event.action == "promotion.approvals_voided":
            stands = False
        elif event.action == "promotion.approved":
            stands = True
        elif event.action == "promotion.rendering":
            return entitled and stands
    return None


def test_of_all_races_none_starts_without_a_valid_approval(asked: list[Promotion], pool: ThreadPoolExecutor) -> None:
    seen = {True: 0, None: 0}
    for number, row in enumerate(asked):
        either = lose_the_right if number % 8 < 4 else change_the_digest
        acts: list[Act] = (
            [approve, lose_the_right, change_the_digest, start] if number % 4 < 2 else [approve, either, start, start]
        )
        gate = Barrier(len(acts))

        def run(act: Act, row: Promotion = row, gate: Barrier = gate) -> None:
            gate.wait(20)
            act(row)

        for future in [pool.submit(run, act) for act in acts]:
            future.result(30)
        advance(row.pk)
        valid = started_validly(row)
        assert valid is not False, f"race {number}: started without a valid approval"
        seen[valid] += 1
    assert min(seen.values()) > 1, f"These were no races: {seen}"
