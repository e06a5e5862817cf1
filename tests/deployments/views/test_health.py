"""What machines ask: `/healthz`, `/readyz`, `/metrics`."""

from __future__ import annotations

from collections.abc import Iterator
from datetime import timedelta
from typing import Any

import pytest
from django.db import DatabaseError
from django.db.migrations.executor import MigrationExecutor
from django.test import Client
from django.utils import timezone
from prometheus_client.parser import text_string_to_metric_families

from controlpanel.accounts.tokens import token_create
from controlpanel.catalog.models import Environment
from controlpanel.core import audit
from controlpanel.core.permissions import Role
from deployments.models import Inquiry, Observer, Promotion
from deployments.renderers.child import Protection
from deployments.services import inspection
from deployments.services.inquiries import inquiry_answer
from deployments.views import health
from tests import fixtures_deployments as rows


def figures() -> dict[tuple[str, str], float]:
    """What Prometheus reads, by name and value of the label."""
    _, secret = token_create(actor=audit.SYSTEM, name="prometheus", scopes=["read"])
    response = Client().get("/metrics", headers={"Authorization": f"Bearer {secret}"})
    assert response.status_code == 200
    families = text_string_to_metric_families(response.content.decode())
    return {(one.name, next(iter(one.labels.values()), "")): one.value for family in families for one in family.samples}


def test_health_asks_nothing_outside_the_process() -> None:
    response = Client().get("/healthz")  # no database is allowed to this test
    assert (response.status_code, response.json()) == (200, {"status": "ok"})


@pytest.mark.django_db
def test_ready_tells_of_database_broker_and_renderer() -> None:
    response = Client().get("/readyz")
    told = response.json()
    assert (response.status_code, told["status"], told["database"]) == (200, "ok", "ok")
    assert told["broker"] in ("ok", "away")
    assert told["renderer"] in ("isolated", "shares the network")


@pytest.mark.django_db
@pytest.mark.parametrize(
    ("here", "there", "told"),
    [
        (True, None, "isolated"), (True, True, "isolated"), (True, False, "shares the network"),
        (False, None, "shares the network"), (False, True, "shares the network"),
    ],
)  # fmt: skip
def test_ready_tells_the_weaker_protection_of_this_process_and_of_the_worker_that_renders(
    monkeypatch: pytest.MonkeyPatch, here: bool, there: bool | None, told: str
) -> None:
    monkeypatch.setattr(health, "protection", lambda: Protection(here, ""))
    monkeypatch.setattr(inspection, "protection", lambda: Protection(bool(there), ""))
    Client().get("/readyz")
    if there is not None:
        assert inquiry_answer(Inquiry.objects.get(kind="protection").pk)
    assert Client().get("/readyz").json()["renderer"] == told


@pytest.mark.django_db
def test_however_many_probes_look_a_worker_is_asked_once() -> None:
    Client().get("/readyz")
    inquiry_answer(Inquiry.objects.get().pk)
    Client().get("/readyz")
    assert not Inquiry.objects.get().is_waiting


@pytest.mark.django_db
def test_a_migration_that_is_missing_is_not_ready(monkeypatch: pytest.MonkeyPatch) -> None:
    def behind(executor: Any, targets: Any) -> list[str]:
        return ["deployments 0002"]

    monkeypatch.setattr(MigrationExecutor, "migration_plan", behind)
    response = Client().get("/readyz")
    assert (response.status_code, response.json()["database"]) == (503, "migrations are missing")


def test_a_database_that_is_away_is_not_ready(monkeypatch: pytest.MonkeyPatch) -> None:
    def away(connection: Any) -> Iterator[None]:
        raise DatabaseError("gone")

    monkeypatch.setattr(health, "MigrationExecutor", away)
    response = Client().get("/readyz")
    assert (response.status_code, response.json()["database"]) == (503, "unreachable")
    assert "gone" not in response.content.decode()


@pytest.mark.django_db
def test_metrics_are_for_tokens_only() -> None:
    assert Client().get("/metrics").status_code == 401
    client = Client()
    client.force_login(rows.person("ada", Role.ADMINISTRATOR))
    assert client.get("/metrics").status_code == 401
    _, secret = token_create(actor=audit.SYSTEM, name="other", scopes=["tenants"])
    assert Client().get("/metrics", headers={"Authorization": f"Bearer {secret}"}).status_code == 403


@pytest.mark.django_db
def test_metrics_count_promotions_and_measure_what_is_late() -> None:
    staging, _ = rows.platform()
    row = rows.promotion(rows.release("1"), staging, by=rows.person("elif", Role.OPERATOR))
    Promotion.objects.filter(pk=row.pk).update(next_run_at=timezone.now() - timedelta(seconds=60))
    Observer.objects.update(heard_at=timezone.now() - timedelta(seconds=90), stream_is_open=True)
    told = figures()
    assert told["control_panel_promotions", "queued"] == 1
    assert told["control_panel_promotions", "failed"] == 0
    assert 60 <= told["control_panel_due_lag_seconds", "promotion"] < 120
    assert told["control_panel_due_lag_seconds", "preflight"] == 0
    assert 90 <= told["control_panel_observer_silence_seconds", "ARGOCD_SERVER"] < 150
    assert told["control_panel_observer_stream_open", "ARGOCD_SERVER"] == 1
    assert told["control_panel_outbox_messages", "dead"] == 0
    assert told["control_panel_audit_events", ""] > 0


@pytest.mark.django_db
def test_metrics_ask_the_same_queries_for_few_and_for_many(django_assert_max_num_queries: Any) -> None:
    staging = rows.platform()[0]
    elif_ = rows.person("elif", Role.OPERATOR)
    for number in range(3):
        rows.promotion(rows.release(str(number)), Environment.objects.get(pk=staging.pk), by=elif_)
    with django_assert_max_num_queries(12):
        figures()
