"""Argo CD's objects as they follow from the catalog: one AppProject, one Application for each component x environment,
and one for each shard of tenants' references.

`python -m controlpanel.catalog.argo` writes them under `argo/`, and the volume that mounts the shards; with `--check` it says what is stale instead.
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
from controlpanel.catalog.shards import (
    COMPONENT,
    TenantCredentialsSpec,
    directory_of,
    shard_application,
    shard_names,
    volume_patch,
)
from controlpanel.catalog.yaml_text import canonical

API_VERSION = "argoproj.io/v1alpha1"
MANAGED_BY = {"app.kubernetes.io/managed-by": "control-panel"}
ENVIRONMENT_LABEL = "control-panel/environment"
COMPONENT_LABEL = "control-panel/component"
SHARD_LABEL = "control-panel/shard"
EXAMPLE_REPO_URL = "https://git.example.com/deploy.git"
EXAMPLE_PANEL_URL = "https://panel.example.com"
LINK = "link.argocd.argoproj.io/control-panel"
ROLE = "control-panel"
RETRY = {"limit": 2, "backoff": {"duration": "5s", "factor": 2, "maxDuration": "1m"}}
"""Two Applications that make the namespace they share at the same moment: Argo CD fails one of them, and it tries again."""

_RIGHTS = ("applications, get", "applications, create", "applications, update", "applications, sync",
           "applications, override", "applications, action/*", "logs, get")  # fmt: skip
_GENERATED = (
    b"# Generated from platform.yaml by `python -m controlpanel.catalog.argo`; bootstrap puts the real address in.\n"
)
_GENERATED_VOLUME = "# Generated from tenantCredentials of platform.yaml by `python -m controlpanel.catalog.argo`: every shard, each optional.\n"


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


_AUTOMATED = """\
# The same Applications, synced by Argo CD itself as soon as the branch moves: the panel adopts the operation that Argo CD
# starts. Choose it where drift must be undone at once, and nobody needs the panel to hold a sync back.
apiVersion: kustomize.config.k8s.io/v1beta1
kind: Kustomization
resources:
- ../../../overlays/{environment}
patches:
- target:
    kind: Application
  patch: |-
    - op: add
      path: /spec/syncPolicy/automated
      value:
        allowEmpty: false
        prune: true
        selfHeal: true
"""


def applications(
    document: CatalogDocument, environment: EnvironmentSpec, repo_url: str, panel_url: str = ""
) -> list[dict[str, Any]]:
    """The Applications of an environment: the catalog's components in their order, then the shards of tenants.

    With `panel_url` each carries a link to its page in the panel, which Argo CD's own pages show.
    """
    own = [application(document, environment, component, repo_url) for component in document.components]
    found = own + shard_applications(document, environment, repo_url)
    for item in found if panel_url else ():
        item["metadata"]["annotations"] = {LINK: f"{panel_url}/applications/{item['metadata']['name']}"}
    return found


def application(
    document: CatalogDocument, environment: EnvironmentSpec, component: ComponentSpec, repo_url: str
) -> dict[str, Any]:
    """One component's Application: it follows the environment's branch and is synced by the panel alone."""
    name = application_name(component.name, environment.name)
    labels = {COMPONENT_LABEL: component.name}
    made = _application(document, environment, name, labels, component.name, namespace_of(component, environment))
    made["spec"]["source"]["repoURL"] = repo_url
    # An autoscaler writes replicas through this manager; a person's own `kubectl scale` still shows as drift.
    made["spec"]["ignoreDifferences"] = [
        {"group": "apps", "kind": "Deployment", "managedFieldsManagers": ["kube-controller-manager"]}
    ]
    return made


def shard_applications(document: CatalogDocument, environment: EnvironmentSpec, repo_url: str) -> list[dict[str, Any]]:
    """One Application for each shard of the tenants' references; one for all would outgrow what Kubernetes can store."""
    spec = document.tenant_credentials
    return [] if spec is None else [_shard(document, environment, spec, s, repo_url) for s in shard_names(spec.shards)]


def _shard(
    document: CatalogDocument, environment: EnvironmentSpec, spec: TenantCredentialsSpec, shard: str, repo_url: str
) -> dict[str, Any]:
    name, labels = shard_application(shard, environment.name), {COMPONENT_LABEL: COMPONENT, SHARD_LABEL: shard}
    made = _application(document, environment, name, labels, directory_of(shard), namespace_of(spec, environment))
    made["spec"]["source"]["repoURL"] = repo_url
    return made  # what operators put into the Secret is no difference: Git says nothing of its data


def _application(
    document: CatalogDocument,
    environment: EnvironmentSpec,
    name: str,
    labels: dict[str, str],
    path: str,
    namespace: str,
) -> dict[str, Any]:
    return {
        "apiVersion": API_VERSION,
        "kind": "Application",
        "metadata": {
            "name": name,
            "labels": {
                **MANAGED_BY,
                "app.kubernetes.io/part-of": document.platform.name,
                ENVIRONMENT_LABEL: environment.name,
                **labels,
            },
            "finalizers": ["resources-finalizer.argocd.argoproj.io"],
        },
        "spec": {
            "project": environment.argocd.project,
            "source": {"path": path, "targetRevision": environment.branch, "directory": {"recurse": True}},
            "destination": {"server": environment.destination.server, "namespace": namespace},
            "syncPolicy": {
                "syncOptions": ["CreateNamespace=true", "PruneLast=true", "RespectIgnoreDifferences=true"],
                "retry": RETRY,
            },
            "revisionHistoryLimit": 10,
        },
    }


def render_overlays(document: CatalogDocument, repo_url: str = EXAMPLE_REPO_URL) -> dict[str, str]:
    """Path below the repository -> text of every generated file: `argo/`, and the volume with every shard."""
    files = _volume(document.tenant_credentials)
    for environment in document.environments:
        objects: dict[str, Any] = {"project": [app_project(document, environment, repo_url)]}
        for item in applications(document, environment, repo_url, EXAMPLE_PANEL_URL):
            objects.setdefault(item["metadata"]["labels"][COMPONENT_LABEL], []).append(item)
        kustomization = {
            "apiVersion": "kustomize.config.k8s.io/v1beta1",
            "kind": "Kustomization",
            "namespace": "argocd",
            "resources": [f"{name}.yaml" for name in objects],
        }
        for name, items in {**objects, "kustomization": [kustomization]}.items():
            text = b"---\n".join(map(canonical, items))
            files[f"argo/overlays/{environment.name}/{name}.yaml"] = (_GENERATED + text).decode("utf-8")
        automated = _AUTOMATED.format(environment=environment.name)
        files[f"argo/automated/overlays/{environment.name}/kustomization.yaml"] = _GENERATED.decode("utf-8") + automated
    return files


def _volume(spec: TenantCredentialsSpec | None) -> dict[str, str]:
    if spec is None or not spec.volume:
        return {}
    return {spec.volume: _GENERATED_VOLUME + canonical(volume_patch(spec.shards)).decode("utf-8")}


def stale_files(document: CatalogDocument, root: Path) -> list[str]:
    """Generated paths that are missing or different, and those below `argo/` that no longer are, sorted."""
    wanted = render_overlays(document)
    places = [
        *(root / "argo").glob("**/overlays/*/*"),
        *(root / path for path in wanted if not path.startswith("argo/")),
    ]
    present = {str(path.relative_to(root)): path for path in places if path.is_file()}
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
    placed: list[ComponentSpec | TenantCredentialsSpec] = [*document.components]
    placed += [document.tenant_credentials] if document.tenant_credentials else []
    pairs = {
        (other.destination.server, namespace_of(component, other)): None
        for other in document.environments
        if (other.argocd.server_from, other.argocd.project)
        == (environment.argocd.server_from, environment.argocd.project)
        for component in placed
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
