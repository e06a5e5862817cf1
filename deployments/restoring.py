"""The files that an earlier promotion committed, to be committed again by a rollback. Nothing is rendered."""

from __future__ import annotations

import hashlib
import json
from collections.abc import Mapping

from controlpanel.catalog import connections
from controlpanel.catalog.document import waves_of
from controlpanel.catalog.models import Component
from controlpanel.clients.errors import GitRefNotFound
from controlpanel.clients.git import GitRepository
from deployments.models import Preflight, Promotion, RenderedComponent
from deployments.rendering import NotRenderable, Rendering, render_release


def rendering_of(what: Preflight | Promotion) -> Rendering:
    """The files that it asks for: rendered, or as they were committed before. Raises as the two do."""
    if what.restores is not None:
        return restore(what.restores)
    assert what.release is not None
    return render_release(what.release, what.environment, what.components)


def restore(target: Promotion) -> Rendering:
    """The files of every component as they stood at the commit of `target`, in the waves of today's catalog.

    A component that came later is left as it is. Raises `NotRenderable` where Git no longer holds the commit and
    `GitError` where the repository does not answer.
    """
    components = {row.name: row for row in Component.objects.all()}
    parts = {name: _input_digest(target, name) for name in _names(target, components)}
    known = dict(RenderedComponent.objects.filter(pk__in=parts.values()).values_list("input_digest", "files"))
    if len(known) < len(parts):
        known |= _read(target, {name: digest for name, digest in parts.items() if digest not in known})
    parts = {name: digest for name, digest in parts.items() if known[digest]}
    return Rendering(
        parts=parts,
        files={path: text.encode() for digest in parts.values() for path, text in known[digest].items()},
        waves=waves_of({name: row.needs for name, row in components.items()}, parts),
        deadlines={name: components[name].deadline_seconds for name in parts},
    )


def _names(target: Promotion, components: Mapping[str, Component]) -> list[str]:
    """Those of today, and those that the target promoted and that have been retired since."""
    own = set((target.plan or {}).get("parts", {}))
    return [name for name, row in components.items() if name in own or not row.is_retired]


def _input_digest(target: Promotion, component: str) -> str:
    inputs = ["restored", target.commit, component]
    return hashlib.sha256(json.dumps(inputs).encode()).hexdigest()


def _read(target: Promotion, wanted: Mapping[str, str]) -> dict[str, dict[str, str]]:
    repository = connections.deploy_repository()
    repository.fetch()
    return {digest: _keep(digest, name, _files(repository, target, name)) for name, digest in wanted.items()}


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


def _files(repository: GitRepository, target: Promotion, component: str) -> dict[str, bytes]:
    try:
        return repository.files(target.commit, component)
    except GitRefNotFound as error:
        raise NotRenderable(
            f"Commit {target.commit[:12]} of promotion {target.number} is no longer in the deploy repository.",
            "Choose another promotion to go back to.",
        ) from error
