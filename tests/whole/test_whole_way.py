"""A release goes to both environments through real repositories and real processes; then again where Argo CD syncs by itself."""

from __future__ import annotations

import json
import os
import subprocess
from collections import Counter
from typing import Any

import pytest

from deployments.choices import State
from deployments.management.commands.demo import RELEASES
from deployments.models import Promotion, Release
from deployments.services.releases import release_create
from tests.whole.conftest import CI, PASSWORD, Whole

FIRST, SECOND = RELEASES[0][0], RELEASES[1][0]
MOST_REQUESTS = 15
"""For each Application in a promotion; the shared list and the stream are not counted."""
SLOW = float(os.environ.get("WHOLE_SPEED", "1"))
"""At speed 1 a rollout takes 3 to 10 s, at 0.03 several minutes."""


def test_only_argo_cd_knows_the_address_that_is_made_for_it(whole: Whole) -> None:
    theirs = whole.world.environment["ARGOCD_DEPLOY_REPO_URL"]
    listed = whole.ask("GET", "/api/v1/applications?project=hub")["items"]
    assert len(listed) == 12
    assert {item["spec"]["source"]["repoURL"] for item in listed} == {theirs}
    assert theirs in whole.ask("GET", "/api/v1/projects/hub")["spec"]["sourceRepos"]
    said = whole.world.manage("doctor")
    assert "ok    deploy repository: It can be pushed to" in said
    assert "ok    platform repository: main is at" in said
    assert PASSWORD not in said + whole.world.logs()


@pytest.mark.timeout(900)
def test_a_slow_rollout_to_both_environments_costs_few_requests(whole: Whole) -> None:
    """Every component is new, wave follows wave."""
    count_requests(whole)
    set_speed(whole, SLOW)
    for environment in ("staging", "production"):
        promotion = whole.promoted(FIRST, environment)
        changed = set(promotion.rollouts.filter(is_changed=True).values_list("application", flat=True))
        assert len(changed) == 6
        assert synced(whole, promotion) == Counter(dict.fromkeys(changed, 1))
    set_speed(whole, 20.0)
    counts = Counter(application for application, _ in requests(whole).elements())
    assert promotion.finished_at
    seconds = (promotion.finished_at - promotion.created_at).total_seconds()
    print(f"\nthe last promotion took {seconds:.0f} s; requests for each Application: {dict(counts)}")
    assert len(counts) == 12
    assert max(counts.values()) <= MOST_REQUESTS, requests(whole)


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
    assert synced(whole, promotion) == Counter(), "the panel had nothing to send"


def test_what_argo_cd_leaves_alone_is_synced_without_a_revision(whole: Whole) -> None:
    """Automated sync without pruning does not act where an object only has to go; the panel's sync removes it."""
    platform = whole.world.directory / "platform"
    base = platform / "kubernetes/frontend/base/kustomization.yaml"
    base.write_text(base.read_text().replace("  - service-account.yaml\n", ""))
    git = ["git", "-C", str(platform), "-c", "user.name=Test", "-c", "user.email=test@example.com"]
    subprocess.run([*git, "commit", "-aqm", "No account of its own"], check=True)
    commit = subprocess.run([*git, "rev-parse", "HEAD"], check=True, capture_output=True, text=True).stdout.strip()
    images = Release.objects.get(version=SECOND).images
    release_create(actor=CI, version="2026.12.0", commit=commit, images=images)

    promotion = whole.promoted("2026.12.0", "staging")
    assert promotion.state == State.SUCCEEDED
    assert synced(whole, promotion) == {"frontend-staging": 1}
    tree = whole.ask("GET", "/api/v1/applications/frontend-staging/resource-tree?project=hub")
    assert "ServiceAccount" not in {node["kind"] for node in tree["nodes"]}


def count_requests(whole: Whole) -> None:
    """Have the sandbox note every request that names an Application, and delay none."""
    rule = {"effect": "latency", "seconds": 0.0, "path": "/api/v1/applications/*"}
    whole.ask("PUT", "/sandbox/faults", json=[rule])


def requests(whole: Whole) -> Counter[tuple[str, str]]:
    """By Application and address."""
    log = (whole.world.directory / "sandbox" / "faults.jsonl").read_text().splitlines()
    lines: list[dict[str, Any]] = [json.loads(line) for line in log]
    return Counter((line["application"], f"{line['method']} {line['path']}") for line in lines)


def set_speed(whole: Whole, speed: float) -> None:
    whole.ask("PUT", "/sandbox/settings", json={"speed": speed})


def synced(whole: Whole, promotion: Promotion) -> Counter[str]:
    """The operations with the promotion's marker, by Application."""
    return Counter(
        entry["application"]
        for entry in whole.world.operations()
        if str(promotion.pk) in str(entry.get("infos", "")) and entry["type"] == "sync"
    )


def sync_by_themselves(whole: Whole, environment: str) -> None:
    """Switch automated sync on, as somebody may who owns the Applications too."""
    for item in whole.ask("GET", "/api/v1/applications?project=hub")["items"]:
        name, spec = item["metadata"]["name"], item["spec"]
        if name.endswith(f"-{environment}"):
            spec["syncPolicy"] = {**spec.get("syncPolicy", {}), "automated": {"enabled": True}}
            whole.ask("PUT", f"/api/v1/applications/{name}/spec?project=hub&validate=false", json=spec)
