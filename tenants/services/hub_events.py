"""A test event for one tenant: asked for by a person, sent at most once, read back from the tenant's stream where that can be seen."""

from __future__ import annotations

from typing import Any

import structlog
from django.db import IntegrityError, transaction

from controlpanel.accounts.actors import Actor
from controlpanel.catalog import hub_connections
from controlpanel.catalog.models import Environment
from controlpanel.clients.errors import Ambiguous, ClientError
from controlpanel.clients.hub import Event
from controlpanel.core import audit, doorbell, lease, live
from controlpanel.core.errors import ConflictError
from controlpanel.core.lease import Lease, StatementTime
from controlpanel.core.permissions import Right
from tenants.choices import SERVED, Sending
from tenants.models import HubEvent, Tenant
from tenants.services.verification import said_safely

log = structlog.get_logger(__name__)
TYPE, SOURCE = "panel.test", "control-panel"
UNSURE = "It may have been taken: look at the tenant's event stream before sending another."


def hub_event_send(*, actor: Actor, tenant: Tenant, environment: Environment) -> HubEvent:
    """Have a worker post one test event; one that is still on its way is returned instead.

    Raises `RefusedError`, and `ConflictError` where there is no hub or the tenant is not served.
    """
    actor.require(Right.TENANT_CHECK, environment.name, tenant.slug)
    if tenant.state not in SERVED:
        raise ConflictError(f"{tenant.slug} is {tenant.state}: the hub does not serve it.", "")
    if not hub_connections.is_named(environment):
        raise ConflictError(
            f"The catalog names no hub for {environment.name}.", "Write hub: {urlFrom: {env: NAME}} into platform.yaml."
        )
    try:
        with transaction.atomic():
            row = HubEvent.objects.create(
                tenant=tenant, environment=environment, requested_by=actor.name, next_run_at=StatementTime()
            )
            _record(actor, row, "tenant.test_event", f"Asked for the test event {row.pk}.")
            doorbell.ring("post_hub_event", row.pk)
    except IntegrityError:  # a second click, or somebody else's
        return HubEvent.objects.filter(tenant=tenant, environment=environment).order_by("-pk")[:1].get()
    return row


def hub_event_newest(tenant: Tenant, environment: Environment) -> HubEvent | None:
    """What became of the test event that was asked for last."""
    return HubEvent.objects.filter(tenant=tenant, environment=environment).order_by("-pk").first()


def hub_event_post(pk: Any) -> bool:
    """Post one due event (called by a worker or by `watch`); False where another process has it."""
    return lease.run_claimed(HubEvent, pk, _post)


def _post(row: HubEvent, held: Lease) -> float | None:
    if row.finished_at is not None:
        return None
    if row.sent_at is not None:  # whoever sent it died before the answer: it is looked for, never sent again
        _finish(row, held, *_looked_for(row, "The process that sent it ended before the answer came."))
        return None
    with lease.held(row, held):
        HubEvent.objects.filter(pk=row.pk).update(sent_at=StatementTime())
    try:
        status = hub_connections.hub_for(row.environment).post_event(_event(row))
    except Ambiguous as error:
        _finish(row, held, *_looked_for(row, error.sentence))
    except ClientError as error:
        _finish(row, held, Sending.REFUSED, str(error))
    else:
        said = f"The hub took it ({said_safely(status) or 'no word'})"
        seen = "; it was read back from the tenant's stream." if _is_in_stream(row) else "."
        _finish(row, held, Sending.TAKEN, said + seen)
    return None


def _event(row: HubEvent) -> Event:
    payload = {"requestedBy": row.requested_by}
    return Event(id=str(row.pk), tenant=row.tenant.slug, type=TYPE, source=SOURCE, at=row.created_at, payload=payload)


def _looked_for(row: HubEvent, why: str) -> tuple[Sending, str]:
    if _is_in_stream(row):
        return Sending.TAKEN, f"{why} It was read back from the tenant's stream."
    return Sending.UNSURE, f"{why} {UNSURE}"


def _is_in_stream(row: HubEvent) -> bool:
    try:
        return hub_connections.redis_for(row.environment).has_event(row.tenant.slug, str(row.pk))
    except ClientError:
        return False


def _finish(row: HubEvent, held: Lease, state: Sending, message: str) -> None:
    with lease.held(row, held):
        HubEvent.objects.filter(pk=row.pk).update(
            state=state, message=said_safely(message), finished_at=StatementTime()
        )
        log.info("test_event_ended", tenant=row.tenant.slug, environment=row.environment.name, state=state.value)
        _record(audit.SYSTEM, row, "tenant.test_event_ended", said_safely(message), state=state.value)


def _record(actor: audit.Author, row: HubEvent, action: str, message: str, **details: str) -> None:
    audit.record(
        actor=actor, action=action, environment=row.environment.name, target=row.tenant.slug, message=message,
        details={"event": str(row.pk), **details},
    )  # fmt: skip
    live.publish(f"tenant.{row.tenant.slug}")
