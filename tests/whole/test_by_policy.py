"""A release that makes two tenants unwell goes back by itself, through real repositories and real processes."""

from __future__ import annotations

import subprocess

import pytest

from controlpanel.catalog.models import Environment
from controlpanel.core.permissions import Role
from deployments.choices import Check, Kind, Proof, State
from deployments.management.commands.demo import RELEASES
from deployments.models import Evidence, Promotion, Release
from deployments.services.promotions import promotion_request
from tests import fixtures_tenants as make
from tests.whole.conftest import CI, Whole
from tests.world import until

FIRST, SECOND = RELEASES[0][0], RELEASES[1][0]
SERVED = tuple(f"clinic-{number}" for number in range(6))


@pytest.mark.timeout(600)
def test_by_policy_the_old_files_are_back_and_healthy_without_a_person(whole: Whole) -> None:
    by_policy(whole)
    before = whole.promoted(FIRST, "staging")
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
