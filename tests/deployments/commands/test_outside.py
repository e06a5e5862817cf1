"""`bootstrap`, `doctor` and `promote` against a sandbox and real Git: what they do, and each wrong setting in one sentence."""

from __future__ import annotations

import io
import subprocess
import sys
from collections.abc import Callable, Iterator
from dataclasses import dataclass
from pathlib import Path
from typing import Any

import httpx
import pytest
from django.core.management import CommandError, call_command

from controlpanel import configuration
from controlpanel.catalog import connections
from tests.world import ROOT, World, running_world

APPLICATIONS = 44
OF_THIS_PROCESS = ("PATH", "HOME", "LANG", "TMPDIR", "DATABASE_URL", "DJANGO_SECRET_KEY", "DJANGO_SETTINGS_MODULE")
Run = Callable[..., "Done"]


@pytest.fixture(scope="module")
def world(tmp_path_factory: pytest.TempPathFactory, committed_database: str) -> Iterator[World]:
    with running_world(tmp_path_factory.mktemp("world"), committed_database) as world:
        yield world
    connections.close_all()


@dataclass
class Done:
    """What a command said, and how it ended."""

    returncode: int
    said: str


@pytest.fixture
def run(world: World, monkeypatch: pytest.MonkeyPatch, settings: Any) -> Run:
    """Runs a command in this process with the world's variables, some of them changed."""

    def ran(*arguments: str, **changed: str) -> Done:
        for name, value in {**world.environment, **changed}.items():
            if name not in OF_THIS_PROCESS:
                monkeypatch.setenv(name, value)
        settings.CONFIGURATION = configuration.load()
        out = io.StringIO()
        try:
            call_command(*arguments, stdout=out)
        except CommandError as error:
            return Done(1, f"{out.getvalue()}{error}")
        return Done(0, out.getvalue())

    return ran


def in_a_process(world: World, *arguments: str, **changed: str) -> Done:
    """Runs a command as people do; a traceback is never what it says."""
    done = subprocess.run(
        [sys.executable, "manage.py", *arguments],
        cwd=ROOT, env={**world.environment, **changed}, capture_output=True, text=True, check=False,
    )  # fmt: skip
    assert "Traceback" not in done.stderr
    return Done(done.returncode, done.stdout + done.stderr)


def argocd(world: World, method: str, path: str, body: Any = None) -> Any:
    headers = {"Authorization": f"Bearer {world.environment['ARGOCD_TOKEN']}", "Content-Type": "application/json"}
    return httpx.request(method, f"{world.server}/api/v1{path}", headers=headers, json=body).raise_for_status().json()


def refusal(done: Done) -> str:
    """What a command that failed says."""
    assert done.returncode == 1, done.said
    return done.said


def test_bootstrapping_again_changes_nothing(world: World, run: Run) -> None:
    tips = world.git("for-each-ref")
    done = run("bootstrap")
    assert done.returncode == 0, done.said
    assert done.said.count("up to date") == APPLICATIONS + 1
    assert "created" not in done.said
    assert world.git("for-each-ref") == tips


def test_the_branches_of_environments_begin_empty_beside_a_default_branch(world: World, run: Run) -> None:
    assert world.git("ls-tree", "--name-only", "main").split() == ["README.md"]
    assert world.git("ls-tree", "--name-only", "env/production") == ""


def test_what_was_changed_on_an_application_of_ours_is_put_right(world: World, run: Run) -> None:
    application = argocd(world, "GET", "/applications/backend-staging?project=hub")
    wrong = {**application["spec"], "source": {**application["spec"]["source"], "targetRevision": "main"}}
    argocd(world, "PUT", "/applications/backend-staging/spec?project=hub&validate=false", wrong)
    done = run("bootstrap")
    assert "Application backend-staging: updated." in done.said
    assert "Application ai-staging: up to date." in done.said
    again = argocd(world, "GET", "/applications/backend-staging?project=hub")
    assert again["spec"]["source"]["targetRevision"] == "env/staging"


def test_an_application_without_our_label_is_left_alone(world: World, run: Run) -> None:
    application = argocd(world, "GET", "/applications/redis-staging?project=hub")
    foreign = {"metadata": {"name": "redis-staging", "labels": {"team": "other"}}, "spec": application["spec"]}
    foreign["spec"]["source"]["targetRevision"] = "main"
    argocd(world, "PUT", "/applications/redis-staging?project=hub&validate=false", foreign)
    done = run("bootstrap")
    assert "Application redis-staging: exists without the label" in done.said
    kept = argocd(world, "GET", "/applications/redis-staging?project=hub")
    assert kept["spec"]["source"]["targetRevision"] == "main"
    assert "warn  Argo CD, staging: redis-staging lacks the label" in run("doctor").said
    argocd(world, "DELETE", "/applications/redis-staging?project=hub&cascade=false")
    assert "fail  Argo CD, staging: Applications are missing: redis-staging." in refusal(run("doctor"))
    assert "Application redis-staging: created." in run("bootstrap").said


def test_a_project_is_only_added_to(world: World, run: Run) -> None:
    project = argocd(world, "GET", "/projects/hub")
    project["spec"]["roles"].append({"name": "auditors", "description": "theirs", "policies": []})
    project["spec"]["destinations"] = [{"server": "https://elsewhere", "namespace": "theirs"}]
    argocd(world, "POST", "/projects", {"project": project, "upsert": True})
    assert "AppProject hub: updated." in run("bootstrap").said
    spec = argocd(world, "GET", "/projects/hub")["spec"]
    assert {role["name"] for role in spec["roles"]} == {"control-panel", "auditors"}
    assert spec["destinations"][0]["namespace"] == "theirs"
    assert len(spec["destinations"]) > 1


def test_the_doctor_finds_nothing_that_stops_a_promotion(world: World, run: Run) -> None:
    done = run("doctor")
    assert done.returncode == 0, done.said
    for subject in (
        "database",
        "platform repository",
        "deploy repository",
        "catalog",
        "Argo CD (ARGOCD_SERVER)",
        "Argo CD, staging",
    ):
        assert f"ok    {subject}:" in done.said
    assert "warn  broker:" in done.said


@pytest.mark.parametrize(
    ("variables", "words"),
    [
        ({"ARGOCD_TOKEN": "a.b.c"}, "ARGOCD_TOKEN"),
        ({"ARGOCD_TOKEN": ""}, "ARGOCD_TOKEN is not set"),
        ({"ARGOCD_SERVER": "http://127.0.0.1:9"}, "cannot be reached"),
        ({"ARGOCD_SERVER": "argocd"}, "address of Argo CD"),
        ({"ARGOCD_SERVER": ""}, "ARGOCD_SERVER is not set"),
        ({"DEPLOY_REPO_URL": "/nowhere/deploy.git"}, "/nowhere/deploy.git"),
        ({"DEPLOY_REPO_URL": ""}, "DEPLOY_REPO_URL is not set"),
    ],
    ids=lambda value: str(value)[:40],
)
@pytest.mark.parametrize("command", ["doctor", "bootstrap"])
def test_a_wrong_setting_is_one_sentence_with_its_remedy(
    world: World, run: Run, tmp_path: Path, command: str, variables: dict[str, str], words: str
) -> None:
    tips = world.git("for-each-ref")
    said = refusal(run(command, **variables, CACHE_DIRECTORY=str(tmp_path)))
    assert words in said
    assert world.git("for-each-ref") == tips


def test_a_platform_repository_that_is_away_fails_the_doctor_and_the_loading(
    world: World, run: Run, tmp_path: Path
) -> None:
    wrong = {"PLATFORM_REPO_URL": "/nowhere/platform", "CACHE_DIRECTORY": str(tmp_path)}
    assert "fail  platform repository:" in refusal(run("doctor", **wrong))
    assert "/nowhere/platform" in refusal(run("load_platform", **wrong))


def test_a_database_that_is_away_is_one_finding(world: World, run: Run) -> None:
    away = {"DATABASE_URL": "postgresql://postgres@127.0.0.1:9/panel"}
    assert "fail  database:" in refusal(in_a_process(world, "doctor", **away))


def test_a_command_without_a_database_is_one_sentence(world: World) -> None:
    away = {"DATABASE_URL": "postgresql://postgres@127.0.0.1:9/panel"}
    assert "PostgreSQL does not answer" in refusal(in_a_process(world, "create_user", "x", "--role", "viewer", **away))


@pytest.mark.parametrize(
    ("arguments", "words"),
    [(("staging", "none"), "There is no release none."), (("nowhere", "none"), "There is no environment nowhere")],
)
def test_promoting_what_is_not_there_is_refused(world: World, run: Run, arguments: tuple[str, str], words: str) -> None:
    assert words in refusal(run("promote", *arguments))


@pytest.mark.slow
def test_promoting_waits_for_the_verdict(world: World, run: Run) -> None:
    world.manage("demo")
    version = world.manage(
        "shell", "-v", "0", "-c", "from deployments.models import Release; print(Release.objects.last().version)"
    ).strip()
    world.watch()
    done = in_a_process(world, "promote", "staging", version, "--reason", "A test.", "--wait")
    assert done.returncode == 0, done.said + world.logs()
    assert f"{version} to staging" in done.said
    assert "succeeded:" in done.said
