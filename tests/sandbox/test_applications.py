"""Create, upsert, read, list, change and delete Applications: answers and refusals word by word."""

from __future__ import annotations

import json
from typing import Any

import pytest

from tests.sandbox.conftest import Argo, DeployRepository, Json, config_map, manifest, settled
from tests.sandbox.test_sync import deploy

APPLICATIONS = "/api/v1/applications"


@pytest.fixture
def created(deployer: Argo, repository: DeployRepository) -> Json:
    answer = deployer.post(APPLICATIONS, manifest("dup", repository))
    assert answer.status_code == 200, answer.text
    return dict(answer.json())


def test_an_equal_application_is_returned_and_another_needs_upsert(
    deployer: Argo, repository: DeployRepository, created: Json
) -> None:
    again = deployer.post(APPLICATIONS, manifest("dup", repository))
    assert (again.status_code, again.json()["metadata"]["uid"]) == (200, created["metadata"]["uid"])
    other = manifest("dup", repository, revisionHistoryLimit=3)
    refused = deployer.post(APPLICATIONS, other)
    message = "existing application spec is different, use upsert flag to force update"
    assert (refused.status_code, refused.json()) == (400, {"error": message, "code": 3, "message": message})
    replaced = deployer.post(APPLICATIONS, other, upsert="true")
    assert replaced.json()["spec"]["revisionHistoryLimit"] == 3
    assert int(replaced.json()["metadata"]["resourceVersion"]) > int(created["metadata"]["resourceVersion"])


NOWHERE = "Unable to generate manifests in nowhere: rpc error: code = Unknown desc = nowhere: app path does not exist"
NO_BRANCH = (
    "Unable to generate manifests in backend: rpc error: code = Unknown desc = "
    "unable to resolve 'no-such-branch' to a commit SHA: revision not found"
)


@pytest.mark.parametrize(
    ("change", "problem"), [({"path": "nowhere"}, NOWHERE), ({"targetRevision": "no-such-branch"}, NO_BRANCH)]
)
def test_a_source_that_is_not_there_is_refused(
    deployer: Argo, repository: DeployRepository, change: Json, problem: str
) -> None:
    wanted = manifest("bad", repository)
    wanted["spec"]["source"] |= change
    answer = deployer.post(APPLICATIONS, wanted)
    message = f"application spec for bad is invalid: InvalidSpecError: {problem}"
    assert (answer.status_code, answer.json()["code"], answer.json()["message"]) == (400, 3, message)


def test_a_repository_whose_head_does_not_resolve_is_refused(deployer: Argo, tmp_path: Any) -> None:
    empty = DeployRepository(tmp_path / "empty")
    answer = deployer.post(APPLICATIONS, manifest("early", empty))
    assert (answer.status_code, answer.json()["code"]) == (400, 3)
    assert answer.json()["message"].startswith(
        "application spec for early is invalid: InvalidSpecError: repository not accessible"
    )
    assert answer.json()["message"].endswith("unable to resolve 'HEAD' to a commit SHA: revision not found")


def test_names_and_projects_are_checked(admin: Argo, repository: DeployRepository, project: Json) -> None:
    bad = admin.post(APPLICATIONS, manifest("Bad_Name", repository))
    assert (bad.status_code, bad.json()["code"]) == (400, 3)
    assert bad.json()["message"].startswith('error creating application: Application.argoproj.io "Bad_Name" is invalid')
    absent = admin.post(APPLICATIONS, manifest("lost", repository, project="absent"))
    message = 'app is not allowed in project "absent", or the project does not exist'
    assert (absent.status_code, absent.json()["message"]) == (400, message)


def test_the_list_is_selected_by_label_and_project_and_has_null_for_nothing(deployer: Argo, created: Json) -> None:
    found = deployer.get(APPLICATIONS, selector="environment=staging,component in (backend, ai)").json()
    assert [item["metadata"]["name"] for item in found["items"]] == ["dup"]
    assert deployer.get(APPLICATIONS, selector="environment=none").json()["items"] is None
    assert deployer.get(APPLICATIONS, projects="other").json()["items"] is None
    wrong = deployer.get(APPLICATIONS, selector="a=(b")
    message = "error parsing the selector: unable to parse requirement: found '(', expected: identifier"
    assert (wrong.status_code, wrong.json()["message"]) == (500, message)
    fields = "metadata.resourceVersion,items.metadata.name,items.status.sync.status,items.status.health.status"
    deployer.wait("dup", lambda item: item["status"]["sync"]["status"] == "OutOfSync")
    chosen = deployer.get(APPLICATIONS, fields=fields).json()
    assert chosen["items"] == [{"metadata": {"name": "dup"}, "status": {"sync": {"status": "OutOfSync"}}}]
    assert set(chosen["metadata"]) == {"resourceVersion"}


def test_only_a_read_of_one_application_tells_the_health_of_its_resources(
    deployer: Argo, repository: DeployRepository
) -> None:
    deploy(deployer, repository)
    listed = deployer.get(APPLICATIONS).json()["items"][0]["status"]["resources"]
    assert all("health" not in item for item in listed)
    read = deployer.application("backend-staging")["status"]["resources"]
    assert [item.get("health") for item in read] == [None, {"status": "Healthy"}]


def test_patches_change_the_spec_and_say_what_is_wrong(deployer: Argo, created: Json) -> None:
    def patch(kind: str, text: object) -> Any:
        return deployer.send("PATCH", f"{APPLICATIONS}/dup", {"patch": json.dumps(text), "patchType": kind})

    merged = patch("merge", {"spec": {"revisionHistoryLimit": 4}})
    assert merged.json()["spec"]["revisionHistoryLimit"] == 4
    wrong = patch("json", [{"op": "remove", "path": "/spec/nope"}])
    message = "error applying patch: error in remove for path: '/spec/nope': Unable to remove nonexistent key: nope: missing value"
    assert (wrong.status_code, wrong.json()) == (500, {"error": message, "code": 2, "message": message})
    assert patch("strategic", {}).status_code == 400


def test_the_spec_alone_can_be_replaced(deployer: Argo, created: Json) -> None:
    spec = {**created["spec"], "revisionHistoryLimit": 5, "syncPolicy": {}}
    answer = deployer.send("PUT", f"{APPLICATIONS}/dup/spec", spec)
    assert answer.json()["revisionHistoryLimit"] == 5
    assert "syncPolicy" not in answer.json()
    assert deployer.application("dup")["metadata"]["labels"] == created["metadata"]["labels"]


def test_a_moved_branch_is_seen_after_a_refresh_only(deployer: Argo, repository: DeployRepository) -> None:
    first = deploy(deployer, repository)
    second = repository.commit("backend v2", config_map("backend-config", LOG_LEVEL="debug"))
    before = deployer.application("backend-staging")["status"]["sync"]
    assert (before["status"], before["revision"]) == ("Synced", first)
    refreshed = deployer.application("backend-staging", refresh="normal")
    assert (refreshed["status"]["sync"]["status"], refreshed["status"]["sync"]["revision"]) == ("OutOfSync", second)
    assert set(refreshed["metadata"]["annotations"]) == {
        "argocd.argoproj.io/hydrate",
        "argocd.argoproj.io/hydrate-timestamp",
    }
    gone = next(item for item in refreshed["status"]["resources"] if item["kind"] == "Deployment")
    assert (gone["status"], gone["requiresPruning"]) == ("OutOfSync", True)


def test_deleting_without_a_content_type_is_refused_and_without_cascade_leaves_the_objects(
    deployer: Argo, repository: DeployRepository
) -> None:
    deploy(deployer, repository)
    refused = deployer.http.delete(f"{APPLICATIONS}/backend-staging")
    assert (refused.status_code, refused.text) == (415, "Invalid content type\n")
    assert refused.headers["content-type"] == "text/plain; charset=utf-8"
    assert deployer.send("DELETE", f"{APPLICATIONS}/backend-staging", cascade="false").json() == {}
    assert deployer.send("DELETE", f"{APPLICATIONS}/backend-staging", cascade="false").status_code == 403
    assert deployer.post(APPLICATIONS, manifest("backend-staging", repository)).status_code == 200
    found = deployer.wait("backend-staging", lambda item: item["status"]["sync"]["status"] != "")
    assert (found["status"]["sync"]["status"], found["status"]["health"]["status"]) == ("Synced", "Healthy")


def test_a_cascading_deletion_takes_the_objects_along(deployer: Argo, repository: DeployRepository) -> None:
    deploy(deployer, repository)
    path = f"{APPLICATIONS}/backend-staging"
    assert deployer.send("DELETE", path, cascade="true", propagationPolicy="foreground").json() == {}
    for _ in range(500):
        answer = deployer.get(path, project="hub")
        if answer.status_code == 404:
            break
        assert answer.json()["metadata"]["deletionTimestamp"]
    assert deployer.get(path, project="hub").json()["message"] == 'applications.argoproj.io "backend-staging" not found'
    assert deployer.post(APPLICATIONS, manifest("backend-staging", repository)).status_code == 200
    found = deployer.wait("backend-staging", lambda item: item["status"]["sync"]["status"] != "")
    assert found["status"]["health"]["status"] == "Missing"
    assert not settled(found)
