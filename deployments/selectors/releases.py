"""Reading releases for pages."""

from __future__ import annotations

from collections.abc import Mapping, Sequence
from dataclasses import dataclass

from django.db.models import Q, QuerySet, Subquery

from controlpanel.accounts.actors import Actor
from controlpanel.catalog.models import Component, Environment
from controlpanel.core.errors import AbsentError
from controlpanel.core.permissions import Right
from deployments.choices import OPEN, PreflightState, State
from deployments.models import Preflight, Promotion, Release

LISTED = 50


@dataclass(frozen=True, kw_only=True)
class Whereabouts:
    """A release in one environment: `outcome` is a word of the release vocabulary, `promotion` the one that tells, `live`
    the one whose release is live there."""

    environment: Environment
    outcome: str
    promotion: Promotion | None
    live: Promotion | None


@dataclass(frozen=True, kw_only=True)
class Story:
    """The newest promotions of a release, and the promotion that is live by environment, whatever its release."""

    promotions: tuple[Promotion, ...]
    live: Mapping[int, Promotion]


@dataclass(frozen=True, kw_only=True)
class ImageChange:
    """An image that differs from the release before; `before` or `after` is "" where one of them does not name it."""

    components: tuple[str, ...]
    key: str
    before: str
    after: str

    @property
    def change(self) -> str:
        """A word of the change vocabulary."""
        return "new" if not self.before else "removed" if not self.after else "changed"


@dataclass(frozen=True, kw_only=True)
class Step:
    """From the release before to this one."""

    before: Release
    images: tuple[ImageChange, ...]
    is_other_commit: bool


def releases_matching(text: str = "") -> QuerySet[Release]:
    """Releases whose version, title or commit holds the text; all of them without one."""
    rows = Release.objects.all()
    words = text.strip()[:100]
    if not words:
        return rows
    return rows.filter(Q(version__icontains=words) | Q(title__icontains=words) | Q(commit__startswith=words.lower()))


def release_of_page(version: str) -> tuple[Release, Release | None]:
    """A release by its version, and the one before it, in one query. Raises `AbsentError`."""
    own = Release.objects.filter(version=version).values("pk")[:1]
    found = list(Release.objects.filter(pk__lte=Subquery(own))[:2])
    if not found:
        raise AbsentError(f"There is no release {version[:100]}.", "See the list of releases.")
    return found[0], found[1] if len(found) > 1 else None


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


def story_of(release: Release, actor: Actor) -> Story:
    """The release's newest promotions and what is live in each environment, in one query."""
    own = Promotion.objects.filter(release=release).order_by("-number")
    succeeded = Promotion.objects.filter(state=State.SUCCEEDED, release__isnull=False)
    live = succeeded.order_by("environment_id", "-finished_at").distinct("environment_id")
    rows = Promotion.objects.filter(Q(pk__in=own.values("pk")[:LISTED]) | Q(pk__in=live.values("pk")))
    rows = rows.select_related("environment", "release", "requester").defer("plan").order_by("-number")
    seen = [row for row in rows if actor.may(Right.VIEW, row.environment.name)]
    newest: dict[int, Promotion] = {}
    for row in seen:
        if row.state == State.SUCCEEDED and _is_later(row, newest.get(row.environment_id)):
            newest[row.environment_id] = row
    return Story(promotions=tuple(row for row in seen if row.release_id == release.pk), live=newest)


def _is_later(row: Promotion, other: Promotion | None) -> bool:
    return other is None or (
        row.finished_at is not None and (other.finished_at is None or row.finished_at > other.finished_at)
    )


def judged(release: Release, environments: Sequence[Environment]) -> list[Preflight]:
    """The newest preview of the whole release in each environment, whose findings are those of the policies. One query."""
    rows = Preflight.objects.filter(release=release, state=PreflightState.READY, restores=None, components=[])
    rows = rows.filter(environment__in=environments).select_related("environment")
    newest = rows.order_by("environment_id", "-ready_at").distinct("environment_id")
    return sorted(
        newest.only("environment", "findings", "ready_at", "release"), key=lambda row: row.environment.position
    )


def image_keys() -> list[str]:
    """The images that a complete release names, in the order of the components."""
    lists = Component.objects.filter(is_retired=False).values_list("images", flat=True)
    return [key for images in lists for key in images]


def step_to(release: Release, before: Release | None) -> Step | None:
    """What differs from the release before; None for the first one. One query."""
    if before is None:
        return None
    users: dict[str, list[str]] = {}
    for name, keys in Component.objects.filter(is_retired=False).values_list("name", "images"):
        for key in keys:
            users.setdefault(key, []).append(name)
    images = image_changes(before.images, release.images, users)
    return Step(before=before, is_other_commit=before.commit != release.commit, images=images)


def image_changes(
    before: Mapping[str, str], after: Mapping[str, str], users: Mapping[str, Sequence[str]]
) -> tuple[ImageChange, ...]:
    """Images that differ, by key; `users` names the components of each."""
    keys = sorted(key for key in before.keys() | after.keys() if before.get(key) != after.get(key))
    return tuple(
        ImageChange(components=tuple(users.get(key, ())), key=key, before=before.get(key, ""), after=after.get(key, ""))
        for key in keys
    )


def whereabouts(
    release: Release, environments: Sequence[Environment], story: Story, opened: Mapping[str, Sequence[Promotion]]
) -> list[Whereabouts]:
    """Where the release is, environment by environment; `opened` are the open promotions by environment."""
    found = []
    for place in environments:
        moving = next((row for row in opened.get(place.name, ()) if row.release_id == release.pk), None)
        live = story.live.get(place.pk)
        last = next((row for row in story.promotions if row.environment_id == place.pk and row.is_terminal), None)
        is_live = live is not None and live.release_id == release.pk
        outcome = _outcome(moving, last, is_live=is_live)
        found.append(
            Whereabouts(environment=place, outcome=outcome, promotion=moving or (live if is_live else last), live=live)
        )
    return found


def _outcome(moving: Promotion | None, last: Promotion | None, *, is_live: bool) -> str:
    if moving is not None:
        return "paused" if moving.state == State.PAUSED else "in_flight"
    if is_live:
        return "live"
    if last is None:
        return "waiting"
    return "failed" if last.state in (State.FAILED, State.REJECTED) else "replaced"
