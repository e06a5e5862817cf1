"""`script/deploy` and the shell steps of the workflows take releases through a running panel."""

from __future__ import annotations

import os
import shutil
import subprocess
from collections.abc import Iterator, Mapping
from pathlib import Path

import httpx
import pytest

from script.development import deploy
from tests.docker.hub import TENANT, Hub, running_hub
from tests.docs.conftest import Desk, of_web
from tests.docs.documents import ROOT
from tests.docs.test_commands import script_of
from tests.docs.visitor import Visitor
from tests.platform.workflows import run, shell_steps, stand_in

REPOSITORY = "Example/Hub"
NAMES = {key: f"ghcr.io/{REPOSITORY.lower()}/{key}" for key in ("backend", "ai", "frontend")}
RUN = {"GITHUB_RUN_NUMBER": "17", "GITHUB_RUN_ID": "4711", "GITHUB_WORKFLOW": "Deploy", "GITHUB_REPOSITORY": REPOSITORY}

pytestmark = [pytest.mark.slow, pytest.mark.timeout(300)]


@pytest.fixture(scope="module")
def runner(desk: Desk) -> dict[str, str]:
    """The environment of a build server: a checkout with the two scripts, and nothing of the panel but its address."""
    for path in ("script/deploy", "script/release-images", "script/development/__init__.py", "script/development/deploy.py",
                 "script/development/panel_api.py", "script/development/release_images.py"):  # fmt: skip
        (desk.directory / path).parent.mkdir(exist_ok=True)
        shutil.copy(ROOT / path, desk.directory / path)
    plain = {key: os.environ[key] for key in ("PATH", "HOME", "LANG") if key in os.environ}
    summary = desk.world.directory / "summary.md"
    return {**plain, **RUN, "GITHUB_SHA": commit(desk), "GITHUB_STEP_SUMMARY": str(summary)}


def commit(desk: Desk) -> str:
    command = ["git", "-C", str(desk.directory), "rev-parse", "HEAD"]
    return subprocess.run(command, check=True, capture_output=True, text=True).stdout.strip()


@pytest.fixture(scope="module")
def tokens(desk: Desk) -> dict[str, str]:
    """One for each environment, made as the guide says."""
    return {
        "staging": token(desk, "deploy-staging", "promote", "release"),
        "production": token(desk, "deploy-production", "promote"),
    }


def token(desk: Desk, name: str, *scopes: str) -> str:
    options = [part for scope in scopes for part in ("--scope", scope)]
    place = ("--environment", name.removeprefix("deploy-"), "--expires", "30")
    return desk.world.manage("create_token", name, *options, *place).strip()


def expressions(desk: Desk, secret: str, **more: str) -> dict[str, str]:
    images = {f"needs.images.outputs.{key}": f"{name}@sha256:{key.encode().hex():0<64}" for key, name in NAMES.items()}
    return {"vars.PANEL_URL": desk.address, "secrets.PANEL_TOKEN": secret,
            "github.token": "of-the-run", **images, **more}  # fmt: skip


@pytest.fixture(scope="module")
def hub(tmp_path_factory: pytest.TempPathFactory) -> Iterator[Hub]:
    with running_hub(tmp_path_factory.mktemp("hub")) as running:
        yield running


def test_the_deployment_guide_tells_the_hub_and_deploys(desk: Desk, runner: dict[str, str], hub: Hub) -> None:
    """Its commands as they stand, where a panel and a hub answer at the addresses that it names."""
    validation = desk.directory / "script/tenant-validation"
    validation.write_text(f'#!/bin/sh\nexec {ROOT}/script/tenant-validation "$@"\n')
    validation.chmod(0o755)
    script = script_of(ROOT / "docs/DEPLOYMENT_GUIDE.md", desk.address).replace("http://localhost:4000", hub.backend)
    environment = {**runner, **hub.keys(TENANT), "HUB_URL": hub.backend, "REDIS_URL": hub.redis_url}
    done = subprocess.run(
        ["bash", "-c", script], cwd=desk.directory, env=environment, text=True, timeout=200, stdin=subprocess.DEVNULL,
        stdout=subprocess.PIPE, stderr=subprocess.STDOUT,
    )  # fmt: skip

    assert done.returncode == 0, done.stdout + desk.world.logs()
    assert '{"status":"accepted"}' in done.stdout
    assert done.stdout.count("ok  ") == 6
    assert "2026.11.3 is live in staging" in done.stdout
    assert "@sha256:" in done.stdout.splitlines()[-1]
    kept = [fields[b"id"] for _, fields in hub.streams.xrange(f"{TENANT}:hub:events")]
    assert b"2026.11.3-chat365" in kept


def test_the_workflows_take_a_commit_to_staging_and_then_to_production(
    desk: Desk, runner: dict[str, str], tokens: dict[str, str]
) -> None:
    secret = tokens["staging"]
    (step,) = shell_steps("deploy-staging.yml", "deploy", expressions(desk, secret))
    done = run(step, desk.directory, runner)
    assert done.returncode == 0, done.stdout + desk.world.logs()
    release = next(line.split()[0] for line in done.stdout.splitlines() if " is live in staging at " in line)
    assert release.endswith("-17")
    assert secret not in done.stdout
    assert "**succeeded**" in Path(runner["GITHUB_STEP_SUMMARY"]).read_text()

    secret = tokens["production"]
    values = expressions(desk, secret, **{"inputs.release": release, "inputs.reason": "It is time"})
    said = publish(desk, runner, values)
    assert said.count("gh attestation verify oci://ghcr.io/") == 3
    assert f"docker buildx imagetools create --tag {NAMES['ai']}:{release} {values['needs.images.outputs.ai']}" in said

    (step,) = shell_steps("deploy-production.yml", "deploy", values)
    done = run(step, desk.directory, runner)
    assert done.returncode == 0, done.stdout + desk.world.logs()
    assert f"{release} is live in production" in done.stdout
    assert f"Release: {release}\n" in desk.world.git("log", "-1", "--format=%B", "env/production")


def publish(desk: Desk, runner: Mapping[str, str], values: Mapping[str, str]) -> str:
    """Run the job that names images by the release's version; returns what it asked of docker and gh."""
    programs = desk.world.directory / "programs"
    log = stand_in(programs, "docker", "gh")
    for step in shell_steps("deploy-production.yml", "publish", values):
        done = run(step, desk.directory, {**runner, "PATH": f"{programs}:{runner['PATH']}"})
        assert done.returncode == 0, done.stdout
    return log.read_text()


def ask(desk: Desk, runner: Mapping[str, str], secret: str, *arguments: str) -> subprocess.CompletedProcess[str]:
    variables = {**runner, "PANEL_URL": desk.address, "PANEL_TOKEN": secret}
    return subprocess.run(
        ["script/deploy", *arguments], cwd=desk.directory, env=variables, capture_output=True, text=True
    )


def test_a_gate_that_blocks_is_named_and_nothing_is_promoted(
    desk: Desk, runner: dict[str, str], tokens: dict[str, str]
) -> None:
    done = ask(desk, runner, tokens["production"], "production", "2026.11.2")

    assert done.returncode == deploy.NOT_SUCCEEDED
    assert "block pipeline-order:" in done.stderr
    assert "Promotion" not in done.stdout


def test_a_rollout_that_is_stuck_is_for_a_person(desk: Desk, runner: dict[str, str], tokens: dict[str, str]) -> None:
    done = ask(desk, runner, tokens["staging"], "staging", "2026.11.4")

    assert done.returncode == deploy.NEEDS_A_PERSON, done.stdout + done.stderr
    assert "is paused" in done.stderr
    assert "backend" in done.stderr


@pytest.mark.parametrize(
    ("environment", "release", "said"),
    [("staging", "1999.1", "1999.1"), ("nowhere", "2026.11.3", "nowhere")],
)
def test_what_is_not_there_is_named(
    desk: Desk, runner: dict[str, str], tokens: dict[str, str], environment: str, release: str, said: str
) -> None:
    done = ask(desk, runner, tokens["staging"], environment, release)

    assert done.returncode == deploy.NOT_SUCCEEDED
    assert said in done.stderr


def test_a_token_of_another_environment_opens_nothing(
    desk: Desk, runner: dict[str, str], tokens: dict[str, str]
) -> None:
    secret = tokens["staging"]
    done = ask(desk, runner, secret, "production", "2026.11.3")

    assert done.returncode == deploy.NOT_SUCCEEDED
    assert secret not in done.stdout + done.stderr


def test_web_serves_every_page_without_a_key_of_git_or_argo_cd(desk: Desk) -> None:
    """The panel of all tests here has the variables of its manifest alone; these are its pages."""
    keys = {"ARGOCD_SERVER", "ARGOCD_TOKEN", "DEPLOY_REPO_URL", "PLATFORM_REPO_URL"}
    assert keys <= desk.world.environment.keys()
    assert not keys & of_web(desk.world.environment).keys()
    password = desk.world.manage("create_user", "ada", "--role", "administrator").strip()
    make_tenant(desk)

    with httpx.Client(base_url=desk.address, follow_redirects=True, timeout=30) as client:
        visitor = Visitor(client)
        visitor.sign_in("ada", password)
        starts = (
            "/",
            "/settings/status",
            "/environments/staging/configuration",
            "/tenants/chat365/offboard",
            "/readyz",
            "/healthz",
        )
        visitor.follow(*starts)
        assert visitor.broken() == {}, desk.world.logs()
        assert visitor.unseen() == set()


def make_tenant(desk: Desk) -> None:
    """One tenant with a reference that waits, so that its pages have something to show."""
    secret = desk.world.manage("create_token", "tenants", "--scope", "tenants").strip()
    reference = {"kind": "ExternalSecret", "store": "hub", "remoteKey": "tenants/chat365/doktor365"}
    with httpx.Client(base_url=desk.address, headers={"Authorization": f"Bearer {secret}"}) as client:
        client.post("/api/v1/tenants", json={"slug": "chat365"}).raise_for_status()
        client.put(
            "/api/v1/tenants/chat365/environments/staging/credentials/DOKTOR365_SECRET", json=reference
        ).raise_for_status()
