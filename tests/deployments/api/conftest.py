"""Callers of the API: a client with a token, and a small platform in rows."""

from __future__ import annotations

import asyncio
from collections.abc import AsyncIterator
from dataclasses import dataclass
from typing import Any

import pytest
from asgiref.sync import sync_to_async
from django.db import connections
from django.test import Client

from controlpanel.accounts.actors import Actor, of_token
from controlpanel.accounts.models import ApiToken, User
from controlpanel.accounts.tokens import token_create
from controlpanel.core import audit
from controlpanel.core.live import Hub
from controlpanel.core.views.events import hub_of_this_loop
from deployments.models import Release
from tests import fixtures_deployments as rows


@dataclass
class Caller:
    """Speaks to /api/v1 with one token."""

    token: ApiToken
    secret: str

    @property
    def headers(self) -> dict[str, str]:
        return {"Authorization": f"Bearer {self.secret}"}

    @property
    def actor(self) -> Actor:
        return of_token(self.token)

    def get(self, path: str, **query: Any) -> Any:
        return Client(raise_request_exception=False).get(f"/api/v1{path}", query, headers=self.headers)

    def post(self, path: str, body: Any = None, *, key: str = "") -> Any:
        headers = {**self.headers, **({"Idempotency-Key": key} if key else {})}
        client = Client(raise_request_exception=False)
        return client.post(f"/api/v1{path}", body, content_type="application/json", headers=headers)


def caller(*scopes: str, environments: tuple[str, ...] = (), user: User | None = None) -> Caller:
    """A new token of these scopes."""
    name = f"t{ApiToken.objects.count()}"
    made, secret = token_create(actor=audit.SYSTEM, name=name, scopes=scopes, environments=environments, user=user)
    return Caller(made, secret)


@pytest.fixture
def admin(db: None) -> Caller:
    """May do everything, everywhere."""
    return caller("admin")


@pytest.fixture
def platform(db: None) -> Release:
    """Two environments, four healthy components and one release."""
    rows.platform()
    return rows.release("2026.11.1")


@pytest.fixture
async def hub() -> AsyncIterator[Hub]:
    """The hub of this test's event loop; it and the connections of the test's threads end with the test."""
    made = hub_of_this_loop()
    yield made
    made.close()
    await asyncio.gather(
        *(task for task in asyncio.all_tasks() if task.get_name() == "live-listen"), return_exceptions=True
    )
    await sync_to_async(connections.close_all)()


def problem(response: Any, status: int) -> dict[str, Any]:
    """The problem details of a refusal; fails where the answer is none."""
    assert response.status_code == status, response.content
    assert response.headers["Content-Type"] == "application/problem+json"
    told: dict[str, Any] = response.json()
    assert told["status"] == status
    assert told["detail"].endswith(".")
    assert told["type"].startswith("urn:problem-type:control-panel:")
    return told
