"""Argo CD's objects as they follow from the catalog: one AppProject, one Application for each component x environment.

`python -m controlpanel.catalog.argo` writes them under `argo/`; with `--check` it says what is stale instead.
"""

from __future__ import annotations

import sys
from pathlib import Path
from typing import Any

from controlpanel.catalog.document import (
    CatalogDocument,
    CatalogError,
    ComponentSpec,
    EnvironmentSpec,
    application_name,
    namespace_of,
    parse,
)
from controlpanel.catalog.yaml_text import canonical

API_VERSION = "argoproj.io/v1alpha1"
MANAGED_BY = {"app.kubernetes.io/managed-by": "control-panel"}
ENVIRONMENT_LABEL = "control-panel/environment"
COMPONENT_LABEL = "control-panel/component"
EXAMPLE_REPO_URL = "https://git.example.com/deploy.git"
ROLE = "control-panel"
RETRY = {"limit": 2, "backoff": {"duration": "5s", "factor": 2, "maxDuration": "1m"}}
"""Two Applications that make the namespace they share at the same moment: Argo CD fails one of them, and it tries again."""

_RIGHTS = ("applications, get", "applications, create", "applications, update", "applications, sync",
           "applications, override", "applications, action/*", "logs, get")  # fmt: skip
_GENERATED = (
    b"# Generated from platform.yaml by `python -m controlpanel.catalog.argo`; bootstrap puts the real address in.\n"
)


def app_project(document: CatalogDocument, environment: EnvironmentSpec, repo_url: str) -> dict[str, Any]:
    """The AppProject of an environment; environments that share it get the same one, with all their namespaces."""
    project = environment.argocd.project
    return {
        "apiVersion": API_VERSION,
        "kind": "AppProject",
        "metadata": {"name": project, "labels": {**MANAGED_BY, "app.kubernetes.io/part-of": document.platform.name}},
        "spec": {
            "description": document.platform.title,
            "sourceRepos": [repo_url],
            "destinations": _destinations(document, environment),
            "clusterResourceWhitelist": [{"group": "", "kind": "Namespace"}],
            "roles": [
                {
                    "name": ROLE,
                    "description": "What the control panel needs to promote",
                    "policies": [f"p, proj:{project}:{ROLE}, {right}, {project}/*, allow" for right in _RIGHTS],
                }
            ],
        },
    }


def applications(document: CatalogDocument, environment: EnvironmentSpec, repo_url: str) -> list[dict[str, Any]]:
    """The Applications of an environment, in the order of the catalog's components."""
    return [application(document, environment, component, repo_url) for component in document.components]


def application(
    document: CatalogDocument, environment: EnvironmentSpec, component: ComponentSpec, repo_url: str
) -> dict[str, Any]:
    """One component's Application: it follows the environment's branch and is synced by the panel alone."""
    return {
        "apiVersion": API_VERSION,
        "kind": "Application",
        "metadata": {
            "name": application_name(component.name, environment.name),
            "labels": {
                **MANAGED_BY,
                "app.kubernetes.io/part-of": document.platform.name,
                ENVIRONMENT_LABEL: environment.name,
                COMPONENT_LABEL: component.name,
            },
            "finalizers": ["resources-finalizer.argocd.argoproj.io"],
        },
        "spec": {
            "project": environment.argocd.project,
            "source": {
                "repoURL": repo_url,
                "path": component.name,
                "targetRevision": environment.branch,
                "directory": {"recurse": True},
            },
            "destination": {
                "server": environment.destination.server,
                "namespace": namespace_of(component, environment),
            },
            "syncPolicy": {
                "syncOptions": ["CreateNamespace=true", "PruneLast=true", "RespectIgnoreDifferences=true"],
                "retry": RETRY,
            },
            # An autoscaler writes replicas through this manager; a person's own `kubectl scale` still shows as drift.
            "ignoreDifferences": [
                {"group": "apps", "kind": "Deployment", "managedFieldsManagers": ["kube-controller-manager"]}
            ],
            "revisionHistoryLimit": 10,
        },
    }


def render_overlays(document: CatalogDocument, repo_url: str = EXAMPLE_REPO_URL) -> dict[str, str]:
    """Path below the repository -> text of every generated file under `argo/overlays/`."""
    files: dict[str, str] = {}
    for environment in document.environments:
        objects = {"project": app_project(document, environment, repo_url)}
        objects |= {item["spec"]["source"]["path"]: item for item in applications(document, environment, repo_url)}
        kustomization = {
            "apiVersion": "kustomize.config.k8s.io/v1beta1",
            "kind": "Kustomization",
            "namespace": "argocd",
            "resources": [f"{name}.yaml" for name in objects],
        }
        for name, item in {**objects, "kustomization": kustomization}.items():
            files[f"argo/overlays/{environment.name}/{name}.yaml"] = (_GENERATED + canonical(item)).decode("utf-8")
    return files


def stale_files(document: CatalogDocument, root: Path) -> list[str]:
    """Paths below `argo/overlays/` that are missing, different or no longer generated, sorted."""
    wanted = render_overlays(document)
    present = {str(path.relative_to(root)): path for path in (root / "argo/overlays").glob("*/*") if path.is_file()}
    different = {
        path for path, text in wanted.items() if path not in present or present[path].read_text("utf-8") != text
    }
    return sorted(different | (present.keys() - wanted.keys()))


def write_overlays(document: CatalogDocument, root: Path) -> list[str]:
    """Bring `argo/overlays/` up to date; returns the paths that were written or removed."""
    wanted, changed = render_overlays(document), stale_files(document, root)
    for path in changed:
        if path in wanted:
            (root / path).parent.mkdir(parents=True, exist_ok=True)
            (root / path).write_text(wanted[path], "utf-8")
        else:
            (root / path).unlink()
    return changed


def _destinations(document: CatalogDocument, environment: EnvironmentSpec) -> list[dict[str, str]]:
    pairs = {
        (other.destination.server, namespace_of(component, other)): None
        for other in document.environments
        if (other.argocd.server_from, other.argocd.project)
        == (environment.argocd.server_from, environment.argocd.project)
        for component in document.components
    }
    return [{"server": server, "namespace": namespace} for server, namespace in sorted(pairs)]


def main(arguments: list[str]) -> int:
    """Write the overlays of `platform.yaml` in the working directory, or with `--check` name the stale ones."""
    try:
        document = parse(Path("platform.yaml").read_text("utf-8"), filename="platform.yaml")
    except CatalogError as error:
        print(error, file=sys.stderr)
        return 1
    if "--check" not in arguments:
        print("\n".join(write_overlays(document, Path())) or "argo/ is up to date.")
        return 0
    stale = stale_files(document, Path())
    if stale:
        print(f"Stale: {', '.join(stale)}. Run `python -m controlpanel.catalog.argo`.", file=sys.stderr)
    return 1 if stale else 0


if __name__ == "__main__":
    sys.exit(main(sys.argv[1:]))
