"""A platform made for chaos and for measures: many environments side by side, each with the same small components."""

from __future__ import annotations

import hashlib
import json
from dataclasses import dataclass
from pathlib import Path
from typing import Any

from controlpanel.accounts.actors import Actor
from deployments.models import Release
from deployments.services.releases import release_create

COMPONENTS = ("alpha", "beta")
VERSIONS = ("1.0.0", "2.0.0", "3.0.0")
CI = Actor(name="ci", door="api", is_system=True)


@dataclass(frozen=True)
class Fleet:
    """`needs` maps a component to the one that it follows; a Pod is ready `delay` seconds (at speed 1) later than usual.

    `is_plain` leaves kustomize out, for measures of something else. `shards` of tenants' references, and two keys of each.
    """

    environments: int
    components: tuple[str, ...] = COMPONENTS
    needs: tuple[tuple[str, str], ...] = ()
    delay: int = 0
    replicas: int = 2
    is_plain: bool = False
    shards: int = 0
    gates: tuple[str, ...] = ("lane-free",)

    def write(self, directory: Path) -> None:
        """The platform's files: catalog, bases, overlays."""
        directory.mkdir()
        _dump(directory / "platform.yaml", self._catalog())
        for component in self.components:
            self._write_component(directory / "kubernetes" / component, component)

    def _write_component(self, directory: Path, component: str) -> None:
        base = directory / ("common" if self.is_plain else "base")
        _dump(base / "deployment.yaml", self._deployment(component))
        if self.is_plain:
            return
        _dump(base / "kustomization.yaml", {"resources": ["deployment.yaml"]})
        for name in names(self.environments):
            overlay = {"namespace": name, "resources": ["../../base"]}
            _dump(directory / "overlays" / name / "kustomization.yaml", overlay)

    def _catalog(self) -> dict[str, Any]:
        argocd = {"project": "chaos", "serverFrom": {"env": "ARGOCD_SERVER"}, "tokenFrom": {"env": "ARGOCD_TOKEN"}}
        renderer = {"renderer": "directory"} if self.is_plain else {}
        needs = {component: {"needs": [before]} for component, before in self.needs}
        return {
            "version": 1,
            "platform": {"name": "chaos"},
            "environments": {
                name: {
                    "title": name,
                    "argocd": argocd,
                    "destination": {"server": "https://kubernetes.default.svc", "namespace": name},
                    "gates": [{"name": gate} for gate in self.gates],
                }
                for name in names(self.environments)
            },
            "components": {
                component: {
                    "path": f"kubernetes/{component}",
                    "images": [component],
                    **renderer,
                    **needs.get(component, {}),
                }
                for component in self.components
            },
            **(self._tenants() if self.shards else {}),
        }

    def _tenants(self) -> dict[str, Any]:
        secret = {"scope": "tenant", "secret": True, "checklist": True}
        return {
            "tenantCredentials": {"shards": self.shards},
            "variables": {"API_SECRET": secret, "BASE_URL": {"scope": "tenant"}},
        }

    def _deployment(self, name: str) -> dict[str, Any]:
        labels = {"app.kubernetes.io/name": name}
        container: dict[str, Any] = {"name": name, "image": name}
        if self.delay:
            container["readinessProbe"] = {"httpGet": {"path": "/", "port": 80}, "initialDelaySeconds": self.delay}
        template = {"metadata": {"labels": labels}, "spec": {"containers": [container]}}
        return {
            "apiVersion": "apps/v1", "kind": "Deployment", "metadata": {"name": name, "labels": labels},
            "spec": {
                "replicas": self.replicas, "selector": {"matchLabels": labels}, "template": template,
                "progressDeadlineSeconds": 600 + 2 * self.delay,
            },
        }  # fmt: skip


def names(count: int) -> list[str]:
    """e00, e01, …"""
    return [f"e{number:02}" for number in range(count)]


def platform(count: int) -> Any:
    """A function that writes the platform's files for so many environments of two components that follow each other.

    Plain manifests: what the machine has is for the kills, not for kustomize.
    """
    return Fleet(count, needs=(("beta", "alpha"),), is_plain=True).write


def releases(commit: str, components: tuple[str, ...] = COMPONENTS) -> None:
    """Releases that differ in the images of all components, so that going from any to any other changes each."""
    for version in VERSIONS:
        if not Release.objects.filter(version=version).exists():
            images = {key: f"registry.example.com/{key}@sha256:{_digest(key, version)}" for key in components}
            release_create(actor=CI, version=version, commit=commit, images=images)


def head(repository: Path) -> str:
    """The commit of a checkout's default branch."""
    return (repository / ".git/refs/heads/main").read_text().strip()


def _digest(key: str, version: str) -> str:
    return hashlib.sha256(f"{key} {version}".encode()).hexdigest()


def _dump(path: Path, content: Any) -> None:
    path.parent.mkdir(parents=True, exist_ok=True)
    path.write_text(json.dumps(content, indent=1))  # JSON is YAML, and has no aliases
