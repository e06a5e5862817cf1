"""A small platform repository to render, and requests for it."""

from __future__ import annotations

from collections.abc import Mapping
from pathlib import Path

import pytest

from controlpanel.catalog.document import ComponentSpec
from deployments.renderers.base import RenderRequest

WEB = ComponentSpec("web", "kubernetes/web", images=("web",))
DIGEST = "sha256:" + "0123456789abcdef" * 4
IMAGES = {"web": f"registry.example.com/shop/web@{DIGEST}"}

BASE = "kubernetes/web/base/kustomization.yaml"
OVERLAY = "kubernetes/web/overlays/staging/kustomization.yaml"
DEPLOYMENT = "kubernetes/web/base/deployment.yaml"
SERVICE = "kubernetes/web/base/service.yaml"

TREE: dict[str, str] = {
    BASE: """\
resources: [deployment.yaml, service.yaml]
configMapGenerator:
  - name: web-settings
    literals: ["GREETING=yes", "PORT=0123", "PUBLIC_URL=https://shop.example.com/?ref=main"]
""",
    DEPLOYMENT: """\
apiVersion: apps/v1
kind: Deployment
metadata: {name: web}
spec:
  selector: {matchLabels: {app: web}}
  template:
    metadata: {labels: {app: web}}
    spec:
      containers:
        - name: web
          image: web
          envFrom: [{configMapRef: {name: web-settings}}]
          env: [{name: AT, value: "12:30"}, {name: SINCE, value: "2026-01-01"}, {name: HALF, value: "1e3"}]
          args: ["=", "on", "~"]
""",
    SERVICE: """\
apiVersion: v1
kind: Service
metadata: {name: web}
spec: {selector: {app: web}, ports: [{port: 80}]}
""",
    OVERLAY: """\
namespace: shop-staging
resources: [../../base]
replicas: [{name: web, count: 2}]
""",
}


def write_tree(root: Path, files: Mapping[str, str]) -> Path:
    """Write texts below a folder."""
    for path, text in files.items():
        (root / path).parent.mkdir(parents=True, exist_ok=True)
        (root / path).write_text(text, "utf-8")
    return root


@pytest.fixture
def tree(tmp_path: Path) -> Path:
    return write_tree(tmp_path / "source", TREE)


@pytest.fixture
def request_web(tree: Path) -> RenderRequest:
    return RenderRequest(WEB, "staging", tree, IMAGES)
