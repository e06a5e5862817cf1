"""The hub is told of a deployment, once for each tenant of a message: the event's id follows from promotion and tenant.

What has been told leaves the message, so that a second try has the rest alone. Whoever tries again first looks for the
events in the tenants' streams, where these can be seen: the answer to the first try may have been lost.
"""

from __future__ import annotations

import time
import uuid
from collections.abc import Mapping, Sequence
from concurrent.futures import ThreadPoolExecutor
from dataclasses import dataclass
from functools import partial
from typing import Any

from controlpanel.catalog import hub_connections
from controlpanel.catalog.models import Environment
from controlpanel.clients.errors import ClientError, CredentialsRefused, PermissionRefused, RateLimited, Rejected
from controlpanel.clients.hub import Event, Hub
from controlpanel.core import audit
from controlpanel.core.lease import LeaseLost
from controlpanel.core.models import OutboxMessage
from deployments import lifecycle
from deployments.announcing import DEPLOYED
from deployments.models import Promotion
from deployments.notifications.base import NotDelivered, channels

AT_ONCE = 8
CHUNK = 16
"""Tenants told between two looks at the clock; what they were told is written down."""
SECONDS = 10.0
"""One try takes no longer; the rest has its turn right afterwards."""
SOURCE = "argo"
MOST_NAMED = 20


@dataclass(frozen=True)
class Answer:
    """What the hub said for one tenant: `is_told`, or why not, and whether another try is of use."""

    slug: str
    is_told: bool
    why: str = ""
    may_retry: bool = False


@channels.register(DEPLOYED)
def send(message: OutboxMessage) -> None:
    """Tell the hub of all tenants that are left. Raises `NotDelivered` while some are."""
    environment = Environment.objects.get(name=message.payload["environment"])
    try:
        hub = hub_connections.hub_for(environment)
    except ClientError as error:
        raise NotDelivered(str(error)) from error
    left, until = list(message.payload["slugs"]), time.monotonic() + SECONDS
    with ThreadPoolExecutor(AT_ONCE) as pool:
        while left:
            if time.monotonic() > until:
                raise NotDelivered(f"{len(left)} tenants are still to be told.", again_in=0.0)
            chunk = left[:CHUNK]
            known = _known(environment, message, chunk) if message.attempts > 1 else frozenset()
            answers = list(pool.map(partial(_told, hub, message, known), chunk))
            left = [one.slug for one in answers if one.may_retry] + left[CHUNK:]
            _keep(message, left, answers)
            if failed := next((one.why for one in answers if one.may_retry), ""):
                raise NotDelivered(f"{failed} {len(left)} tenants are still to be told.")
    _record(message)


def event_id(promotion: str, slug: str) -> str:
    """The same for every try."""
    return str(uuid.uuid5(uuid.UUID(promotion), slug))


def _told(hub: Hub, message: OutboxMessage, known: frozenset[str], slug: str) -> Answer:
    if slug in known:
        return Answer(slug, is_told=True)
    payload = message.payload
    event = Event(
        id=event_id(payload["promotion"], slug), tenant=slug, type=DEPLOYED, source=SOURCE, at=message.created_at,
        payload={"buildId": payload["build"]},
    )  # fmt: skip
    try:
        hub.post_event(event)
    except (CredentialsRefused, PermissionRefused, RateLimited) as error:
        return Answer(slug, is_told=False, why=error.sentence, may_retry=True)
    except Rejected as error:  # such as a tenant that the hub does not know
        return Answer(slug, is_told=False, why=error.sentence)
    except ClientError as error:
        return Answer(slug, is_told=False, why=error.sentence, may_retry=True)
    return Answer(slug, is_told=True)


def _known(environment: Environment, message: OutboxMessage, slugs: Sequence[str]) -> frozenset[str]:
    """Tenants in whose streams the event lies already; nobody where the streams cannot be seen."""
    try:
        redis = hub_connections.redis_for(environment)
        return frozenset(slug for slug in slugs if redis.has_event(slug, event_id(message.payload["promotion"], slug)))
    except ClientError:
        return frozenset()


def _keep(message: OutboxMessage, left: Sequence[str], answers: Sequence[Answer]) -> None:
    """Write down who is left, while the message is ours. Raises `LeaseLost`."""
    refused: Mapping[str, Any] = {one.slug: one.why[:300] for one in answers if not one.is_told and not one.may_retry}
    message.payload |= {
        "slugs": list(left), "told": message.payload["told"] + sum(one.is_told for one in answers),
        "refused": {**message.payload["refused"], **refused},
    }  # fmt: skip
    if not OutboxMessage.objects.filter(pk=message.pk, fencing=message.fencing).update(payload=message.payload):
        raise LeaseLost(f"{message} is not ours any more.")


def _record(message: OutboxMessage) -> None:
    """Tell the promotion's history, once for each message."""
    told, refused = message.payload["told"], message.payload["refused"]
    words = f"The hub was told of {message.payload['build']} for {told} tenant{'s' if told != 1 else ''}."
    if refused:
        words += f" It refused {', '.join(sorted(refused)[:MOST_NAMED])}: {next(iter(refused.values()))}"
    promotion = Promotion.objects.select_related("environment", "release").get(pk=message.payload["promotion"])
    lifecycle.note(
        promotion,
        actor=audit.SYSTEM,
        action="announced",
        message=words,
        details={"told": told, "refused": sorted(refused)},
    )
