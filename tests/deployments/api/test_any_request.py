"""Whatever is sent, in or out of the described shape: no fault of ours, and every refusal is a problem."""

from __future__ import annotations

import json
import warnings
from collections.abc import Iterator, Mapping
from typing import Any
from urllib.parse import quote

import pytest
from django.db import transaction
from django.test import Client
from hypothesis import HealthCheck, Verbosity, given, settings

from controlpanel.api import description
from deployments.api import preflights
from tests import fixtures_deployments as rows
from tests.deployments.api.conftest import Caller, caller

STREAM = "/api/v1/promotions/{identifier}/events"
EXAMPLES = 15


OPERATIONS = [
    f"{method.upper()} {path}"
    for path, described in description()["paths"].items()
    for method in described
    if path != STREAM
]
"""Every operation of the description but the stream, which has tests of its own."""


@pytest.fixture(scope="module")
def described() -> Mapping[str, Any]:
    """The operations as Schemathesis knows them; its import takes seconds, which only who runs these tests spends."""
    from schemathesis import openapi

    with warnings.catch_warnings():
        warnings.simplefilter("ignore")
        found = [result.ok() for result in openapi.from_dict(description()).get_all_operations()]
    return {f"{operation.method.upper()} {operation.path}": operation for operation in found}


@pytest.fixture(scope="module")
def place(django_db_setup: None, django_db_blocker: Any) -> Iterator[Caller]:
    """A small platform and who may do anything there: made once, and gone with the transaction around all tests."""
    with django_db_blocker.unblock(), transaction.atomic():
        rows.platform()
        rows.release("2026.11.1")
        yield caller("admin")
        transaction.set_rollback(True)


@pytest.fixture
def admin(place: Caller, db: None) -> Caller:
    return place


def send(case: Any, headers: dict[str, str]) -> Any:
    """Send a generated case as it is."""
    path = case.path.format(
        **{name: quote(str(value), safe="") for name, value in (case.path_parameters or {}).items()}
    )
    body = json.dumps(case.body) if isinstance(case.body, dict | list | str | int | float | bool | None) else b""
    sendable = {
        name: str(value)
        for name, value in (case.headers or {}).items()
        if str(value).isascii() and str(value).isprintable()
    }
    query = {name: value for name, value in (case.query or {}).items() if value is not None}
    client = Client(raise_request_exception=False)
    return client.generic(
        case.method, path, body, content_type="application/json", headers={**sendable, **headers}, query_params=query
    )


@pytest.mark.slow
@pytest.mark.parametrize("mode", ["positive", "negative"])
@pytest.mark.parametrize("name", OPERATIONS)
def test_no_request_breaks_the_api(
    described: Mapping[str, Any],
    mode: str,
    name: str,
    admin: Caller,
    monkeypatch: pytest.MonkeyPatch,
) -> None:
    from schemathesis import GenerationMode

    monkeypatch.setattr(preflights, "PATIENCE_SECONDS", 0.0)
    operation = described[name]
    if mode == "negative" and not (operation.body or operation.query or operation.path_parameters):
        return  # nothing that could be wrong

    @settings(
        max_examples=EXAMPLES, deadline=None, derandomize=True, database=None, verbosity=Verbosity.quiet,
        suppress_health_check=list(HealthCheck),
    )  # fmt: skip
    @given(case=operation.as_strategy(generation_mode=GenerationMode(mode)))
    def check(case: Any) -> None:
        with transaction.atomic():
            response = send(case, admin.headers)
            transaction.set_rollback(True)
        assert response.status_code < 500, (case, response.content)
        if response.status_code >= 400:
            assert response.headers["Content-Type"] == "application/problem+json"
            assert response.json()["status"] == response.status_code

    check()
