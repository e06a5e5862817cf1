"""The variant with Sealed Secrets, as kubernetes/README.md writes it down, renders and gives Pods what they need."""

from __future__ import annotations

import dataclasses
import json
import re
import shutil
from pathlib import Path

import pytest
import yaml

from deployments.policies import Manifests, policies
from deployments.renderers.base import RENDERERS
from script.development.overlays import requests
from script.development.schemas import problems
from tests.platform.test_manifests import ROOT, rendered

README = (ROOT / "kubernetes/README.md").read_text("utf-8")
WRITTEN = re.search(
    r"```yaml\n# (kubernetes/backend/overlays/staging/kustomization\.yaml)\n(.*?)```", README, re.DOTALL
)


@pytest.mark.parametrize(
    ("component", "secret"), [("backend", "backend-environment"), ("ai", "orchestrator-environment")]
)
def test_a_sealed_secret_takes_the_place_of_an_external_one(tmp_path: Path, component: str, secret: str) -> None:
    assert WRITTEN
    shutil.copytree(ROOT / "kubernetes", tmp_path / "kubernetes")
    overlay = tmp_path / WRITTEN[1].replace("backend", component)
    written = yaml.safe_load(WRITTEN[2].replace("backend-environment", secret))
    mine = yaml.safe_load(overlay.read_text("utf-8"))
    mine["patches"] = mine.get("patches", []) + written["patches"]
    overlay.write_text(yaml.safe_dump(mine | {"resources": written["resources"]}), "utf-8")
    keys = dict.fromkeys(("DATABASE_URL", "DATABASE_CA", "REDIS_URL"), "Ag" + "By7c+/" * 60)
    template = {"metadata": {"name": secret, "namespace": "hub-staging"}}
    sealed = {"apiVersion": "bitnami.com/v1alpha1", "kind": "SealedSecret", "metadata": template["metadata"],
              "spec": {"encryptedData": keys, "template": template}}  # fmt: skip
    (overlay.parent / "sealed-secret.yaml").write_text(json.dumps(sealed), "utf-8")

    asked = next(one for one in requests(ROOT) if (one.component.name, one.environment) == (component, "staging"))
    files = RENDERERS["kustomize"].render(dataclasses.replace(asked, source=tmp_path)).files
    objects = {path: yaml.safe_load(content) for path, content in files.items()}

    kinds = {item["kind"] for item in objects.values()}
    assert "SealedSecret" in kinds
    assert "ExternalSecret" not in kinds
    assert [text for item in objects.values() for text in problems(item)] == []
    others = {path: item for path, item in rendered("staging").items() if not path.startswith(f"{component}/")}
    held = Manifests(others | objects, variables=("DATABASE_URL", "REDIS_URL"))
    for name in ("variables", "literal-secrets", "database-tls"):
        assert list(policies[name].judge(held)) == [], name
