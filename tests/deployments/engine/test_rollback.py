"""A rollback: what can be gone back to, who gives way, and what is not mistaken for someone else's work."""

from __future__ import annotations

from collections.abc import Callable
from datetime import timedelta

import pytest
from django.db import IntegrityError, transaction
from django.utils import timezone

from controlpanel.accounts.actors import Actor
from controlpanel.accounts.models import User
from controlpanel.catalog.models import Environment
from controlpanel.core import audit
from controlpanel.core.errors import ConflictError, RefusedError
from controlpanel.core.lease import Lease
from controlpanel.core.permissions import Role
from deployments import lifecycle
from deployments.choices import Kind, Rollout, State
from deployments.models import Promotion
from deployments.rendering import NotRenderable
from deployments.restoring import restore
from deployments.services.promotions import promotion_request
from deployments.services.rollbacks import promotion_rollback, rollback_targets
from deployments.steps import Context, Outcome, cancel, commit, start, sync
from tests import fixtures_deployments as rows
from tests.deployments.engine.conftest import FakeArgoCD, FakeGit, synced

pytestmark = pytest.mark.django_db
BASE, LATE, FOREIGN = "a" * 40, "b" * 40, "f" * 40


@pytest.fixture
def actor(elif_: User) -> Actor:
    return Actor(name="elif", door="page", user=elif_)


@pytest.fixture
def old(staging: Environment, elif_: User) -> Promotion:
    """What was live before."""
    return rows.live(rows.release("2026.11.1"), staging, by=elif_)


@pytest.fixture
def running(old: Promotion, staging: Environment, elif_: User) -> Promotion:
    """The newer one, which waits for health."""
    return rows.rolling_out_backend(rows.promotion(rows.release("2026.11.2"), staging, by=elif_))


def queued(rollback: Promotion, digest: str = rows.DIGEST) -> Promotion:
    """As it is once its preview was judged."""
    assert rollback.release is not None
    rollback.preflight = rows.preflight(rollback.release, rollback.environment, restores=rollback.restores)
    Promotion.objects.filter(pk=rollback.pk).update(
        state=State.AWAITING_APPROVAL, preflight=rollback.preflight, render_digest=digest
    )
    Promotion.objects.filter(pk=rollback.pk).update(state=State.QUEUED)
    return rollback


def step(run: Callable[[Context], Outcome], promotion: Promotion) -> Outcome:
    Promotion.objects.filter(pk=promotion.pk).update(fencing=77)
    row = Promotion.objects.select_related("environment", "release", "preflight", "restores").get(pk=promotion.pk)
    return run(Context(promotion=row, lease=Lease(fencing=77, ends_at=float("inf"))))


def state_of(promotion: Promotion) -> str:
    return str(Promotion.objects.values_list("state", flat=True).get(pk=promotion.pk))


def test_only_an_earlier_success_can_be_gone_back_to(actor: Actor, old: Promotion, running: Promotion) -> None:
    assert list(rollback_targets(actor=actor, environment="staging")) == [old]
    with pytest.raises(ConflictError, match="only what has succeeded"):
        promotion_rollback(actor=actor, target=running)
    assert promotion_rollback(actor=actor, target=old).kind == Kind.ROLLBACK


def test_what_git_holds_already_is_no_target(actor: Actor, old: Promotion) -> None:
    assert not rollback_targets(actor=actor, environment="staging").exists()
    with pytest.raises(ConflictError, match="holds the files of promotion"):
        promotion_rollback(actor=actor, target=old)


def test_a_viewer_cannot_roll_back(old: Promotion, running: Promotion) -> None:
    vera = rows.person("vera", Role.VIEWER)
    with pytest.raises(RefusedError):
        promotion_rollback(actor=Actor(name="vera", door="page", user=vera), target=old)


def test_the_same_request_while_one_is_open_returns_that_one(actor: Actor, old: Promotion, running: Promotion) -> None:
    assert promotion_rollback(actor=actor, target=old).pk == promotion_rollback(actor=actor, target=old).pk


def test_it_supersedes_nobody_and_no_release_supersedes_it(
    actor: Actor, old: Promotion, running: Promotion, staging: Environment, elif_: User
) -> None:
    waiting = rows.promotion(rows.release("2026.11.3"), staging, by=elif_)
    rollback = promotion_rollback(actor=actor, target=old)
    rows.release("2026.11.4")
    promotion_request(actor=actor, environment="staging", release="2026.11.4")
    assert (state_of(waiting), state_of(rollback)) == (State.SUPERSEDED, State.REQUESTED)


def test_when_it_starts_what_runs_is_called_off_in_the_same_moment(
    actor: Actor, old: Promotion, running: Promotion
) -> None:
    rollback = queued(promotion_rollback(actor=actor, target=old))
    step(start.run, rollback)
    assert (state_of(rollback), state_of(running)) == (State.RENDERING, State.CANCELING)


def test_another_rollback_keeps_the_lane(actor: Actor, old: Promotion, running: Promotion, elif_: User) -> None:
    first = queued(promotion_rollback(actor=actor, target=old))
    step(start.run, first)
    other = Actor(name="can", door="page", user=rows.person("can", Role.OPERATOR))
    second = queued(promotion_rollback(actor=other, target=old))
    with transaction.atomic():
        outcome = step(start.run, second)
    assert (outcome.to, state_of(first), state_of(second)) == (None, State.RENDERING, State.QUEUED)


@pytest.mark.parametrize(
    ("tip", "intended", "parent", "is_foreign"),
    [(LATE, LATE, BASE, False), (LATE, LATE, FOREIGN, True), (FOREIGN, LATE, BASE, True)],
    ids=["a push of the one called off", "it was made upon another's work", "somebody else's"],
)
def test_a_push_that_was_on_its_way_is_not_taken_for_someone_elses(
    tip: str,
    intended: str,
    parent: str,
    is_foreign: bool,
    actor: Actor,
    old: Promotion,
    running: Promotion,
    git: FakeGit,
) -> None:
    Promotion.objects.filter(pk=running.pk).update(intended_commit=intended, commit_parent=parent)
    rollback = queued(promotion_rollback(actor=actor, target=old))
    rollback.plan = {"base": BASE, "parts": {"backend": "0" * 64}}
    git.changed = {"backend": ("backend/hub/Deployment-backend.yaml",)}
    context = Context(promotion=rollback, lease=Lease(fencing=77, ends_at=float("inf")))
    assert bool(commit._edited(context, git, tip)) is is_foreign  # type: ignore[arg-type]


def test_nothing_is_sent_while_a_request_of_the_one_called_off_may_still_land(
    actor: Actor, old: Promotion, running: Promotion, argocd: FakeArgoCD, git: FakeGit
) -> None:
    in_the_air = {"state": Rollout.SYNCING, "sync_intended_at": timezone.now()}
    running.rollouts.filter(component="backend").update(
        **in_the_air, quarantine_until=timezone.now() + timedelta(seconds=20)
    )
    rollback = queued(promotion_rollback(actor=actor, target=old))
    step(start.run, rollback)
    rows_of_it = old.rollouts.filter(component="backend")
    for row in rows_of_it:
        row.pk, row.promotion, row.state, row.wave = None, rollback, Rollout.WAITING, 1
        row.save()
    Promotion.objects.filter(pk=rollback.pk).update(state=State.COMMITTING)
    Promotion.objects.filter(pk=rollback.pk).update(
        state=State.SYNCING, commit=rows.COMMIT, wave=1, plan={"waves": [["backend"]], "parts": {}, "base": ""}
    )
    argocd.applications["backend-staging"] = synced("backend-staging", str(running.pk), BASE)
    outcome = step(sync.run, rollback)
    assert outcome.to is None
    assert [kind for kind, _ in argocd.requests] == ["get"]
    running.rollouts.filter(component="backend").update(quarantine_until=timezone.now() - timedelta(seconds=1))
    step(sync.run, rollback)
    assert ("sync", "backend-staging") in argocd.requests


def test_a_commit_that_is_found_late_counts_as_before_what_was_built_upon_it(
    actor: Actor, old: Promotion, staging: Environment, elif_: User, git: FakeGit, argocd: FakeArgoCD
) -> None:
    newer = rows.live(rows.release("2026.11.2"), staging, by=elif_)
    called_off = rows.promotion(rows.release("2026.11.3"), staging, by=elif_)
    lifecycle.move(called_off, State.RENDERING, actor=audit.SYSTEM, message="Started.")
    Promotion.objects.filter(pk=called_off.pk).update(intended_commit=LATE, commit_parent=BASE)
    rollback = queued(promotion_rollback(actor=actor, target=old))
    step(start.run, rollback)
    Promotion.objects.filter(pk=rollback.pk).update(commit="e" * 40, committed_at=timezone.now())
    git.tips[f"refs/panel/promotions/{called_off.pk}/1"] = LATE
    git.messages[LATE] = f"x\n\nPromotion-Id: {called_off.pk}\n"
    step(cancel.run, called_off)
    assert Promotion.objects.get(pk=called_off.pk).commit == LATE
    by_time = Promotion.objects.filter(environment=staging).exclude(commit="").order_by("-committed_at")
    assert list(by_time) == [rollback, called_off, newer, old]


@pytest.mark.parametrize("content", [b"\xff\xfe", b"a\0b"])
def test_what_is_no_text_is_refused_by_its_name(
    old: Promotion, running: Promotion, git: FakeGit, content: bytes, monkeypatch: pytest.MonkeyPatch
) -> None:
    strange = {"ai/logo.png": content}
    monkeypatch.setattr(FakeGit, "files", lambda self, commit, name: strange if name == "ai" else {}, raising=False)
    with pytest.raises(NotRenderable, match=r"Someone else put 'ai/logo.png' there, which is no text"):
        restore(old)


def test_the_database_holds_what_a_rollback_is(old: Promotion, running: Promotion, actor: Actor) -> None:
    production = Environment.objects.get(name="production")
    wrong = (
        {"kind": Kind.ROLLBACK, "restores": None},
        {"kind": Kind.RELEASE, "restores": old},
        {"kind": Kind.ROLLBACK, "restores": running},
        {"kind": Kind.ROLLBACK, "restores": old, "environment": production},
    )
    for fields in wrong:
        values = {"environment": old.environment, "release": old.release, "requested_by": "x", **fields}
        with pytest.raises(IntegrityError), transaction.atomic():
            Promotion.objects.create(**values)
    rollback = promotion_rollback(actor=actor, target=old)
    with pytest.raises(IntegrityError), transaction.atomic():
        Promotion.objects.filter(pk=rollback.pk).update(restores=running)
