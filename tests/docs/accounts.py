"""The accounts of docs/connecting-argocd.md, and a sandbox that knows only these."""

from __future__ import annotations

import socket
import subprocess
import sys
from pathlib import Path

import httpx
import yaml

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


def another_argocd(world: World, directory: Path) -> dict[str, str]:
    """A sandbox and a deploy repository with nothing in them; returns the variables that lead to them."""
    state, repository = directory / "state", directory / "deploy.git"
    state.mkdir()
    subprocess.run(["git", "init", "-q", "--bare", "-b", "main", str(repository)], check=True)
    tokens = {name: _token(state, name) for name in (ACCOUNT, BOOTSTRAP)}
    with socket.socket() as listening:
        listening.bind(("127.0.0.1", 0))
        port = listening.getsockname()[1]
    world._spawn("-m", "sandbox", "--port", str(port), "--state", str(state))
    server = f"http://127.0.0.1:{port}"
    until(lambda: _answers(f"{server}/api/version"), f"the second sandbox answers\n{world.logs()}")
    return {
        "ARGOCD_SERVER": server,
        "ARGOCD_TOKEN": tokens[ACCOUNT],
        "ARGOCD_BOOTSTRAP_TOKEN": tokens[BOOTSTRAP],
        "DEPLOY_REPO_URL": str(repository),
    }


def _token(state: Path, account: str) -> str:
    given = [argument for policy in policies(account) for argument in ("--policy", ",".join(policy))]
    command = [sys.executable, "-m", "sandbox", "token", "--state", str(state), "--account", account, *given]
    return subprocess.run(command, cwd=ROOT, check=True, capture_output=True, text=True).stdout.strip()


def _answers(url: str) -> bool:
    try:
        return httpx.get(url, timeout=1.0).status_code == 200
    except httpx.HTTPError:
        return False
