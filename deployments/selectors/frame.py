"""What the frame of every page asks of the apps: its title, who looks, what may be listened to (`PANEL_HOOKS`)."""

from __future__ import annotations

import time
import uuid
from collections import Counter
from datetime import datetime, timedelta
from functools import lru_cache
from typing import Any

from django.db.models import CharField, Count, F, QuerySet, Value
from django.http import HttpRequest
from django.utils import timezone

from controlpanel.accounts.actors import Actor, of_request
from controlpanel.accounts.models import User
from controlpanel.catalog import current
from controlpanel.clients.tokens import WARN_DAYS, renewal
from controlpanel.core.errors import ConflictError
from controlpanel.core.permissions import Right
from deployments.choices import OPEN, State
from deployments.models import Application, Observer, Preflight, Promotion
from tenants.selectors.checklists import reviews_open
from tenants.selectors.listing import tenants_served
from tenants.selectors.seeing import may_listen as tenants_may_listen

TITLE_SECONDS = 60
UNNAMED = "Control panel"
COUNTED_WHERE = {"promotions": Right.VIEW, "approvals": Right.PROMOTION_APPROVE}
"""What is counted by environment, and the right that it is counted for."""


def title() -> str:
    """The platform's title, read once a minute; a neutral one before a catalog is loaded."""
    return _title(int(time.monotonic() // TITLE_SECONDS))


@lru_cache(maxsize=1)
def _title(minute: int) -> str:
    del minute  # only makes the answer grow old
    try:
        return current.current_document().platform.title
    except ConflictError:
        return UNNAMED


def roles(request: HttpRequest) -> list[str]:
    """The person's roles in words: "release manager", "operator in staging"."""
    bindings = of_request(request).bindings
    return sorted({f"{row.role} in {row.environment}" if row.environment else row.role for row in bindings})


def count_open_promotions(request: HttpRequest) -> int:
    """How many promotions are open in the environments that the person may see."""
    return _counts(request)["promotions"]


def count_approvals(request: HttpRequest) -> int:
    """How many promotions wait for an approval that the person may give, as far as roles go."""
    return _counts(request)["approvals"]


def count_tenants(request: HttpRequest) -> int:
    """How many tenants the person may see that were not offboarded."""
    return _counts(request)["tenants"]


def count_reviews(request: HttpRequest) -> int:
    """How many review requests that the person may see are open."""
    return _counts(request)["reviews"]


def _counts(request: HttpRequest) -> Counter[str]:
    """What the navigation counts, of what the person may see; one query for all of it, once for each page."""
    known: Counter[str] | None = getattr(request, "navigation_counts", None)
    if known is None:
        actor = of_request(request)
        promotions = _counted("promotions", Promotion.objects.filter(state__in=OPEN), F("environment__name"))
        tenants = _counted("tenants", tenants_served(actor), Value("", output_field=CharField()))
        reviews = _counted("reviews", reviews_open(actor), Value("", output_field=CharField()))
        awaited = Promotion.objects.filter(state=State.AWAITING_APPROVAL).exclude(requester=actor.user)
        approvals = _counted("approvals", awaited, F("environment__name"))
        known = Counter()
        for what, place, count in promotions.union(approvals, tenants, reviews, all=True):
            known[what] += count if what not in COUNTED_WHERE or actor.may(COUNTED_WHERE[what], place) else 0
        request.navigation_counts = known  # type: ignore[attr-defined]
    return known


def _counted(what: str, rows: QuerySet[Any], at: Any) -> Any:
    """Lines of what is counted, at which place, and how many there are."""
    named = rows.order_by().annotate(counted_as=Value(what, output_field=CharField()), counted_at=at)
    return (
        named.values("counted_as", "counted_at")
        .annotate(count=Count("pk"))
        .values_list("counted_as", "counted_at", "count")
    )


def warnings(request: HttpRequest) -> list[dict[str, str]]:
    """What administrators of everything must look after soon: tokens of Argo CD that end, or have ended."""
    if not of_request(request).may(Right.ADMINISTER, ""):
        return []
    now = timezone.now()
    ending = Observer.objects.filter(token_expires_at__lt=now + timedelta(days=WARN_DAYS)).order_by("token_expires_at")
    return [
        {"title": expiry_words(one.token_from, one.token_expires_at, now), "text": renewal(one.token_from)}
        for one in ending
        if one.token_expires_at is not None
    ]


def expiry_words(variable: str, end: datetime, now: datetime) -> str:
    """One sentence on a token that ends, or has ended."""
    if end <= now:
        return f"The Argo CD token in {variable} expired on {end:%Y-%m-%d}."
    days = (end - now).days
    return f"The Argo CD token in {variable} expires on {end:%Y-%m-%d}, in {days} day{'s' if days != 1 else ''}."


def may_listen(user: User, topic: str) -> bool:
    """Whether the person may hear that the topic changed: whoever may see the page may."""
    family, _, name = topic.partition(".")
    actor = _actor_of(user)
    if family == "environment":
        return actor.may(Right.VIEW, name)
    if family == "checkup":
        return actor.may(Right.ADMINISTER, "")
    if family == "application":
        return _may_listen_to_application(actor, name)
    if family == "tenant":
        return tenants_may_listen(actor, topic)
    if family in ("promotion", "preflight"):
        environment = _environment_of(family, name)
        return environment is not None and actor.may(Right.VIEW, environment)
    rights = {"releases": Right.VIEW, "compare": Right.VIEW, "audit": Right.AUDIT_VIEW}
    return family in rights and actor.may(rights[family])


def _actor_of(user: User) -> Actor:
    """One actor for each account that was read, so that its bindings are read once."""
    known: Actor | None = getattr(user, "listening_actor", None)
    if known is None:
        known = Actor(name=user.username, door="page", user=user)
        user.listening_actor = known  # type: ignore[attr-defined]
    return known


def _may_listen_to_application(actor: Actor, name: str) -> bool:
    try:
        return actor.may(Right.VIEW, _place_of(name))
    except Application.DoesNotExist:
        return False


@lru_cache(maxsize=4096)
def _place_of(application: str) -> str:
    """The environment that an Application belongs to. Raises `DoesNotExist`, which is not remembered."""
    return str(Application.objects.values_list("environment__name", flat=True).get(name=application))


def _environment_of(family: str, name: str) -> str | None:
    identifier = name.partition(".")[0]  # promotion.<id>.log is the promotion's
    try:
        return _environment(family, uuid.UUID(identifier))
    except (ValueError, Promotion.DoesNotExist, Preflight.DoesNotExist):
        return None


@lru_cache(maxsize=4096)
def _environment(family: str, identifier: uuid.UUID) -> str:
    """A promotion and a preflight never change their environment. Raises `DoesNotExist`, which is not remembered."""
    model = Promotion if family == "promotion" else Preflight
    return str(model.objects.values_list("environment__name", flat=True).get(pk=identifier))
