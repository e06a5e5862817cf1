"""Brings `platform.yaml` into the rows: all of it, or nothing but the list of what is wrong with it."""

from __future__ import annotations

from collections.abc import Callable, Iterable
from dataclasses import asdict

from django.conf import settings
from django.db import connection, transaction

from controlpanel.catalog import connections, document
from controlpanel.catalog.current import FILENAME
from controlpanel.catalog.document import CatalogDocument, ComponentSpec, EnvironmentSpec, VariableSpec
from controlpanel.catalog.errors import CatalogError, Problem
from controlpanel.catalog.models import CatalogVersion, Component, Environment, Variable
from controlpanel.core import audit
from controlpanel.core.errors import AbsentError

Check = Callable[[CatalogDocument], Iterable[Problem]]
CHECKS: list[Check] = []
"""Checks of layers above (such as: is every gate known?), added when their app starts."""


def read_platform() -> tuple[str, str]:
    """The text of `platform.yaml` at `PLATFORM_REPO_REF`, and its commit.

    Raises `ClientError` where the repository cannot be read, `AbsentError` where it has no such file.
    """
    repository, reference = connections.platform_repository(), settings.CONFIGURATION.platform_repo_ref
    commit = repository.resolve(reference)
    content = repository.files(commit, FILENAME).get(FILENAME)
    if content is None:
        raise AbsentError(
            f"The platform repository has no {FILENAME} at {reference} ({commit[:7]}).",
            f"Add {FILENAME} to its top folder, or set PLATFORM_REPO_URL and PLATFORM_REPO_REF to where it is.",
        )
    return content.decode("utf-8", errors="replace"), commit


def load_platform(*, actor: audit.Author, text: str, commit: str) -> CatalogVersion:
    """Put the document into force and return its version; loading the same one again changes nothing.

    A document with problems is kept as a version that is not in force, with its `problems`; nothing else changes.
    """
    try:
        parsed = document.parse(text, filename=FILENAME)
        problems = [problem for check in CHECKS for problem in check(parsed)]
    except CatalogError as error:
        problems = error.problems
    with transaction.atomic():
        _one_at_a_time()
        if problems:
            return _refuse(actor, text, commit, problems)
        return _put_into_force(actor, text, commit, parsed)


def _one_at_a_time() -> None:
    with connection.cursor() as cursor:
        cursor.execute("SELECT pg_advisory_xact_lock(hashtext('controlpanel.catalog'))")


def _refuse(actor: audit.Author, text: str, commit: str, problems: Iterable[Problem]) -> CatalogVersion:
    listed = [asdict(problem) for problem in sorted(problems)]
    newest = CatalogVersion.objects.first()
    if newest is not None and (newest.text, newest.commit, newest.problems) == (text, commit, listed):
        return newest
    version = CatalogVersion.objects.create(commit=commit, loaded_by=actor.name, text=text, problems=listed)
    _record(actor, "catalog.refuse", version, f"{FILENAME} was refused: {len(listed)} problems.", problems=listed)
    return version


def _put_into_force(actor: audit.Author, text: str, commit: str, parsed: CatalogDocument) -> CatalogVersion:
    _write_environments(parsed)
    _write_components(parsed)
    _write_variables(parsed)
    current = CatalogVersion.objects.filter(is_current=True).first()
    if current is not None and (current.text, current.commit) == (text, commit):
        return current
    CatalogVersion.objects.filter(is_current=True).update(is_current=False)
    version = CatalogVersion.objects.create(commit=commit, loaded_by=actor.name, text=text, is_current=True)
    _record(actor, "catalog.load", version, f"{parsed.platform.title}: {_counted(parsed)}.")
    return version


def _write_environments(parsed: CatalogDocument) -> None:
    # All leave first, so that two environments may swap their branches.
    Environment.objects.select_for_update().order_by("pk").update(is_retired=True)
    for spec in parsed.environments:
        shards = parsed.tenant_credentials.shards if parsed.tenant_credentials else 0
        values = {**_environment(spec), "tenant_shards": shards}
        Environment.objects.update_or_create(name=spec.name, defaults=values)


def _write_components(parsed: CatalogDocument) -> None:
    Component.objects.update(is_retired=True)
    for position, spec in enumerate(parsed.components):
        Component.objects.update_or_create(name=spec.name, defaults=_component(spec, position))


def _write_variables(parsed: CatalogDocument) -> None:
    Variable.objects.exclude(key__in=[spec.key for spec in parsed.variables]).delete()
    for spec in parsed.variables:
        Variable.objects.update_or_create(key=spec.key, defaults=_variable(spec))


def _environment(spec: EnvironmentSpec) -> dict[str, object]:
    return {
        "title": spec.title,
        "position": spec.position,
        "branch": spec.branch,
        "after": spec.after or "",
        "confirm_by_name": spec.confirm_by_name,
        "project": spec.argocd.project,
        "server_from": spec.argocd.server_from,
        "token_from": spec.argocd.token_from,
        "gates": [{"name": gate.name, "parameters": dict(gate.parameters)} for gate in spec.gates],
        "promotes_automatically": spec.promotes_automatically,
        "is_retired": False,
    }


def _component(spec: ComponentSpec, position: int) -> dict[str, object]:
    return {
        "position": position,
        "path": spec.path,
        "renderer": spec.renderer,
        "needs": list(spec.needs),
        "images": list(spec.images),
        "deadline_seconds": spec.deadline_seconds,
        "is_retired": False,
    }


def _variable(spec: VariableSpec) -> dict[str, object]:
    return {
        "scope": spec.scope,
        "is_secret": spec.secret,
        "on_checklist": spec.checklist,
        "default": spec.default or "",
    }


def _counted(parsed: CatalogDocument) -> str:
    return f"{len(parsed.environments)} environments, {len(parsed.components)} components, {len(parsed.variables)} variables"


def _record(actor: audit.Author, action: str, version: CatalogVersion, message: str, **details: object) -> None:
    audit.record(actor=actor, action=action, target=version.commit[:12], message=message, details=details)
