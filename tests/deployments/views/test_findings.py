"""What policies find stands on the page of the release, for each environment, and where the promotion is decided."""

from __future__ import annotations

from django.test import Client

from tests import fixtures_deployments as make
from tests.deployments.views.conftest import Stage

FOUND = {
    "policy": "tls", "object": "Ingress hub/backend", "rule": "It answers <plainly>.", "fix": "Encrypt it.", "component": "backend",
}  # fmt: skip


def page_of(client: Client, address: str) -> str:
    answer = client.get(address)
    assert answer.status_code == 200
    return answer.content.decode()


def test_a_release_that_nobody_looked_at_says_how_it_is_judged(client: Client, stage: Stage) -> None:
    assert "Not looked at yet." in page_of(client, f"/releases/{stage.new.version}")


def test_each_finding_is_shown_with_object_rule_and_fix(client: Client, stage: Stage) -> None:
    make.preflight(stage.new, stage.staging, findings=[FOUND])
    make.preflight(stage.new, stage.production)

    page = page_of(client, f"/releases/{stage.new.version}")

    for text in ("Ingress hub/backend", "It answers &lt;plainly&gt;.", "Encrypt it.", "All hold."):
        assert text in page


def test_only_the_newest_preview_of_the_whole_release_counts(client: Client, stage: Stage) -> None:
    make.preflight(stage.new, stage.staging, findings=[FOUND])
    make.preflight(stage.new, stage.staging)
    make.preflight(stage.new, stage.staging, findings=[FOUND], components=["backend"])

    assert "It answers" not in page_of(client, f"/releases/{stage.new.version}")


def test_who_decides_sees_the_findings_too(client: Client, stage: Stage) -> None:
    make.preflight(stage.new, stage.staging, findings=[FOUND])

    assert "Encrypt it." in page_of(client, f"/environments/staging/promote?release={stage.new.version}")
