"""Callers of the API with the rights of people who have to do with tenants."""

from __future__ import annotations

from typing import Any

import pytest
from django.test import Client

from controlpanel.accounts.models import ApiToken
from controlpanel.accounts.tokens import token_create
from controlpanel.core import audit
from tests.tenants.conftest import World


class Caller:
    """Speaks to /api/v1 with one token."""

    def __init__(self, *scopes: str, tenants: tuple[str, ...] = (), environments: tuple[str, ...] = ()) -> None:
        name = f"t{ApiToken.objects.count()}"
        _, secret = token_create(
            actor=audit.SYSTEM, name=name, scopes=scopes, tenants=tenants, environments=environments
        )
        self.headers = {"Authorization": f"Bearer {secret}"}

    def ask(self, method: str, path: str, body: Any = None, *, key: str = "", status: int = 200) -> Any:
        """The answer's JSON; fails where the status is another one."""
        headers = {**self.headers, **({"Idempotency-Key": key} if key else {})}
        client = Client(raise_request_exception=False)
        more = {} if method == "get" else {"data": body or {}, "content_type": "application/json"}
        response = getattr(client, method)(f"/api/v1{path}", headers=headers, **more)
        assert response.status_code == status, response.content
        return response.json()

    def refused(self, method: str, path: str, body: Any = None, *, status: int) -> dict[str, Any]:
        """The problem details of a refusal."""
        told: dict[str, Any] = self.ask(method, path, body, status=status)
        assert told["type"].startswith("urn:problem-type:control-panel:")
        assert told["status"] == status
        return told


@pytest.fixture
def admin(world: World) -> Caller:
    """May do everything."""
    return Caller("admin")


@pytest.fixture
def nova_token(world: World) -> Caller:
    """Keeps nova, and nothing else."""
    return Caller("tenants", tenants=("nova",))
