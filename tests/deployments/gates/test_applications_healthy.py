"""Nothing is promoted into trouble that it does not mend, or into the unknown."""

from __future__ import annotations

from datetime import timedelta

import pytest

from deployments.choices import Verdict
from tests.deployments.gates.situations import NOW, application, ask

SICK = (application("backend", "Degraded"), application("ai"))


def test_healthy_applications_pass() -> None:
    assert ask("applications-healthy").reason == "All 2 Applications are Healthy."


@pytest.mark.parametrize("health", ["Degraded", "Progressing", "Missing", "Suspended", "Unknown", ""])
def test_an_unhealthy_one_that_the_release_leaves_alone_blocks(health: str) -> None:
    answer = ask(
        "applications-healthy",
        applications=(application("backend", health), application("ai")),
        changed=frozenset({"ai"}),
    )
    assert answer.verdict == Verdict.BLOCK
    assert "does not change backend" in answer.reason


def test_an_unhealthy_one_that_the_release_changes_passes_with_a_note_so_that_a_fix_can_land() -> None:
    answer = ask("applications-healthy", applications=SICK, changed=frozenset({"backend"}))
    assert (answer.verdict, answer.reason) == (Verdict.PASS, "backend-production is Degraded; this release changes it.")


def test_an_unhealthy_one_that_differs_from_git_passes_since_it_is_synced_though_git_stays_as_it_is() -> None:
    gone = application("backend", "Missing")
    gone.sync = "OutOfSync"
    answer = ask("applications-healthy", applications=(gone, application("ai")), changed=frozenset())
    assert (answer.verdict, answer.reason) == (
        Verdict.PASS,
        "backend-production is Missing; this release may mend it.",
    )
    still = (gone, application("ai", "Degraded"))
    assert ask("applications-healthy", applications=still, changed=frozenset()).verdict == Verdict.BLOCK


@pytest.mark.parametrize(
    ("changes", "words"),
    [
        ({"applications": ()}, "production is not bootstrapped yet: Argo CD shows 0 of 2 Applications."),
        ({"heard_at": NOW - timedelta(seconds=76)}, "Argo CD has not answered for 75 s."),
        ({"heard_at": None}, "Argo CD has not answered for 75 s."),
    ],
)
def test_what_is_not_known_blocks_as_unknown_with_a_remedy(changes: dict[str, object], words: str) -> None:
    answer = ask("applications-healthy", **changes)
    assert (answer.verdict, answer.reason) == (Verdict.UNKNOWN, words)
    assert answer.remedy
