"""A release goes to both environments through real repositories and real processes."""

from __future__ import annotations

import json
import os
from collections import Counter
from hashlib import sha256
from typing import Any

import pytest

from deployments.management.commands.demo import RELEASES
from deployments.models import Release
from deployments.services.releases import release_create
from tests.whole.conftest import CI, PASSWORD, Whole

FIRST = RELEASES[0][0]
MOST_REQUESTS = 15
"""For each Application in a promotion; the shared list and the stream are not counted."""
SLOW = float(os.environ.get("WHOLE_SPEED", "1"))
"""At speed 1 a rollout takes 3 to 10 s, at 0.03 several minutes."""


@pytest.mark.timeout(300)
def test_only_argo_cd_knows_the_address_that_is_made_for_it(whole: Whole) -> None:
    theirs = whole.world.environment["ARGOCD_DEPLOY_REPO_URL"]
    listed = whole.ask("GET", "/api/v1/applications?project=hub")["items"]
    assert len(listed) == 44
    assert {item["spec"]["source"]["repoURL"] for item in listed} == {theirs}
    assert theirs in whole.ask("GET", "/api/v1/projects/hub")["spec"]["sourceRepos"]
    said = whole.world.manage("doctor")
    assert "ok    deploy repository: It can be pushed to" in said
    assert "ok    platform repository: main is at" in said
    assert PASSWORD not in said + whole.world.logs()


@pytest.mark.slow
@pytest.mark.timeout(900)
def test_slow_rollouts_in_both_environments_cost_few_requests(whole: Whole) -> None:
    """Every component is new, wave follows wave; staging is one release ahead of production."""
    whole.promoted(FIRST, "staging")
    count_requests(whole)
    set_speed(whole, SLOW)
    for promotion in [whole.asked(all_new(), "staging"), whole.asked(FIRST, "production")]:
        whole.ended(promotion)
        changed = set(promotion.rollouts.filter(is_changed=True).values_list("application", flat=True))
        assert len(changed) == 6
        assert whole.synced(promotion) == Counter(dict.fromkeys(changed, 1))
    set_speed(whole, 20.0)
    counts = Counter(application for application, _ in requests(whole).elements())
    assert promotion.finished_at
    seconds = (promotion.finished_at - promotion.created_at).total_seconds()
    print(f"\nthe last promotion took {seconds:.0f} s; requests for each Application: {dict(counts)}")
    assert len(counts) == 12
    assert max(counts.values()) <= MOST_REQUESTS, requests(whole)


def all_new() -> str:
    """A release whose images all differ from the first one's."""
    first = Release.objects.get(version=FIRST)
    images = {
        key: f"{image.partition('@')[0]}@sha256:{sha256(key.encode()).hexdigest()}"
        for key, image in first.images.items()
    }
    return release_create(actor=CI, version="2026.12.0", commit=first.commit, images=images).version


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
