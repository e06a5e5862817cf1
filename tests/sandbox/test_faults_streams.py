"""Faults of the application stream: cut, silent, dropped, repeated, swapped, swollen."""

from __future__ import annotations

import itertools
import json
import time
from collections.abc import Iterator
from pathlib import Path

import httpx
import pytest

from tests.sandbox.conftest import Argo, DeployRepository, Json, Running, manifest, settled
from tests.sandbox.test_faults_requests import switch_on

STREAM = "/api/v1/stream/applications"
PATH = "/api/v1/applications/backend"


@pytest.fixture
def created(deployer: Argo, repository: DeployRepository) -> Argo:
    assert deployer.post("/api/v1/applications", manifest("backend", repository)).status_code == 200
    deployer.wait("backend", lambda found: found["status"]["sync"]["status"] == "OutOfSync")
    return deployer


def changes(answer: httpx.Response) -> Iterator[Json]:
    return (json.loads(line)["result"]["application"] for line in answer.iter_lines())


def label(argo: Argo, value: int) -> int:
    """Change the Application; its new resourceVersion."""
    patch = json.dumps({"metadata": {"labels": {"turn": str(value)}}})
    answer = argo.send("PATCH", PATH, {"patch": patch, "patchType": "merge", "project": "hub"})
    assert answer.status_code == 200, answer.text
    return int(answer.json()["metadata"]["resourceVersion"])


def turns(argo: Argo, events: Iterator[Json], last: int) -> list[int]:
    """The labels in the order in which they arrive, up to this one."""
    found: list[int] = []
    while not found or found[-1] != last:
        turn = next(events)["metadata"]["labels"].get("turn")
        if turn and (not found or found[-1] != int(turn)):
            found.append(int(turn))
    return found


def test_a_dropped_change_never_arrives_and_the_next_one_does(created: Argo) -> None:
    with created.http.stream("GET", STREAM) as answer:
        events = changes(answer)
        next(events)
        switch_on(created, {"effect": "stream-drop"})
        label(created, 1)
        created.wait("backend", lambda found: found["metadata"]["labels"].get("turn") == "1")
        time.sleep(0.2)
        switch_on(created)
        label(created, 2)
        assert turns(created, events, 2) == [2]


def test_a_repeated_change_arrives_twice(created: Argo) -> None:
    with created.http.stream("GET", STREAM) as answer:
        events = changes(answer)
        next(events)
        switch_on(created, {"effect": "stream-duplicate", "next": 1})
        label(created, 1)
        assert next(events) == next(events)


def test_a_swapped_change_arrives_behind_its_successor(created: Argo) -> None:
    with created.http.stream("GET", STREAM) as answer:
        events = changes(answer)
        next(events)
        switch_on(created, {"effect": "stream-reorder", "next": 1})
        first = label(created, 1)
        label(created, 2)
        newer, older = next(events), next(events)
        assert int(older["metadata"]["resourceVersion"]) <= first < int(newer["metadata"]["resourceVersion"])


def test_a_cut_stream_ends_without_an_end(created: Argo) -> None:
    with created.http.stream("GET", STREAM) as answer:
        events = changes(answer)
        next(events)
        switch_on(created, {"effect": "stream-cut"})
        label(created, 1)
        with pytest.raises(httpx.ReadError):
            next(events)


def test_a_stream_cut_in_the_middle_of_a_line_leaves_half_a_line(created: Argo) -> None:
    with created.http.stream("GET", STREAM) as answer:
        chunks = answer.iter_raw()
        next(chunks)
        switch_on(created, {"effect": "stream-cut", "mid_line": True})
        label(created, 1)
        half = next(chunks)
        assert half.startswith(b'{"result":{"type":"MODIFIED"')
        assert not half.endswith(b"\n")
        with pytest.raises(httpx.ReadError):
            next(chunks)


def test_a_swollen_message_is_one_long_line_of_json(created: Argo) -> None:
    with created.http.stream("GET", STREAM) as answer:
        lines = answer.iter_lines()
        next(lines)
        switch_on(created, {"effect": "stream-huge", "bytes": 3_000_000, "next": 1})
        label(created, 1)
        line = next(lines)
        assert len(line) > 3_000_000
        assert json.loads(line)["result"]["type"] == "MODIFIED"


def test_a_silent_stream_sends_neither_changes_nor_heartbeats_and_stays_open(tmp_path: Path) -> None:
    running = Running(tmp_path / "state", heartbeat=0.05).start()
    try:
        anonymous = Argo(running.url)
        given = anonymous.post("/api/v1/session", {"username": "admin", "password": "a-good-password"}).json()
        admin = Argo(running.url, given["token"])
        project = {"metadata": {"name": "hub"}, "spec": {"sourceRepos": ["*"], "destinations": [{"server": "*"}]}}
        admin.post("/api/v1/projects", {"project": project})
        deploy = DeployRepository(tmp_path / "deploy")
        deploy.commit("empty", text="")
        assert admin.post("/api/v1/applications", manifest("backend", deploy), validate="false").status_code == 200
        admin.wait("backend", lambda found: "reconciledAt" in found["status"])
        with admin.http.stream("GET", STREAM, headers={"Accept": "text/event-stream"}) as answer:
            lines = answer.iter_lines()
            while next(lines) != ":":
                pass
            switch_on(admin, {"effect": "stream-silent", "seconds": 1.5, "next": 1})
            ended = time.monotonic() + 4
            arrivals = [time.monotonic()]
            while arrivals[-1] < ended:
                assert next(lines) in (":", "")
                arrivals.append(time.monotonic())
            gaps = [after - before for before, after in itertools.pairwise(arrivals)]
            assert max(gaps) >= 1
    finally:
        running.stop()


def test_an_application_that_a_rule_does_not_name_is_told_as_ever(created: Argo) -> None:
    switch_on(created, {"effect": "stream-drop", "application": "other-*"})
    with created.http.stream("GET", STREAM) as answer:
        events = changes(answer)
        next(events)
        created.sync("backend")
        phases = []
        for change in events:
            phases.append(change["status"].get("operationState", {}).get("phase"))
            if settled(change):
                break
    assert [phase for place, phase in enumerate(phases) if phase != phases[place - 1]] == [None, "Running", "Succeeded"]


def test_a_restart_ends_every_stream_and_nobody_is_at_home_for_a_while(created: Argo) -> None:
    with created.http.stream("GET", STREAM) as answer:
        events = changes(answer)
        next(events)
        switch_on(created, {"effect": "restart", "seconds": 600})
        assert list(events) == []
    with pytest.raises(httpx.ReadError):
        created.get("/api/version")
    switch_on(created)
    assert created.get("/api/version").status_code == 200
