"""Who is told of a promotion's move: its requester by mail, the hub of each active tenant once it has succeeded."""

from __future__ import annotations

from controlpanel.catalog import hub_connections
from controlpanel.core import outbox
from controlpanel.core.models import AuditEvent
from deployments.choices import TERMINAL, State
from deployments.models import Promotion
from tenants.choices import TenantState
from tenants.models import Tenant

TOLD = (*TERMINAL, State.PAUSED)
"""States whose reaching is told to the requester."""
PORTION = 500
"""Tenants of one message: a row for each of ten thousand tenants would be as many claims and transactions."""
DEPLOYED = "infra.deploy"


def announce(promotion: Promotion, event: AuditEvent) -> None:
    """Queue the messages in the transaction of the move; the same move never queues one twice."""
    if promotion.state in TOLD:
        _tell_requester(promotion, event)
    if promotion.state == State.SUCCEEDED and promotion.release is not None:
        _tell_hub(promotion, event, promotion.release.version)


def _tell_requester(promotion: Promotion, event: AuditEvent) -> None:
    person = promotion.requester
    if person is not None and person.email:
        subject = f"{promotion.title} to {promotion.environment.name}: {State(promotion.state).label.lower()}"
        payload = {"subject": subject, "text": event.message, "path": f"/promotions/{promotion.pk}"}
        outbox.queue(event, kind="mail", destination=person.email, payload=payload)


def _tell_hub(promotion: Promotion, event: AuditEvent, build: str) -> None:
    """Nothing where the environment has no hub. Tenants' configuration brings no build."""
    if not hub_connections.has_hub(promotion.environment):
        return
    slugs = list(Tenant.objects.filter(state=TenantState.ACTIVE).order_by("slug").values_list("slug", flat=True))
    for number, start in enumerate(range(0, len(slugs), PORTION)):
        payload = {
            "promotion": str(promotion.pk), "environment": promotion.environment.name, "build": build,
            "slugs": slugs[start : start + PORTION], "told": 0, "refused": {},
        }  # fmt: skip
        destination = f"hub of {promotion.environment.name}, part {number + 1}"
        outbox.queue(event, kind=DEPLOYED, destination=destination, payload=payload)
