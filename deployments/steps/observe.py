"""rolling_out: follow the wave until each component is proved, and say early what keeps one from it.

What `watch` observed tells when to look; only a fresh read decides. Two reads with a settle time between them prove
a rollout, the second after a comparison that Argo CD was asked for.
"""

from __future__ import annotations

from datetime import timedelta

from controlpanel.clients.argocd import ArgoCD, Refresh
from controlpanel.clients.argocd_models import Application as Read
from controlpanel.clients.argocd_rollout import Verdict
from controlpanel.core.crashpoints import crashpoint
from deployments.choices import Rollout, State
from deployments.models import Application, PromotionComponent
from deployments.steps import freezes, shards, trees
from deployments.steps.base import Context, Outcome, move_to, wait
from deployments.steps.causes import failed_operation, foreign_operation, timed_out, unhealthy
from deployments.steps.equivalence import equivalent
from deployments.steps.sync import learn

COPIES_LAG = 6
"""The part of the time between two lists for which a stream or a list may still show what was before a sync: 5 s."""
READ_AGAIN = 3
"""The part of the time between two lists after which one that was read is read again though nothing changed: 10 s."""
LOOK_SECONDS = 30.0
"""How often a step looks by itself; `watch` wakes it when an observation changes."""


def run(context: Context) -> Outcome:
    """Decide on every component of the wave; go to the next wave, or on to verifying, when all are done."""
    promotion, argocd = context.promotion, context.argocd()
    rollouts = list(promotion.rollouts.filter(wave=promotion.wave))
    if any(rollout.state == Rollout.WAITING for rollout in rollouts):
        return move_to(State.SYNCING, f"Wave {promotion.wave}: sending again.")
    observed = {row.name: row for row in Application.objects.filter(environment=promotion.environment)}
    waits: list[float] = []
    for rollout in rollouts:
        if rollout.state == Rollout.DONE:
            continue
        context.guard()
        outcome = _follow(context, argocd, rollout, observed.get(rollout.application))
        if outcome.issue is not None:
            context.save(rollout, state=Rollout.STUCK)
            return outcome
        if rollout.state != Rollout.DONE:
            waits.append(outcome.again or 0.0)
    return wait(min(waits)) if waits else _next_wave(context)


def _next_wave(context: Context) -> Outcome:
    promotion = context.promotion
    last = len(context.plan["waves"])
    if promotion.wave >= last:
        return move_to(State.VERIFYING, f"Wave {promotion.wave} done. Every Application is proved.")
    if (frozen := freezes.caught(context)) is not None:
        return frozen
    following = promotion.wave + 1
    has_files = promotion.rollouts.filter(wave=following, is_changed=True).exists()
    step = State.COMMITTING if promotion.is_by_wave and has_files else State.SYNCING
    return move_to(step, f"Wave {promotion.wave} done.", wave=following)


def _follow(context: Context, argocd: ArgoCD, rollout: PromotionComponent, seen: Application | None) -> Outcome:
    if rollout.shard:
        return shards.follow(context, argocd, rollout, seen)
    until = 0.0
    if _may_be_decided(context, seen, rollout):
        until = _read_again_in(context, seen, rollout)
        if until <= 0:
            return _decide(context, argocd, rollout)
    elif rollout.good_since is not None:  # it was good and is no longer: proving begins anew
        context.save(rollout, good_since=None)
    issue = trees.look(context, argocd, rollout, seen)
    return issue or _overdue(context, rollout, seen) or wait(min(_patience(context, rollout), until or LOOK_SECONDS))


def _read_again_in(context: Context, seen: Application | None, rollout: PromotionComponent) -> float:
    """Seconds: every Application of the wave wakes this step, and one that says nothing new need not be read each time."""
    if seen is None or rollout.read_at is None or rollout.good_since is not None:
        return 0.0
    if seen.changed_at is None or seen.changed_at >= rollout.read_at:
        return 0.0
    again: float = context.timings.relist_seconds / READ_AGAIN
    return again - (context.now() - rollout.read_at).total_seconds()


def _may_be_decided(context: Context, seen: Application | None, rollout: PromotionComponent) -> bool:
    """Whether a fresh read could end this: it looks done, failed or degraded, or nobody observes any more."""
    if seen is None or seen.observed_at is None or _is_old(context, seen):
        return True
    if seen.operation_running or not seen.operation:
        return False
    # Nobody's marker is on what the controller does by itself: there its comparison with our commit tells that it acted.
    is_ours = seen.revision == context.promotion.commit if seen.automated else seen.operation_marker == context.marker
    if not is_ours:
        # Argo CD's own copies lag behind our sync for a moment; later than that, somebody else's operation took its place
        lag = timedelta(seconds=context.timings.relist_seconds / COPIES_LAG)
        return bool(rollout.started_at and seen.observed_at > rollout.started_at + lag)
    looks_done = seen.sync == "Synced" and seen.health == "Healthy"
    return looks_done or seen.operation in ("Failed", "Error") or seen.health == "Degraded"


def _is_old(context: Context, seen: Application) -> bool:
    """Nothing heard for two re-lists: ask Argo CD directly meanwhile."""
    assert seen.observed_at is not None
    return bool((context.now() - seen.observed_at).total_seconds() > 2 * context.timings.relist_seconds)


def _decide(context: Context, argocd: ArgoCD, rollout: PromotionComponent) -> Outcome:
    """One fresh read, and what it means."""
    settle = context.timings.settle_seconds
    if rollout.good_since and (left := settle - (context.now() - rollout.good_since).total_seconds()) > 0:
        return wait(left)
    crashpoint("observe.before_read")
    refresh: Refresh | None = "normal" if rollout.good_since else None
    context.note(rollout, read_at=context.now())
    read = argocd.get_application(rollout.application, context.project, refresh=refresh)
    verdict = _verdict(context, rollout, read)
    if verdict.standing == "stale" and refresh is None:
        context.guard()
        read = argocd.get_application(rollout.application, context.project, refresh="normal")
        verdict = _verdict(context, rollout, read)
    learn(context, read, rollout)
    crashpoint("observe.after_read")
    if verdict:
        return _proved(context, argocd, rollout, settle)
    return _not_proved(context, argocd, rollout, read, verdict.standing, verdict.reason)


def _verdict(context: Context, rollout: PromotionComponent, read: Read) -> Verdict:
    """What the read proves. The history proves an operation of ours that a later one replaced; a later commit of
    another writer counts as ours where it leaves the component's files alone."""
    commit = context.promotion.commit
    marker: str | None = None if read.automated else context.marker  # there the controller's own operation counts
    verdict = read.rolled_out_at(commit, marker)
    if verdict.standing == "superseded" and read.deployed(commit):
        marker = None
        verdict = read.rolled_out_at(commit, marker)
    if verdict.standing == "stale" and (same := equivalent(context, read, rollout.directory)):
        verdict = read.rolled_out_at(commit, marker, equivalent=same)
    return verdict


def _proved(context: Context, argocd: ArgoCD, rollout: PromotionComponent, settle: float) -> Outcome:
    if rollout.good_since is None and settle > 0:
        context.save(rollout, good_since=context.now(), bad_since=None, message="healthy, settling")
        return wait(settle)
    trees.read_if_possible(context, argocd, rollout)
    context.save(rollout, state=Rollout.DONE, finished_at=context.now(), message="Synced and Healthy")
    context.tell(
        "component_done",
        f"{rollout.title} is Synced and Healthy at {context.promotion.commit[:7]}.",
        component=rollout.component,
    )
    return wait(0.0)


def _not_proved(
    context: Context, argocd: ArgoCD, rollout: PromotionComponent, read: Read, standing: str, reason: str
) -> Outcome:
    if standing == "failed":
        return failed_operation(context, rollout, read, reason)
    if standing == "superseded" and read.deployed(context.promotion.commit) is None:
        return foreign_operation(context, rollout, read)
    bad_since = (rollout.bad_since or context.now()) if standing == "degraded" else None
    context.save(rollout, good_since=None, message=reason, bad_since=bad_since)
    if (
        rollout.bad_since
        and (context.now() - rollout.bad_since).total_seconds() >= context.timings.degraded_grace_seconds
    ):
        return unhealthy(context, rollout, read)
    issue = trees.look(context, argocd, rollout, None)
    return issue or _overdue(context, rollout, None) or wait(_patience(context, rollout))


def _overdue(context: Context, rollout: PromotionComponent, seen: Application | None) -> Outcome | None:
    if rollout.started_at is None or (context.now() - rollout.started_at).total_seconds() < rollout.deadline_seconds:
        return None
    return timed_out(context, rollout, seen)


def _patience(context: Context, rollout: PromotionComponent) -> float:
    """Until the next look that is worth one: the tree's, or the usual."""
    if rollout.next_tree_at is None:
        return LOOK_SECONDS
    left: float = (rollout.next_tree_at - context.now()).total_seconds()
    return min(LOOK_SECONDS, max(0.5, left))
