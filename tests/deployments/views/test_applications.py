"""The list of Applications, and the page of one."""

from __future__ import annotations

import re
from datetime import timedelta
from html import unescape
from typing import Any

import pytest
from django.test import Client
from django.utils import timezone
from pytest_django import DjangoAssertNumQueries

from deployments.models import Application, Inquiry, Instruction
from deployments.selectors.inquiries import Question
from deployments.views import applications as applications_view
from tests import fixtures_deployments as make
from tests.deployments.views.conftest import Stage

PAGE = "/applications/backend-staging"
POD = {"group": "", "version": "v1", "kind": "Pod", "namespace": "hub", "name": "backend-1", "uid": "p1"}
DEPLOYMENT = {
    "group": "apps",
    "version": "v1",
    "kind": "Deployment",
    "namespace": "hub",
    "name": "backend",
    "uid": "d1",
}
HOSTILE = "</pre><script>alert(1)</script>"


def node(key: dict[str, str], depth: int, **more: Any) -> dict[str, Any]:
    shown = {
        "depth": depth,
        "sync": "",
        "health": "Healthy",
        "message": "",
        "fact": "",
        "created_at": "2026-11-23T12:00:00+00:00",
    }
    return {**key, **shown, **more}


def know(question: Question, body: dict[str, Any], **more: Any) -> None:
    """What a worker has answered a moment ago."""
    now = timezone.now()
    values = {"kind": question.kind, "subject": question.subject, "asked_at": now, "answered_at": now, "answer": body}
    Inquiry.objects.update_or_create(question=str(question), defaults={**values, **more})


def know_tree(*nodes: dict[str, Any], **facts: Any) -> None:
    body = {
        "nodes": list(nodes) or [node(DEPLOYMENT, 0, sync="Synced"), node(POD, 1, fact="1 of 1")],
        "left_out": 0,
        "conditions": [],
    }
    know(
        Question("tree", "backend-staging"),
        {**body, "address": "https://argocd.example/applications/argocd/backend-staging", **facts},
    )


def know_differences(*changes: dict[str, Any]) -> None:
    know(Question("differences", "backend-staging"), {"changes": list(changes), "count": len(changes), "managed": 4})


CHANGE = {
    "component": "backend", "group": "apps", "kind": "Deployment", "namespace": "hub", "name": "backend", "change": "changed", "added": 1,
    "removed": 1, "diff": "@@ -1,1 +1,1 @@\n-  replicas: 5\n+  replicas: 3", "hand": {"manager": "kubectl-edit", "at": "2026-11-23T12:00:00+00:00"},
}  # fmt: skip


def text(client: Client, address: str = PAGE, **headers: str) -> str:
    response = client.get(address, headers=headers)
    assert response.status_code == 200, response.content
    return response.content.decode()


def test_the_list_shows_what_was_observed_and_can_be_filtered(client: Client, stage: Stage) -> None:
    make.live(stage.old, stage.staging, by=stage.elif_)
    Application.objects.filter(name="ai-staging").update(sync="OutOfSync")
    Application.objects.filter(name="frontend-production").update(health="Degraded")
    page = text(client, "/applications")
    assert page.count('<tr data-key="') == 8
    assert "2026.11.2" in page
    assert text(client, "/applications?show=differs").count('<tr data-key="') == 1
    assert 'href="/applications/frontend-production"' in text(client, "/applications?show=unhealthy")
    assert text(client, "/applications?environment=staging&q=back").count('<tr data-key="') == 1
    assert "Nothing matches." in text(client, "/applications?q=nothing")


def test_before_a_worker_answered_the_page_says_what_is_known_and_that_it_asks(client: Client) -> None:
    page = text(client)
    assert "backend in staging" in page
    assert "A worker asks Argo CD…" in page
    assert Inquiry.objects.filter(next_run_at__isnull=False).count() == 3


def test_it_shows_the_tree_and_a_way_to_argocd(client: Client) -> None:
    know_tree()
    page = text(client)
    assert "backend-1" in page
    assert "1 of 1" in page
    assert 'href="https://argocd.example/applications/argocd/backend-staging"' in page
    assert 'href="?resource=Pod%2Fhub%2Fbackend-1"' in page


def test_drift_is_said_with_what_differs_who_did_it_and_how_to_restore_it(client: Client, stage: Stage) -> None:
    make.live(stage.old, stage.staging, by=stage.elif_)
    resource = {"group": "apps", "kind": "Deployment", "namespace": "hub", "name": "backend", "is_extra": False}
    Application.objects.filter(name="backend-staging").update(
        sync="OutOfSync", differing=[resource], differs_since=timezone.now()
    )
    know_tree(automated=True, self_heal=False)
    know_differences(CHANGE)
    page = text(client)
    assert "Live state drifted from Git" in page
    assert "Deployment/backend. Automated sync is on and self-heal is off, so nothing changes by itself." in page
    banner = page.partition('id="drift"')[2].partition("</div>")[0]
    assert "Last written to by <code>kubectl-edit</code> <time" in banner
    assert "<mark>5</mark>" in page
    assert 'href="/environments/staging/promote?release=2026.11.2"' in page
    environment = text(client, "/environments/staging")
    assert "Staging differs from Git." in environment
    assert 'href="/environments/staging/promote?release=2026.11.2"' in environment
    make.preflight(stage.old, stage.staging, changes=[])
    promote = text(client, "/environments/staging/promote?release=2026.11.2")
    assert "Changed by hand" in promote
    assert "what was changed by hand is restored" in promote


def test_a_component_that_runs_another_release_is_not_restored_by_the_newest_one(client: Client, stage: Stage) -> None:
    make.live(stage.old, stage.staging, by=stage.elif_)
    part = make.live(stage.new, stage.staging, by=stage.elif_)
    part.rollouts.exclude(component="backend").delete()
    Application.objects.filter(name="frontend-staging").update(sync="OutOfSync")
    page = text(client, "/applications/frontend-staging")
    assert '<span class="version">2026.11.2</span>' in page
    assert "promote frontend of 2026.11.2 alone over the API" in page
    assert 'href="/environments/staging/promote?release=2026.11.3"' not in page


def test_references_that_were_changed_by_hand_are_restored_by_the_configuration(client: Client, stage: Stage) -> None:
    make.live(stage.old, stage.staging, by=stage.elif_)
    shard = Application.objects.create(
        name="tenant-credentials-00-staging", environment=stage.staging, component="tenant-credentials", shard="00",
        sync="OutOfSync", observed_at=timezone.now(),
    )  # fmt: skip
    page = text(client, f"/applications/{shard.name}")
    assert "promoting the tenants' configuration again restores it" in unescape(page)
    assert 'href="/environments/staging/configuration"' in page
    make.preflight(stage.old, stage.staging, changes=[])
    assert "Changed by hand" not in text(client, "/environments/staging/promote?release=2026.11.2")
    configuration = text(client, "/environments/staging/configuration")
    assert "1 part of what Git holds was changed by hand: promoting restores it." in configuration
    assert "Nothing waits here." not in configuration


def test_what_differs_while_a_promotion_is_in_flight_is_no_drift(client: Client, stage: Stage) -> None:
    make.rolling_out_backend(make.promotion(stage.old, stage.staging, by=stage.elif_))
    Application.objects.filter(name="backend-staging").update(sync="OutOfSync")
    page = text(client)
    assert "Live state drifted" not in page
    assert "is in flight in staging: a restart would disturb its rollout." in page


def test_a_resource_shows_its_diff_its_manifest_its_containers_and_its_events(client: Client) -> None:
    know_tree()
    body = {
        "manifest": "kind: Deployment",
        "why_not": "",
        "containers": [{"name": "main", "image": "r/backend@sha256:aaaa", "is_init": False, "limits": "cpu 1"}],
    }
    know(
        Question("resource", "backend-staging", DEPLOYMENT),
        {**body, "change": CHANGE, "is_managed": True, "hand": None},
    )
    selected = f"{PAGE}?resource=Deployment/backend"
    assert "<mark>5</mark>" in text(client, selected)
    assert "cpu 1" in text(client, selected)
    assert "kind: Deployment" in text(client, f"{selected}&tab=manifest")
    event = {
        "at": None,
        "type": "Warning",
        "reason": "Unhealthy",
        "message": "Readiness probe failed",
        "count": 7,
        "about": "Pod/x",
    }
    know(Question("events", "backend-staging", DEPLOYMENT), {"events": [event], "count": 1})
    page = text(client, f"{selected}&tab=events")
    assert "Readiness probe failed" in page
    assert "×7" in page


def know_pod(lines: list[str], restarts: int = 0) -> None:
    know_tree()
    containers = [
        {"name": name, "image": "r/backend@sha256:aaaa", "is_init": False, "limits": "", "restarts": restarts}
        for name in ("main", "side")
    ]
    know(
        Question("resource", "backend-staging", POD),
        {"manifest": "x", "containers": containers, "change": None, "is_managed": False},
    )
    know(Question("log", "backend-staging", {**POD, "container": "main"}), {"lines": lines})


def test_a_log_is_text_is_read_again_and_names_its_containers(client: Client) -> None:
    know_pod(["listening", HOSTILE])
    page = text(client, f"{PAGE}?resource=Pod/backend-1&tab=log")
    assert "listening" in page
    assert "<script>alert" not in page
    assert "&lt;/pre&gt;&lt;script&gt;" in page
    assert 'data-every="3"' in page
    assert "container=side" in page


def test_of_a_container_that_restarted_the_log_before_that_is_offered(client: Client) -> None:
    know_pod(["starting again"])
    asked = f"{PAGE}?resource=Pod/backend-1&tab=log&previous=1"
    assert "starting again" in text(client, asked), "nothing stands before a container that never restarted"
    know_pod(["starting again"], restarts=3)
    assert "Before the restart" in text(client, asked.removesuffix("&previous=1"))
    know(
        Question("log", "backend-staging", {**POD, "container": "main", "previous": True}), {"lines": ["panic: no key"]}
    )
    page = text(client, asked)
    assert "panic: no key" in page and "starting again" not in page
    assert "of main before its last restart" in page


def test_a_viewer_reads_no_log_and_sees_why_nothing_can_be_done(stage: Stage) -> None:
    know_pod(["patient data"])
    page = text(stage.client(stage.vera), f"{PAGE}?resource=Pod/backend-1&tab=log")
    assert "patient data" not in page
    assert "You may not read logs." in page
    assert page.count('aria-disabled="true"') == 2
    assert "restart-confirm" not in page
    Inquiry.objects.filter(kind="log").delete()
    text(stage.client(stage.vera), f"{PAGE}?resource=Pod/backend-1&tab=log")
    assert not Inquiry.objects.filter(kind="log").exists(), "a worker was asked to read it"


def test_a_container_that_is_not_there_is_never_asked_for(client: Client) -> None:
    know_pod(["listening"])
    text(client, f"{PAGE}?resource=Pod/backend-1&tab=log&container=../../etc")
    assert not Inquiry.objects.filter(question__contains="etc").exists()
    before = Inquiry.objects.count()
    text(client, f"{PAGE}?resource=Pod/not-there&tab=log")
    assert Inquiry.objects.count() <= before + 2  # what the page asks for without a selection


def test_hostile_names_messages_and_manifests_are_text(client: Client) -> None:
    hostile = {**DEPLOYMENT, "name": HOSTILE}
    know_tree(
        node(hostile, 0, message=HOSTILE, health="Degraded", fact=HOSTILE),
        conditions=[{"type": "X", "message": HOSTILE}],
    )
    know_differences(
        {**CHANGE, "name": HOSTILE, "diff": f"@@ -1,1 +1,1 @@\n-{HOSTILE}\n+x", "hand": {"manager": HOSTILE, "at": "x"}}
    )
    page = text(client)
    assert "alert(1)" in page
    assert "<script>alert" not in page


def test_with_argocd_away_the_page_answers_from_what_was_observed_and_says_so(client: Client) -> None:
    know_tree()
    Inquiry.objects.update(error="Argo CD cannot be reached.", remedy="See that it runs.")
    Application.objects.update(observed_at=timezone.now() - timedelta(minutes=5))
    page = text(client)
    assert "backend-1" in page
    assert "Argo CD cannot be reached. See that it runs. What you see was read" in page
    assert "Argo CD did not answer." in page


def test_an_application_of_another_environment_is_absent(stage: Stage) -> None:
    browser = stage.client(stage.stan)
    assert browser.get("/applications/backend-production").status_code == 404
    assert browser.get("/applications/nothing").status_code == 404
    assert "production" not in text(browser, "/applications")
    assert browser.post("/applications/backend-production/restart", {"reason": "x" * 20}).status_code == 404


def test_a_restart_names_a_workload_of_the_tree(client: Client) -> None:
    know_tree()
    answer = client.post(f"{PAGE}/restart", {"resource": "Deployment/hub/backend", "reason": "Connections hang."})
    assert (answer.status_code, answer["Location"]) == (303, f"{PAGE}?resource=Deployment%2Fhub%2Fbackend")
    assert Instruction.objects.get().resource["kind"] == "Deployment"
    assert "Connections hang." in text(client)
    client.post(f"{PAGE}/restart", {"resource": "Pod/hub/backend-1", "reason": "Connections hang."})
    assert Instruction.objects.count() == 1
    assert "Only a Deployment, StatefulSet or DaemonSet can be restarted." in text(client)


def test_a_refresh_is_asked_for_once(client: Client) -> None:
    for _ in range(2):
        assert client.post(f"{PAGE}/refresh").status_code == 303
    assert Instruction.objects.count() == 1


@pytest.mark.parametrize(
    "query",
    ["", "?resource=Deployment/backend", "?resource=Pod/backend-1&tab=log", "?resource=Pod/backend-1&tab=events"],
)
def test_the_queries_of_the_page_do_not_grow(
    client: Client, stage: Stage, query: str, django_assert_max_num_queries: DjangoAssertNumQueries
) -> None:
    make.live(stage.old, stage.staging, by=stage.elif_)
    know_pod(["listening"] * 200)
    know_tree(*(node({**POD, "name": f"backend-{number}"}, 1) for number in range(200)), node(DEPLOYMENT, 0))
    text(client, PAGE + query)
    with django_assert_max_num_queries(12):
        assert len(text(client, PAGE + query)) > 1000


def test_the_queries_of_the_list_do_not_grow(
    client: Client, stage: Stage, django_assert_max_num_queries: DjangoAssertNumQueries
) -> None:
    make.live(stage.old, stage.staging, by=stage.elif_)
    for number in range(60):
        Application.objects.create(
            name=f"c{number}-staging", environment=stage.staging, component=f"c{number}", sync="Synced"
        )
    text(client, "/applications")
    with django_assert_max_num_queries(12):
        assert text(client, "/applications").count('<tr data-key="') == 50


def test_what_needs_a_look_comes_first_in_the_list(client: Client, monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setattr(applications_view, "LISTED", 3)
    Application.objects.filter(name="ai-staging").update(health="Degraded")
    Application.objects.filter(name="backend-staging").update(health="Progressing")
    Application.objects.filter(name="backend-production").update(sync="OutOfSync")
    page = text(client, "/applications")
    names = re.findall(r'<th scope="row"><a href="/applications/([^"]+)"', page)
    assert names == ["ai-staging", "backend-staging", "backend-production"]
    older = re.search(r'href="(\?cursor=\d+)"', page)
    assert older is not None
    assert not set(names) & set(
        re.findall(r'<th scope="row"><a href="/applications/([^"]+)"', text(client, f"/applications{older[1]}"))
    )
