"""Reading releases for pages."""

from __future__ import annotations

from collections.abc import Sequence

from django.db.models import Q, QuerySet

from controlpanel.accounts.actors import Actor
from controlpanel.catalog.models import Component, Environment
from controlpanel.core.errors import AbsentError
from controlpanel.core.permissions import Right
from deployments.choices import OPEN, State
from deployments.models import Promotion, Release


def releases_matching(text: str = "") -> QuerySet[Release]:
    """Releases whose version, title or commit holds the text; all of them without one."""
    rows = Release.objects.all()
    words = text.strip()[:100]
    if not words:
        return rows
    return rows.filter(Q(version__icontains=words) | Q(title__icontains=words) | Q(commit__startswith=words.lower()))


def release_of_page(version: str) -> Release:
    """A release by its version. Raises `AbsentError`."""
    found = Release.objects.filter(version=version).first()
    if found is None:
        raise AbsentError(f"There is no release {version[:100]}.", "See the list of releases.")
    return found


def places_of(releases: Sequence[Release], actor: Actor) -> dict[int, list[Promotion]]:
    """By release: its promotions that are live or open in environments that the actor may see, in two queries."""
    environments = [one for one in Environment.objects.filter(is_retired=False) if actor.may(Right.VIEW, one.name)]
    succeeded = Promotion.objects.filter(environment__in=environments, state=State.SUCCEEDED, release__isnull=False)
    live = succeeded.order_by("environment_id", "-finished_at").distinct("environment_id")
    rows = Promotion.objects.filter(Q(pk__in=live.values("pk")) | Q(environment__in=environments, state__in=OPEN))
    wanted = {release.pk for release in releases}
    found: dict[int, list[Promotion]] = {key: [] for key in wanted}
    for row in (
        rows.filter(release__in=wanted).select_related("environment").order_by("environment__position", "number")
    ):
        assert row.release_id is not None
        found[row.release_id].append(row)
    return found


def promotions_of(release: Release, actor: Actor) -> list[Promotion]:
    """Where the release was promoted to, newest first, at most fifty."""
    rows = Promotion.objects.filter(release=release).select_related("environment", "requester").defer("plan")
    return [row for row in rows.order_by("-number")[:50] if actor.may(Right.VIEW, row.environment.name)]


def image_keys() -> list[str]:
    """The images that a complete release names, in the order of the components."""
    lists = Component.objects.filter(is_retired=False).values_list("images", flat=True)
    return [key for images in lists for key in images]
