"""Which release each component runs, and how far the components of a promotion are."""

from __future__ import annotations

import re
from collections.abc import Collection, Iterable, Mapping, Sequence
from dataclasses import dataclass
from datetime import datetime
from typing import Any

from django.db.models import F, OuterRef, Q, QuerySet, Subquery

from controlpanel.catalog.models import Component
from controlpanel.catalog.shards import COMPONENT
from deployments.choices import Rollout
from deployments.models import Application, Promotion, PromotionComponent

NEWEST_COMMIT = F("promotion__committed_at").desc(nulls_last=True)
"""The order of rollouts in which components got what they run, whoever asked first."""
OWN_VERSION = re.compile(r"(?:^|/)(?P<name>[^/:@]+):(?P<tag>v?\d+\.\d[\w.-]*)(?:@|$)")
"""`registry.example/redis:8.2.1@sha256:…`"""


@dataclass(frozen=True, kw_only=True)
class ComponentRow:
    """One component in an environment: what it runs, what it is becoming ("" for nothing), what was observed.

    Tenants' references are one component with an Application for each of its `shards`; `application` is then the one that
    most needs a look.
    """

    component: str
    version: str
    becoming: str
    application: Application | None
    shards: int = 0

    @property
    def sync(self) -> str:
        """Argo CD's word, Unknown where it was not observed."""
        return (self.application.known_sync if self.application else "") or "Unknown"

    @property
    def health(self) -> str:
        """Argo CD's word; Missing where the Application is gone."""
        if self.application is None or self.application.is_missing:
            return "Missing"
        return self.application.known_health or "Unknown"

    @property
    def health_words(self) -> str:
        """Words instead of Argo CD's, where it has been silent; `health_at` follows."""
        return self.application.health_words if self.application and self.health == "Unknown" else ""

    @property
    def health_at(self) -> datetime | None:
        """When Argo CD was heard of last, where it has been silent."""
        return self.application.health_at if self.application and self.health == "Unknown" else None

    @property
    def own_version(self) -> str:
        """The version of what others make, such as Redis: the numbered tag of the observed image that is called like the component.
        Nothing where releases alone tell images apart."""
        for image in self.application.images if self.application else ():
            found = OWN_VERSION.search(str(image))
            if found and found["name"] == self.component:
                return found["tag"]
        return ""

    @property
    def pods(self) -> str:
        """Ready of all, such as "1/3"; empty where no pod was read yet."""
        return pods_ready(self.application)


def pods_ready(application: Application | None) -> str:
    """ "1/3" of the pods as last read, or nothing."""
    pods = application.pods if application else []
    ready = sum(1 for pod in pods if is_ready(pod))
    return f"{ready}/{len(pods)}" if pods else ""


def silent_since(applications: Iterable[Application | None]) -> datetime | None:
    """The last time that any of them was heard of, if that is too long ago for all of them."""
    known = [one for one in applications if one is not None and one.observed_at is not None]
    silent = [one.observed_at for one in known if one.is_silent and one.observed_at is not None]
    return max(silent) if silent and len(silent) == len(known) else None


def is_ready(pod: Mapping[str, Any]) -> bool:
    """Whether every container of the pod is ready."""
    return bool(pod["total"]) and pod["ready"] == pod["total"]


def in_catalog_order(applications: QuerySet[Application]) -> QuerySet[Application]:
    """In the order in which the catalog names their components."""
    position = Component.objects.filter(name=OuterRef("component")).values("position")
    return applications.order_by(Subquery(position[:1]), "name")


def newest_done(environments: Collection[int]) -> QuerySet[PromotionComponent]:
    """The newest proved rollout of each component in each environment."""
    rows = PromotionComponent.objects.filter(promotion__environment__in=environments, state=Rollout.DONE)
    places = ("promotion__environment_id", "component")
    return rows.order_by(*places, NEWEST_COMMIT).distinct(*places)


def rollouts_of(
    environments: Collection[int], active: Iterable[Promotion]
) -> tuple[dict[tuple[int, str], str], dict[Any, list[PromotionComponent]]]:
    """Versions by (environment, component), and the rollouts of the promotions in flight, in one query."""
    moving = {promotion.pk for promotion in active}
    newest = newest_done(environments)
    rows = PromotionComponent.objects.filter(Q(promotion__in=moving) | Q(pk__in=newest.values("pk")))
    versions: dict[tuple[int, str], str] = {}
    found: dict[Any, list[PromotionComponent]] = {pk: [] for pk in moving}
    for row in rows.select_related("promotion__release").order_by(NEWEST_COMMIT, "wave", "pk"):
        promotion = row.promotion
        if promotion.pk in found:
            found[promotion.pk].append(row)
        if row.state == Rollout.DONE and promotion.release and promotion.committed_at:
            versions.setdefault((promotion.environment_id, row.component), promotion.release.version)
    return versions, found


def component_rows(
    applications: Iterable[Application],
    versions: Mapping[tuple[int, str], str],
    active: Promotion | None,
    rollouts: Iterable[PromotionComponent],
) -> tuple[ComponentRow, ...]:
    """The table of an environment, in the order of its Applications; the shards of tenants' references are one row."""
    by_component = {row.component: row for row in rollouts}
    target = active.release.version if active and active.release else ""
    applications = list(applications)
    shards = [one for one in applications if one.shard]
    # Before the first promotion of configuration Git holds nothing of them.
    is_used = any(one.sync in _SYNC for one in shards)
    rows = tuple(
        ComponentRow(
            component=one.component,
            version=versions.get((one.environment_id, one.component), ""),
            becoming=target if _is_moving(by_component.get(one.component)) else "",
            application=one,
        )
        for one in applications
        if not one.shard
    )
    return (*rows, _shards_row(shards)) if is_used else rows


def _shards_row(shards: Sequence[Application]) -> ComponentRow:
    return ComponentRow(
        component=COMPONENT,
        version=f"{len(shards)} shards",
        becoming="",
        application=min(shards, key=_soundness),
        shards=len(shards),
    )


def _soundness(one: Application) -> tuple[int, int, str]:
    """The least sound comes first; among equals the order is that of the shards."""
    health = "Missing" if one.is_missing else one.known_health
    return (_SYNC.get(one.known_sync, 1), _HEALTH.get(health, 0), one.shard)


_SYNC = {"OutOfSync": 0, "Synced": 2}
_HEALTH = {"Missing": 0, "Degraded": 1, "Unknown": 2, "": 2, "Suspended": 3, "Progressing": 4, "Healthy": 5}


def _is_moving(rollout: PromotionComponent | None) -> bool:
    return rollout is not None and rollout.is_changed and rollout.state != Rollout.DONE
