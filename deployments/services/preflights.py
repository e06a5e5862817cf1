"""Preflights: what a promotion would do, rendered by a worker before any click."""

from __future__ import annotations

import dataclasses
from collections.abc import Sequence
from typing import Any

import structlog
from django.conf import settings
from django.db import transaction
from django.db.models import Exists, Q

from controlpanel.accounts.actors import Actor
from controlpanel.catalog import connections
from controlpanel.catalog.models import Component, Environment, Variable
from controlpanel.clients.errors import ClientError
from controlpanel.clients.git import GitRepository
from controlpanel.core import doorbell, lease, live
from controlpanel.core.errors import AbsentError, InvalidError
from controlpanel.core.lease import Lease, StatementTime
from controlpanel.core.permissions import Right
from deployments import checking, dry_run, gates
from deployments.choices import Kind, PreflightState, State
from deployments.gates import GateAnswer
from deployments.models import Preflight, Promotion, Release
from deployments.renderers import difference, pod_keys, variables
from deployments.rendering import NotRenderable, Rendering
from deployments.restoring import rendering_of
from deployments.selectors.preflights import edited, overtaking, unanswered
from deployments.services import judging
from deployments.services.wanted import Wanted
from deployments.tenants_part import losses
from tenants.services.promoting import items_for_release

log = structlog.get_logger(__name__)
MOST_ATTEMPTS = 5


def find_release(version: str) -> Release:
    """The release of that version. Raises `AbsentError` that says how one comes to be."""
    release = Release.objects.filter(version=version).first()
    if release is None:
        raise AbsentError(f"There is no release {version}.", "Create it first: POST /api/v1/releases.")
    return release


def named_release(kind: str, release: str | None) -> str | None:
    """The release that this kind of promotion has to name, None where it may not. Raises `InvalidError` for the other way."""
    if kind == Kind.TENANT_CONFIG and release:
        raise InvalidError("Tenants' configuration has no release.", "Leave out `release`.", field="release")
    if kind == Kind.RELEASE and not release:
        raise InvalidError("No release is named.", "Name the release's version.", field="release")
    return release or None


def find_environment(name: str, *, actor: Actor, right: Right = Right.VIEW) -> Environment:
    """The environment, if the actor has the right there. Raises `AbsentError` or `RefusedError`."""
    environment = Environment.objects.filter(name=name, is_retired=False).first()
    if environment is None or not actor.may(Right.VIEW, name):
        raise AbsentError(
            f"There is no environment {name}, or it is not yours to see.", "See GET /api/v1/environments."
        )
    actor.require(right, name)
    return environment


def preflight_request(
    *, actor: Actor, release: str | None, environment: str, components: Sequence[str] = ()
) -> Preflight:
    """Return a preflight that is ready or being rendered; a new one only where none is still true.

    Without a release it is of the tenants' configuration.
    """
    place = find_environment(environment, actor=actor)
    found = find_release(release) if release else None
    return preflight_of(Wanted(actor=actor, environment=place, release=found, components=sorted(set(components))))


def preflight_of(wanted: Wanted) -> Preflight:
    """The same for a target of any kind that was looked up before."""
    checking.want(wanted.environment, wanted.release, wanted.kind)
    return _current(wanted) or preflight_start(wanted)


@transaction.atomic
def preflight_start(wanted: Wanted) -> Preflight:
    """Have a worker render."""
    preflight = Preflight.objects.create(**wanted.what, created_by=wanted.actor.name, next_run_at=StatementTime())
    doorbell.ring("render_preflight", preflight.pk)
    return preflight


def gates_of(preflight: Preflight, *, actor: Actor) -> list[GateAnswer]:
    """The gates as they stand now, with this preview in hand."""
    actor.require(Right.VIEW, preflight.environment.name)
    return gates.for_target(
        release=preflight.release, environment=preflight.environment, preflight=preflight, kind=preflight.kind
    )


def preflight_render(pk: Any) -> bool:
    """Render one due preflight (called by a worker or by `watch`); False where another process has it."""
    return lease.run_claimed(Preflight, pk, _render)


def _current(wanted: Wanted) -> Preflight | None:
    """The newest preflight of the same target that no later commit to the environment has overtaken."""
    overtaken = Exists(overtaking(wanted.kind, wanted.environment))
    still_true = Q(state=PreflightState.RENDERING) | Q(state=PreflightState.READY) & ~Q(overtaken)
    if wanted.kind == Kind.TENANT_CONFIG:
        still_true &= ~Q(Exists(edited(wanted.environment)))
    still_true &= ~unanswered()
    rows = Preflight.objects.filter(still_true, **wanted.looked_up)
    return rows.select_related("release", "environment", "restores").order_by("-created_at").first()


def _render(preflight: Preflight, held: Lease) -> float | None:
    """One rendering; what the release's author can mend ends it, an outage is tried again a few times."""
    if preflight.state != PreflightState.RENDERING:
        return None
    if preflight.attempts > 2 * MOST_ATTEMPTS:
        error = f"Rendering was tried {preflight.attempts - 1} times without a result."
        _store(preflight, held, state=PreflightState.FAILED, error=error, remedy="See the log of the worker.")
        return None
    try:
        facts = _facts(preflight, held)
        if preflight.release is not None and facts["needs"]:
            items_for_release(preflight.environment, facts["needs"], preflight.release.version)
    except NotRenderable as error:
        _store(preflight, held, state=PreflightState.FAILED, error=error.sentence, remedy=error.remedy)
    except ClientError as error:
        log.warning("preflight_waits", preflight=str(preflight.pk), error=str(error))
        if preflight.attempts < MOST_ATTEMPTS:
            return 2.0 * preflight.attempts
        _store(preflight, held, state=PreflightState.FAILED, error=error.sentence, remedy=error.remedy)
    else:
        _store(preflight, held, state=PreflightState.READY, **facts)
    return None


def _facts(preflight: Preflight, held: Lease) -> dict[str, Any]:
    rendering = rendering_of(preflight)
    deploy = connections.deploy_repository()
    looked_at = lease.Clock()()  # a commit that lands from here on overtakes this preview
    deploy.fetch()
    base = deploy.tip(preflight.environment.branch)
    before: dict[str, bytes] = {}
    for component in rendering.components:
        before |= deploy.files(base, component) if base else {}
    changed = {path: content for path, content in rendering.files.items() if before.get(path) != content}
    is_known = preflight.restores is not None  # the cluster took these files before
    found = dry_run.Findings(standing=dry_run.UNASKED) if is_known else _asked_of_the_cluster(changed, held)
    changes = [
        {**dataclasses.asdict(change), "problems": found.problems.get(difference.path_of(change), [])}
        for change in difference.changes(before, rendering.files)
        if change.change != "unchanged" or not change.shard  # of ten thousand objects nobody reads the equal ones
    ]
    components = rendering.components_files
    held_there = components | _others(preflight, rendering, deploy, base) if components else {}
    return {
        "ready_at": looked_at,
        "base": base or "",
        "render_digest": rendering.digest,
        "digests": rendering.digests,
        "versions": rendering.versions,
        "needs": sorted(_needs(components)),
        "losses": losses(preflight.environment, rendering.versions) if preflight.restores else [],
        "parts": rendering.parts,
        "changes": difference.fitting(changes),
        "dry_run": found.facts(),
        "waves": [list(wave) for wave in rendering.waves],
        "variables": _variables(held_there) if components else [],
        "findings": [] if is_known or not components else judging.findings(held_there),
    }


def _needs(files: dict[str, bytes]) -> set[str]:
    """What the release's pods want of every tenant, beyond what the checklist of the catalog asks for anyway."""
    scoped = dict(Variable.objects.filter(scope="tenant").values_list("key", "on_checklist"))
    needed = pod_keys.tenant_keys(pod_keys.pod_keys(files), scoped)
    return {key for key in needed if not scoped.get(key)}


def _asked_of_the_cluster(files: dict[str, bytes], held: Lease) -> dry_run.Findings:
    """A kubeconfig that is of no use is said like an outage, so that it hides no diff."""
    held.guard(min(dry_run.BUDGET_SECONDS, settings.TIMINGS.lease_seconds / 3))
    try:
        return dry_run.ask(connections.kubernetes(), files)
    except ClientError as error:
        return dry_run.Findings(standing=dry_run.UNKNOWN, sentence=error.sentence, remedy=error.remedy)


def _others(preflight: Preflight, rendering: Rendering, deploy: GitRepository, base: str | None) -> dict[str, bytes]:
    """Where only some components are promoted, the others give their variables from what is committed already."""
    if not preflight.components or base is None:
        return {}
    names = Component.objects.filter(is_retired=False).exclude(name__in=rendering.components)
    return {
        path: body for name in names.values_list("name", flat=True) for path, body in deploy.files(base, name).items()
    }


def _variables(files: dict[str, bytes]) -> list[dict[str, str]]:
    """Where each required variable of the environment stands in these files."""
    found = variables.standing(files)
    keys = Variable.objects.filter(scope="environment").order_by("pk").values_list("key", flat=True)
    return [{"key": key, **dataclasses.asdict(found.get(key, variables.NOWHERE))} for key in keys]


def _store(preflight: Preflight, held: Lease, *, state: PreflightState, **facts: Any) -> None:
    with lease.held(preflight, held, state=PreflightState.RENDERING):
        Preflight.objects.filter(pk=preflight.pk).update(**{"state": state, "ready_at": StatementTime(), **facts})
        live.publish(f"preflight.{preflight.pk}")
        waiting = Promotion.objects.filter(preflight=preflight, state=State.REQUESTED)
        lease.wake(waiting)
        for promotion in waiting.values_list("pk", flat=True):
            doorbell.ring("advance_promotion", promotion)
