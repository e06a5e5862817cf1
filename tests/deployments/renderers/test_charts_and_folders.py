"""Rendering a chart, plain manifests, and an overlay with a chart inside."""

from __future__ import annotations

import dataclasses
from pathlib import Path
from typing import Any

import pytest
import yaml

from controlpanel.catalog.document import ComponentSpec
from deployments.renderers.base import RENDERERS, RenderError, RenderRequest, render_digest
from deployments.renderers.directory import DirectoryRenderer
from deployments.renderers.helm import HelmRenderer
from deployments.renderers.kustomize import KustomizeRenderer
from tests.deployments.renderers import chart_tree
from tests.deployments.renderers.chart_tree import CHART, MANIFEST, OVERLAY, PLAIN, TREE
from tests.deployments.renderers.conftest import DIGEST, write_tree

IMAGE = f"registry.example.com/shop/cache@{DIGEST}"


@pytest.fixture
def source(tmp_path: Path) -> Path:
    return write_tree(tmp_path / "source", TREE)


def request(source: Path, component: ComponentSpec) -> RenderRequest:
    return RenderRequest(component, "staging", source, {"cache": IMAGE}, "shop-staging", "1.33.0")


def rendered(source: Path, component: ComponentSpec) -> dict[str, Any]:
    files = RENDERERS[component.renderer].render(request(source, component)).files
    return {path: yaml.safe_load(content) for path, content in files.items()}


def test_the_renderers_are_found_by_the_catalogs_words() -> None:
    found = (RENDERERS["kustomize"], RENDERERS["helm"], RENDERERS["directory"])
    assert list(map(type, found)) == [KustomizeRenderer, HelmRenderer, DirectoryRenderer]


def test_a_chart_gives_its_objects_with_values_image_namespace_version_and_definitions(source: Path) -> None:
    files = rendered(source, CHART)

    assert sorted(files) == [
        "cache/_cluster/ClusterRole-cache-reader.yaml",
        "cache/_cluster/CustomResourceDefinition-shelves.example.com.yaml",
        "cache/_cluster/Shelf-top.yaml",
        "cache/shop-staging/StatefulSet-cache.yaml",
    ]
    workload = files["cache/shop-staging/StatefulSet-cache.yaml"]
    assert workload["spec"]["replicas"] == 2
    assert workload["spec"]["template"]["spec"]["containers"][0]["image"] == IMAGE
    assert workload["metadata"]["annotations"] == {"for": "v1.33.0"}


def test_a_release_of_a_chart_may_have_a_name_of_its_own(source: Path) -> None:
    assert "cache/shop-staging/StatefulSet-store.yaml" in rendered(source, chart_tree.RENAMED)


def test_the_same_chart_gives_the_same_bytes_wherever_the_tree_lies(source: Path, tmp_path: Path) -> None:
    elsewhere = write_tree(tmp_path / "a/much/longer/place", TREE)
    digests = {render_digest(HelmRenderer().render(request(place, CHART)).files) for place in (source, elsewhere)}
    assert len(digests) == 1


def test_values_that_the_schema_does_not_allow_are_refused_in_helms_own_words(source: Path) -> None:
    write_tree(source, {chart_tree.STAGING: "replicas: many\n"})
    with pytest.raises(RenderError, match="replicas") as raised:
        HelmRenderer().render(request(source, CHART))
    assert "integer" in raised.value.message and str(source) not in str(raised.value)


def test_a_chart_without_values_for_the_environment_says_which_file_is_missing(source: Path) -> None:
    (source / chart_tree.STAGING).unlink()
    with pytest.raises(RenderError, match=r"values/staging\.yaml” is not in the repository"):
        HelmRenderer().render(request(source, CHART))


def test_a_chart_needs_the_version_of_the_cluster(source: Path) -> None:
    for component in (CHART, OVERLAY):
        with pytest.raises(RenderError, match="names no version of Kubernetes"):
            RENDERERS[component.renderer].render(dataclasses.replace(request(source, component), kubernetes_version=""))


def test_plain_manifests_are_those_of_every_environment_and_of_this_one(source: Path) -> None:
    files = rendered(source, PLAIN)

    assert sorted(files) == [
        "cache/elsewhere/Service-cache.yaml",
        "cache/shop-staging/ConfigMap-settings.yaml",
        "cache/shop-staging/Pod-cache.yaml",
    ]
    assert files["cache/shop-staging/Pod-cache.yaml"]["spec"]["containers"][0]["image"] == IMAGE
    assert files["cache/shop-staging/ConfigMap-settings.yaml"]["data"] == {"MODE": "on", "RATIO": "1e3"}


def test_a_namespace_that_is_null_is_the_components(source: Path) -> None:
    pod = "{apiVersion: v1, kind: Pod, metadata: {name: cache, namespace: null}, spec: {containers: [{name: a, image: cache}]}}"
    spaces = "{apiVersion: v1, kind: Namespace, metadata: {name: more, namespace: ~}}"
    write_tree(source, {MANIFEST: f"{pod}\n---\n{spaces}\n"})

    files = rendered(source, PLAIN)

    assert files["cache/shop-staging/Pod-cache.yaml"]["metadata"]["namespace"] == "shop-staging"
    assert files["cache/_cluster/Namespace-more.yaml"]["metadata"] == {"name": "more"}


def test_plain_manifests_of_no_environment_are_refused(source: Path) -> None:
    asked = dataclasses.replace(request(source, PLAIN), environment="production")
    write_tree(source, {"kubernetes/other/notes.txt": "nothing"})
    component = dataclasses.replace(PLAIN, path="kubernetes/other")
    with pytest.raises(RenderError, match="“production” is not in the repository"):
        DirectoryRenderer().render(dataclasses.replace(asked, component=component))


def test_a_chart_inside_an_overlay_is_rendered_with_the_overlays_values_and_namespace(source: Path) -> None:
    files = rendered(source, OVERLAY)

    workload = files["cache/shop-staging/StatefulSet-cache.yaml"]
    assert workload["spec"]["replicas"] == 3
    assert workload["spec"]["template"]["spec"]["containers"][0]["image"] == IMAGE
    assert workload["metadata"]["annotations"] == {"for": "v1.33.0"}
    assert "cache/_cluster/CustomResourceDefinition-shelves.example.com.yaml" in files


@pytest.mark.parametrize(
    ("component", "reads"),
    [
        (CHART, {"kubernetes/cache/chart"}),
        (PLAIN, {"kubernetes/cache/plain"}),
        (OVERLAY, {"kubernetes/cache/overlays/staging", "kubernetes/cache/chart"}),
    ],
)
def test_what_was_read_is_told_so_that_another_commit_may_give_the_same(
    source: Path, component: ComponentSpec, reads: set[str]
) -> None:
    assert RENDERERS[component.renderer].render(request(source, component)).reads == reads


@pytest.mark.parametrize(
    ("component", "file", "text"),
    [
        (CHART, "chart/templates/workload.yaml", "{{ if .Values.nothing }}a: b{{ end }}"),
        (OVERLAY, "overlays/staging/kustomization.yaml", "resources: [nothing.yaml]"),
    ],
    ids=["chart", "overlay"],
)
def test_what_gives_no_object_is_refused_since_it_would_take_everything_away(
    source: Path, component: ComponentSpec, file: str, text: str
) -> None:
    folder = source / component.path.removesuffix("/chart")
    for other in ("chart/templates", "chart/crds"):
        for one in (folder / other).glob("*.*"):
            one.unlink()
    (folder / file).write_text(text)
    (folder / "overlays/staging/nothing.yaml").write_text("# to be written")
    without_images = dataclasses.replace(component, images=())
    with pytest.raises(RenderError, match="cache gives no object at all"):
        RENDERERS[component.renderer].render(dataclasses.replace(request(source, without_images), images={}))
