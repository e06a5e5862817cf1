"""What pages show of an Application, out of what a real Argo CD was recorded to say."""

from __future__ import annotations

from typing import Any

import httpx
import pytest

from controlpanel.catalog import connections
from controlpanel.clients.argocd import ArgoCD
from deployments.models import Application
from deployments.services import looking
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
