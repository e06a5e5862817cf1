"""What is compared with what: two environments as they are live, or two releases in one environment."""

from __future__ import annotations

import hashlib
from collections.abc import Sequence
from dataclasses import dataclass

from django.db.models import Q

from controlpanel.catalog.models import Component, Environment
from controlpanel.core.errors import AbsentError, InvalidError
from deployments.models import Release
from deployments.selectors.inquiries import Question
from deployments.selectors.releases import ImageChange, image_changes
from deployments.selectors.rollouts import rollouts_of

OFFERED = 30


@dataclass(frozen=True, kw_only=True)
class Sides:
    """The names of both sides; `environment` is where two releases are rendered, None where environments are compared."""

    before: str
    after: str
    environment: Environment | None
    releases: tuple[Release, ...]
    places: tuple[Environment, ...]

    @property
    def question(self) -> Question:
        """What a worker is asked; the same for everybody who compares the same."""
        asked = {
            "from": self.before,
            "to": self.after,
            "environment": self.environment.name if self.environment else "",
        }
        digest = hashlib.sha256("\n".join(asked.values()).encode()).hexdigest()[:24]
        return Question("compare", digest, asked)


@dataclass(frozen=True, kw_only=True)
class Beside:
    """One component on both sides: the releases, and the images that differ."""

    component: str
    before: str
    after: str
    images: tuple[ImageChange, ...]


def sides_of(
    before: str, after: str, where: str, environments: Sequence[Environment], releases: Sequence[Release]
) -> Sides:
    """Read what an address names. Raises `AbsentError` for what is not there or not the reader's, `InvalidError` for a pair
    that cannot be compared."""
    places = {one.name: one for one in environments}
    known = {one.version: one for one in releases}
    unknown = next((name for name in (before, after) if name not in places and name not in known), None)
    if unknown is not None:
        raise AbsentError(
            f"There is no environment or release {unknown[:100]}, or it is not yours to see.", "Choose from the lists."
        )
    if before == after:
        raise InvalidError("Both sides are the same.", "Choose two different ones.")
    if (before in places) != (after in places):
        raise InvalidError(
            "An environment and a release cannot be compared here.",
            "Choose two of a kind. What a release would change in an environment stands on its promote page.",
        )
    if before in places:
        return Sides(before=before, after=after, environment=None, releases=(), places=(places[before], places[after]))
    place = places.get(where) if where else next(reversed(places.values()), None)
    if place is None:
        raise AbsentError(f"There is no environment {where[:63]}, or it is not yours to see.", "Choose from the list.")
    return Sides(before=before, after=after, environment=place, releases=(known[before], known[after]), places=())


def releases_named(names: Sequence[str]) -> list[Release]:
    """The newest releases, and those of these versions, newest first."""
    newest = Release.objects.order_by("-pk").values("pk")[:OFFERED]
    return list(Release.objects.filter(Q(pk__in=newest) | Q(version__in=names)))


def beside(sides: Sides) -> list[Beside]:
    """Each component with what runs on both sides (or would), in at most three queries."""
    components = list(Component.objects.filter(is_retired=False))
    one, other = _releases_by_component(sides, components)
    found = []
    for component in components:
        before, after = one.get(component.name), other.get(component.name)
        images = image_changes(
            {key: before.images[key] for key in component.images if key in before.images} if before else {},
            {key: after.images[key] for key in component.images if key in after.images} if after else {},
            dict.fromkeys(component.images, (component.name,)),
        )
        names = (before.version if before else "", after.version if after else "")
        found.append(Beside(component=component.name, before=names[0], after=names[1], images=images))
    return found


def _releases_by_component(
    sides: Sides, components: Sequence[Component]
) -> tuple[dict[str, Release], dict[str, Release]]:
    if sides.environment is not None:
        names = [component.name for component in components]
        return dict.fromkeys(names, sides.releases[0]), dict.fromkeys(names, sides.releases[1])
    versions, _ = rollouts_of([place.pk for place in sides.places], [])
    known = {one.version: one for one in Release.objects.filter(version__in=set(versions.values()))}
    one, other = (
        {component: known[version] for (place, component), version in versions.items() if place == side.pk}
        for side in sides.places
    )
    return one, other
