"""Sessions, tokens and rights: the table of 401, 403, 404 and 415."""

from __future__ import annotations

import subprocess
import sys

import pytest

from tests.sandbox.conftest import PROJECT, Argo, DeployRepository, Json, Running, manifest
from tests.sandbox.test_sync import deploy


def refusal(answer: object) -> tuple[int, int, str]:
    """Status, code and message; the envelope must be whole."""
    body = answer.json()  # type: ignore[attr-defined]
    assert set(body) == {"error", "code", "message"}
    assert body["error"] == body["message"]
    return answer.status_code, body["code"], body["message"]  # type: ignore[attr-defined]


def test_anonymous_requests_learn_little(anonymous: Argo) -> None:
    assert set(anonymous.get("/api/version").json()) == {"Version"}
    assert anonymous.get("/api/v1/session/userinfo").json() == {}
    assert anonymous.get("/healthz").text == "ok\n"
    assert refusal(anonymous.get("/api/v1/applications")) == (401, 16, "no session information")


@pytest.mark.parametrize(
    ("body", "expected"),
    [
        ({"username": "admin", "password": "wrong"}, (401, 16, "Invalid username or password")),
        ({"username": "admin", "password": ""}, (401, 16, "no credentials supplied")),
    ],
)
def test_a_wrong_password_is_refused(anonymous: Argo, body: Json, expected: tuple[int, int, str]) -> None:
    assert refusal(anonymous.post("/api/v1/session", body)) == expected


def test_what_is_no_json_is_refused(anonymous: Argo) -> None:
    answer = anonymous.http.post("/api/v1/session", content="{", headers={"Content-Type": "application/json"})
    assert refusal(answer) == (400, 3, "unexpected EOF")


@pytest.mark.parametrize("kind", ["text/plain", "application/json; charset=utf-8", ""])
def test_every_change_needs_exactly_the_json_content_type(anonymous: Argo, kind: str) -> None:
    answer = anonymous.http.post("/api/v1/session", content="{}", headers={"Content-Type": kind} if kind else {})
    assert (answer.status_code, answer.text) == (415, "Invalid content type\n")


def test_unknown_paths_and_methods_answer_as_text(admin: Argo) -> None:
    unknown = admin.get("/api/v1/nope")
    assert (unknown.status_code, unknown.text) == (404, "Not Found\n")
    wrong = admin.post("/api/version", {})
    assert (wrong.status_code, wrong.text) == (405, "Method Not Allowed\n")


def test_a_session_tells_who_it_is_and_ends(admin: Argo) -> None:
    assert admin.get("/api/v1/session/userinfo").json() == {"loggedIn": True, "username": "admin", "iss": "argocd"}
    assert len(admin.get("/api/version").json()) > 5
    assert admin.get("/api/v1/account/can-i/applications/sync/hub/backend").json() == {"value": "yes"}
    assert admin.send("DELETE", "/api/v1/session").json() == {}
    assert refusal(admin.get("/api/v1/applications"))[0] == 401


def test_a_token_with_a_bad_signature_is_named_so(running: Running, admin: Argo) -> None:
    token = admin.http.headers["authorization"].removeprefix("Bearer ")
    forged = Argo(running.url, token[:-4] + ("AAAA" if not token.endswith("AAAA") else "BBBB"))
    message = "invalid session: token signature is invalid: signature is invalid"
    assert refusal(forged.get("/api/v1/applications")) == (401, 16, message)


def test_a_project_token_sees_its_project_only(deployer: Argo, project: Json, repository: DeployRepository) -> None:
    who = deployer.get("/api/v1/session/userinfo").json()
    assert who == {"loggedIn": True, "username": "proj:hub:deployer", "iss": "argocd"}
    missing = "/api/v1/applications/absent"
    assert refusal(deployer.get(missing)) == (403, 7, "permission denied")
    assert refusal(deployer.get(missing, project="hub")) == (404, 5, 'applications.argoproj.io "absent" not found')
    assert refusal(deployer.get(missing, project="default")) == (403, 7, "permission denied")
    assert deployer.get("/api/v1/projects/hub").status_code == 200
    assert deployer.get("/api/v1/clusters").json() == {"metadata": {}, "items": None}
    foreign = deployer.post("/api/v1/applications", manifest("foreign", repository, project="default"))
    status, code, message = refusal(foreign)
    assert (status, code) == (403, 7)
    assert message.startswith(
        "permission denied: applications, create, default/foreign, sub: proj:hub:deployer, iat: 20"
    )
    assert refusal(deployer.post("/api/v1/projects", {"project": PROJECT}))[0] == 403


def test_a_revoked_project_token_is_refused(admin: Argo, deployer: Argo) -> None:
    role = admin.get("/api/v1/projects/hub").json()["spec"]["roles"][0]
    issued = role["jwtTokens"][0]["iat"]
    assert admin.send("DELETE", f"/api/v1/projects/hub/roles/deployer/token/{issued}").json() == {}
    message = f"invalid session: JWT token for role 'deployer' issued at '{issued}' does not exist in project 'hub'"
    assert refusal(deployer.get("/api/v1/applications")) == (401, 16, message)


def test_an_existing_application_is_404_under_another_project(
    admin: Argo, deployer: Argo, repository: DeployRepository
) -> None:
    deploy(deployer, repository)
    path = "/api/v1/applications/backend-staging"
    assert refusal(admin.get(path, project="default")) == (
        404,
        5,
        'applications.argoproj.io "backend-staging" not found',
    )
    assert refusal(deployer.get(path, project="default")) == (403, 7, "permission denied")


def test_the_command_line_prints_a_token_of_an_account(
    running: Running, project: Json, repository: DeployRepository
) -> None:
    command = [sys.executable, "-m", "sandbox", "token", "--state", str(running.state), "--account", "panel"]
    token = subprocess.run(command, check=True, capture_output=True, text=True).stdout.strip()
    panel = Argo(running.url, token)
    assert panel.get("/api/v1/session/userinfo").json()["username"] == "panel"
    assert panel.post("/api/v1/projects", {"project": {"metadata": {"name": "other"}, "spec": {}}}).status_code == 200
    weak = [*command[:-1], "reader", "--policy", "applications,get,*"]
    token = subprocess.run(weak, check=True, capture_output=True, text=True).stdout.strip()
    reader = Argo(running.url, token)
    assert reader.get("/api/v1/applications").json()["items"] is None
    status, _, message = refusal(reader.post("/api/v1/applications", manifest("mine", repository)))
    assert status == 403
    assert "applications, create, hub/mine, sub: reader" in message


def test_a_project_is_created_once_and_replaced_only_at_its_version(admin: Argo, project: Json) -> None:
    assert admin.post("/api/v1/projects", {"project": PROJECT}).json() == project
    other = {"metadata": {"name": "hub"}, "spec": {**PROJECT["spec"], "description": "changed"}}  # type: ignore[dict-item]
    status, code, message = refusal(admin.post("/api/v1/projects", {"project": other}))
    assert (status, code) == (400, 3)
    assert (
        message
        == 'existing project spec is different; use upsert flag to force update; difference in keys "Description"'
    )
    replaced = admin.post("/api/v1/projects", {"project": other, "upsert": True}).json()
    stale = {**other, "metadata": project["metadata"]}
    assert refusal(admin.send("PUT", "/api/v1/projects/hub", {"project": stale}))[:2] == (409, 10)
    fresh = {**other, "metadata": replaced["metadata"]}
    assert admin.send("PUT", "/api/v1/projects/hub", {"project": fresh}).status_code == 200
    assert refusal(admin.get("/api/v1/projects/absent")) == (404, 5, 'appprojects.argoproj.io "absent" not found')


def test_a_number_that_is_none_is_refused(admin: Argo, project: Json) -> None:
    answer = admin.post("/api/v1/projects/hub/roles/deployer/token", {"expiresIn": "soon"})
    assert refusal(answer) == (400, 3, 'strconv.ParseInt: parsing "soon": invalid syntax')


def test_the_speed_can_be_read_and_changed(admin: Argo) -> None:
    assert admin.send("PUT", "/sandbox/settings", {"speed": 7}).json() == {"speed": 7.0}
    assert admin.get("/sandbox/settings").json() == {"speed": 7.0}
    assert admin.send("PUT", "/sandbox/settings", {"speed": 0}).status_code == 400
