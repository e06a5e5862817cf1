"""Asking the cluster for every new and changed object: a few at a time, bounded, and never instead of the diff."""

from __future__ import annotations

import threading
from collections.abc import Mapping
from datetime import timedelta
from typing import Any

import pytest
from django.utils import timezone

from controlpanel.accounts.actors import Actor
from controlpanel.catalog import connections
from controlpanel.clients.errors import NotSent
from controlpanel.clients.kubernetes import DryRun
from controlpanel.core.permissions import Role
from deployments import dry_run
from deployments.choices import PreflightState
from deployments.models import Preflight
from deployments.renderers import difference
from deployments.rendering import Rendering
from deployments.selectors import preflights as reading
from deployments.services import preflights
from tests import fixtures_deployments as rows

AWAY = NotSent("The cluster does not answer: timed out.", "See KUBECONFIG.")


class Cluster:
    """Answers by the object's name: a value, an error, or nothing until it is let go."""

    def __init__(self, **answers: Any) -> None:
        self.answers = answers
        self.asked: list[str] = []
        self.let_go = threading.Event()

    def dry_run(self, manifest: Mapping[str, Any]) -> DryRun:
        name = manifest["metadata"]["name"]
        self.asked.append(name)
        answer = self.answers.get(name, DryRun())
        if answer == "silence":
            self.let_go.wait(10)
            return DryRun()
        if isinstance(answer, Exception):
            raise answer
        return answer  # type: ignore[no-any-return]


def files(*names: str, kind: str = "ConfigMap", api: str = "v1") -> dict[str, bytes]:
    text = "apiVersion: {}\nkind: {}\nmetadata: {{name: {}, namespace: hub}}\n"
    return {f"backend/hub/{kind}-{name}.yaml": text.format(api, kind, name).encode() for name in names}


def asked(cluster: Any, wanted: dict[str, bytes], **options: Any) -> dry_run.Findings:
    return dry_run.ask(cluster, wanted, **options)


def test_problems_are_kept_by_object_and_what_cannot_be_asked_is_said() -> None:
    cluster = Cluster(b=DryRun(("data.x: unknown field",)), c=DryRun(skipped="The namespace hub does not exist yet."))
    found = asked(cluster, files("a", "b", "c"))
    assert found.problems == {"backend/hub/ConfigMap-b.yaml": ["data.x: unknown field"]}
    assert (found.standing, found.asked, found.skipped) == ("asked", 2, ["The namespace hub does not exist yet."])


def test_without_access_nothing_is_asked() -> None:
    assert asked(None, files("a")).facts()["standing"] == "unasked"


def test_an_outage_ends_the_asking_and_is_said() -> None:
    names = [f"n{number}" for number in range(200)]
    cluster = Cluster(n0=AWAY, **dict.fromkeys(names[1:], "silence"))
    try:
        found = asked(cluster, files(*names), budget=5.0)
    finally:
        cluster.let_go.set()
    assert (found.standing, found.sentence, found.remedy) == ("unknown", AWAY.sentence, AWAY.remedy)
    assert len(cluster.asked) <= 2 * dry_run.THREADS


def test_a_cluster_that_hangs_holds_nobody_longer_than_the_budget() -> None:
    cluster = Cluster(a="silence")
    try:
        found = asked(cluster, files("a", "b"), budget=0.2)
    finally:
        cluster.let_go.set()
    assert found.standing == "unknown"
    assert found.sentence == "The cluster has not answered for 1 of 2 objects in time."


def test_an_object_whose_definition_comes_along_is_not_asked_for() -> None:
    definition = b"apiVersion: apiextensions.k8s.io/v1\nkind: CustomResourceDefinition\nmetadata: {name: w}\nspec: {group: example.org, names: {kind: Widget}}\n"
    cluster = Cluster()
    found = asked(cluster, {"d": definition, **files("one", kind="Widget", api="example.org/v1")})
    assert (cluster.asked, found.skipped) == (["w"], ["The kind Widget is defined by the same promotion."])


IMMUTABLE = 'spec.template: Invalid value: {"spec": {}}: field is immutable'
OTHER = "spec.template.spec.containers[0].image: Required value"


@pytest.mark.parametrize(
    ("annotation", "left"),
    [
        ("argocd.argoproj.io/hook: PostSync", [OTHER]),
        ("argocd.argoproj.io/sync-options: 'Force=true, Replace=true'", [OTHER]),
        ("argocd.argoproj.io/sync-options: Replace=true", [IMMUTABLE, OTHER]),
        ("team: hub", [IMMUTABLE, OTHER]),
    ],
)
def test_what_argocd_makes_anew_may_change_what_cannot_be_changed(annotation: str, left: list[str]) -> None:
    """A second release with another image of a hook's Job must not be blocked by the Job of the first."""
    job = (
        f"apiVersion: batch/v1\nkind: Job\nmetadata: {{name: access, namespace: hub, annotations: {{{annotation}}}}}\n"
    )
    found = asked(Cluster(access=DryRun((IMMUTABLE, OTHER))), {"kafka/hub/Job-access.yaml": job.encode()})
    assert found.problems == {"kafka/hub/Job-access.yaml": left}


@pytest.mark.parametrize("namespace", ["hub", ""])
def test_a_change_knows_its_path(namespace: str) -> None:
    path = f"backend/{namespace or '_cluster'}/Role-x.y.yaml"
    (change,) = difference.changes({}, {path: b"kind: Role\n"})
    assert (difference.path_of(change), change.namespace) == (path, namespace)


class Deploy:
    def fetch(self) -> None: ...

    def tip(self, branch: str) -> str:
        return "b" * 40

    def files(self, commit: str, prefix: str) -> dict[str, bytes]:
        return files("same", "gone") if prefix == "backend" else {}


@pytest.fixture
def preview(db: None, monkeypatch: pytest.MonkeyPatch) -> Preflight:
    staging, _ = rows.platform()
    rendered = files("same", "new", "bad")
    rendering = Rendering(parts={"backend": "0"}, files=rendered, waves=(("backend",),), deadlines={"backend": 900})
    monkeypatch.setattr(preflights, "rendering_of", lambda *_: rendering)
    monkeypatch.setattr(connections, "deploy_repository", Deploy)
    row = rows.preflight(rows.release("1"), staging, PreflightState.RENDERING)
    Preflight.objects.filter(pk=row.pk).update(next_run_at=timezone.now())
    return row


def rendered(row: Preflight, monkeypatch: pytest.MonkeyPatch, kubernetes: Any) -> Preflight:
    monkeypatch.setattr(connections, "kubernetes", kubernetes)
    preflights.preflight_render(row.pk)
    row.refresh_from_db()
    assert row.state == PreflightState.READY
    return row


def test_a_preview_asks_for_new_and_changed_objects_only(preview: Preflight, monkeypatch: pytest.MonkeyPatch) -> None:
    cluster = Cluster(bad=DryRun(("data.x: unknown field",)))
    row = rendered(preview, monkeypatch, lambda: cluster)
    assert sorted(cluster.asked) == ["bad", "new"]
    assert {change["name"]: change["problems"] for change in row.changes} == {
        "bad": ["data.x: unknown field"], "gone": [], "new": [], "same": [],
    }  # fmt: skip
    assert (row.dry_run["standing"], row.dry_run["asked"]) == ("asked", 2)


def test_a_useless_kubeconfig_hides_no_diff(preview: Preflight, monkeypatch: pytest.MonkeyPatch) -> None:
    def broken() -> None:
        raise AWAY

    row = rendered(preview, monkeypatch, broken)
    assert (row.dry_run["standing"], row.dry_run["sentence"]) == ("unknown", AWAY.sentence)
    assert len(row.changes) == 4


@pytest.mark.parametrize(("seconds", "is_new"), [(1, False), (60, True)])
def test_after_an_outage_whoever_asks_again_gets_a_new_preview(
    preview: Preflight, monkeypatch: pytest.MonkeyPatch, seconds: int, is_new: bool
) -> None:
    rendered(preview, monkeypatch, lambda: Cluster(bad=AWAY))
    Preflight.objects.filter(pk=preview.pk).update(ready_at=timezone.now() - timedelta(seconds=seconds))
    person = rows.person("elif", Role.OPERATOR)
    actor = Actor(name=person.username, door="page", user=person)
    assert (reading.current("1", "staging") is None) is is_new
    again = preflights.preflight_request(actor=actor, release="1", environment="staging")
    assert (again.pk != preview.pk) is is_new


def test_a_preview_of_before_is_still_current(db: None) -> None:
    staging, _ = rows.platform()
    row = rows.preflight(rows.release("1"), staging)
    assert reading.current("1", "staging") == row
