"""No renderer gives an object that holds a credential, so that none reaches the deploy repository."""

from __future__ import annotations

import json
import random
from pathlib import Path

import pytest

from controlpanel.catalog.document import ComponentSpec
from deployments.renderers.base import RENDERERS, RenderError, RenderRequest
from deployments.renderers.objects import ObjectRefused, files_of
from tests.credentials import Credential, drawn


def planted(one: Credential, place: int) -> dict[str, object]:
    """An object with the credential in one of six places."""
    item: dict[str, object] = {
        "apiVersion": "v1",
        "kind": "ConfigMap",
        "metadata": {"name": "a"},
        "data": {"PORT": "80"},
    }
    values: list[dict[str, object]] = [
        {"data": {one.field: one.value}},
        {"data": {"app.env": f"PORT=80\n{one.field}={one.value}\n"}},
        {"metadata": {"name": "a", "annotations": {one.field: one.value}}},
        {"kind": "Pod", "spec": {"containers": [{"env": [{"name": one.field, "value": one.value}]}]}},
        {"data": {"settings.json": json.dumps({"env": [{"name": one.field, "value": one.value}]}, indent=1)}},
        {"kind": "Pod", "spec": {"containers": [{"args": [f"--{one.field.lower().replace('_', '-')}={one.value}"]}]}},
    ]
    return {**item, **values[place]}


def test_each_of_fifty_credentials_is_refused_with_its_field_and_never_repeated() -> None:
    for number, one in enumerate(drawn(random.SystemRandom().randrange(10**9))):
        with pytest.raises(ObjectRefused) as refused:
            files_of("web", [planted(one, number % 6)])
        assert one.value not in str(refused.value), one.kind


@pytest.mark.parametrize("renderer", ["kustomize", "directory"])
def test_a_renderer_says_object_and_field(tmp_path: Path, renderer: str) -> None:
    one = drawn(random.SystemRandom().randrange(10**9), 1)[0]
    folder = tmp_path / "web" / ("overlays/staging" if renderer == "kustomize" else "staging")
    folder.mkdir(parents=True)
    (folder / "a.yaml").write_text(json.dumps(planted(one, 0)))
    if renderer == "kustomize":
        (folder / "kustomization.yaml").write_text("resources: [a.yaml]")

    with pytest.raises(RenderError, match=f"ConfigMap a holds a .* in data.{one.field}"):
        RENDERERS[renderer].render(RenderRequest(ComponentSpec("web", "web", renderer), "staging", tmp_path, {}))
