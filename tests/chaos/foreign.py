"""Somebody else, who pushes to the same branches."""

from __future__ import annotations

import subprocess
import time

from tests.world import World

IDENTITY = ("-c", "user.name=Someone", "-c", "user.email=someone@example.com")


def push(world: World, environment: str) -> None:
    """A commit on the environment's branch, outside our paths; given up where the branch moved meanwhile."""
    branch = f"refs/heads/env/{environment}"
    tip = world.git("rev-parse", branch).strip()
    blob = _made(world, "hash-object", "-w", "--stdin", of=str(time.time()))
    lines = {line.split("\t")[1]: line for line in world.git("ls-tree", tip).splitlines()}
    lines["NOTES"] = f"100644 blob {blob}\tNOTES"
    tree = _made(world, "mktree", of="\n".join(lines.values()) + "\n")
    commit = world.git(*IDENTITY, "commit-tree", tree, "-p", tip, "-m", "Notes").strip()
    update = ["git", f"--git-dir={world.deploy}", "update-ref", branch, commit, tip]
    subprocess.run(update, capture_output=True, check=False)


def _made(world: World, *arguments: str, of: str) -> str:
    command = ["git", f"--git-dir={world.deploy}", *arguments]
    return subprocess.run(command, input=of, text=True, capture_output=True, check=True).stdout.strip()
