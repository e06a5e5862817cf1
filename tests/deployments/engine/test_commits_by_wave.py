"""Where an Application syncs by itself each wave is a commit of its own: Argo CD takes a commit for all components at once."""

from __future__ import annotations

from collections.abc import Callable

import pytest
from django.db import DatabaseError, transaction

from controlpanel.clients.git import Pushed
from deployments.choices import Kind, Rollout, State
from deployments.models import Application, Promotion, PromotionComponent
from deployments.steps import Context, cancel, commit, observe, render
from tests import fixtures_deployments as rows
from tests.deployments.engine.conftest import FakeArgoCD, FakeGit
from tests.deployments.engine.test_steps import step

pytestmark = pytest.mark.django_db
NEXT = "e" * 40


@pytest.fixture
def by_wave(promoted: Callable[[], Promotion]) -> Promotion:
    """The wave of the backend is done; frontend is next."""
    promotion = rows.started(promoted())
    promotion.rollouts.filter(wave__lte=3).update(state=Rollout.DONE)
    Promotion.objects.filter(pk=promotion.pk).update(wave=3, plan={**(promotion.plan or {}), "by_wave": True})
    promotion.refresh_from_db()
    return promotion


@pytest.mark.parametrize(("automated", "kind", "alone"), [(True, Kind.RELEASE, True), (False, Kind.RELEASE, False), (True, Kind.ROLLBACK, False)])  # fmt: skip
def test_waves_commit_one_by_one_where_something_that_changes_syncs_by_itself(
    automated: bool, kind: Kind, alone: bool, promoted: Callable[[], Promotion]
) -> None:
    promotion = promoted()
    promotion.kind = kind
    Application.objects.filter(name="backend-staging").update(automated=automated)
    changed = PromotionComponent(application="backend-staging", is_changed=True)
    assert render._is_by_wave(promotion, [changed]) is alone
    assert not render._is_by_wave(promotion, [PromotionComponent(application="backend-staging", is_changed=False)])


@pytest.mark.parametrize(("changed", "state"), [(True, State.COMMITTING), (False, State.SYNCING)])
def test_the_next_wave_is_committed_if_it_changes_something(
    changed: bool, state: State, by_wave: Promotion, argocd: FakeArgoCD
) -> None:
    by_wave.rollouts.filter(component="frontend").update(is_changed=changed)
    outcome = step(observe.run, by_wave)
    assert (outcome.to, outcome.fields) == (state, {"wave": 4})


def test_a_wave_replaces_its_own_files_under_its_own_claim(by_wave: Promotion) -> None:
    by_wave.wave = 4
    context = Context(promotion=by_wave, lease=None)  # type: ignore[arg-type]
    assert commit._directories(context) == ["frontend"]
    assert context.claim == f"refs/panel/promotions/{by_wave.pk}/4"
    assert "wave 4)" in commit._message(by_wave, "0" * 64)


def test_a_later_wave_brings_its_commit_and_nothing_else_changes_one(by_wave: Promotion) -> None:
    own = Promotion.objects.filter(pk=by_wave.pk)
    with pytest.raises(DatabaseError), transaction.atomic():
        own.update(commit=NEXT)
    own.update(state=State.COMMITTING, wave=4)
    own.update(state=State.SYNCING, commit=NEXT)
    with pytest.raises(DatabaseError), transaction.atomic():
        own.update(commit="f" * 40)


def test_an_abort_calls_off_the_push_of_a_later_wave(by_wave: Promotion, argocd: FakeArgoCD, git: FakeGit) -> None:
    git.tips["env/staging"] = rows.COMMIT
    fields = {"state": State.COMMITTING, "wave": 4, "intended_commit": NEXT, "commit_parent": rows.COMMIT}
    Promotion.objects.filter(pk=by_wave.pk).update(**fields)
    Promotion.objects.filter(pk=by_wave.pk).update(state=State.CANCELING)
    outcome = step(cancel.run, by_wave)
    assert git.tips[f"refs/panel/promotions/{by_wave.pk}/4"] == rows.COMMIT, "no late push lands"
    assert outcome.to == State.CANCELED
    assert "after commit" in outcome.message


def test_a_crash_after_the_push_of_a_later_wave_adopts_that_waves_own_commit(by_wave: Promotion, git: FakeGit) -> None:
    git.tips |= {f"refs/panel/promotions/{by_wave.pk}/3": rows.COMMIT, f"refs/panel/promotions/{by_wave.pk}/4": NEXT}
    git.messages[NEXT] = f"2026.11.1 to staging (wave 4)\n\nPromotion-Id: {by_wave.pk}\n"
    Promotion.objects.filter(pk=by_wave.pk).update(state=State.COMMITTING, wave=4, intended_commit=NEXT)
    step(commit.run, by_wave)
    by_wave.refresh_from_db()
    assert (by_wave.state, by_wave.commit) == (State.SYNCING, NEXT)
    assert set(by_wave.rollouts.filter(wave=4).values_list("commit", flat=True)) == {NEXT}
    assert NEXT not in by_wave.rollouts.filter(wave__lt=4).values_list("commit", flat=True)


def test_a_crash_before_the_push_of_a_later_wave_takes_no_earlier_waves_commit_for_it(
    by_wave: Promotion, git: FakeGit, monkeypatch: pytest.MonkeyPatch
) -> None:
    git.tips |= {f"refs/panel/promotions/{by_wave.pk}/3": rows.COMMIT, "env/staging": rows.COMMIT}
    Promotion.objects.filter(pk=by_wave.pk).update(state=State.COMMITTING, wave=4, intended_commit=NEXT)
    pushed: list[tuple[str, str | None, str]] = []

    def push(branch: str, expected: str | None, commit: str, claim: str) -> Pushed:
        pushed.append((claim, expected, commit))
        return Pushed(commit)

    monkeypatch.setattr(git, "commit", lambda **_: NEXT, raising=False)
    monkeypatch.setattr(git, "push", push, raising=False)
    monkeypatch.setattr(commit, "stored", lambda _: {})
    step(commit.run, by_wave)
    assert pushed == [(f"refs/panel/promotions/{by_wave.pk}/4", rows.COMMIT, NEXT)]
    by_wave.refresh_from_db()
    assert (by_wave.state, by_wave.commit) == (State.SYNCING, NEXT)
