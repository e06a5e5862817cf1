"""A release reaches an environment where Argo CD syncs by itself: its operation is followed, and what it leaves alone is synced."""

from __future__ import annotations

import subprocess
from collections import Counter
from itertools import pairwise
from typing import Any

import pytest

from deployments.choices import State
from deployments.management.commands.demo import RELEASES
from deployments.models import Promotion, Release
from deployments.services.releases import release_create
from deployments.services.rollbacks import promotion_rollback
from tests.whole.conftest import CI, Whole

SECOND = RELEASES[1][0]
NOTICE = "apiVersion: v1\nkind: ConfigMap\nmetadata: {name: frontend-notice}\ndata: {notice: soon gone}\n"

pytestmark = pytest.mark.timeout(300)


def test_the_operation_that_argo_cd_starts_by_itself_is_followed(whole: Whole) -> None:
    sync_by_themselves(whole, "staging")
    written = writes(whole)
    assert written, "somebody switched it on"
    promotion = whole.promoted(SECOND, "staging")
    assert promotion.is_by_wave
    assert_a_commit_for_each_wave(whole, promotion)
    assert writes(whole) == written, "no Application was written to: automated sync was never switched off"
    taken = Counter(
        entry["application"]
        for entry in whole.world.operations()
        if entry.get("revision") in promotion.rollouts.values_list("commit", flat=True) and entry["type"] == "sync"
    )
    changed = set(promotion.rollouts.filter(is_changed=True).values_list("application", flat=True))
    assert taken == Counter(dict.fromkeys(changed, 1))
    assert whole.synced(promotion) == Counter(), "the panel had nothing to send"


def test_what_argo_cd_leaves_alone_is_synced_without_a_revision(whole: Whole) -> None:
    """Automated sync without pruning does not act where an object only has to go; the panel's sync removes it."""
    base = whole.world.directory / "platform/kubernetes/frontend/base"
    listed = (base / "kustomization.yaml").read_text()
    (base / "notice.yaml").write_text(NOTICE)
    (base / "kustomization.yaml").write_text(listed.replace("resources:\n", "resources:\n  - notice.yaml\n"))
    whole.promoted(released(whole, "2026.12.0"), "staging")
    assert "frontend-notice" in in_the_tree(whole)
    (base / "kustomization.yaml").write_text(listed)
    promotion = whole.promoted(released(whole, "2026.12.1"), "staging")
    assert promotion.state == State.SUCCEEDED
    assert whole.synced(promotion) == {"frontend-staging": 1}
    assert "frontend-notice" not in in_the_tree(whole)
    written = writes(whole)
    back = Promotion.objects.get(release__version="2026.12.0", state=State.SUCCEEDED)
    rollback = whole.ended(promotion_rollback(actor=CI, target=back, reason="The notice is wanted back."))
    assert "frontend-notice" in in_the_tree(whole)
    assert whole.world.git("log", "--format=%B", "env/staging").count(f"Promotion-Id: {rollback.pk}") == 1
    assert writes(whole) == written
    assert all(spec["syncPolicy"]["automated"]["enabled"] for spec in specs(whole, "staging"))


def assert_a_commit_for_each_wave(whole: Whole, promotion: Promotion) -> None:
    """In the order of the waves: each is committed when the one before is proved, and holds its own components alone."""
    rows = list(promotion.rollouts.filter(is_changed=True).order_by("wave"))
    waves = sorted({row.wave for row in rows})
    assert len(waves) > 2
    commits = {wave: {row.commit for row in rows if row.wave == wave} for wave in waves}
    assert all(len(own) == 1 for own in commits.values())
    told = whole.world.git(
        "log", "--reverse", "--format=%H %(trailers:key=Promotion-Id,valueonly,separator=%x2C)", "env/staging"
    )
    assert [line.split()[0] for line in told.splitlines() if str(promotion.pk) in line] == [
        *map(_only, commits.values())
    ]
    assert promotion.commit == _only(commits[waves[-1]])
    for wave in waves:
        changed = whole.world.git("show", "--name-only", "--format=", _only(commits[wave])).split()
        assert {path.split("/")[0] for path in changed} == {row.component for row in rows if row.wave == wave}
    taken = {
        entry["application"]: entry["revision"]
        for entry in whole.world.operations()
        if entry["type"] == "sync" and entry.get("revision") in set(map(_only, commits.values()))
    }
    assert taken == {row.application: row.commit for row in rows}, "each component was synced at its own wave's commit"
    for before, after in pairwise(waves):
        ends = [row.finished_at for row in rows if row.wave == before and row.finished_at]
        starts = [row.started_at for row in rows if row.wave == after and row.started_at]
        assert max(ends) <= min(starts)


def _only(values: set[str]) -> str:
    (value,) = values
    return value


def writes(whole: Whole) -> Counter[str]:
    """How often Applications were changed by the API, whoever did it: creating, replacing, patching, deleting."""
    asked: Counter[str] = Counter(whole.ask("GET", "/sandbox/requests"))
    methods = ("PUT ", "PATCH ", "DELETE ")
    return Counter(
        {path: count for path, count in asked.items() if path.startswith(methods) and "applications" in path}
    )


def specs(whole: Whole, environment: str) -> list[dict[str, Any]]:
    """Of every Application of the environment."""
    listed = whole.ask("GET", "/api/v1/applications?project=hub")["items"]
    return [one["spec"] for one in listed if one["metadata"]["name"].endswith(f"-{environment}")]


def released(whole: Whole, version: str) -> str:
    """Make a release of the platform as it lies there."""
    git = [
        "git",
        "-C",
        str(whole.world.directory / "platform"),
        "-c",
        "user.name=Test",
        "-c",
        "user.email=test@example.com",
    ]
    subprocess.run([*git, "add", "--all"], check=True)
    subprocess.run([*git, "commit", "-qm", version], check=True)
    commit = subprocess.run([*git, "rev-parse", "HEAD"], check=True, capture_output=True, text=True).stdout.strip()
    release_create(actor=CI, version=version, commit=commit, images=Release.objects.get(version=SECOND).images)
    return version


def in_the_tree(whole: Whole) -> set[str]:
    """Names of the resources of the frontend in staging."""
    tree = whole.ask("GET", "/api/v1/applications/frontend-staging/resource-tree?project=hub")
    return {node["name"] for node in tree["nodes"]}


def sync_by_themselves(whole: Whole, environment: str) -> None:
    """Switch automated sync on, as somebody may who owns the Applications too."""
    for item in whole.ask("GET", "/api/v1/applications?project=hub")["items"]:
        name, spec = item["metadata"]["name"], item["spec"]
        if name.endswith(f"-{environment}"):
            spec["syncPolicy"] = {**spec.get("syncPolicy", {}), "automated": {"enabled": True}}
            whole.ask("PUT", f"/api/v1/applications/{name}/spec?project=hub&validate=false", json=spec)
