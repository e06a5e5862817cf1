"""A release reaches production after staging."""

from __future__ import annotations

from datetime import timedelta

import pytest

from deployments.choices import Verdict
from tests.deployments.gates.situations import NOW, STAGING, ask, promotion


def test_a_release_that_succeeded_before_passes_and_says_when() -> None:
    answer = ask("pipeline-order")
    assert (answer.verdict, answer.reason) == (Verdict.PASS, "Succeeded in staging at 23 Nov 08:00 UTC.")


def test_a_release_that_was_never_in_staging_is_blocked_with_the_remedy() -> None:
    answer = ask("pipeline-order", succeeded={})
    assert answer.blocks
    assert answer.reason == "Not verified in staging yet."
    assert answer.remedy == "Promote 2026.11.3 to staging first."


def test_a_promotion_that_is_deciding_it_is_named() -> None:
    answer = ask("pipeline-order", succeeded={}, open={"staging": (promotion(1285, environment=STAGING),)})
    assert answer.reason == "Not verified in staging yet. Promotion 1285 will decide."


def test_success_of_another_release_does_not_count() -> None:
    assert ask("pipeline-order", succeeded={("staging", 4): None}).blocks


def test_the_first_environment_has_nothing_before_it() -> None:
    assert ask("pipeline-order", environment=STAGING, succeeded={}).verdict == Verdict.PASS


@pytest.mark.parametrize("gate", ["pipeline-order", "verified-before"])
def test_the_board_says_about_when_it_is_decided(gate: str) -> None:
    deciding = promotion(1285, environment=STAGING)
    deciding.started_at = NOW - timedelta(seconds=20)
    answer = ask(gate, asked="board", succeeded={}, open={"staging": (deciding,)}, usual={"staging": 65.0})
    assert answer.reason == "Not verified in staging yet. Promotion 1285 should decide in about 45 s."
