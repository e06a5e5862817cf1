"""The workflows are what they promise: pinned, with few rights, and without a way in for the text of others."""

from __future__ import annotations

import os
import re
from collections.abc import Iterator
from pathlib import Path
from typing import Any

import pytest

from tests.platform.workflows import EXPRESSION, FOLDER, names, run, shell_steps, stand_in, workflow

PINNED = re.compile(r"uses: [\w.-]+/[\w./-]+@[0-9a-f]{40} # v\d+\.\d+\.\d+$")
LOCAL = re.compile(r"uses: \./\.github/workflows/[\w-]+\.yml( #.*)?$")
DEPLOYING = ("deploy-staging.yml", "deploy-production.yml")
PUBLISHING = (*DEPLOYING, "panel-image.yml")


def jobs(name: str) -> Iterator[tuple[str, dict[str, Any]]]:
    yield from workflow(name)["jobs"].items()


def test_the_workflows_of_the_platform_and_of_the_panel_are_there() -> None:
    assert set(names()) == {"ci.yml", *PUBLISHING, "tenant-validation.yml"}


@pytest.mark.parametrize("name", names())
def test_every_action_is_pinned_by_commit_and_says_its_version(name: str) -> None:
    used = [line.strip().removeprefix("- ") for line in (FOLDER / name).read_text().splitlines() if "uses:" in line]
    assert used
    assert [line for line in used if not PINNED.match(line) and not LOCAL.match(line)] == []


@pytest.mark.parametrize("name", names())
def test_one_action_has_one_commit_everywhere(name: str) -> None:
    everything = "\n".join((FOLDER / other).read_text() for other in names())
    for action, _ in re.findall(r"uses: ([\w.-]+/[\w./-]+)@(\w+)", (FOLDER / name).read_text()):
        assert len(set(re.findall(rf"uses: {action}@(\w+ # \S+)", everything))) == 1, action


@pytest.mark.parametrize("name", names())
def test_rights_are_given_to_jobs_and_are_few(name: str) -> None:
    assert workflow(name)["permissions"] == {}
    for job, told in jobs(name):
        rights = told["permissions"]
        assert "contents" not in rights or rights["contents"] == "read", job
        wide = {right for right, level in rights.items() if level == "write"}
        assert wide <= {"packages", "id-token", "attestations"}, job
        assert not wide or name in PUBLISHING, job


@pytest.mark.parametrize("name", names())
def test_jobs_end_and_leave_no_credentials_in_the_checkout(name: str) -> None:
    for job, told in jobs(name):
        if "uses" in told:
            continue
        assert told["timeout-minutes"] <= 150, job
        assert told["runs-on"] == "ubuntu-24.04", job
        for step in told["steps"]:
            if step.get("uses", "").startswith("actions/checkout@"):
                assert step["with"]["persist-credentials"] is False, job


@pytest.mark.parametrize("name", names())
def test_no_expression_is_pasted_into_a_shell(name: str) -> None:
    """What others write (a branch, a title, an input) reaches a shell as a variable only."""
    for job, told in jobs(name):
        for step in told.get("steps", ()):
            assert not EXPRESSION.search(step.get("run", "")), job


def test_the_only_secret_is_the_panels_token_and_only_its_environment_has_it() -> None:
    for name in names():
        text = (FOLDER / name).read_text()
        assert set(re.findall(r"secrets\.(\w+)", text)) <= {"PANEL_TOKEN"}
        assert not re.search(r"password(?!: \$\{\{ github\.token \}\})[:=]", text, re.IGNORECASE)
        for job, told in jobs(name):
            if "secrets." in str(told):
                assert told["environment"] in ("staging", "production"), (name, job)


@pytest.mark.parametrize("name", DEPLOYING)
def test_a_tenant_is_validated_before_anything_is_published(name: str) -> None:
    found = dict(jobs(name))
    assert found["validate"]["uses"] == "./.github/workflows/tenant-validation.yml"
    needed, job = [], "deploy"
    while job != "validate":
        job = found[job]["needs"]
        needed.append(job)
    assert needed[-1] == "validate"


@pytest.mark.parametrize("name", DEPLOYING)
def test_two_deployments_do_not_overtake_each_other(name: str) -> None:
    assert workflow(name)["concurrency"]["cancel-in-progress"] is False


def test_images_are_named_by_digest_and_carry_their_provenance() -> None:
    steps = dict(jobs("deploy-staging.yml"))["images"]["steps"]
    build = next(step for step in steps if step.get("id") == "build")
    assert build["with"]["provenance"] == "mode=max"
    assert build["with"]["sbom"] is True
    assert any("attest-build-provenance" in step.get("uses", "") for step in steps)
    given = dict(jobs("deploy-staging.yml"))["deploy"]["steps"][-1]["run"]
    assert given.count("--image") == 3


def test_each_image_is_named_in_lower_case_and_by_its_digest(tmp_path: Path) -> None:
    output = tmp_path / "output"
    values = {
        "matrix.image": "ai",
        "steps.image.outputs.name": "ghcr.io/example/hub/ai",
        "steps.build.outputs.digest": "sha256:0f",
    }
    environment = {"PATH": os.environ["PATH"], "GITHUB_REPOSITORY": "Example/Hub", "GITHUB_OUTPUT": str(output)}
    for step in shell_steps("deploy-staging.yml", "images", values):
        assert run(step, tmp_path, environment).returncode == 0

    assert output.read_text().splitlines() == ["name=ghcr.io/example/hub/ai", "ai=ghcr.io/example/hub/ai@sha256:0f"]


def test_the_panels_own_image_is_attested_and_said_by_its_digest(tmp_path: Path) -> None:
    [(_, job)] = jobs("panel-image.yml")
    build = next(step for step in job["steps"] if step.get("id") == "build")
    assert (build["with"]["provenance"], build["with"]["file"]) == ("mode=max", "docker/panel.Dockerfile")
    assert any("attest-build-provenance" in step.get("uses", "") for step in job["steps"])
    values = {
        "steps.image.outputs.name": "ghcr.io/example/hub/control-panel",
        "steps.build.outputs.digest": "sha256:0f",
    }
    environment = {
        "PATH": os.environ["PATH"], "GITHUB_REPOSITORY": "Example/Hub",
        "GITHUB_OUTPUT": str(tmp_path / "output"), "GITHUB_STEP_SUMMARY": str(tmp_path / "summary"),
    }  # fmt: skip
    for step in shell_steps("panel-image.yml", "publish", values):
        assert run(step, tmp_path, environment).returncode == 0
    assert (tmp_path / "output").read_text() == "name=ghcr.io/example/hub/control-panel\n"
    assert (
        "$ script/panel-image production ghcr.io/example/hub/control-panel@sha256:0f"
        in (tmp_path / "summary").read_text()
    )


OURS = {key: f"ghcr.io/example/hub/{key}@sha256:{'0f' * 32}" for key in ("backend", "ai", "frontend")}
OF_OTHERS = {"redis": f"docker.io/valkey/valkey@sha256:{'0a' * 32}"}


@pytest.mark.parametrize(
    ("images", "said"),
    [
        (OURS | OF_OTHERS, ""),
        (OURS | {"ai": f"docker.io/somebody/ai@sha256:{'0f' * 32}"}, "ai"),
        (OURS | {"backend": f"ghcr.io/example/hub-fork/backend@sha256:{'0f' * 32}"}, "backend"),
        ({key: image for key, image in OURS.items() if key != "frontend"}, "frontend"),
    ],
)
def test_production_takes_our_own_components_from_this_repository_alone(
    tmp_path: Path, images: dict[str, str], said: str
) -> None:
    log = stand_in(tmp_path / "bin", "docker", "gh")
    (tmp_path / "script").mkdir()
    asked = tmp_path / "script/release-images"
    asked.write_text("#!/bin/sh\n" + "".join(f"echo {key}={image}\n" for key, image in images.items()))
    asked.chmod(0o755)
    values = dict.fromkeys(("inputs.release", "vars.PANEL_URL", "secrets.PANEL_TOKEN", "github.token"), "2026.12.1")
    environment = {"PATH": f"{tmp_path}/bin:{os.environ['PATH']}", "GITHUB_REPOSITORY": "Example/Hub"}

    first, second = shell_steps("deploy-production.yml", "publish", values)
    assert run(first, tmp_path, environment).returncode == 0
    done = run(second, tmp_path, environment)

    assert (done.returncode == 0) is (said == ""), done.stdout
    verified = [line.split()[3] for line in log.read_text().splitlines() if line.startswith("gh attestation verify")]
    if said:
        assert f"::error::{said} " in done.stdout
        assert f"oci://{images.get(said)}" not in verified
        assert "docker" not in log.read_text(), "no image is named before all are known"
    else:
        assert verified == [f"oci://{image}" for image in OURS.values()]
        assert all(
            f"--tag ghcr.io/example/hub/{key}:2026.12.1 {image}" in log.read_text() for key, image in OURS.items()
        )
        assert "valkey" not in log.read_text()


def test_the_panels_image_can_speak_ssh_as_nobody_when_it_is_built() -> None:
    """OpenSSH refuses a user without a name, which only shows where the image runs."""
    (step,) = [step for step in shell_steps("ci.yml", "images", {}) if "panel.Dockerfile" in step.run]
    ssh = next(line for line in step.run.replace("\\\n", " ").splitlines() if "ssh -G" in line)
    assert {"--read-only", "10001:10001", "control-panel"} <= set(ssh.split())
