"""syncing: have Argo CD sync exactly our commit, component by component of the current wave, each once.

An operation with our marker is ours after any crash. A request that may still be in the air is waited out (the
quarantine) before it is sent again.
"""

from __future__ import annotations

from controlpanel.clients.argocd import ArgoCD, Refresh
from controlpanel.clients.argocd_models import Application
from controlpanel.clients.errors import (
    Ambiguous,
    AutomatedSync,
    NotFound,
    NotSent,
    OperationInProgress,
    RateLimited,
    Rejected,
    SyncWindowBlocked,
)
from controlpanel.core.crashpoints import crashpoint
from deployments.choices import Kind, Rollout, State
from deployments.models import PromotionComponent
from deployments.steps import automated
from deployments.steps.base import Context, Outcome, move_to, pause, wait
from deployments.steps.equivalence import equivalent
from deployments.steps.in_flight import MOST_IN_FLIGHT, room_for_one, turn_seconds

POLL_SECONDS = 2.0
COMPARE_SECONDS = 10.0
"""Until the next question whether Argo CD has compared an unchanged component with our commit."""
FIRST_TREE_SECONDS = 3.0
BUSY = (1.0, 2.0, 4.0, 7.5)
"""Times `busy_seconds` between looks at an operation of someone else, if `watch` says nothing: 2, 4, 8 and then 15 s."""


def run(context: Context) -> Outcome:
    """Go through the wave's components that are not accepted yet; move on when Argo CD has accepted all."""
    argocd, promotion = context.argocd(), context.promotion
    pending = list(promotion.rollouts.filter(wave=promotion.wave, state__in=(Rollout.WAITING, Rollout.SYNCING)))
    waits: list[Outcome] = []
    for rollout in pending:
        if (turn := _turn(context, rollout)) is not None:
            waits.append(turn)
            continue
        context.guard()
        outcome = _accept(context, argocd, rollout)
        if outcome is not None and outcome.issue is not None:
            return outcome
        if outcome is not None:
            waits.append(outcome)
    if waits:
        return min(waits, key=lambda outcome: outcome.again or 0.0)
    names = ", ".join(rollout.title for rollout in pending) or "nothing left to send"
    return move_to(State.ROLLING_OUT, f"Wave {promotion.wave}: {names}.")


def _turn(context: Context, rollout: PromotionComponent) -> Outcome | None:
    """Waiting for a place among the syncs on their way; nothing is asked of Argo CD before there is one."""
    if rollout.state != Rollout.WAITING or not rollout.is_changed or rollout.sync_intended_at:
        return None
    seconds = turn_seconds(context.promotion.environment.server_from)
    if seconds is None:
        return None
    return wait(seconds, f"{MOST_IN_FLIGHT} syncs are on their way; {rollout.application} waits for its turn.")


def _accept(context: Context, argocd: ArgoCD, rollout: PromotionComponent) -> Outcome | None:
    """None once Argo CD has the operation (or none is needed); else what to wait for."""
    refresh: Refresh | None = None if rollout.is_changed or rollout.sync_intended_at else "normal"
    try:
        application = argocd.get_application(rollout.application, context.project, refresh=refresh)
    except NotFound:
        return pause(
            "application_missing", f"Argo CD has no Application {rollout.application} in the project {context.project}.",
            advice="Run `manage.py bootstrap`, then retry.", effect="Git holds the commit; nothing was synced.", application=rollout.application,
        )  # fmt: skip
    if is_ours(context, application, rollout):
        _accepted(context, rollout, application)
        return None
    if not rollout.is_changed and not rollout.sync_intended_at and not application.operation_in_progress:
        if _is_old(context, application, rollout):
            return wait(COMPARE_SECONDS, f"Argo CD has not compared {rollout.application} with the commit yet.")
        if application.sync_status == "Synced":
            _left_alone(context, rollout)
            return None
    if application.automated and refresh is None:
        context.guard()
        application = argocd.get_application(rollout.application, context.project, refresh="normal")
    if application.automated and automated.has_taken(context, application, rollout):
        _accepted(context, rollout, application)
        return None
    if application.operation_in_progress and not application.operation_orphaned:
        return _busy(context, rollout, application)
    if (remaining := max(in_the_air(context, rollout), _called_off_in_the_air(context, rollout))) > 0:
        return wait(
            min(remaining, POLL_SECONDS * 2), f"A sync of {rollout.application} may still be on its way; asking again."
        )
    if rollout.sync_intended_at and application.deployed(context.promotion.commit):
        _accepted(context, rollout)  # ours was sent, ran and was followed by someone else's: observing judges it
        return None
    if application.automated and not rollout.sync_intended_at and rollout.busy_looks < automated.LOOKS:
        return wait(_patience(context, rollout), f"Waiting for the automated sync of {rollout.application}.")
    return _send(context, argocd, rollout, None if application.automated else context.promotion.commit)


def _is_old(context: Context, application: Application, rollout: PromotionComponent) -> bool:
    """Whether what Argo CD says is about other files than those of our commit, or from before a change."""
    commit = context.promotion.commit
    if application.synced_at(commit, None).standing != "stale":
        return False
    same = equivalent(context, application, rollout.directory)
    return application.synced_at(commit, None, equivalent=same).standing == "stale"


def _left_alone(context: Context, rollout: PromotionComponent) -> None:
    context.save(rollout, state=Rollout.DONE, needs_operation=False, finished_at=context.now(), message="unchanged")


def is_ours(context: Context, application: Application, rollout: PromotionComponent) -> bool:
    """An operation with our marker at our commit, and not the one that a person has chosen to repeat."""
    started = str(application.operation_started_at or "")
    spent = bool(rollout.spent_operation) and started == rollout.spent_operation
    return (
        application.carries(context.marker) and application.operation_revision == context.promotion.commit and not spent
    )


def learn(context: Context, application: Application, rollout: PromotionComponent) -> None:
    """Keep which operation counts, as soon as Argo CD says when it began."""
    if not rollout.accepted_operation and is_ours(context, application, rollout) and application.operation_started_at:
        context.save(rollout, accepted_operation=str(application.operation_started_at))


def _accepted(context: Context, rollout: PromotionComponent, application: Application | None = None) -> None:
    if application is not None:
        learn(context, application, rollout)
    context.save(
        rollout,
        state=Rollout.ROLLING_OUT,
        started_at=rollout.started_at or context.now(),
        quarantine_until=None,
        busy_looks=0,
        next_tree_at=context.later(FIRST_TREE_SECONDS),
        message="sync accepted",
    )
    crashpoint("sync.after_record")


def _busy(context: Context, rollout: PromotionComponent, application: Application) -> Outcome:
    """Someone else's: asked for less and less often; `watch` wakes the promotion when it ends."""
    who = application.operation_initiated_by or (
        "automated sync" if application.operation_automated else "someone else"
    )
    return wait(_patience(context, rollout), f"{who} started another sync of {application.name}; waiting for it.")


def _patience(context: Context, rollout: PromotionComponent) -> float:
    seconds: float = context.timings.busy_seconds * BUSY[min(rollout.busy_looks, len(BUSY) - 1)]
    context.save(rollout, busy_looks=rollout.busy_looks + 1)
    return seconds


def in_the_air(context: Context, rollout: PromotionComponent) -> float:
    """Seconds for which an earlier request, sent but never answered, may still land."""
    if rollout.sync_intended_at is None:
        return 0.0
    until = rollout.quarantine_until
    if until is None:  # a crash between sending and recording
        until = rollout.sync_intended_at + (context.later(context.timings.quarantine_seconds) - context.now())
    return float((until - context.now()).total_seconds())


def _called_off_in_the_air(context: Context, rollout: PromotionComponent) -> float:
    """The same of the promotions that this one called off: theirs must not land after ours."""
    if context.promotion.kind != Kind.ROLLBACK:
        return 0.0
    others = PromotionComponent.objects.filter(
        application=rollout.application, state=Rollout.SYNCING, promotion__state=State.CANCELING
    )
    return max((in_the_air(context, other) for other in others), default=0.0)


def _send(context: Context, argocd: ArgoCD, rollout: PromotionComponent, revision: str | None) -> Outcome | None:
    crashpoint("sync.before_intent")
    context.guard()
    if not _intend(context, rollout):
        return wait(POLL_SECONDS, f"{MOST_IN_FLIGHT} syncs are on their way; {rollout.application} waits for its turn.")
    crashpoint("sync.before_send")
    context.guard()
    try:
        application = argocd.sync(rollout.application, context.project, revision, context.marker)
    except Ambiguous as error:
        context.save(
            rollout, quarantine_until=context.later(context.timings.quarantine_seconds), message=error.sentence
        )
        return wait(POLL_SECONDS, f"{error.sentence} Looking whether it was accepted.")
    except (NotSent, Rejected) as error:
        return _refused(context, rollout, error)
    crashpoint("sync.after_send")
    if not application.carries(context.marker):
        return wait(POLL_SECONDS, f"Argo CD took the sync of {rollout.application} but does not show it yet.")
    _accepted(context, rollout, application)
    return None


def _intend(context: Context, rollout: PromotionComponent) -> bool:
    """Record that the sync is about to be sent; False where as many as may be are on their way to this Argo CD."""
    with context.held():
        if not room_for_one(context.promotion.environment.server_from):
            return False
        context.save(
            rollout, state=Rollout.SYNCING, sync_intended_at=context.now(), quarantine_until=None,
            sync_sent=rollout.sync_sent + 1, accepted_operation="", busy_looks=0, message="sync sent",
        )  # fmt: skip
    return True


def _refused(context: Context, rollout: PromotionComponent, error: NotSent | Rejected) -> Outcome:
    """Certainly not applied: the intent is taken back, and the kind of refusal says what comes next."""
    context.save(rollout, sync_intended_at=None, quarantine_until=None, message=error.sentence)
    if isinstance(error, OperationInProgress):
        return wait(_patience(context, rollout), f"Another operation runs on {rollout.application}; waiting for it.")
    if isinstance(error, SyncWindowBlocked):
        return wait(30.0, f"A sync window of Argo CD holds {rollout.application}. It goes on when the window opens.")
    if isinstance(error, (NotSent, RateLimited)):
        seconds = getattr(error, "retry_after", None) or context.timings.outage_seconds
        return wait(seconds, f"{error.sentence} Trying again.")
    if isinstance(error, AutomatedSync):  # switched on since we looked
        return wait(_patience(context, rollout), f"{rollout.application} syncs by itself by now; looking again.")
    return pause(
        "sync_refused", error.sentence, advice=error.remedy, application=rollout.application, raw=getattr(error, "text", ""),
        effect="Git holds the commit; what was live stays live.",
    )  # fmt: skip
