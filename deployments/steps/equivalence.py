"""Later commits of other writers that leave a component's files as our commit has them."""

from __future__ import annotations

from controlpanel.catalog import connections
from controlpanel.clients.argocd_models import Application
from controlpanel.clients.errors import GitRefNotFound, GitUnsafe
from deployments.steps.base import Context


def equivalent(context: Context, read: Application, component: str) -> tuple[str, ...]:
    """The commit that Argo CD compared with, where it is built upon ours and holds the same files; else nothing."""
    ours, compared = context.promotion.commit, read.revision
    if compared in ("", ours):
        return ()
    context.guard()
    repository = connections.deploy_repository()
    try:
        is_same = repository.is_ancestor(ours, compared) and not repository.changed_paths(ours, compared, component)
    except (GitRefNotFound, GitUnsafe):  # a commit that the branch no longer has, or none of Git's
        return ()
    return (compared,) if is_same else ()
