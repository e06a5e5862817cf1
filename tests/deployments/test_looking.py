"""What pages show of an Application, out of what a real Argo CD was recorded to say."""

from __future__ import annotations

import json
from collections.abc import Sequence
from typing import Any

import httpx
import pytest

from controlpanel.catalog import connections
from controlpanel.clients.argocd import ArgoCD
from deployments.models import Application, Inquiry
from deployments.selectors.inquiries import Question
from deployments.services import looking
from deployments.services.inquiries import ask
from tests import fixtures_deployments as rows
from tests.contract.transcripts import Exchange, exchanges

NAME = "backend-staging"


def recorded(part: str, **params: str) -> list[Exchange]:
    """Answers of "day-two" about the Application `full`."""
    wanted = f"/api/v1/applications/full/{part}"
    found = (one for one in exchanges() if one.scenario == "day-two" and one.path == wanted and one.status == 200)
    return [one for one in found if params.items() <= one.params.items()]


@pytest.fixture
def answering(db: None, monkeypatch: pytest.MonkeyPatch) -> Any:
    """Makes Argo CD answer with these exchanges, by the last part of the path."""
    rows.platform()

    def answer_with(*given: Exchange) -> list[httpx.Request]:
        sent: list[httpx.Request] = []

        def handle(request: httpx.Request) -> httpx.Response:
            sent.append(request)
            part = request.url.path.rpartition("/")[2]
            known = next((one for one in given if one.path.rpartition("/")[2] == part), None)
            return (
                known.response()
                if known
                else httpx.Response(200, json={"metadata": {"name": NAME}, "spec": {}, "status": {}})
            )

        client = ArgoCD("https://argocd.example", "token", transport=httpx.MockTransport(handle))
        monkeypatch.setattr(connections, "argocd_for", lambda environment: client)
        return sent

    return answer_with


def test_the_recorded_tree_is_outlined_under_its_workloads(answering: Any) -> None:
    answering(recorded("resource-tree")[0])
    outline = [(one["depth"], one["kind"], one["name"], one["fact"]) for one in looking.tree(NAME, {})["nodes"]][:4]
    assert outline == [
        (0, "Deployment", "backend", "rev 1"),
        (1, "ReplicaSet", "backend-c5f556466", "rev 1"),
        (2, "Pod", "backend-c5f556466-bm2rh", "1 of 1"),
        (2, "Pod", "backend-c5f556466-z5x8q", "1 of 1"),
    ]


def test_the_recorded_drift_is_a_diff_and_names_kubectl(answering: Any) -> None:
    answering(recorded("managed-resources", kind="ConfigMap")[-1])
    [change] = looking.differences(NAME, {})["changes"]
    assert "-  LEVEL" not in change["diff"]
    assert "-  LOG_LEVEL: trace\n+  LOG_LEVEL: info" in change["diff"]
    assert change["hand"] == {"manager": "kubectl-patch", "at": "2026-11-23T18:58:18+00:00"}
    assert (change["added"], change["removed"]) == (1, 1)


def test_the_recorded_secret_is_the_same_and_nothing_of_it_is_kept(answering: Any) -> None:
    answering(recorded("managed-resources", kind="Secret")[0])
    assert looking.differences(NAME, {})["changes"] == []


def test_the_recorded_events_have_a_time_whichever_of_three_they_came_with(answering: Any) -> None:
    for one in recorded("events"):
        answering(one)
        told = looking.events(NAME, {"name": "backend", "namespace": "full", "uid": "x"})["events"]
        assert all(event["at"] and event["message"] for event in told)
        assert [event["at"] for event in told] == sorted((event["at"] for event in told), reverse=True)


def test_what_is_missing_in_the_cluster_is_not_asked_for_and_has_no_events(answering: Any) -> None:
    sent = answering()
    missing = {"group": "apps", "version": "v1", "kind": "Deployment", "namespace": "hub", "name": "backend", "uid": ""}
    assert looking.events(NAME, missing) == {"events": [], "count": 0}
    assert looking.resource(NAME, missing)["why_not"] == "It is not in the cluster."
    assert [request.url.path.rpartition("/")[2] for request in sent] == ["managed-resources"]


def test_an_application_that_left_is_a_sentence(answering: Any) -> None:
    answering()
    Application.objects.all().delete()
    with pytest.raises(Exception, match="There is no Application backend-staging"):
        looking.tree(NAME, {})


def exchange_of(part: str, answer: Any) -> Exchange:
    """An answer that nobody recorded."""
    path = "/".join(filter(None, ("/api/v1/applications", NAME, part)))
    return Exchange("", 0, "", "GET", path, {}, None, 200, {"content-type": "application/json"}, answer, None)


def pod_of(uid: str, *, health: str = "", parents: Sequence[str] = ()) -> dict[str, Any]:
    """A node of a tree."""
    owners = [{"kind": "Pod", "name": parent, "uid": parent} for parent in parents]
    said = {"status": "Degraded", "message": health}
    return {"kind": "Pod", "version": "v1", "name": uid, "uid": uid, "parentRefs": owners, "health": said}


SPOKEN = "fetch https://robot:a-secret-word@git.example/deploy failed, token=abcdef123 \u202e"


def test_what_argocd_says_is_kept_without_secrets(answering: Any) -> None:
    status = {
        "conditions": [{"type": "ComparisonError", "message": SPOKEN}],
        "operationState": {"phase": "Failed", "message": SPOKEN},
    }
    application = {"metadata": {"name": NAME}, "spec": {}, "status": status}
    answering(exchange_of("", application), exchange_of("resource-tree", {"nodes": [pod_of("a", health=SPOKEN)]}))
    told = json.dumps(looking.tree(NAME, {}), ensure_ascii=False)
    assert told.count("https://(hidden)@git.example/deploy failed, token=(hidden) ⟨U+202E⟩") == 3
    assert "a-secret-word" not in told


def test_owners_in_common_do_not_multiply_what_they_own(answering: Any) -> None:
    levels = [[f"{level}-{number}" for number in range(8)] for level in range(6)]
    nodes = [
        pod_of(uid, parents=levels[level - 1] if level else ()) for level, uids in enumerate(levels) for uid in uids
    ]
    answering(exchange_of("resource-tree", {"nodes": nodes}))
    shown = looking.tree(NAME, {})
    assert (len(shown["nodes"]), shown["left_out"]) == (48, 0)


def test_a_question_about_names_without_end_is_kept(db: None) -> None:
    rows.platform()
    key = {"group": "g" * 253, "version": "v1", "kind": "K" * 63, "namespace": "n" * 63, "name": "x" * 253, "uid": "u"}
    first, other = (Question("log", NAME, {**key, "container": one * 63}) for one in "ab")
    ask(first, other, first)
    assert [row.parameters["container"][0] for row in Inquiry.objects.order_by("pk")] == ["a", "b"]


def test_what_differs_fits_a_page_however_much_it_is(answering: Any) -> None:
    def state(value: str) -> str:
        data = {f"key{number}": value * 1000 for number in range(150)}
        return json.dumps({"kind": "ConfigMap", "metadata": {"name": "x"}, "data": data})

    item = {"kind": "ConfigMap", "modified": True, "targetState": state("a"), "liveState": state("b")}
    items = [{**item, "name": f"x{number}"} for number in range(10)]
    answering(exchange_of("managed-resources", {"items": items}))
    found = looking.differences(NAME, {})
    assert (found["count"], len(found["changes"])) == (10, 10)
    assert sum(len(change["diff"]) for change in found["changes"]) < 1_010_000
    assert found["changes"][0]["diff"].startswith("@@")
    assert found["changes"][-1]["diff"] == "(Not shown: too much differs for one page.)"
