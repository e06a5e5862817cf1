"""Makes what promotions need outside: branches in the deploy repository, an AppProject and Applications in Argo CD.

Safe to repeat: our Applications are brought up to date, others are left alone and said so, a project is only added to.
"""

from __future__ import annotations

import time
from collections.abc import Callable, Iterator, Mapping
from datetime import UTC, datetime
from fnmatch import fnmatchcase
from typing import Any

from django.conf import settings

from controlpanel.catalog import argo, connections
from controlpanel.catalog.current import current_document
from controlpanel.catalog.document import CatalogDocument, EnvironmentSpec
from controlpanel.catalog.models import Environment
from controlpanel.clients.argocd import ArgoCD
from controlpanel.clients.argocd_json import without_zeros
from controlpanel.clients.argocd_models import Application
from controlpanel.clients.errors import GitRejected, Invalid, NotFound, PermissionRefused, Rejected
from controlpanel.clients.git import Author, GitRepository
from controlpanel.core import audit

AUTHOR = Author("Control panel", "control-panel@localhost")
README = b"""# What is deployed

Written by the control panel. Each branch `env/<environment>` holds exactly the manifests that are meant to be live
there; every commit names the promotion that made it. Change the platform repository, not this one.
"""
LABEL, OURS = next(iter(argo.MANAGED_BY.items()))
FIRST_CLAIM = "refs/panel/bootstrap"
PATIENCE_SECONDS, PAUSE_SECONDS = 10.0, 0.5
"""Argo CD's server reads AppProjects from a cache, so for a moment it knows nothing of one that was just written."""


def bootstrap(*, actor: audit.Author) -> Iterator[str]:
    """Do it, one sentence for each thing. Raises `ClientError` or `ConflictError` at the first that cannot be done.

    Everything is looked at before anything is written.
    """
    document = current_document()
    repository, repo_url = connections.deploy_repository(), connections.deploy_repository_for_argocd()
    places = [(spec, _argocd(spec)) for spec in document.environments]
    repository.tip("HEAD")
    for spec, argocd in places:
        _require_token(argocd, spec)
    yield from _branches(repository, document)
    yield from _projects(document, places, repo_url)
    for spec, argocd in places:
        for manifest in argo.applications(document, spec, repo_url, settings.CONFIGURATION.public_url.rstrip("/")):
            yield _application(argocd, manifest)
    audit.record(actor=actor, action="bootstrap", message=f"{document.platform.title} was bootstrapped.")


def merged_project(existing: Mapping[str, Any], wanted: Mapping[str, Any]) -> dict[str, Any]:
    """Only added to, whoever made it: its description, destinations, sources and roles (with their tokens) stay."""
    before: Mapping[str, Any] = existing.get("spec") or {}
    roles = {role["name"]: role for role in before.get("roles") or ()}
    for role in wanted["spec"]["roles"]:
        roles[role["name"]] = {**roles.get(role["name"], {}), **role}
    spec = {
        **before,
        "description": before.get("description") or wanted["spec"]["description"],
        "sourceRepos": _united(before.get("sourceRepos"), wanted["spec"]["sourceRepos"]),
        "destinations": _united(before.get("destinations"), wanted["spec"]["destinations"]),
        "clusterResourceWhitelist": _united(
            before.get("clusterResourceWhitelist"), wanted["spec"]["clusterResourceWhitelist"]
        ),
        "roles": list(roles.values()),
    }
    return {**wanted, "spec": spec}


def permits(existing: Mapping[str, Any], wanted: Mapping[str, Any]) -> bool:
    """Whether a project allows every source, destination and kind that the wanted one lists; its roles are not asked."""
    before: Mapping[str, Any] = existing.get("spec") or {}
    lists = (
        ("destinations", ("server", "namespace")),
        ("clusterResourceWhitelist", ("group", "kind")),
    )
    sources = before.get("sourceRepos") or ()
    return all(any(fnmatchcase(url, pattern) for pattern in sources) for url in wanted["spec"]["sourceRepos"]) and all(
        any(all(fnmatchcase(one[key], allowed.get(key, "")) for key in keys) for allowed in before.get(name) or ())
        for name, keys in lists
        for one in wanted["spec"][name]
    )


def _argocd(spec: EnvironmentSpec) -> ArgoCD:
    return connections.argocd_bootstrap(Environment.objects.get(name=spec.name))


def _require_token(argocd: ArgoCD, spec: EnvironmentSpec) -> None:
    if not argocd.userinfo().logged_in:
        raise connections.NotConfigured(
            f"The Argo CD of {spec.name} does not accept the panel's token.",
            f"Set ARGOCD_BOOTSTRAP_TOKEN, or {spec.argocd.token_from}, to a token of an account that may create projects.",
        )


def _branches(repository: GitRepository, document: CatalogDocument) -> Iterator[str]:
    now = datetime.now(UTC)
    had_head = repository.tip("HEAD") is not None
    repository.bootstrap_default_branch({"README.md": README}, "Say what this repository holds", now, AUTHOR)
    yield f"deploy repository: default branch {'is there' if had_head else 'created'}."
    for spec in document.environments:
        existed = repository.tip(spec.branch) is not None
        repository.bootstrap_branch(spec.branch, {}, f"Begin {spec.name}", now, AUTHOR)
        yield f"deploy repository: branch {spec.branch} {'is there' if existed else 'created'}."
    _require_claims(repository)


def _require_claims(repository: GitRepository) -> None:
    """Try it now, with one that stays: a promotion that finds out too late has moved the branch already."""
    repository.reserve(FIRST_CLAIM, repository.resolve("HEAD"))
    if repository.claim(FIRST_CLAIM) is None:
        raise GitRejected(
            "The deploy repository's server takes refs below refs/panel/ and does not show them.",
            "Let it show them to the panel's account (in Git's own settings: transfer.hideRefs).",
        )


def _projects(document: CatalogDocument, places: list[tuple[EnvironmentSpec, ArgoCD]], repo_url: str) -> Iterator[str]:
    """Each project of each server once, though environments may share it."""
    seen: set[tuple[str, str]] = set()
    for spec, argocd in places:
        place = (spec.argocd.server_from, spec.argocd.project)
        if place not in seen:
            seen.add(place)
            yield _project(argocd, argo.app_project(document, spec, repo_url))


def _project(argocd: ArgoCD, wanted: dict[str, Any]) -> str:
    name = wanted["metadata"]["name"]
    existing = _read_project(argocd, name)
    manifest = wanted if existing is None else merged_project(existing, wanted)
    if existing is not None and manifest["spec"] == existing.get("spec"):
        return f"AppProject {name}: up to date."
    try:
        argocd.put_project(manifest, upsert=existing is not None)
    except Invalid as error:
        if existing is not None or "existing project" not in error.text:
            raise
        # Written over, it would lose what others gave it.
        remedy = f"Give its account `p, <account>, projects, get, {name}, allow` in Argo CD's RBAC policy; it is then only added to."
        raise _refused(error, f"AppProject {name} exists, and the token may not read it.", remedy) from None
    except PermissionRefused as error:
        if existing is not None and permits(existing, wanted):
            return f"AppProject {name}: permits what is needed; the token may not change it, so it is left as it is."
        remedy = (
            f"Give ARGOCD_BOOTSTRAP_TOKEN of an account with `p, <account>, projects, *, {name}, allow` in Argo CD's RBAC policy"
            " (tokens of a project cannot do this)."
        )
        raise _refused(error, error.sentence, remedy) from None
    return f"AppProject {name}: {'created' if existing is None else 'updated'}."


def _refused(error: Rejected, sentence: str, remedy: str) -> PermissionRefused:
    return PermissionRefused(sentence, remedy, status=error.status, code=error.code, text=error.text)


def _read_project(argocd: ArgoCD, name: str) -> Mapping[str, Any] | None:
    try:
        return argocd.get_project(name)
    except (NotFound, PermissionRefused):  # without the right, a missing project reads as refused
        return None


def _application(argocd: ArgoCD, manifest: dict[str, Any]) -> str:
    name = manifest["metadata"]["name"]
    try:
        existing = argocd.get_application(name, manifest["spec"]["project"])
    except NotFound:
        return _create(argocd, name, manifest)
    if existing.labels.get(LABEL) != OURS:
        return f"Application {name}: exists without the label {LABEL}: {OURS}, left alone."
    manifest = _as_automated(manifest, existing)
    if _is_as_wanted(existing, manifest):
        return f"Application {name}: up to date."
    _patiently(lambda: argocd.create_application(manifest, upsert=True, validate=False))
    return f"Application {name}: updated."


def _as_automated(manifest: dict[str, Any], existing: Application) -> dict[str, Any]:
    """Automated sync is the operator's to switch on and off: what is there stays."""
    automated = (existing.spec.get("syncPolicy") or {}).get("automated")
    if automated is None:
        return manifest
    spec = manifest["spec"]
    return {**manifest, "spec": {**spec, "syncPolicy": {**spec.get("syncPolicy", {}), "automated": automated}}}


def _is_as_wanted(existing: Application, manifest: Mapping[str, Any]) -> bool:
    metadata = manifest["metadata"]
    return (
        without_zeros(existing.spec) == without_zeros(manifest["spec"])
        and metadata["labels"].items() <= existing.labels.items()
        and metadata.get("annotations", {}).items() <= existing.annotations.items()
        and set(metadata["finalizers"]) == set(existing.finalizers)
    )


def _create(argocd: ArgoCD, name: str, manifest: dict[str, Any]) -> str:
    try:
        _patiently(lambda: argocd.create_application(manifest, upsert=False, validate=False))
    except Invalid as error:
        if "existing application" in error.text:
            return f"Application {name}: exists in another project, left alone."
        raise
    return f"Application {name}: created."


def _patiently(write: Callable[[], Application]) -> Application:
    """Write again while Argo CD says that the project does not allow it: its cache may be behind."""
    for _ in range(int(PATIENCE_SECONDS / PAUSE_SECONDS)):
        try:
            return write()
        except Invalid as error:
            if "project" not in error.text or "existing application" in error.text:
                raise
        time.sleep(PAUSE_SECONDS)
    return write()


def _united(before: list[Any] | None, wanted: list[Any]) -> list[Any]:
    return [*(before or ()), *(one for one in wanted if one not in (before or ()))]
