"""Keeps the answers of external checks fresh as long as somebody waits for them."""

from __future__ import annotations

from collections.abc import Mapping
from datetime import timedelta
from typing import Any

from django.conf import settings
from django.db.models import Q
from django.utils import timezone

from controlpanel.catalog.models import Environment
from controlpanel.catalog.notifications import Reference
from controlpanel.catalog.receivers import value_of
from controlpanel.clients import external_check
from controlpanel.clients.errors import ClientError
from controlpanel.core import doorbell, lease, live
from controlpanel.core.lease import Lease, StatementTime
from controlpanel.core.models import uuid7
from deployments.choices import WAITING, Kind
from deployments.models import ExternalCheck, Promotion, Release
from deployments.selectors.checks import MAX_AGE, parameters_of

WANTED = timedelta(minutes=30)
"""For how long a look at a preview keeps the answer fresh."""


def want(environment: Environment, release: Release | None, kind: str = Kind.RELEASE) -> None:
    """Have the check kept fresh for a while, and asked now where nobody waited for it until now; nothing where the
    environment does not ask. Cheap where it is kept fresh already: it may be called at every look."""
    if release is None or kind != Kind.RELEASE or parameters_of(environment) is None:
        return
    row, _ = ExternalCheck.objects.get_or_create(environment=environment, release=release)
    rows = ExternalCheck.objects.filter(pk=row.pk)
    rows.update(wanted_until=timezone.now() + WANTED)
    if rows.filter(next_run_at=None).update(next_run_at=StatementTime(), error=""):
        doorbell.ring("ask_external_check", row.pk)


def is_pending(environment: Environment, release: Release | None, kind: str = Kind.RELEASE) -> bool:
    """Whether no answer that counts was heard yet, nor why there is none."""
    parameters = parameters_of(environment)
    if release is None or kind != Kind.RELEASE or parameters is None:
        return False
    oldest = timezone.now() - timedelta(seconds=parameters.get("maxAgeSeconds", MAX_AGE))
    heard = ~Q(error="") | Q(answered_at__gte=oldest)
    return not ExternalCheck.objects.filter(heard, environment=environment, release=release).exists()


def external_check_ask(pk: Any) -> bool:
    """Ask one that is due (called by a worker or by `watch`); False where another process has it."""
    return lease.run_claimed(ExternalCheck, pk, _ask)


def _ask(check: ExternalCheck, held: Lease) -> float | None:
    check = ExternalCheck.objects.select_related("environment", "release").get(pk=check.pk)
    parameters = parameters_of(check.environment)
    if parameters is None or not _is_wanted(check):
        return None
    held.guard(external_check.MOST_SECONDS / 2)
    try:
        said = external_check.ask(
            _value(parameters["urlFrom"]), _value(parameters["secretFrom"]), _document(check), identifier=f"check_{uuid7()}"
        )  # fmt: skip
        facts = {
            "verdict": said.verdict,
            "reason": said.reason,
            "opens_at": said.opens_at,
            "answered_at": StatementTime(),
            "error": "",
        }
    except ClientError as error:
        facts = {"error": str(error)}
    changed = {name: value for name, value in facts.items() if name != "answered_at" and getattr(check, name) != value}
    with lease.held(check, held):
        ExternalCheck.objects.filter(pk=check.pk).update(**facts)
        if changed:
            live.publish(f"environment.{check.environment.name}")
    return float(parameters.get("maxAgeSeconds", MAX_AGE)) / 3


def _is_wanted(check: ExternalCheck) -> bool:
    if check.wanted_until is not None and check.wanted_until > timezone.now():
        return True
    waits = Promotion.objects.filter(environment=check.environment, release=check.release, state__in=WAITING)
    return waits.exists()


def _document(check: ExternalCheck) -> dict[str, Any]:
    release = check.release
    return {
        "type": "release.check", "environment": check.environment.name,
        "release": {"version": release.version, "source": {"commit": release.commit}, "images": release.images, "title": release.title},
        "url": f"{settings.PUBLIC_URL}/releases/{release.version}",
    }  # fmt: skip


def _value(place: Mapping[str, str]) -> str:
    return value_of(Reference(env=place["env"]))
