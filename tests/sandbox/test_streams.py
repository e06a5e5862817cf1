"""The application stream: snapshot, changes, silence, heartbeat, errors, and an end when the server stops."""

from __future__ import annotations

import json
from collections.abc import Iterator
from pathlib import Path

import httpx
import pytest

from tests.sandbox.conftest import Argo, DeployRepository, Json, Running, manifest
from tests.sandbox.test_sync import deploy

STREAM = "/api/v1/stream/applications"


def lines(answer: httpx.Response) -> Iterator[Json]:
    return (json.loads(line)["result"] for line in answer.iter_lines())


def test_every_visible_application_comes_first_and_then_each_change(
    deployer: Argo, repository: DeployRepository
) -> None:
    deploy(deployer, repository, "b-app")
    deploy(deployer, repository, "a-app")
    with deployer.http.stream("GET", STREAM, params={"projects": "hub"}) as answer:
        events = lines(answer)
        burst = [next(events), next(events)]
        assert [(item["type"], item["application"]["metadata"]["name"]) for item in burst] == [
            ("ADDED", "a-app"),
            ("ADDED", "b-app"),
        ]
        deployment = burst[0]["application"]["status"]["resources"][1]
        assert deployment["health"] == {"status": "Healthy"}
        deployer.sync("a-app")
        change = next(events)
        assert (change["type"], change["application"]["metadata"]["name"]) == ("MODIFIED", "a-app")
        assert "operation" in change["application"]
        version = int(change["application"]["metadata"]["resourceVersion"])
        for change in events:
            now = int(change["application"]["metadata"]["resourceVersion"])
            assert now > version
            version = now
            if "operation" not in change["application"]:
                break


def test_creation_and_deletion_are_told_and_the_selector_counts(deployer: Argo, repository: DeployRepository) -> None:
    deploy(deployer, repository, "first")
    with deployer.http.stream("GET", STREAM, params={"selector": "environment=staging"}) as answer:
        events = lines(answer)
        next(events)
        other = manifest("hidden", repository)
        other["metadata"]["labels"] = {"environment": "production"}
        deployer.post("/api/v1/applications", other)
        deployer.post("/api/v1/applications", manifest("second", repository))
        added = next(events)
        assert (added["type"], added["application"]["metadata"]["name"]) == ("ADDED", "second")
        deployer.send("DELETE", "/api/v1/applications/second", cascade="false")
        kinds = []
        for event in events:
            assert event["application"]["metadata"]["name"] != "hidden"
            kinds.append(event["type"])
            if event["type"] == "DELETED":
                break
        assert kinds[-1] == "DELETED"


def test_fields_reduce_each_message(deployer: Argo, repository: DeployRepository) -> None:
    deploy(deployer, repository)
    fields = "result.type,result.application.metadata.name,result.application.status.health.status"
    with deployer.http.stream("GET", STREAM, params={"fields": fields}) as answer:
        assert next(lines(answer)) == {
            "type": "ADDED",
            "application": {"metadata": {"name": "backend-staging"}, "status": {"health": {"status": "Healthy"}}},
        }


def test_errors_have_a_shape_of_their_own(anonymous: Argo) -> None:
    answer = anonymous.get(STREAM)
    assert answer.status_code == 401
    message = {"grpc_code": 16, "http_code": 401, "message": "no session information", "http_status": "Unauthorized"}
    assert answer.json() == {"error": message}


def test_no_headers_come_before_the_first_message(deployer: Argo) -> None:
    with (
        pytest.raises(httpx.ReadTimeout),
        deployer.http.stream("GET", STREAM, params={"name": "absent", "project": "hub"}, timeout=0.5),
    ):
        pytest.fail("the answer has begun")


def test_server_sent_events_have_a_heartbeat_and_end_when_the_server_stops(
    tmp_path: Path, repository: DeployRepository
) -> None:
    server = Running(tmp_path / "state", heartbeat=0.05).start()
    token = (
        Argo(server.url).post("/api/v1/session", {"username": "admin", "password": "a-good-password"}).json()["token"]
    )
    admin = Argo(server.url, token)
    admin.post("/api/v1/applications", manifest("one", repository, project="default"))
    with admin.http.stream("GET", STREAM, headers={"Accept": "text/event-stream"}) as answer:
        assert answer.headers["content-type"] == "text/event-stream"
        texts = answer.iter_lines()
        first = next(texts)
        assert first.startswith('data: {"result":{"type":"ADDED"')
        assert first.endswith("} ")
        for text in texts:
            assert text in ("", ":") or text.startswith("data: ")
            if text == ":":
                break
        server.stop()
        assert all(text in ("", ":") or text.startswith("data: ") for text in texts)


def test_the_tree_stream_begins_with_the_first_change(deployer: Argo, repository: DeployRepository) -> None:
    deployer.post("/api/v1/applications", manifest("tree", repository))
    deployer.wait("tree", lambda found: found["status"]["sync"]["status"] != "")
    deployer.sync("tree")
    with deployer.http.stream("GET", f"{STREAM}/tree/resource-tree", params={"project": "hub"}) as answer:
        for message in lines(answer):
            if any(node["kind"] == "Pod" for node in message["nodes"]):
                break
