"""A release reaches an environment where Argo CD syncs by itself: its operation is followed, and what it leaves alone is synced."""

from __future__ import annotations

import subprocess
from collections import Counter

import pytest

from deployments.choices import State
from deployments.management.commands.demo import RELEASES
from deployments.models import Release
from deployments.services.releases import release_create
from tests.whole.conftest import CI, Whole

SECOND = RELEASES[1][0]
NOTICE = "apiVersion: v1\nkind: ConfigMap\nmetadata: {name: frontend-notice}\ndata: {notice: soon gone}\n"


@pytest.mark.timeout(300)
def test_the_operation_that_argo_cd_starts_by_itself_is_followed(whole: Whole) -> None:
    sync_by_themselves(whole, "staging")
    promotion = whole.promoted(SECOND, "staging")
    taken = Counter(
        entry["application"]
        for entry in whole.world.operations()
        if entry.get("revision") == promotion.commit and entry["type"] == "sync"
    )
    changed = set(promotion.rollouts.filter(is_changed=True).values_list("application", flat=True))
    assert changed
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
