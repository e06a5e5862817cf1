"""`/api/v1/preflight`: 200 as soon as it is rendered, 202 with an address where that takes longer."""

from __future__ import annotations

import asyncio
import uuid
from typing import Any

import pytest
from django.db import connections
from django.test import AsyncClient

from controlpanel.catalog.models import Environment
from controlpanel.core import live
from controlpanel.core.live import Hub
from deployments.api import preflights
from deployments.choices import PreflightState
from deployments.models import Preflight, Release
from tests import fixtures_deployments as rows
from tests.deployments.api.conftest import Caller, caller, problem
from tests.world import until

ASKED = {"release": "2026.11.1", "environment": "staging"}
SHAPE = {"id", "state", "render_digest", "changes", "gates", "variables", "tenants", "waves"}


@pytest.mark.django_db
class TestReading:
    def test_a_preview_that_is_still_true_is_answered_at_once(self, admin: Caller, platform: Release) -> None:
        row = rows.preflight(platform, Environment.objects.get(name="staging"))
        response = admin.post("/preflight", ASKED)
        assert response.status_code == 200
        told = response.json()
        assert told.keys() >= SHAPE
        assert (told["id"], told["state"], told["render_digest"]) == (str(row.pk), "ready", rows.DIGEST)
        assert told["changes"][0]["diff"] == rows.DIFF
        assert told["tenants"] == {"total": 0, "ready": 0, "blocked": []}
        assert admin.get(f"/preflight/{row.pk}").json() == told

    def test_a_component_that_is_named_twice_is_looked_at_once(self, admin: Caller, platform: Release) -> None:
        """A promotion of these components looks for a preview of the same ones."""
        row = rows.preflight(platform, Environment.objects.get(name="staging"))
        Preflight.objects.filter(pk=row.pk).update(components=["ai", "backend"])
        told = admin.post("/preflight", ASKED | {"components": ["backend", "ai", "backend"]}).json()
        assert told["id"] == str(row.pk)

    def test_what_the_cluster_refuses_stands_at_its_object(self, admin: Caller, platform: Release) -> None:
        row = rows.preflight(platform, Environment.objects.get(name="staging"))
        row.changes[0]["problems"] = ["spec.replicas: Invalid value"]
        row.save()
        told = admin.get(f"/preflight/{row.pk}").json()["changes"]
        assert [change["problems"] for change in told] == [["spec.replicas: Invalid value"], []]

    def test_one_that_is_not_there_or_not_the_tokens_to_see_is_absent(self, admin: Caller, platform: Release) -> None:
        row = rows.preflight(platform, Environment.objects.get(name="staging"))
        problem(admin.get(f"/preflight/{uuid.uuid4()}"), 404)
        problem(caller("read", environments=("production",)).get(f"/preflight/{row.pk}"), 404)
        problem(caller("read", environments=("production",)).post("/preflight", ASKED), 404)

    @pytest.mark.parametrize(
        ("more", "status"), [({"release": "none"}, 404), ({"environment": "none"}, 404), ({"x": 1}, 422)]
    )
    def test_what_does_not_exist_is_refused(
        self, admin: Caller, platform: Release, more: dict[str, Any], status: int
    ) -> None:
        assert problem(admin.post("/preflight", ASKED | more), status)["remedy"]


@pytest.mark.django_db(transaction=True)
class TestWaiting:
    async def test_it_waits_for_the_worker_and_answers_200(self, admin: Caller, platform: Release, hub: Hub) -> None:
        asked = asyncio.create_task(_ask(admin))
        await asyncio.to_thread(_render_the_first)
        response = await asked
        assert response.status_code == 200
        assert response.json()["state"] == "ready"

    async def test_after_its_patience_it_answers_202_with_the_address(
        self, admin: Caller, platform: Release, hub: Hub, monkeypatch: pytest.MonkeyPatch
    ) -> None:
        monkeypatch.setattr(preflights, "PATIENCE_SECONDS", 0.3)
        response = await _ask(admin)
        told = response.json()
        assert (response.status_code, told["state"]) == (202, "rendering")
        assert response.headers["Location"] == told["url"]
        assert told["url"].endswith(f"/api/v1/preflight/{told['id']}")

    async def test_the_same_key_asks_for_one_preflight_only(
        self, admin: Caller, platform: Release, hub: Hub, monkeypatch: pytest.MonkeyPatch
    ) -> None:
        monkeypatch.setattr(preflights, "PATIENCE_SECONDS", 0.1)
        first, second = await _ask(admin, "k"), await _ask(admin, "k")
        assert first.json()["id"] == second.json()["id"]


async def _ask(admin: Caller, key: str = "") -> Any:
    headers = {**admin.headers, **({"Idempotency-Key": key} if key else {})}
    return await AsyncClient().post("/api/v1/preflight", ASKED, content_type="application/json", headers=headers)


def _render_the_first() -> None:
    """What a worker does, with a connection of its own."""
    try:
        until(Preflight.objects.exists, "a preflight is asked for", seconds=10)
        row = Preflight.objects.get()
        Preflight.objects.filter(pk=row.pk).update(state=PreflightState.READY, render_digest=rows.DIGEST)
        live.publish(f"preflight.{row.pk}")
    finally:
        connections.close_all()
