"""What is asked for is what was shown."""

from __future__ import annotations

from datetime import timedelta

from deployments.choices import PreflightState, Verdict
from deployments.models import Preflight
from tests.deployments.gates.situations import NOW, ask

READY = Preflight(state=PreflightState.READY, render_digest="8e41" + "0" * 56 + "c7d0", ready_at=NOW)


def test_a_current_preview_passes_and_shows_its_digest() -> None:
    assert ask("digest-current", preflight=READY).reason == "Digest 8e41…c7d0 is what would be committed."


def test_a_preview_that_a_later_commit_has_overtaken_blocks() -> None:
    answer = ask("digest-current", preflight=READY, committed_at=NOW + timedelta(seconds=1))
    assert answer.reason == "Preview is out of date: production has changed since you looked."
    assert answer.verdict == Verdict.BLOCK


def test_until_it_is_rendered_the_answer_is_unknown_which_blocks() -> None:
    answer = ask("digest-current", preflight=Preflight(state=PreflightState.RENDERING))
    assert (answer.verdict, answer.reason, answer.blocks) == (Verdict.UNKNOWN, "Waits for the rendered diff.", True)


def test_a_release_that_does_not_render_blocks_with_the_renderers_words() -> None:
    failed = Preflight(state=PreflightState.FAILED, error="backend does not render.", remedy="Fix it.")
    answer = ask("digest-current", preflight=failed)
    assert (answer.verdict, answer.reason, answer.remedy) == (Verdict.BLOCK, "backend does not render.", "Fix it.")
