"""A release goes to both environments through real repositories and real processes."""

from __future__ import annotations

import json
import os
import subprocess
from collections import Counter
from hashlib import sha256
from typing import Any

import pytest

from controlpanel.catalog.models import Environment
from controlpanel.core.permissions import Role
from deployments.choices import Check, Kind, Proof, State
from deployments.management.commands.demo import RELEASES
from deployments.models import Evidence, Promotion, Release
from deployments.services.promotions import promotion_request
from deployments.services.releases import release_create
from tests import fixtures_tenants as make
from tests.whole.conftest import CI, PASSWORD, Whole
from tests.world import until

FIRST, SECOND = RELEASES[0][0], RELEASES[1][0]
SERVED = tuple(f"clinic-{number}" for number in range(6))
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


@pytest.mark.timeout(600)
def test_by_policy_the_old_files_are_back_and_healthy_without_a_person(whole: Whole) -> None:
    by_policy(whole)
    here = Promotion.objects.filter(environment__name="staging", state=State.SUCCEEDED).order_by("-number")
    before = here.first() or whole.promoted(FIRST, "staging")
    serve(whole)
    digest = Release.objects.get(version=SECOND).images["backend"].partition("@")[2]
    settings = {"tenants": list(SERVED), "is_quiet": True, "unwell_with": {digest: list(SERVED[1:3])}}
    whole.ask("PUT", "/sandbox/hubs/staging", json=settings)
    failed = whole.ended(promotion_request(actor=CI, environment="staging", release=SECOND), State.CANCELED)
    lost = Evidence.objects.filter(verification__promotion=failed, proof=Proof.FAILED)
    assert sorted(lost.values_list("subject", flat=True)) == list(SERVED[1:3])
    until(lambda: Promotion.objects.filter(kind=Kind.ROLLBACK).exists(), "the rollback is asked for")
    rollback = whole.ended(Promotion.objects.get(kind=Kind.ROLLBACK))
    assert (rollback.requested_by, rollback.requested_door, rollback.restores) == ("panel", "policy", before)
    assert failed.automatic_rollback.rollback == rollback
    assert set(rollback.verifications.values_list("state", flat=True)) == {Check.PASSED}
    assert whole.world.git("diff", "--stat", before.commit, "env/staging") == "", "the old files are back"
    listed = whole.ask("GET", "/api/v1/applications?project=hub")["items"]
    healthy = {
        item["metadata"]["name"]: (item["status"]["sync"]["status"], item["status"]["health"]["status"])
        for item in listed
        if item["metadata"]["name"] in set(rollback.rollouts.values_list("application", flat=True))
    }
    assert set(healthy.values()) == {("Synced", "Healthy")}


def by_policy(whole: Whole) -> None:
    """Staging goes back by itself."""
    directory = whole.world.directory / "platform"
    catalog = directory / "platform.yaml"
    catalog.write_text(catalog.read_text().replace("onFailure: pause", "onFailure: rollback", 1))
    git = ["git", "-C", str(directory), "-c", "user.name=Test", "-c", "user.email=test@example.com"]
    subprocess.run([*git, "commit", "-aqm", "By policy"], check=True)
    whole.world.manage("load_platform")


def serve(whole: Whole) -> None:
    """Active tenants whose references are promoted in staging."""
    ada, staging = make.as_role(Role.ADMINISTRATOR), Environment.objects.get(name="staging")
    for slug in SERVED:
        make.put(make.tenant(slug, by=ada), staging, by=ada)
    make.promote(staging)
