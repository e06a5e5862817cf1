"""A platform made for chaos: many environments side by side, two small components that follow each other."""

from __future__ import annotations

import hashlib
import json
from pathlib import Path
from typing import Any

from controlpanel.accounts.actors import Actor
from deployments.models import Release
from deployments.services.releases import release_create

COMPONENTS = ("alpha", "beta")
VERSIONS = ("1.0.0", "2.0.0", "3.0.0")
CI = Actor(name="ci", door="api", is_system=True)


def names(count: int) -> list[str]:
    """e00, e01, …"""
    return [f"e{number:02}" for number in range(count)]


def platform(count: int) -> Any:
    """A function that writes the platform's files for so many environments into a directory."""

    def write(directory: Path) -> None:
        directory.mkdir()
        _dump(directory / "platform.yaml", _catalog(count))
        for component in COMPONENTS:
            base = directory / "kubernetes" / component / "base"
            _dump(base / "deployment.yaml", _deployment(component))
            _dump(base / "kustomization.yaml", {"resources": ["deployment.yaml"]})
            for name in names(count):
                overlay = {"namespace": name, "resources": ["../../base"]}
                _dump(directory / "kubernetes" / component / "overlays" / name / "kustomization.yaml", overlay)

    return write


def releases(commit: str) -> None:
    """Releases that differ in the image of both components, so that going from any to any other changes both."""
    for version in VERSIONS:
        if not Release.objects.filter(version=version).exists():
            images = {key: f"registry.example.com/{key}@sha256:{_digest(key, version)}" for key in COMPONENTS}
            release_create(actor=CI, version=version, commit=commit, images=images)


def _digest(key: str, version: str) -> str:
    return hashlib.sha256(f"{key} {version}".encode()).hexdigest()


def _catalog(count: int) -> dict[str, Any]:
    argocd = {"project": "chaos", "serverFrom": {"env": "ARGOCD_SERVER"}, "tokenFrom": {"env": "ARGOCD_TOKEN"}}
    return {
        "version": 1,
        "platform": {"name": "chaos"},
        "environments": {
            name: {
                "title": name,
                "argocd": argocd,
                "destination": {"server": "https://kubernetes.default.svc", "namespace": name},
                "gates": [{"name": "lane-free"}],
            }
            for name in names(count)
        },
        "components": {
            "alpha": {"path": "kubernetes/alpha", "images": ["alpha"]},
            "beta": {"path": "kubernetes/beta", "images": ["beta"], "needs": ["alpha"]},
        },
    }


def _deployment(name: str) -> dict[str, Any]:
    labels = {"app.kubernetes.io/name": name}
    template = {"metadata": {"labels": labels}, "spec": {"containers": [{"name": name, "image": name}]}}
    return {
        "apiVersion": "apps/v1", "kind": "Deployment", "metadata": {"name": name, "labels": labels},
        "spec": {"replicas": 2, "selector": {"matchLabels": labels}, "template": template},
    }  # fmt: skip


def _dump(path: Path, content: Any) -> None:
    path.parent.mkdir(parents=True, exist_ok=True)
    path.write_text(json.dumps(content, indent=1))  # JSON is YAML, and has no aliases
