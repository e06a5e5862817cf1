"""What the API's answers are made of: rows with all that an answer shows, in a constant number of queries."""

from __future__ import annotations

import uuid
from collections import defaultdict
from collections.abc import Collection, Iterable, Mapping
from dataclasses import dataclass, field

from django.db.models import OuterRef, Prefetch, QuerySet, Subquery, prefetch_related_objects

from controlpanel.accounts.actors import Actor
from controlpanel.catalog.models import Environment
from controlpanel.core.models import AuditEvent
from controlpanel.core.permissions import Right
from deployments.choices import IN_LANE, Kind, State
from deployments.models import Application, GateResult, Promotion
from deployments.selectors import verifications
from deployments.selectors.approvals import Policy, Word, policy_of, words_on


@dataclass(frozen=True, kw_only=True)
class Told:
    """A promotion with its events, the Applications of its components as last observed, and what people said of it where
    the environment asks for approvals (`policy`)."""

    promotion: Promotion
    events: tuple[AuditEvent, ...]
    applications: tuple[Application, ...]
    policy: Policy | None
    words: tuple[Word, ...]


@dataclass(frozen=True, kw_only=True)
class Place:
    """An environment with what is live there, what is in flight, and its Applications."""

    environment: Environment
    last: Promotion | None
    active: Promotion | None
    applications: tuple[Application, ...] = field(default=())


def environments_seen_by(actor: Actor, right: Right = Right.VIEW) -> list[Environment]:
    """The environments of the current catalog that the actor may see, in the order of the pipeline."""
    return [one for one in Environment.objects.filter(is_retired=False) if actor.may(right, one.name)]


def promotions_seen_by(actor: Actor) -> QuerySet[Promotion]:
    """Promotions of every environment, retired ones too, that the actor may see."""
    names = actor.environments(list(Environment.objects.values_list("name", flat=True)))
    return Promotion.objects.filter(environment__name__in=names).select_related(
        "environment", "release", "preflight", "restores"
    )


def audit_seen_by(actor: Actor) -> QuerySet[AuditEvent]:
    """Events of environments that the actor may see; those of none in particular only for whoever sees all."""
    if actor.may(Right.AUDIT_VIEW, ""):
        return AuditEvent.objects.all()
    names = actor.environments(list(Environment.objects.values_list("name", flat=True)), Right.AUDIT_VIEW)
    return AuditEvent.objects.filter(environment__in=names)


def told(promotions: Iterable[Promotion]) -> list[Told]:
    """The promotions, in their order, each with all that an answer shows."""
    rows = list(promotions)
    gates = Prefetch("gates", GateResult.objects.order_by("pk"))
    prefetch_related_objects(rows, "rollouts", gates, verifications.prefetch())
    events = _events(row.pk for row in rows)
    applications = _applications(row.environment_id for row in rows)
    policies = {row.pk: policy_of(row.environment) for row in rows}
    words = words_on([(row, policy) for row in rows if (policy := policies[row.pk])])
    return [
        Told(
            promotion=row,
            policy=policies[row.pk],
            words=tuple(words.get(row.pk, ())),
            events=tuple(events[row.pk]),
            applications=_of_promotion(row, applications[row.environment_id]),
        )
        for row in rows
    ]


def events_after(promotion: uuid.UUID, sequence: int) -> tuple[list[AuditEvent], bool]:
    """The promotion's events behind `sequence`, and whether it had ended by then (so that these are the last)."""
    ended = Promotion.objects.get(
        pk=promotion
    ).is_terminal  # asked first: an end that comes later only costs one more look
    rows = AuditEvent.objects.filter(promotion=promotion, promotion_sequence__gt=sequence)
    return list(rows.order_by("promotion_sequence")), ended


def places(environments: Collection[Environment]) -> list[Place]:
    """The environments, in their order, with what is live and in flight there."""
    keys = [one.pk for one in environments]
    here = Promotion.objects.filter(environment=OuterRef("environment"), state=State.SUCCEEDED)
    newest = here.exclude(kind=Kind.TENANT_CONFIG).order_by("-finished_at")  # the release stays what it is
    live = Promotion.objects.filter(environment__in=keys, pk=Subquery(newest.values("pk")[:1])).select_related(
        "release"
    )
    active = Promotion.objects.filter(environment__in=keys, state__in=IN_LANE).select_related("release")
    last_of, active_of = _by_environment(live), _by_environment(active)
    applications = _applications(keys)
    return [
        Place(
            environment=one,
            last=last_of.get(one.pk),
            active=active_of.get(one.pk),
            applications=tuple(row for row in applications[one.pk] if not row.shard),
        )
        for one in environments
    ]


def _of_promotion(promotion: Promotion, applications: list[Application]) -> tuple[Application, ...]:
    """Those that it rolls out; before that is known, those of the components that it was asked for (none named: all)."""
    if names := {rollout.application for rollout in promotion.rollouts.all()}:
        return tuple(one for one in applications if one.name in names)
    chosen, is_of_tenants = set(promotion.components), promotion.kind == Kind.TENANT_CONFIG
    possible = (one for one in applications if bool(one.shard) == is_of_tenants)
    return tuple(one for one in possible if not chosen or one.component in chosen)


def _events(promotions: Iterable[uuid.UUID]) -> Mapping[uuid.UUID, list[AuditEvent]]:
    found: defaultdict[uuid.UUID, list[AuditEvent]] = defaultdict(list)
    for event in AuditEvent.objects.filter(promotion__in=list(promotions)).order_by("promotion_sequence"):
        if event.promotion is not None:
            found[event.promotion].append(event)
    return found


def _applications(environments: Iterable[int]) -> Mapping[int, list[Application]]:
    found: defaultdict[int, list[Application]] = defaultdict(list)
    for application in Application.objects.filter(environment__in=set(environments)).order_by("name"):
        found[application.environment_id].append(application)
    return found


def _by_environment(promotions: Iterable[Promotion]) -> dict[int, Promotion]:
    return {promotion.environment_id: promotion for promotion in promotions}
