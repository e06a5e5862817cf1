"""Steps, their times and their words."""

from __future__ import annotations

from datetime import timedelta

import pytest
from django.utils import timezone

from controlpanel.accounts.models import User
from controlpanel.core import audit
from controlpanel.core.models import AuditEvent
from controlpanel.core.permissions import Role
from deployments import lifecycle
from deployments.choices import Rollout, State
from deployments.models import Promotion
from deployments.selectors.estimates import remaining_seconds, usual_seconds
from deployments.selectors.progress import Step, seconds_of, sentence_of, spans_of, steps_of
from deployments.steps.cancel import kept
from tests import fixtures_deployments as make


@pytest.fixture
def promotion(db: None) -> Promotion:
    staging, _ = make.platform()
    return make.promotion(make.release("2026.11.3"), staging, by=make.person("elif", Role.OPERATOR))


def steps(row: Promotion) -> dict[str, Step]:
    events = list(AuditEvent.objects.filter(promotion=row.pk).order_by("sequence"))
    return {step.key: step for step in steps_of(row, list(row.rollouts.all()), events)}


def states(row: Promotion) -> list[str]:
    return [step.state for step in steps(row).values()]


def test_before_the_start_the_gates_are_the_step(promotion: Promotion) -> None:
    assert states(promotion) == ["running", *["waiting"] * 7]
    assert [step.name for step in steps(promotion).values()][3] == "Wave 1: monitoring"


def test_a_wave_runs_behind_what_is_done(promotion: Promotion) -> None:
    make.rolling_out_backend(promotion)
    assert states(promotion) == ["done", "done", "done", "done", "done", "running", "waiting", "waiting"]
    assert steps(promotion)["wave-3"].detail == "1 of 2 new pods ready"
    assert sentence_of(promotion, list(promotion.rollouts.all())) == "Wave 3 of 4: backend, 1 of 2 new pods ready"


def test_a_pause_fails_the_step_at_which_it_stopped_with_the_cause(promotion: Promotion) -> None:
    make.paused(promotion)
    assert states(promotion)[5:] == ["failed", "waiting", "waiting"]
    assert steps(promotion)["wave-3"].error == "ImagePullBackOff"


def test_an_abort_cancels_what_was_not_done(promotion: Promotion) -> None:
    make.paused(promotion)
    lifecycle.move(promotion, State.CANCELING, actor=audit.SYSTEM, message="Abort asked for.")
    lifecycle.end(promotion, State.CANCELED, actor=audit.SYSTEM, message="Aborted.")
    assert states(promotion) == ["done"] * 5 + ["canceled"] * 3


def test_a_success_has_a_time_for_every_step(promotion: Promotion) -> None:
    make.succeeded(promotion)
    assert set(states(promotion)) == {"done"}
    events = list(AuditEvent.objects.filter(promotion=promotion.pk).order_by("sequence"))
    assert set(seconds_of(spans_of(events, list(promotion.rollouts.all())))) == {
        "gates", "render", "commit", "wave-1", "wave-2", "wave-3", "wave-4", "verify",
    }  # fmt: skip


@pytest.mark.parametrize(("successes", "is_known"), [(2, False), (3, True)])
def test_estimates_need_three_successes(promotion: Promotion, successes: int, is_known: bool) -> None:
    for number in range(successes):
        assert promotion.requester is not None
        make.live(make.release(f"2026.10.{number}"), promotion.environment, by=promotion.requester)
    assert bool(usual_seconds(promotion)) == is_known


@pytest.mark.parametrize(
    ("left", "seconds"), [(["render", "commit"], 3.0), (["commit"], 1.0), (["render", "verify"], None), ([], None)]
)
def test_what_remains_is_known_only_where_every_step_is(left: list[str], seconds: float | None) -> None:
    assert remaining_seconds({"render": 2.0, "commit": 1.0}, left) == seconds


def test_a_wave_that_changes_nothing_does_not_hasten_the_estimate_of_one_that_does(promotion: Promotion) -> None:
    for number in range(3):
        own = make.release(f"2026.10.{number}")
        row = make.started(make.promotion(own, promotion.environment, by=User.objects.get()))
        begun = timezone.now()
        for wave in (1, 2, 3, 4):  # only the third changes something, and takes five minutes
            row.rollouts.filter(wave=wave).update(
                state=Rollout.DONE, finished_at=begun + timedelta(seconds=wave if wave < 3 else 300 + wave)
            )
        lifecycle.move(row, State.VERIFYING, actor=audit.SYSTEM, message="Done.")
        lifecycle.end(
            row, State.SUCCEEDED, actor=audit.SYSTEM, message="Live.", live_revision=make.COMMIT, confidence="observed"
        )
    before = usual_seconds(promotion)
    assert "wave-1" not in before
    assert 280 < before["wave-3"] < 310
    make.started(promotion)
    known = usual_seconds(promotion, list(promotion.rollouts.all()))
    assert known["wave-1"] < 5
    assert 280 < known["wave-3"] < 310
    assert remaining_seconds(known, ["wave-1", "wave-2", "wave-3"]) is not None


@pytest.mark.parametrize(
    ("components", "words"),
    [
        ([], "No Application took it"),
        (["ai"], "ai took the commit and keeps it"),
        (["ai", "backend"], "ai, backend took the commit and keep it"),
    ],
)
def test_an_abort_says_who_keeps_the_commit(components: list[str], words: str) -> None:
    assert kept(components) == words
