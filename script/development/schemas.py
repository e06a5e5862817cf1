"""Hold every object of every overlay and chart to the schemas of Kubernetes 1.33 to 1.37 and of its custom resource, strictly.

Without a cluster and without the network: Kubernetes' schemas come in the package `kubernetes-validate`, those of custom
resources are the definitions that their projects publish, kept in `tests/contract/crds`.
"""

from __future__ import annotations

import json
import sys
from collections.abc import Iterator, Mapping
from concurrent.futures import ThreadPoolExecutor
from functools import cache
from importlib.util import find_spec
from pathlib import Path
from typing import Any

import jsonschema_rs
import yaml

from deployments.renderers.base import RENDERERS, RenderError, RenderRequest
from script.development.overlays import NotBuilt, built, overlays, requests
from script.development.paths import ROOT

VERSIONS = ("1.33", "1.34", "1.35", "1.36", "1.37")
CRDS = ROOT / "tests/contract/crds"
Object = dict[str, Any]
Validator = jsonschema_rs.Draft202012Validator


def objects(root: Path) -> Iterator[tuple[str, Object]]:
    """Every object that is rendered, with where it comes from: components as the panel renders them, and each overlay."""
    with ThreadPoolExecutor(max_workers=2) as builders:
        for found in builders.map(_of_component, requests(root)):
            yield from found
        places = list(overlays(root))
        for place, text in zip(places, builders.map(built, places), strict=True):
            for item in yaml.load_all(text, Loader=yaml.CSafeLoader):
                yield str(place.relative_to(root)), item


def _of_component(request: RenderRequest) -> list[tuple[str, Object]]:
    files = RENDERERS[request.component.renderer].render(request).files
    return [(path, yaml.load(text, Loader=yaml.CSafeLoader)) for path, text in files.items()]


def problems(item: Object) -> Iterator[str]:
    """What is wrong with an object, by version where versions differ; a kind that no schema is known of is a problem."""
    group, _, version = str(item.get("apiVersion")).rpartition("/")
    kind = str(item.get("kind"))
    custom = custom_resources().get((group, version, kind))
    if custom is not None:
        yield from _against(custom, item)
        return
    told: dict[str, list[str]] = {}
    for release in VERSIONS:
        validator = kubernetes(release, group, version, kind)
        found = _against(validator, item) if validator else [f"Kubernetes has no {kind} of {group or 'core'}/{version}"]
        for text in found:
            told.setdefault(text, []).append(release)
    yield from (text if len(where) == len(VERSIONS) else f"{text} ({', '.join(where)})" for text, where in told.items())


def _against(validator: Validator, item: Object) -> list[str]:
    return [
        f"{'.'.join(map(str, error.instance_path))}: {error.message[:300]}" for error in validator.iter_errors(item)
    ]


@cache
def kubernetes(release: str, group: str, version: str, kind: str) -> Validator | None:
    """The strict schema of a kind that Kubernetes itself has, or None."""
    folder = _folder(release)
    short = group.removesuffix(".k8s.io").split(".")[0]
    file = folder / f"{'-'.join(filter(None, (kind.lower(), short, version)))}.json"
    if not file.exists():
        return None
    definitions = _definitions(folder)
    return Validator(json.loads(file.read_text("utf-8")), retriever=lambda _: definitions)


@cache
def _folder(release: str) -> Path:
    spec = find_spec("kubernetes_validate")
    assert spec is not None and spec.origin is not None
    return Path(spec.origin).parent / f"kubernetes-json-schema/v{release}.0-local-strict"


@cache
def _definitions(folder: Path) -> Any:
    return json.loads((folder / "_definitions.json").read_text("utf-8"))


@cache
def custom_resources() -> Mapping[tuple[str, str, str], Validator]:
    """Group, version and kind -> the schema that the definition gives, closed against unknown fields."""
    found = {}
    for file in sorted(CRDS.glob("*.yaml")):
        spec = yaml.load(file.read_text("utf-8"), Loader=yaml.CSafeLoader)["spec"]
        for version in spec["versions"]:
            schema = closed(version["schema"]["openAPIV3Schema"])
            schema["properties"] |= {
                "apiVersion": {"type": "string"},
                "kind": {"type": "string"},
                "metadata": {"type": "object"},
            }
            found[spec["group"], version["name"], spec["names"]["kind"]] = Validator(schema)
    return found


def closed(schema: Any) -> Any:
    """A structural schema that refuses what it does not name, as the API server does under strict validation."""
    if isinstance(schema, list):
        return [closed(entry) for entry in schema]
    if not isinstance(schema, dict):
        return schema
    result = {key: closed(value) for key, value in schema.items() if key != "nullable"}
    if schema.get("nullable") and isinstance(schema.get("type"), str):
        result["type"] = [schema["type"], "null"]
    is_open = schema.get("x-kubernetes-preserve-unknown-fields") or "additionalProperties" in schema
    if isinstance(schema.get("properties"), dict) and "type" in schema and not is_open:
        result["additionalProperties"] = False
    return result


def main() -> int:
    """Print what is wrong and return 1 when something is."""
    try:
        every = list(objects(ROOT))
    except (RenderError, NotBuilt) as error:
        print(error)
        return 1
    found = [
        f"{where}: {item.get('kind')} {item.get('metadata', {}).get('name')}: {text}"
        for where, item in every
        for text in problems(item)
    ]
    print("\n".join(found) or f"{len(every)} objects hold for Kubernetes {VERSIONS[0]} to {VERSIONS[-1]}.")
    return 1 if found or not every else 0


if __name__ == "__main__":
    sys.exit(main())
