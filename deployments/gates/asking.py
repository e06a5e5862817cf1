"""Reading the situation once and asking every gate that an environment names."""

from __future__ import annotations

import dataclasses
from collections import defaultdict
from collections.abc import Collection, Iterable, Mapping, Sequence
from datetime import datetime
from typing import Any

from django.conf import settings
from django.db.models import Count, Exists, JSONField, Max, Min, OuterRef, Subquery
from django.db.models.expressions import RawSQL
from django.utils import timezone

from controlpanel.catalog.models import Component, Environment
from deployments.choices import OPEN, Kind, PreflightState, State, Verdict
from deployments.gates.base import Gate, GateAnswer, Proven, Situation, gates
from deployments.models import (
    Application,
    AutomaticRollback,
    Freeze,
    Observer,
    Preflight,
    Promotion,
    Release,
    ReleaseHold,
)
from deployments.selectors.approvals import Word, policy_of, words_of
from deployments.selectors.checks import check_of
from deployments.selectors.estimates import newest_took, usual_took
from deployments.selectors.freezes import HOLDS, STANDING, from_json
from deployments.selectors.rollouts import in_catalog_order
from deployments.selectors.verifications import newest_runs
from tenants.selectors.readiness import Counts, readiness_counts

ALWAYS = ("lane-free", "digest-current", "freeze", "held-back")
"""Asked in every environment, whatever the catalog names: the engine relies on the first two, people on the others."""

TENANTS_READY, VERIFIED_BEFORE = "tenants-ready", "verified-before"

Target = tuple[Release | None, Environment]


@dataclasses.dataclass(frozen=True, kw_only=True)
class Facts:
    """The rows that gates look at, read once for some environments and releases; pages show them too."""

    applications: Mapping[int, tuple[Application, ...]]
    open: Mapping[str, tuple[Promotion, ...]]
    succeeded: Mapping[tuple[str, int], datetime]
    places: Mapping[int, Mapping[str, Any]]
    tenants: Mapping[str, Counts]
    freezes: Sequence[Freeze]
    holds: Sequence[ReleaseHold]
    proven: Mapping[tuple[str, int], Proven]


def facts_of(environments: Iterable[Environment], releases: Iterable[Release | None]) -> Facts:
    """Read what the gates need of these environments and releases, in four queries; one more where tenants have to be ready,
    two where the environment before has to have verified."""
    environments, releases = list(environments), list(releases)
    keys = {environment.pk for environment in environments}
    applications = in_catalog_order(Application.objects.filter(environment__in=keys))
    open_promotions = Promotion.objects.filter(state__in=OPEN).select_related("environment", "release", "requester")
    places = _places(keys)
    shared: Mapping[str, Any] = next(iter(places.values()), {"freezes": [], "holds": []})  # the same in each row
    return Facts(
        applications=_grouped(applications, "environment_id"),
        open=_grouped(open_promotions.order_by("number"), "environment.name"),
        succeeded=_succeeded(releases),
        places=places,
        freezes=[from_json(Freeze, row) for row in shared["freezes"]],
        holds=[from_json(ReleaseHold, row) for row in shared["holds"]],
        tenants=_tenants([one for one in environments if one.parameters_of(TENANTS_READY) is not None]),
        proven=_proven(releases) if any(one.parameters_of(VERIFIED_BEFORE) is not None for one in environments) else {},
    )


def for_target(
    *,
    release: Release | None,
    environment: Environment,
    preflight: Preflight | None = None,
    promotion: Promotion | None = None,
    kind: Kind = Kind.RELEASE,
    asked: str = "request",
    facts: Facts | None = None,
    overrides: Sequence[Mapping[str, str]] = (),
    is_emergency: bool = False,
) -> list[GateAnswer]:
    """Every answer for one release in one environment, in the order of the catalog."""
    known = facts or facts_of([environment], [release])
    situation = _situations([(release, environment)], kind, asked, known)[0]
    return evaluate(
        dataclasses.replace(
            situation,
            preflight=preflight,
            promotion=promotion,
            changed=_changed(preflight, promotion),
            overrides=promotion.overrides if promotion else overrides,
            is_emergency=promotion.is_emergency if promotion else is_emergency,
            approvals=_approvals(promotion),
            check=check_of(environment, release) if asked in ("request", "start") else None,
        )
    )


def for_targets(targets: Sequence[Target], *, facts: Facts | None = None) -> list[list[GateAnswer]]:
    """The answers for many targets before anything is rendered, in a constant number of queries."""
    known = facts or facts_of([place for _, place in targets], [release for release, _ in targets])
    return [evaluate(situation) for situation in _situations(targets, Kind.RELEASE, "board", known)]


def evaluate(situation: Situation) -> list[GateAnswer]:
    """Ask the gates that the environment names (and those that always hold) for this kind and moment."""
    return [
        _overridden(gate, gate.evaluate(dataclasses.replace(situation, parameters=parameters)), situation)
        for gate, parameters in named(situation.environment)
        if situation.kind in gate.kinds and situation.asked in gate.asked
    ]


def _overridden(gate: Gate, answer: GateAnswer, situation: Situation) -> GateAnswer:
    """What refuses passes where it may be overridden, was, and the override still holds."""
    found = next((one for one in situation.overrides if one["gate"] == gate.name), None)
    if found is None or not answer.blocks or not gate.is_overridable:
        return answer
    if datetime.fromisoformat(found["until"]) <= situation.now:
        return dataclasses.replace(answer, reason=f"{answer.reason} Its override by {found['by']} has expired.")
    reason = f"Overridden by {found['by']}: {found['reason']} ({answer.reason})"
    return dataclasses.replace(answer, verdict=Verdict.OVERRIDDEN, reason=reason)


def asked_later(environment: Environment, kind: Kind = Kind.RELEASE) -> int:
    """How many gates the board cannot ask yet, because nothing is rendered."""
    rest = (gate for gate, _ in named(environment) if kind in gate.kinds and "board" not in gate.asked)
    return sum("request" in gate.asked for gate in rest)


def _approvals(promotion: Promotion | None) -> list[Word]:
    policy = policy_of(promotion.environment) if promotion is not None else None
    return [] if promotion is None or policy is None else words_of(promotion, policy)


def _tenants(environments: Sequence[Environment]) -> Mapping[str, Counts]:
    return readiness_counts(environments) if environments else {}


def named(environment: Environment) -> list[tuple[Gate, dict[str, Any]]]:
    """The gates of an environment with their parameters: those of the catalog, in its order, and those that always hold."""
    asked: dict[str, dict[str, Any]] = {entry["name"]: entry.get("parameters", {}) for entry in environment.gates}
    for name in ALWAYS:
        asked.setdefault(name, {})
    return [(gates[name], parameters) for name, parameters in asked.items()]


def _changed(preflight: Preflight | None, promotion: Promotion | None) -> frozenset[str] | None:
    if promotion is not None and promotion.plan:
        return frozenset(promotion.plan["changed"])
    if preflight is not None and preflight.state == PreflightState.READY:
        return frozenset(change["component"] for change in preflight.changes if change["change"] != "unchanged")
    return None


def _situations(targets: Sequence[Target], kind: Kind, asked: str, facts: Facts) -> list[Situation]:
    now = timezone.now()
    usual = {place["name"]: place["usual"] for place in facts.places.values() if place["usual"] is not None}
    return [
        Situation(
            asked=asked, kind=kind, release=release, environment=environment, open=facts.open, succeeded=facts.succeeded, now=now,
            tenants=facts.tenants, proven=facts.proven, freezes=facts.freezes, holds=facts.holds, usual=usual,
            applications=tuple(one for one in facts.applications[environment.pk] if not (one.is_missing or one.shard)),
            silence_seconds=settings.TIMINGS.silence_seconds, **_place_for(facts.places[environment.pk], kind),
        )
        for release, environment in targets
    ]  # fmt: skip


def _place_for(place: Mapping[str, Any], kind: Kind) -> dict[str, Any]:
    """When the environment last changed in what this kind of promotion changes: neither a release nor tenants' configuration
    makes the other's preview untrue."""
    rest = {name: place[name] for name in ("heard_at", "component_count", "goes_back")}
    ends = [
        at for other, at in place["committed"].items() if at and {kind, other} != {Kind.RELEASE, Kind.TENANT_CONFIG}
    ]
    return rest | {"committed_at": max(ends, default=None)}


def _places(environments: Collection[int]) -> dict[int, dict[str, Any]]:
    """When each environment last changed, when its Argo CD was last heard, how many components there are, and how many seconds a
    release usually takes."""
    heard = Observer.objects.filter(server_from=OuterRef("server_from")).values("heard_at")
    count = (
        Component.objects.filter(is_retired=False).order_by().values("is_retired").annotate(n=Count("pk")).values("n")
    )
    rows: Any = Environment.objects.filter(pk__in=environments).values(
        "pk",
        "name",
        **{f"committed_{kind.value}": Subquery(_last_commit(kind)) for kind in Kind},
        heard_at=Subquery(heard),
        component_count=Subquery(count),
        took=newest_took(),
        goes_back=Exists(AutomaticRollback.objects.filter(promotion__environment=OuterRef("pk"), finished_at=None)),
        freezes=RawSQL(STANDING, (), output_field=JSONField()),  # noqa: S611  # a constant, without parameters
        holds=RawSQL(HOLDS, (), output_field=JSONField()),  # noqa: S611  # the same
    )
    return {
        row["pk"]: {
            "committed": {kind: row[f"committed_{kind.value}"] for kind in Kind},
            "heard_at": row["heard_at"],
            "component_count": row["component_count"] or 0,
            "goes_back": row["goes_back"],
            "name": row["name"],
            "usual": usual_took(row["took"]),
            "freezes": row["freezes"],
            "holds": row["holds"],
        }
        for row in rows
    }


def _last_commit(kind: Kind) -> Any:
    rows = Promotion.objects.filter(environment=OuterRef("pk"), kind=kind).exclude(commit="").order_by()
    return rows.values("environment").annotate(at=Max("committed_at")).values("at")


def _succeeded(releases: Iterable[Release | None]) -> dict[tuple[str, int], Any]:
    wanted = {release.pk for release in releases if release is not None}
    rows = Promotion.objects.filter(release__in=wanted, state=State.SUCCEEDED, kind=Kind.RELEASE).order_by()
    first = rows.values_list("environment__name", "release").annotate(at=Min("finished_at"))
    return {(environment, release): at for environment, release, at in first}


def _proven(releases: Iterable[Release | None]) -> dict[tuple[str, int], Proven]:
    """By environment and release, what its newest success there has proved."""
    wanted = {release.pk for release in releases if release is not None}
    rows = Promotion.objects.filter(release__in=wanted, state=State.SUCCEEDED, kind=Kind.RELEASE)
    newest = rows.order_by("environment_id", "release_id", "-finished_at").distinct("environment_id", "release_id")
    shown = newest.select_related("environment").defer("plan").prefetch_related("verifications")
    return {(row.environment.name, row.release_id or 0): _proven_by(row) for row in shown}


def _proven_by(row: Promotion) -> Proven:
    return Proven(number=row.number, checks=tuple((check.title, check.state) for check in newest_runs(row)))


def _grouped(rows: Iterable[Any], path: str) -> defaultdict[Any, tuple[Any, ...]]:
    groups: defaultdict[Any, tuple[Any, ...]] = defaultdict(tuple)
    for row in rows:
        key = row
        for part in path.split("."):
            key = getattr(key, part)
        groups[key] += (row,)
    return groups
