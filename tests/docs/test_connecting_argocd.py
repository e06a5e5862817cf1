"""The accounts and rights of docs/connecting-argocd.md are enough, and no more than the panel's role in the AppProject has."""

from __future__ import annotations

import re
import socket
import subprocess
import sys
from pathlib import Path

import httpx
import pytest
import yaml

from controlpanel.catalog.argo import app_project
from controlpanel.catalog.document import parse
from tests.docs.conftest import Desk
from tests.docs.documents import ROOT, blocks
from tests.world import World, until

PAGE = ROOT / "docs/connecting-argocd.md"
ACCOUNT, BOOTSTRAP = "control-panel", "control-panel-bootstrap"


def policies(account: str) -> list[tuple[str, str, str]]:
    """What the page's policy gives an account: resource, action, object."""
    documents = [yaml.safe_load(block.text) for block in blocks(PAGE, "yaml")]
    lines = "\n".join(one["data"].get("policy.csv", "") for one in documents).splitlines()
    parts = [[part.strip() for part in line.split(",")] for line in lines if line]
    assert all(len(part) == 6 and part[0] == "p" and part[5] == "allow" for part in parts)
    return [(part[2], part[3], part[4]) for part in parts if part[1] == account]


def test_the_page_makes_the_accounts_that_its_policy_names() -> None:
    text = PAGE.read_text("utf-8")
    assert set(re.findall(r"accounts\.([\w-]+): apiKey", text)) == {ACCOUNT, BOOTSTRAP}
    assert set(re.findall(r"--account ([\w-]+)", text)) == {ACCOUNT, BOOTSTRAP}


def test_the_account_has_the_rights_of_the_project_role() -> None:
    document = parse((ROOT / "platform.yaml").read_text("utf-8"), filename="platform.yaml")
    role = app_project(document, document.environments[0], "https://git.example.com/deploy.git")["spec"]["roles"][0]
    of_role = {tuple(line.replace(", ", ",").split(",")[2:5]) for line in role["policies"]}
    assert set(policies(ACCOUNT)) == of_role | {("projects", "get", "hub")}


@pytest.mark.slow
@pytest.mark.timeout(300)
def test_these_rights_are_enough_to_bootstrap_and_for_every_check(desk: Desk, tmp_path: Path) -> None:
    world = desk.world
    environment = {**world.environment, **_fresh_argocd(world, tmp_path), "DEPLOY_REPO_URL": str(_repository(tmp_path))}

    said = _manage("bootstrap", environment)
    assert "AppProject hub: created." in said
    assert "Application backend-production: created." in said
    assert "up to date" in _manage("bootstrap", environment)
    checked = _manage("doctor", environment)
    assert "Argo CD, production: All 6 Applications are there." in checked
    assert "control-panel has every right in the project hub." in checked


def _fresh_argocd(world: World, directory: Path) -> dict[str, str]:
    """A second sandbox that knows only these two accounts; returns the variables that lead to it."""
    state = directory / "state"
    state.mkdir()
    tokens = {name: _token(state, name) for name in (ACCOUNT, BOOTSTRAP)}
    with socket.socket() as listening:
        listening.bind(("127.0.0.1", 0))
        port = listening.getsockname()[1]
    world._spawn("-m", "sandbox", "--port", str(port), "--state", str(state))
    server = f"http://127.0.0.1:{port}"
    until(lambda: _answers(f"{server}/api/version"), "the second sandbox answers")
    return {"ARGOCD_SERVER": server, "ARGOCD_TOKEN": tokens[ACCOUNT], "ARGOCD_BOOTSTRAP_TOKEN": tokens[BOOTSTRAP]}


def _token(state: Path, account: str) -> str:
    given = [argument for policy in policies(account) for argument in ("--policy", ",".join(policy))]
    command = [sys.executable, "-m", "sandbox", "token", "--state", str(state), "--account", account, *given]
    return subprocess.run(command, cwd=ROOT, check=True, capture_output=True, text=True).stdout.strip()


def _repository(directory: Path) -> Path:
    path = directory / "deploy.git"
    subprocess.run(["git", "init", "-q", "--bare", "-b", "main", str(path)], check=True)
    return path


def _manage(command: str, environment: dict[str, str]) -> str:
    done = subprocess.run(
        [sys.executable, "manage.py", command], cwd=ROOT, env=environment, text=True, stdout=subprocess.PIPE,
        stderr=subprocess.STDOUT,
    )  # fmt: skip
    assert done.returncode == 0, done.stdout
    return done.stdout


def _answers(url: str) -> bool:
    try:
        return httpx.get(url, timeout=1.0).status_code == 200
    except httpx.HTTPError:
        return False
