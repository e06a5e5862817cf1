"""No route of the panel repeats a secret that somebody types into one of its fields."""

from __future__ import annotations

import json

import pytest
from django.test import Client

from controlpanel.accounts.tokens import token_create
from controlpanel.core import audit
from controlpanel.core.permissions import Role, Scope
from tests import fixtures_tenants as make
from tests.security.canaries import SHAPES, canaries, traces
from tests.security.inputs import FIELDS, SLUG, path_of
from tests.test_permissions import Route, routes

ONE_OF_EACH = canaries(len(SHAPES))


@pytest.fixture
def readers(db: None) -> tuple[Client, Client]:
    """Somebody who may do everything at a browser, and the same as a program."""
    make.catalog()
    adam = make.person("adam", Role.ADMINISTRATOR)
    make.tenant(SLUG, by=make.actor(adam))
    browser = Client(raise_request_exception=False)
    browser.force_login(adam, backend="django.contrib.auth.backends.ModelBackend")
    _, token = token_create(actor=audit.SYSTEM, name="ci", scopes=[Scope.ADMIN, Scope.TENANTS])
    return browser, Client(headers={"Authorization": f"Bearer {token}"}, raise_request_exception=False)


def repeated(readers: tuple[Client, Client], route: Route, canary: str) -> bool:
    browser, program = readers
    address, content = path_of(route), dict.fromkeys(FIELDS, canary)
    method = "POST" if route.method == "any" else route.method
    if address.startswith("/api/"):
        answer = program.generic(method, address, json.dumps(content), content_type="application/json")
    else:
        answer = browser.post(address, content)
    said = b"".join(answer) if answer.streaming else answer.content
    return any(trace in said.decode(errors="replace") + str(answer.headers) for trace in traces(canary))


def test_what_is_typed_into_any_field_is_never_repeated(readers: tuple[Client, Client]) -> None:
    taking = [one for one in routes() if one.method != "GET" and one.name not in ("logout", "events")]
    found = [str(one) for one in taking for canary in ONE_OF_EACH[:2] if repeated(readers, one, canary)]
    assert not found, "\n".join(found)
