"""Waived or signed over the API, a tenant leaves the promote page without a reload: the page is told, and reads itself again."""

from __future__ import annotations

import asyncio
from collections.abc import AsyncIterator
from datetime import timedelta
from typing import Any

import pytest
import yaml
from asgiref.sync import sync_to_async
from django.test import AsyncClient, Client
from django.utils import timezone

from controlpanel.accounts.models import User
from controlpanel.core.views import events
from tests import fixtures_deployments as rows
from tests import fixtures_tenants as make
from tests.tenants.api.conftest import Caller
from tests.tenants.conftest import World

PROMOTE = "/environments/staging/promote?release=2026.11.3"
PATIENCE = 10.0
"""Seconds; a quiet machine takes a tenth of one. What is promised is 2 s, which `script/bench live` and eyes see."""


@pytest.mark.django_db(transaction=True)
async def test_a_waiver_over_the_api_takes_the_tenant_off_the_page_that_listens(world: World) -> None:
    browser = await sync_to_async(_two_lack_something)(world)
    stream = await _listening(browser)
    admin = await sync_to_async(Caller)("admin")
    until = (timezone.now() + timedelta(days=1)).isoformat()
    for slug, act, body in (
        ("nova", "waive", {"reason": "The store moves today.", "until": until}),
        ("lumen", "sign-off", {}),
    ):
        assert f'data-key="tenant-{slug}"' in await sync_to_async(_page)(browser)
        async with asyncio.timeout(PATIENCE):
            path = f"/tenants/{slug}/checklist/consent/{act}?environment=staging"
            await sync_to_async(admin.ask)("post", path, body)
            while b'"topic": "tenant"' not in await anext(stream):
                pass
            assert f'data-key="tenant-{slug}"' not in await sync_to_async(_page)(browser)
    events.hub_of_this_loop().close()


def _two_lack_something(world: World) -> Client:
    document = yaml.safe_load((make.ROOT / "platform.yaml").read_text("utf-8"))
    document["variables"], document["checklist"] = {}, {"consent": {"type": "manual_sign_off"}}
    document["environments"]["staging"]["gates"] = [{"name": "tenants-ready"}]
    staging, _ = make.catalog(yaml.safe_dump(document))
    for slug in ("nova", "lumen"):
        make.tenant(slug, by=world.ada)
    rows.preflight(rows.release("2026.11.3"), staging)
    browser = Client()
    browser.force_login(User.objects.get(username="rita"))
    return browser


async def _listening(browser: Client) -> AsyncIterator[bytes]:
    """The stream that the page opens, past what every new one hears."""
    client = AsyncClient()
    client.cookies = browser.cookies
    answer: Any = await client.get("/events?topics=tenant")
    stream: AsyncIterator[bytes] = aiter(answer.streaming_content)
    async with asyncio.timeout(5):
        while b"event: resync" not in await anext(stream):
            pass
    return stream


def _page(browser: Client) -> str:
    fragment = {"HX-Request": "true", "HX-Target": "readiness"}
    return browser.get(PROMOTE, headers=fragment).content.decode()
