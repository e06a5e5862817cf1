"""Faults of requests: what the client sees, and what was really accepted meanwhile."""

from __future__ import annotations

import time
from typing import Any

import httpx
import pytest

from tests.sandbox.conftest import Argo, DeployRepository, Json, manifest, settled
from tests.sandbox.test_sync import deploy

FAULTS = "/sandbox/faults"
SYNC = {"method": "POST", "path": "*/sync"}


def switch_on(argo: Argo, *rules: Json) -> None:
    answer = argo.http.put(FAULTS, json=list(rules))
    assert answer.status_code == 200, answer.text


def accepted(argo: Argo) -> list[Json]:
    """The syncs that the sandbox really accepted."""
    return [item for item in argo.get("/sandbox/operations").json()["items"] if item["type"] == "sync"]


@pytest.fixture
def created(deployer: Argo, repository: DeployRepository) -> Argo:
    answer = deployer.post("/api/v1/applications", manifest("backend-staging", repository))
    assert answer.status_code == 200, answer.text
    return deployer


@pytest.mark.parametrize(
    ("status", "kind", "text"),
    [
        (500, "application/json", '"code": 2'),
        (429, "application/json", '"code": 8'),
        (401, "application/json", '"code": 16'),
        (403, "application/json", "permission denied"),
        (502, "text/html", "<h1>Bad Gateway</h1>"),
        (503, "text/html", "Service Unavailable"),
    ],
)
def test_an_error_before_applying_accepts_nothing(created: Argo, status: int, kind: str, text: str) -> None:
    switch_on(created, {"effect": "error", "status": status, "retry_after": 3, "next": 1, **SYNC})
    answer = created.sync("backend-staging")
    assert (answer.status_code, answer.headers["content-type"]) == (status, kind)
    assert answer.headers["retry-after"] == "3"
    assert text in answer.text
    assert accepted(created) == []
    assert created.sync("backend-staging").status_code == 200
    assert len(accepted(created)) == 1


@pytest.mark.parametrize(
    "rule",
    [
        {"effect": "error", "status": 500, "when": "after"},
        {"effect": "error", "status": 502, "when": "after"},
        {"effect": "reset", "when": "after"},
        {"effect": "hang", "seconds": 0.2, "when": "after"},
        {"effect": "truncated"},
        {"effect": "truncated", "connection": True},
    ],
    ids=str,
)
def test_what_goes_wrong_after_applying_leaves_the_sync_accepted(created: Argo, rule: Json) -> None:
    switch_on(created, {**rule, **SYNC, "next": 1})
    with pytest.raises((httpx.HTTPError, ValueError)):
        created.sync("backend-staging").raise_for_status().json()
    assert len(accepted(created)) == 1


@pytest.mark.parametrize(
    ("rule", "patience", "error"),
    [
        ({"effect": "reset"}, 10, httpx.ReadError),
        ({"effect": "hang", "seconds": 0.2}, 10, httpx.ReadError),
        ({"effect": "hang", "seconds": 30}, 0.5, httpx.ReadTimeout),
        ({"effect": "latency", "seconds": 30}, 0.5, httpx.ReadTimeout),
    ],
    ids=str,
)
def test_what_goes_wrong_before_applying_accepts_nothing_even_later(
    created: Argo, rule: Json, patience: float, error: type[Exception]
) -> None:
    switch_on(created, {**rule, **SYNC, "next": 1})
    with pytest.raises(error):
        created.http.post("/api/v1/applications/backend-staging/sync", json={}, timeout=patience)
    time.sleep(0.2)
    assert accepted(created) == []


def test_a_held_request_is_delivered_after_its_client_has_given_up(created: Argo) -> None:
    switch_on(created, {"effect": "hold", "seconds": 4, "next": 1, **SYNC})
    infos = [{"name": "promotion", "value": "p-1"}]
    with pytest.raises(httpx.ReadTimeout):
        created.http.post("/api/v1/applications/backend-staging/sync", json={"infos": infos}, timeout=0.2)
    assert accepted(created) == []
    created.wait("backend-staging", settled)
    assert [item["infos"] for item in accepted(created)] == [infos]


@pytest.mark.parametrize("when", ["before", "after"])
def test_latency_delays_a_whole_answer(created: Argo, when: str) -> None:
    switch_on(created, {"effect": "latency", "seconds": 0.4, "when": when, "path": "*/userinfo"})
    started = time.monotonic()
    answer = created.get("/api/v1/session/userinfo")
    assert answer.json()["loggedIn"] is True
    assert time.monotonic() - started >= 0.4


def test_a_truncated_answer_is_cut_in_the_middle_of_its_json(created: Argo) -> None:
    whole = created.get("/api/v1/applications/backend-staging").text
    switch_on(created, {"effect": "truncated", "next": 1})
    answer = created.get("/api/v1/applications/backend-staging")
    assert answer.status_code == 200
    assert whole.startswith(answer.text[:40])
    with pytest.raises(ValueError, match=r"Unterminated|Expecting"):
        answer.json()


def test_a_truncated_connection_ends_before_the_announced_length(created: Argo) -> None:
    switch_on(created, {"effect": "truncated", "connection": True, "next": 1})
    with pytest.raises((httpx.RemoteProtocolError, httpx.ReadError)):
        created.get("/api/v1/applications/backend-staging")


def test_a_dripping_body_is_whole_and_takes_its_time(created: Argo) -> None:
    switch_on(created, {"effect": "drip", "seconds": 0.6, "next": 1})
    started, pieces = time.monotonic(), 0
    with created.http.stream("GET", "/api/v1/applications/backend-staging") as answer:
        body = b""
        for piece in answer.iter_raw():
            pieces, body = pieces + 1, body + piece
    assert time.monotonic() - started >= 0.5
    assert pieces > 5
    assert b"backend-staging" in body


def test_a_stale_list_shows_the_past_while_one_application_shows_the_present(
    created: Argo, repository: DeployRepository
) -> None:
    switch_on(created, {"effect": "stale-answer", "seconds": 600, "path": "/api/v1/applications"})

    def listed() -> dict[str, Any]:
        return {item["metadata"]["name"]: item for item in created.get("/api/v1/applications").json()["items"]}

    before = listed()
    deploy(created, repository, "late")
    assert listed() == before
    assert created.application("late")["metadata"]["name"] == "late"
    switch_on(created)
    assert sorted(listed()) == ["backend-staging", "late"]


def test_a_rule_can_name_the_application_that_a_creation_would_make(
    deployer: Argo, repository: DeployRepository
) -> None:
    switch_on(deployer, {"effect": "error", "status": 500, "application": "bad-*"})
    assert deployer.post("/api/v1/applications", manifest("bad-one", repository)).status_code == 500
    assert deployer.post("/api/v1/applications", manifest("good-one", repository)).status_code == 200


def test_the_sandboxs_own_addresses_never_fail(created: Argo) -> None:
    switch_on(created, {"effect": "reset"})
    assert created.get("/sandbox/operations").status_code == 200
    with pytest.raises(httpx.ReadError):
        created.get("/api/version")
    assert created.send("DELETE", FAULTS).status_code == 200
    assert created.get("/api/version").status_code == 200
