"""canceling: make sure that nothing of ours happens any more, then say what is live. Nothing is rolled back."""

from __future__ import annotations

from collections.abc import Sequence
from datetime import timedelta
from typing import Any

from django.db.models import Min

from controlpanel.catalog import connections
from controlpanel.clients.argocd import ArgoCD
from controlpanel.clients.argocd_models import Application as Read
from controlpanel.clients.errors import GitRefNotFound, NotFound, NothingRunning
from controlpanel.clients.git import Claimed
from controlpanel.core.crashpoints import crashpoint
from controlpanel.core.lease import StatementTime
from deployments.choices import IN_LANE, Confidence, Kind, State
from deployments.models import AutomaticRollback, Promotion, PromotionComponent
from deployments.steps.base import Context, Outcome, move_to, wait
from deployments.steps.commit import is_of, references_in_git
from deployments.steps.sync import in_the_air, is_ours, learn

POLL_SECONDS = 3.0


def run(context: Context) -> Outcome:
    """Take the claim so that no late push lands; stop our operations and only ours; end."""
    if _may_still_land(context.promotion) and not _call_off(context) and not context.promotion.commit:
        return move_to(State.CANCELED, "Aborted before anything was committed.", confidence=Confidence.OBSERVED)
    argocd = context.argocd()
    for rollout in context.promotion.rollouts.exclude(sync_intended_at=None):
        context.guard()
        waiting = _stop(context, argocd, rollout)
        if waiting is not None:
            return waiting
    return _ended(context, argocd)


def _may_still_land(promotion: Promotion) -> bool:
    """Whether a push may be on its way: the only one, or that of a later wave."""
    return not promotion.commit or (promotion.is_by_wave and promotion.intended_commit != promotion.commit)


def _call_off(context: Context) -> bool:
    """Take the claim ref as a tombstone. True where our own push was there first: then it is committed after all."""
    promotion, repository = context.promotion, connections.deploy_repository()
    if not promotion.intended_commit:
        return False
    context.guard()
    stone = promotion.commit_parent or repository.tip(promotion.environment.branch) or repository.tip("HEAD")
    if stone is None:
        raise GitRefNotFound(
            "The deploy repository has no branch to call the commit off with.", "Run `manage.py bootstrap`."
        )
    repository.fetch()
    crashpoint("cancel.before_claim")
    result = repository.reserve(context.claim, stone)
    crashpoint("cancel.after_claim")
    if not isinstance(result, Claimed) or not is_of(promotion, repository, result.commit):
        return False
    with context.held():
        if promotion.wave == 1:
            references_in_git(promotion)
        if promotion.is_by_wave:
            promotion.rollouts.filter(wave=promotion.wave).update(commit=result.commit)
        Promotion.objects.filter(pk=promotion.pk).update(
            commit=result.commit, git_revision=result.commit, committed_at=_committed_at(promotion)
        )
    promotion.commit = result.commit
    return True


def _committed_at(promotion: Promotion) -> Any:
    """Now, or just before what a later promotion committed: that built upon ours, since no push goes over another one."""
    later = Promotion.objects.filter(environment=promotion.environment, started_at__gt=promotion.started_at)
    first = later.aggregate(at=Min("committed_at"))["at"]
    return first - timedelta(microseconds=1) if first else StatementTime()


def _stop(context: Context, argocd: ArgoCD, rollout: PromotionComponent) -> Outcome | None:
    try:
        read = argocd.get_application(rollout.application, context.project)
    except NotFound:
        return None
    if not is_ours(context, read, rollout):
        left = in_the_air(context, rollout) if rollout.state == "syncing" else 0.0
        return (
            wait(min(left, POLL_SECONDS), f"A sync of {rollout.application} may still be on its way.")
            if left > 0
            else None
        )
    learn(context, read, rollout)
    if not read.operation_running:
        return None
    if read.operation_phase != "Terminating":
        _terminate(context, argocd, rollout)
    return wait(POLL_SECONDS, f"Waiting for the operation on {rollout.application} to stop.")


def _terminate(context: Context, argocd: ArgoCD, rollout: PromotionComponent) -> None:
    context.guard()
    crashpoint("cancel.before_terminate")
    try:
        argocd.terminate(rollout.application, context.project)
    except NothingRunning:  # ended by itself, or not picked up yet: the next look tells
        return
    crashpoint("cancel.after_terminate")


def _ended(context: Context, argocd: ArgoCD) -> Outcome:
    promotion = context.promotion
    live = []
    for rollout in promotion.rollouts.exclude(sync_intended_at=None):
        context.guard()
        live.append(_applied(context, argocd, rollout))
    reached = [name for name in live if name]
    return move_to(
        State.CANCELED, _said(promotion, reached),
        live_revision=promotion.commit if reached else "", confidence=Confidence.OBSERVED,
    )  # fmt: skip


def _said(promotion: Promotion, reached: Sequence[str]) -> str:
    """What is left of it, and who takes it back."""
    commit, left = promotion.commit[:7], kept(reached)
    if AutomaticRollback.objects.filter(promotion=promotion).exists():
        return f"Called off by policy after commit {commit}. {left} until the rollback replaces it."
    here = Promotion.objects.filter(environment=promotion.environment_id, kind=Kind.ROLLBACK, state__in=IN_LANE)
    number = here.filter(number__gt=promotion.number).values_list("number", flat=True).first()
    if number is not None:
        return f"Called off after commit {commit}. {left} until promotion {number} replaces it."
    return f"Aborted after commit {commit}. {left}; nothing is rolled back."


def kept(components: Sequence[str]) -> str:
    """Who keeps the commit, in words."""
    if not components:
        return "No Application took it"
    return f"{', '.join(components)} took the commit and {'keeps' if len(components) == 1 else 'keep'} it"


def _applied(context: Context, argocd: ArgoCD, rollout: PromotionComponent) -> str:
    try:
        read: Read = argocd.get_application(rollout.application, context.project)
    except NotFound:
        return ""
    commit = rollout.commit or context.promotion.commit
    is_last = read.carries(context.marker) and read.sync_result_revision == commit
    return rollout.title if is_last or read.deployed(commit) else ""
