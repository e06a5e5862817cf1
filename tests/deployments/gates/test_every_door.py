"""Doors × gates: whoever asks, and however, gets the same verdict in the same words; a new gate without a row fails here."""

from __future__ import annotations

from collections.abc import Callable
from datetime import timedelta
from typing import Any

import pytest
from django.core.management import CommandError, call_command
from django.test import Client
from django.utils import timezone

from controlpanel.accounts.actors import SYSTEM
from controlpanel.accounts.tokens import token_create
from controlpanel.catalog.models import Variable
from controlpanel.core.models import AuditEvent
from controlpanel.core.permissions import Role
from deployments.advance import advance
from deployments.choices import State, Verdict
from deployments.gates import for_target
from deployments.gates.base import gates
from deployments.models import Application, ExternalCheck, GateResult, PlannedPromotion, Preflight, Promotion
from deployments.services.automating import promotions_automatic
from deployments.services.freezing import freeze_everything
from deployments.services.planning import plan_carry_out, release_hold
from tests import fixtures_deployments as rows
from tests.fixtures_tenants import tenant as make_tenant

pytestmark = pytest.mark.django_db
DOORS = ("page", "api", "command", "schedule", "automation")
VERSION = "2026.11.3"


class Stand:
    """Production, which asks for one gate, and a release for it whose preview is there."""

    def __init__(self) -> None:
        self.elif_ = rows.person("elif", Role.OPERATOR)
        self.staging, self.place = rows.platform()
        self.older, self.release = rows.release("2026.11.2"), rows.release(VERSION)
        self.preview: dict[str, Any] = {}

    def asks(self, gate: str, **parameters: Any) -> None:
        self.place.gates = [{"name": gate, "parameters": parameters}]
        self.place.after = "staging"
        self.place.promotes_automatically = True
        self.place.save()

    def succeeded_before(self) -> None:
        rows.long_ago([self.release], self.staging, asked=[timezone.now() - timedelta(minutes=30)])


def healthy(stand: Stand) -> None:
    stand.asks("applications-healthy")
    Application.objects.filter(environment=stand.place, component="frontend").update(health="Degraded")


def approvals(stand: Stand) -> None:
    stand.asks("approvals", required=2)


def digest(stand: Stand) -> None:
    stand.asks("digest-current")
    stand.preview = {"ready_at": timezone.now() - timedelta(hours=2)}
    rows.long_ago([stand.older], stand.place, asked=[timezone.now() - timedelta(hours=1)])


def external(stand: Stand) -> None:
    stand.asks(
        "external-check", urlFrom={"env": "CHANGE_URL"}, secretFrom={"env": "CHANGE_SECRET"}, title="Change board"
    )
    ExternalCheck.objects.create(
        environment=stand.place, release=stand.release, verdict="block", reason="No change request is open.", answered_at=timezone.now()
    )  # fmt: skip


def frozen(stand: Stand) -> None:
    stand.asks("freeze")
    freeze_everything(actor=SYSTEM, reason="Attack on the registry.")


def held(stand: Stand) -> None:
    stand.asks("held-back")
    release_hold(actor=SYSTEM, release=stand.release, reason="Leaks memory.")


def lane(stand: Stand) -> None:
    stand.asks("lane-free")
    rows.started(rows.promotion(stand.older, stand.place, by=stand.elif_))


def order(stand: Stand) -> None:
    stand.asks("pipeline-order")


def policies(stand: Stand) -> None:
    stand.asks("policies")
    finding = {
        "policy": "autoscaling",
        "object": "Deployment backend",
        "rule": "Has no autoscaler.",
        "fix": "Add one.",
        "path": "x",
        "component": "backend",
    }
    stand.preview = {"findings": [finding]}


def variables(stand: Stand) -> None:
    stand.asks("required-variables")
    stand.preview = {"variables": [{"key": "DATABASE_URL", "state": "missing", "where": ""}]}


def dry_run(stand: Stand) -> None:
    stand.asks("server-dry-run")
    stand.preview = {
        "dry_run": {"standing": "unknown", "sentence": "The cluster did not answer.", "remedy": "See doctor."}
    }


def soak(stand: Stand) -> None:
    stand.asks("soak", minutes=600)
    stand.succeeded_before()


def windows(stand: Stand) -> None:
    stand.asks("sync-windows")
    said = {"canSync": False, "activeWindows": [{"kind": "deny", "schedule": "0 18 * * *", "duration": "1h"}]}
    Application.objects.filter(environment=stand.place).update(sync_windows=said, windows_read_at=timezone.now())


def tenants(stand: Stand) -> None:
    stand.asks("tenants-ready")
    Variable.objects.create(key="DOKTOR365_SECRET", scope="tenant", is_secret=True, on_checklist=True)
    make_tenant("nova", by=SYSTEM)


def verified(stand: Stand) -> None:
    stand.asks("verified-before")


ROWS: dict[str, Callable[[Stand], None]] = {
    "applications-healthy": healthy, "approvals": approvals, "digest-current": digest, "external-check": external, "freeze": frozen,
    "held-back": held, "lane-free": lane, "pipeline-order": order, "policies": policies, "required-variables": variables,
    "server-dry-run": dry_run, "soak": soak, "sync-windows": windows, "tenants-ready": tenants,
    "verified-before": verified,
}  # fmt: skip
BEFORE_RENDERING = {
    "applications-healthy", "freeze", "held-back", "pipeline-order", "soak", "sync-windows", "tenants-ready", "verified-before",
}  # fmt: skip
"""What automation sees before it asks for anything; the other refusals come after rendering, at every door without a digest."""


def test_every_gate_has_a_row() -> None:
    assert set(ROWS) == set(gates)


def said_at(door: str, stand: Stand) -> Promotion | None:
    """Ask through the door, have a worker judge it, and return the promotion; None where it was refused at once."""
    DOORS_OPENED[door](stand)
    row = (
        Promotion.objects.filter(environment=stand.place, release=stand.release, kind="release")
        .order_by("-number")
        .first()
    )
    if row is not None and row.state == State.REQUESTED:
        Promotion.objects.filter(pk=row.pk).update(preflight=preview_of(stand))
        advance(row.pk)
        row.refresh_from_db()
    return row


def preview_of(stand: Stand) -> Preflight:
    found = Preflight.objects.filter(release=stand.release, environment=stand.place).first()
    return found or rows.preflight(stand.release, stand.place, **stand.preview)


def by_page(stand: Stand) -> None:
    client = Client()
    client.force_login(stand.elif_)
    preview_of(stand)
    address = f"/environments/production/promote?release={VERSION}"
    client.post(address, {"render_digest": rows.DIGEST, "key": "k", "reason": "Agreed.", "confirm": "production"})


def by_api(stand: Stand) -> None:
    _, secret = token_create(actor=SYSTEM, name="ci", scopes=["promote"], user=stand.elif_)
    body = {
        "environment": "production",
        "release": VERSION,
        "reason": "Agreed.",
        "render_digest": preview_of(stand).render_digest,
    }
    headers = {"Authorization": f"Bearer {secret}"}
    Client().post("/api/v1/promotions", body, content_type="application/json", headers=headers)


def by_command(stand: Stand) -> None:
    try:
        call_command("promote", "production", VERSION)
    except CommandError:
        pass


def by_schedule(stand: Stand) -> None:
    now = timezone.now()
    plan = PlannedPromotion.objects.create(
        environment=stand.place,
        release=stand.release,
        requester=stand.elif_,
        requested_by="elif",
        due_at=now,
        next_run_at=now,
    )
    plan_carry_out(plan.pk)


def by_automation(stand: Stand) -> None:
    promotions_automatic()


DOORS_OPENED = {
    "page": by_page,
    "api": by_api,
    "command": by_command,
    "schedule": by_schedule,
    "automation": by_automation,
}


@pytest.mark.parametrize("name", ROWS)
@pytest.mark.parametrize("door", DOORS)
def test_the_same_verdict_in_the_same_words_at_every_door(door: str, name: str) -> None:
    stand = Stand()
    ROWS[name](stand)
    if name not in ("pipeline-order", "soak"):
        stand.succeeded_before()
    expected = next(
        one
        for one in for_target(release=stand.release, environment=stand.place, preflight=preview_of(stand))
        if one.gate == name
    )
    assert expected.verdict != Verdict.PASS and expected.reason.endswith(".")
    assert expected.owner and (expected.remedy or not expected.blocks)
    row = said_at(door, stand)
    if row is None:  # refused before there was a promotion
        assert expected.blocks
        if door == "automation":
            assert name in BEFORE_RENDERING, "automation asks for nothing that a gate refuses already"
            return
        told = AuditEvent.objects.get(action="promotion.refused")
        assert f"Blocked: {expected.reason}" == told.message
        return
    kept = GateResult.objects.get(promotion=row, gate=name, asked="request")
    words = ("verdict", "reason", "owner", "remedy", "opens_at")
    assert [getattr(kept, word) for word in words] == [getattr(expected, word) for word in words]
    assert (row.state == State.REJECTED) is expected.blocks
