"""Reading the situation once and asking every gate that an environment names."""

from __future__ import annotations

import dataclasses
from collections import defaultdict
from collections.abc import Iterable, Sequence
from typing import Any

from django.conf import settings
from django.db.models import Max, Min
from django.utils import timezone

from controlpanel.catalog.models import Component, Environment
from deployments.choices import OPEN, Kind, PreflightState, State
from deployments.gates.base import GateAnswer, Situation, gates
from deployments.models import Application, Observer, Preflight, Promotion, Release

ALWAYS = ("lane-free", "digest-current")
"""Asked in every environment, whatever the catalog names: the engine relies on them."""

Target = tuple[Release | None, Environment]


def for_target(
    *,
    release: Release | None,
    environment: Environment,
    preflight: Preflight | None = None,
    promotion: Promotion | None = None,
    kind: Kind = Kind.RELEASE,
    asked: str = "request",
) -> list[GateAnswer]:
    """Every answer for one release in one environment, in the order of the catalog."""
    situation = _situations([(release, environment)], kind, asked)[0]
    return evaluate(
        dataclasses.replace(situation, preflight=preflight, promotion=promotion, changed=_changed(preflight, promotion))
    )


def for_targets(targets: Sequence[Target]) -> list[list[GateAnswer]]:
    """The answers for many targets before anything is rendered, in a constant number of queries."""
    return [evaluate(situation) for situation in _situations(targets, Kind.RELEASE, "board")]


def evaluate(situation: Situation) -> list[GateAnswer]:
    """Ask the gates that the environment names (and the two that always hold) for this kind and moment."""
    named: dict[str, dict[str, Any]] = {
        entry["name"]: entry.get("parameters", {}) for entry in situation.environment.gates
    }
    for name in ALWAYS:
        named.setdefault(name, {})
    asked = [(gates[name], parameters) for name, parameters in named.items()]
    return [
        gate.evaluate(dataclasses.replace(situation, parameters=parameters))
        for gate, parameters in asked
        if situation.kind in gate.kinds and situation.asked in gate.asked
    ]


def _changed(preflight: Preflight | None, promotion: Promotion | None) -> frozenset[str] | None:
    if promotion is not None and promotion.plan:
        return frozenset(promotion.plan["changed"])
    if preflight is not None and preflight.state == PreflightState.READY:
        return frozenset(change["component"] for change in preflight.changes if change["change"] != "unchanged")
    return None


def _situations(targets: Sequence[Target], kind: Kind, asked: str) -> list[Situation]:
    environments = {environment.pk for _, environment in targets}
    applications = _grouped(
        Application.objects.filter(environment__in=environments, is_missing=False), "environment_id"
    )
    open_promotions = _grouped(
        Promotion.objects.filter(state__in=OPEN).select_related("environment", "release").order_by("number"),
        "environment.name",
    )
    succeeded = _succeeded(release for release, _ in targets)
    committed = dict(
        Promotion.objects.exclude(commit="").order_by().values_list("environment").annotate(Max("committed_at"))
    )
    heard = dict(Observer.objects.values_list("server_from", "heard_at"))
    count, now = Component.objects.filter(is_retired=False).count(), timezone.now()
    return [
        Situation(
            asked=asked, kind=kind, release=release, environment=environment, applications=applications[environment.pk],
            open=open_promotions, succeeded=succeeded, committed_at=committed.get(environment.pk),
            heard_at=heard.get(environment.server_from), now=now, silence_seconds=settings.TIMINGS.silence_seconds, component_count=count,
        )
        for release, environment in targets
    ]  # fmt: skip


def _succeeded(releases: Iterable[Release | None]) -> dict[tuple[str, int], Any]:
    wanted = {release.pk for release in releases if release is not None}
    rows = Promotion.objects.filter(release__in=wanted, state=State.SUCCEEDED, kind=Kind.RELEASE).order_by()
    first = rows.values_list("environment__name", "release").annotate(at=Min("finished_at"))
    return {(environment, release): at for environment, release, at in first}


def _grouped(rows: Iterable[Any], path: str) -> defaultdict[Any, tuple[Any, ...]]:
    groups: defaultdict[Any, tuple[Any, ...]] = defaultdict(tuple)
    for row in rows:
        key = row
        for part in path.split("."):
            key = getattr(key, part)
        groups[key] += (row,)
    return groups
