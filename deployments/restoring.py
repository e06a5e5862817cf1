"""The files that an earlier promotion committed, to be committed again by a rollback. Nothing is rendered."""

from __future__ import annotations

import hashlib
import json
from collections.abc import Mapping
from typing import Any

from controlpanel.catalog import connections
from controlpanel.catalog.document import waves_of
from controlpanel.catalog.models import Component
from controlpanel.catalog.shards import COMPONENT
from controlpanel.clients.errors import GitRefNotFound
from controlpanel.clients.git import GitRepository
from deployments.models import Preflight, Promotion, RenderedComponent
from deployments.rendering import NotRenderable, Rendering, render_release, stored
from deployments.tenants_part import deadline_seconds, is_kept_in, losses, render_tenants


def rendering_of(what: Preflight | Promotion) -> Rendering:
    """The files that it asks for: rendered, or as they were committed before. Raises as the two do."""
    if what.restores is not None:
        return restore(what.restores, keeps_tenants=what.keeps_tenants)
    if what.release is not None:
        return render_release(what.release, what.environment, what.components)
    if isinstance(what, Promotion) and what.preflight is not None:
        return _as_previewed(what.preflight)
    return render_tenants(what.environment)


def restore(target: Promotion, *, keeps_tenants: bool = False) -> Rendering:
    """The files of every component as they stood at the commit of `target`, in the waves of today's catalog, and the
    tenants' part of that commit, or today's.

    A component that came later is left as it is. Raises `NotRenderable` where Git no longer holds the commit and
    `GitError` where the repository does not answer.
    """
    components = {row.name: row for row in Component.objects.all()}
    commits = dict.fromkeys(_names(target, components), target.commit)
    if is_kept_in(target.environment):
        commits[COMPONENT] = _commit_of_tenants(target, keeps_tenants)
    parts = {name: _input_digest(commit, name) for name, commit in commits.items()}
    known = dict(RenderedComponent.objects.filter(pk__in=parts.values()).values_list("input_digest", "files"))
    if len(known) < len(parts):
        known |= _read(target, commits, {name: digest for name, digest in parts.items() if digest not in known})
    parts = {name: digest for name, digest in parts.items() if known[digest]}
    needs = {name: row.needs for name, row in components.items()} | {COMPONENT: []}
    return Rendering(
        parts=parts,
        files={path: text.encode() for digest in parts.values() for path, text in known[digest].items()},
        waves=waves_of(needs, parts),
        deadlines={
            name: components[name].deadline_seconds if name in components else deadline_seconds() for name in parts
        },
        versions=_versions(target, commits.get(COMPONENT, "")),
    )


def _as_previewed(preflight: Preflight) -> Rendering:
    """References are edited all the time; what is committed is what was looked at, and later edits wait for the next."""
    return Rendering(
        parts=dict(preflight.parts), files=stored(preflight.parts), waves=tuple(tuple(wave) for wave in preflight.waves),
        deadlines={COMPONENT: deadline_seconds()}, versions=preflight.versions,
    )  # fmt: skip


def _commit_of_tenants(target: Promotion, keeps: bool) -> str:
    """Whose tenants' part comes: that of `target`, unless it is to stay or came later; then today's, which stays as it is."""
    repository = connections.deploy_repository()
    if not keeps and _subtree(repository, target):
        return target.commit
    return repository.tip(target.environment.branch) or target.commit


def _subtree(repository: GitRepository, target: Promotion) -> str | None:
    try:
        return repository.subtree(target.commit, COMPONENT)
    except GitRefNotFound as error:
        raise _gone(target) from error


def _versions(target: Promotion, commit: str) -> dict[str, int] | None:
    """The references that the tenants' part of the commit was made from; None where it is not that of `target`."""
    if commit != target.commit:
        return None
    last = last_of_tenants(target)
    return last.preflight.versions if last and last.preflight else {}


def losses_of(target: Promotion) -> list[dict[str, Any]]:
    """What going back to `target` would take from tenants that are served, by our rows alone: [{"slug", "keys"}].

    Nothing where the tenants' part came only later: it stays as it is then.
    """
    last = last_of_tenants(target) if is_kept_in(target.environment) else None
    return losses(target.environment, last.preflight.versions if last and last.preflight else None)


def last_of_tenants(target: Promotion) -> Promotion | None:
    """The promotion that brought the tenants' part which the commit of `target` holds: itself, or one before it."""
    rows = Promotion.objects.filter(environment=target.environment, committed_at__lte=target.committed_at)
    touching = rows.exclude(commit="").filter(preflight__versions__isnull=False)
    return touching.select_related("preflight").order_by("-committed_at").first()


def _names(target: Promotion, components: Mapping[str, Component]) -> list[str]:
    """Those of today, and those that the target promoted and that have been retired since."""
    own = set((target.plan or {}).get("parts", {})) & components.keys()
    return [name for name, row in components.items() if name in own or not row.is_retired]


def _input_digest(commit: str, component: str) -> str:
    inputs = ["restored", commit, component]
    return hashlib.sha256(json.dumps(inputs).encode()).hexdigest()


def _read(target: Promotion, commits: Mapping[str, str], wanted: Mapping[str, str]) -> dict[str, dict[str, str]]:
    repository = connections.deploy_repository()
    repository.fetch()
    return {
        digest: _keep(digest, name, _files(repository, target, commits[name], name)) for name, digest in wanted.items()
    }


def _keep(digest: str, component: str, files: Mapping[str, bytes]) -> dict[str, str]:
    """Committing reads them from here, as it reads what was rendered."""
    text = {path: _text(path, content) for path, content in files.items()}
    RenderedComponent.objects.get_or_create(input_digest=digest, defaults={"component": component, "files": text})
    return text


def _text(path: str, content: bytes) -> str:
    try:
        text = content.decode()
    except UnicodeDecodeError:
        text = "\0"
    if "\0" not in text:
        return text
    raise NotRenderable(
        f"Someone else put {path!a} there, which is no text, so it cannot be committed again.",
        "Choose another promotion to go back to.",
    )


def _files(repository: GitRepository, target: Promotion, commit: str, component: str) -> dict[str, bytes]:
    try:
        return repository.files(commit, component)
    except GitRefNotFound as error:
        raise _gone(target) from error


def _gone(target: Promotion) -> NotRenderable:
    return NotRenderable(
        f"Commit {target.commit[:12]} of promotion {target.number} is no longer in the deploy repository.",
        "Choose another promotion to go back to.",
    )
