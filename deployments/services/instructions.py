"""What a person has Argo CD do with one Application beside promotions: compare again, or restart a workload."""

from __future__ import annotations

from collections.abc import Mapping
from typing import Any

import structlog
from django.db import IntegrityError, transaction

from controlpanel.accounts.actors import Actor
from controlpanel.catalog import connections
from controlpanel.clients.errors import Ambiguous, ClientError
from controlpanel.core import audit, doorbell, lease, live
from controlpanel.core.errors import ConflictError, InvalidError
from controlpanel.core.lease import Lease, StatementTime
from controlpanel.core.permissions import Right
from deployments.choices import IN_LANE, Act, Carried
from deployments.models import Application, Inquiry, Instruction, Promotion

log = structlog.get_logger(__name__)
RIGHTS = {Act.REFRESH: Right.APPLICATION_REFRESH, Act.RESTART: Right.APPLICATION_RESTART}
RESTARTABLE = ("Deployment", "StatefulSet", "DaemonSet")
SHORTEST_REASON = 10
UNSURE = "Whether it was applied is not known: look at the ages of the pods before asking again."


def why_no_restart(application: Application) -> str:
    """Why nothing of the Application can be restarted now; empty where it can."""
    rows = Promotion.objects.filter(environment=application.environment_id, state__in=IN_LANE)
    number = rows.values_list("number", flat=True).first()
    if number is None:
        return ""
    return f"Promotion {number} is in flight in {application.environment.name}: a restart would disturb its rollout."


def instruct(
    *, actor: Actor, application: Application, act: Act, reason: str = "", resource: Mapping[str, str] | None = None
) -> Instruction:
    """Have a worker carry it out once; the same one that is still open is returned.

    Raises `RefusedError`, `InvalidError` for a restart without a reason, `ConflictError` while a promotion is in flight.
    """
    place = application.environment.name
    actor.require(RIGHTS[act], place)
    if act == Act.RESTART:
        _check_restart(application, reason, resource or {})
    try:
        with transaction.atomic():
            row = Instruction.objects.create(
                application=application, act=act, reason=reason.strip()[:2000], resource=dict(resource or {}),
                requested_by=actor.name, next_run_at=StatementTime(),
            )  # fmt: skip
            _record(actor, row, f"application.{act.value}", row.reason)
            doorbell.ring("carry_out", row.pk)
    except IntegrityError:  # one of this kind is open: a second click, or somebody else's
        return _open(application, act, dict(resource or {}))
    return row


def instruction_carry_out(pk: Any) -> bool:
    """Send one due instruction (called by a worker or by `watch`); False where another process has it."""
    return lease.run_claimed(Instruction, pk, _carry_out)


def _open(application: Application, act: Act, resource: Mapping[str, str]) -> Instruction:
    """The newest of this kind, if it is the same. Raises `ConflictError` where it is about another workload."""
    row = Instruction.objects.filter(application=application, act=act).order_by("-pk")[:1].get()
    if row.resource != resource:
        what = f"{row.resource['kind']} {row.resource['name']}"
        raise ConflictError(f"{row.requested_by} has {what} restarted right now.", "Wait until that is done.")
    return row


def _check_restart(application: Application, reason: str, resource: Mapping[str, str]) -> None:
    if resource.get("kind") not in RESTARTABLE:
        raise InvalidError("Only a Deployment, StatefulSet or DaemonSet can be restarted.", "Choose one of these.")
    if len(reason.strip()) < SHORTEST_REASON:
        raise InvalidError(
            f"A restart needs a reason of at least {SHORTEST_REASON} characters.",
            "Say why; it is kept.",
            field="reason",
        )
    if refusal := why_no_restart(application):
        raise ConflictError(refusal, "Wait until it has ended.")


def _carry_out(row: Instruction, held: Lease) -> float | None:
    """At most once: what was sent before a crash is not sent again."""
    row = Instruction.objects.select_related("application__environment").get(pk=row.pk)
    if row.finished_at is not None:
        return None
    if row.state == Carried.SENT and row.act == Act.RESTART:
        _finish(row, held, Carried.UNSURE, f"The worker stopped while it was sent. {UNSURE}")
        return None
    refusal = why_no_restart(row.application) if row.act == Act.RESTART else ""
    if refusal:  # a promotion has started since it was asked for
        _finish(row, held, Carried.REFUSED, refusal)
        return None
    with lease.held(row, held):
        Instruction.objects.filter(pk=row.pk).update(state=Carried.SENT)
    try:
        _finish(row, held, Carried.DONE, _send(row))
    except Ambiguous as error:
        _finish(row, held, Carried.UNSURE, f"{error.sentence} {UNSURE}" if row.act == Act.RESTART else error.sentence)
    except ClientError as error:
        _finish(row, held, Carried.REFUSED, str(error))
    return None


def _send(row: Instruction) -> str:
    """Speak to Argo CD and return what to tell. Raises `ClientError`."""
    application = row.application
    argocd, project = connections.argocd_for(application.environment), application.environment.project
    if row.act == Act.REFRESH:
        argocd.get_application(application.name, project, refresh="normal")
        return "Argo CD has compared it with Git again."
    place = {part: str(row.resource.get(part, "")) for part in ("group", "version", "kind", "namespace")}
    name = str(row.resource.get("name", ""))
    argocd.run_action(application.name, project, "restart", **place, resource=name)
    return f"{place['kind']} {name} restarts: its pods are replaced one after the other."


def _finish(row: Instruction, held: Lease, state: Carried, message: str) -> None:
    with lease.held(row, held):
        Instruction.objects.filter(pk=row.pk).update(state=state, message=message, finished_at=StatementTime())
        _look_again(row.application.name)
        live.publish(f"application.{row.application.name}")
        if row.act == Act.RESTART:
            log.info("restart_ended", application=row.application.name, state=state.value)
            _record(audit.SYSTEM, row, "application.restart_ended", message, state=state.value)


def _look_again(application: str) -> None:
    """What pages know of it is old by now."""
    rows = Inquiry.objects.filter(subject=application, kind__in=("tree", "differences", "events"))
    lease.wake(rows)
    for pk in rows.values_list("pk", flat=True):
        doorbell.ring("read_for_page", pk)


def _record(actor: audit.Author, row: Instruction, action: str, message: str, **details: str) -> None:
    what = f"{row.resource['kind']} {row.resource['name']}: {message}" if row.resource else message
    environment = row.application.environment.name
    audit.record(
        actor=actor, action=action, environment=environment, target=row.application.name, message=what, details=details
    )
