"""Rendering with kustomize: the files it gives, always the same, and all that it refuses."""

from __future__ import annotations

import dataclasses
import hashlib
import shutil
import subprocess
import threading
import time
from collections.abc import Iterator
from http.server import BaseHTTPRequestHandler, ThreadingHTTPServer
from pathlib import Path

import pytest
import yaml

from controlpanel.catalog.document import parse
from deployments.renderers.base import RENDERERS, RenderError, RenderRequest, render_all, render_digest
from deployments.renderers.kustomize import KustomizeRenderer
from deployments.renderers.objects import objects_of
from script.development.overlays import requests as every_request
from tests.deployments.renderers.conftest import (
    BASE,
    DEPLOYMENT,
    DIGEST,
    IMAGES,
    OVERLAY,
    SERVICE,
    TREE,
    WEB,
    write_tree,
)

ROOT = Path(__file__).parents[3]
GOLDEN = Path(__file__).with_name("golden")


def render(request: RenderRequest) -> dict[str, bytes]:
    return KustomizeRenderer().render(request).files


def test_the_files_are_those_on_record(request_web: RenderRequest) -> None:
    recorded = {str(path.relative_to(GOLDEN)): path.read_bytes() for path in GOLDEN.rglob("*.yaml")}

    assert render(request_web) == recorded


def test_every_file_is_one_object_that_kubectl_reads_as_it_was_meant(
    request_web: RenderRequest, tmp_path: Path
) -> None:
    """Text that some YAML reader would take for another type is still text for Kubernetes' own reader."""
    files = render(request_web)
    (tmp_path / "object.yaml").write_bytes(files["web/shop-staging/Deployment-web.yaml"])
    (tmp_path / "kustomization.yaml").write_text("resources: [object.yaml]\n", "utf-8")
    kubectl = ROOT / ".venv/bin/kubectl"
    program = [str(kubectl if kubectl.exists() else shutil.which("kubectl")), "kustomize", str(tmp_path)]
    (again,) = objects_of(subprocess.run(program, capture_output=True, check=True).stdout)

    container = again["spec"]["template"]["spec"]["containers"][0]
    assert [entry["value"] for entry in container["env"]] == ["12:30", "2026-01-01", "1e3"]
    assert container["args"] == ["=", "on", "~"]


def test_the_image_takes_the_place_of_its_key(request_web: RenderRequest) -> None:
    deployment = yaml.safe_load(render(request_web)["web/shop-staging/Deployment-web.yaml"])

    assert deployment["spec"]["template"]["spec"]["containers"][0]["image"] == IMAGES["web"]
    assert deployment["spec"]["replicas"] == 2


def test_an_image_may_have_a_port_and_a_tag_before_its_digest(request_web: RenderRequest) -> None:
    image = f"registry.example.com:5000/shop/web:1.2.3@{DIGEST}"

    files = render(dataclasses.replace(request_web, images={"web": image}))

    assert image.encode() in files["web/shop-staging/Deployment-web.yaml"]


def test_images_of_other_components_do_not_matter(request_web: RenderRequest) -> None:
    more = {**IMAGES, "other": "not even an image"}

    assert render(dataclasses.replace(request_web, images=more)) == render(request_web)


def test_the_same_request_gives_the_same_bytes_wherever_the_tree_lies(
    request_web: RenderRequest, tmp_path: Path
) -> None:
    elsewhere = write_tree(tmp_path / "a/much/longer/place", TREE)

    first, second = render(request_web), render(dataclasses.replace(request_web, source=elsewhere))

    assert first == second
    assert list(first) == list(second)
    assert render_digest(first) == render_digest(second)


def test_the_digest_is_what_sha256sum_prints_over_the_sorted_paths() -> None:
    files = {"b/x/Service-ü.yaml": b"two\n", "a/x/Service-a.yaml": b"one\n", "B/x/Service-b.yaml": b""}
    lines = "".join(
        f"{hashlib.sha256(files[path]).hexdigest()}  {path}\n"
        for path in ["B/x/Service-b.yaml", "a/x/Service-a.yaml", "b/x/Service-ü.yaml"]
    )

    assert render_digest(files) == hashlib.sha256(lines.encode()).hexdigest()
    assert render_digest({}) == hashlib.sha256(b"").hexdigest()


def test_the_renderer_is_found_by_the_catalogs_word() -> None:
    assert isinstance(RENDERERS["kustomize"], KustomizeRenderer)


@pytest.mark.parametrize("environment", ["staging", "production"])
def test_the_reference_platform_renders_in_about_a_second(environment: str) -> None:
    document = parse((ROOT / "platform.yaml").read_text("utf-8"), filename="platform.yaml")
    requests = [one for one in every_request(ROOT) if one.environment == environment]
    started = time.monotonic()

    files = render_all(requests)

    assert time.monotonic() - started < 10  # about 1 s alone; other work may share the processors
    assert {path.split("/")[0] for path in files} == {component.name for component in document.components}


# What is refused before a tool runs, by changing one file of the tree. Columns: name, file, text, words of the message.
HOSTILE = [
    ("remote resource", BASE, "resources: ['https://example.com/x.yaml']", "remote address"),
    ("remote resource without scheme", BASE, "resources: [github.com/org/repo]", "remote address"),
    ("remote resource with a query", BASE, "resources: ['repo?ref=main']", "remote address"),
    ("remote resource over ssh", BASE, "resources: ['git@example.com:org/repo.git']", "remote address"),
    ("remote resource by git::", BASE, "resources: ['git::https://example.com/repo']", "remote address"),
    ("remote resource by file://", BASE, "resources: ['file:///etc']", "remote address"),
    ("remote base", BASE, "bases: ['https://example.com/base']", "remote address"),
    ("remote component", BASE, "components: ['example.com/org/repo//path?ref=v1']", "remote address"),
    ("remote patch", BASE, "patches: [{path: 'https://example.com/p.yaml'}]", "remote address"),
    ("remote old patch", BASE, "patchesStrategicMerge: ['https://example.com/p.yaml']", "remote address"),
    ("remote JSON patch", BASE, "patchesJson6902: [{path: 'http://example.com/p.yaml'}]", "remote address"),
    ("remote replacement", BASE, "replacements: [{path: 'http://example.com/p.yaml'}]", "remote address"),
    ("remote file of a ConfigMap", BASE, "configMapGenerator: [{name: a, files: ['k=https://a.b/c']}]", "remote address"),
    ("remote variables of a ConfigMap", BASE, "configMapGenerator: [{name: a, envs: ['https://a.b/c']}]", "remote address"),
    ("remote schema", BASE, "openapi: {path: 'https://example.com/schema.json'}", "remote address"),
    ("remote definition", BASE, "crds: ['https://example.com/crd.yaml']", "remote address"),
    ("remote configuration", BASE, "configurations: ['https://example.com/c.yaml']", "remote address"),
    ("path that leaves the tree", BASE, "resources: [../../../../etc]", "leaves the repository"),
    ("file that leaves the tree", BASE, "configMapGenerator: [{name: a, files: [../../../../outside.txt]}]", "leaves"),
    ("absolute path", BASE, "resources: [/etc/passwd]", "leaves the repository"),
    ("absolute path in a file of a ConfigMap", BASE, "configMapGenerator: [{name: a, files: ['k=/etc/passwd']}]", "leaves"),
    ("file that is not there", BASE, "resources: [nothing.yaml]", "is not in the repository"),
    ("helm chart", BASE, "helmCharts: [{name: a, repo: 'https://example.com'}]", "“repo” is not allowed"),
    ("old helm chart", BASE, "helmChartInflationGenerator: [{chartName: a}]", "is not allowed"),
    ("generator plugin", BASE, "generators: [plugin.yaml]", "“generators” is not allowed"),
    ("transformer plugin", BASE, "transformers: [plugin.yaml]", "“transformers” is not allowed"),
    ("validator plugin", BASE, "validators: [plugin.yaml]", "“validators” is not allowed"),
    ("secret generator", BASE, "secretGenerator: [{name: a, literals: [p=q]}]", "“secretGenerator” is not allowed"),
    ("field that is not known", BASE, "resourcez: [deployment.yaml]", "“resourcez” is not allowed"),
    ("aliases that multiply", BASE, "x: &a [1]\nresources: [*a, *a]", "alias"),
    ("deep nesting", BASE, "resources: " + "[" * 3000 + "]" * 3000, "deep"),
    ("not a mapping", BASE, "- resources", "not a mapping"),
    ("broken YAML", BASE, "resources: [", "cannot be read"),
    ("two kustomizations", BASE.replace(".yaml", ".yml"), "resources: []", "more than one kustomization"),
    ("circle of folders", BASE, "resources: [../overlays/staging]", "cycle"),
    ("Secret with data", SERVICE, "{apiVersion: v1, kind: Secret, metadata: {name: a}, data: {k: Zm9v}}", "holds values"),
    ("Secret with text", SERVICE, "{apiVersion: v1, kind: Secret, metadata: {name: a}, stringData: {k: v}}", "holds values"),
    ("Secret in a list", SERVICE, "{apiVersion: v1, kind: SecretList, items: [{apiVersion: v1, kind: Secret, metadata: {name: a}, data: {k: Zm9v}}]}", "holds values"),
    ("object without a name", SERVICE, "{apiVersion: v1, kind: Service, metadata: {}}", "name"),
    ("object without a kind", SERVICE, "{apiVersion: v1, metadata: {name: a}}", "kind"),
    ("name that is a path", SERVICE, "{apiVersion: v1, kind: Service, metadata: {name: ../../x}}", "not allowed"),
    ("name with a slash", SERVICE, "{apiVersion: v1, kind: Service, metadata: {name: a/b}}", "not allowed"),
    ("name with two dots", SERVICE, "{apiVersion: v1, kind: Service, metadata: {name: a..b}}", "not allowed"),
    ("name with a line break", SERVICE, '{apiVersion: v1, kind: Service, metadata: {name: "a\\nb"}}', "not allowed"),
    ("kind that is a path", SERVICE, "{apiVersion: v1, kind: ../Service, metadata: {name: a}}", "not allowed"),
    ("the same object twice", SERVICE, TREE[SERVICE] + "---\n" + TREE[SERVICE], "already registered"),
    ("image that is not listed", DEPLOYMENT, TREE[DEPLOYMENT].replace("image: web", "image: nginx:1.27"), "“nginx:1.27” without a digest"),
    ("key that no container uses", DEPLOYMENT, TREE[DEPLOYMENT].replace("image: web", f"image: nginx@{DIGEST}"), "No container has the image web"),
    ("container without an image", DEPLOYMENT, TREE[DEPLOYMENT].replace("          image: web\n", ""), "without a digest"),
    ("overlay without kustomization", OVERLAY, None, "has no kustomization"),
]  # fmt: skip


@pytest.mark.parametrize(
    ("path", "text", "words"), [case[1:] for case in HOSTILE], ids=[case[0].replace(" ", "-") for case in HOSTILE]
)
def test_a_hostile_source_is_refused(request_web: RenderRequest, path: str, text: str | None, words: str) -> None:
    write_tree(request_web.source.parent, {"outside.txt": "not for you"})
    if text is None:
        (request_web.source / path).unlink()
    else:
        write_tree(request_web.source, {path: text})

    with pytest.raises(RenderError) as raised:
        render(request_web)

    error = raised.value
    assert error.component == "web"
    assert words in error.message
    assert error.remedy
    assert str(request_web.source) not in str(error)


@pytest.mark.parametrize(
    ("link", "target"),
    [
        ("kubernetes/web/base/secret.yaml", "../../../../outside.txt"),
        ("kubernetes/web/base/secret.yaml", "/etc/passwd"),
        ("kubernetes/web/base/secret.yaml", "secret.yaml"),
        ("kubernetes/web/base/secret.yaml", "nowhere"),
    ],
    ids=["relative", "absolute", "to itself", "to nothing"],
)
def test_a_link_that_leaves_the_tree_is_refused(request_web: RenderRequest, link: str, target: str) -> None:
    write_tree(request_web.source.parent, {"outside.txt": "not for you"})
    write_tree(request_web.source, {BASE: "configMapGenerator: [{name: a, files: [secret.yaml]}]"})
    (request_web.source / link).symlink_to(target)

    with pytest.raises(RenderError, match=r"leaves the repository|cannot be followed|is not in the repository"):
        render(request_web)


def test_a_kustomization_that_is_a_link_out_of_the_tree_is_refused(request_web: RenderRequest) -> None:
    outside = write_tree(request_web.source.parent, {"outside.yaml": "resources: []"}) / "outside.yaml"
    (request_web.source / BASE).unlink()
    (request_web.source / BASE).symlink_to(outside)

    with pytest.raises(RenderError, match="leaves the repository"):
        render(request_web)


def test_a_folder_that_is_a_link_out_of_the_tree_is_refused(request_web: RenderRequest) -> None:
    outside = write_tree(request_web.source.parent, {"base/kustomization.yaml": "resources: []"}) / "base"
    shutil.rmtree(request_web.source / "kubernetes/web/base")
    (request_web.source / "kubernetes/web/base").symlink_to(outside)

    with pytest.raises(RenderError, match="leaves the repository"):
        render(request_web)


def test_a_link_that_stays_in_the_tree_is_followed(request_web: RenderRequest) -> None:
    expected = render(request_web)
    (request_web.source / DEPLOYMENT).rename(request_web.source / "kubernetes/web/base/real.yaml")
    (request_web.source / DEPLOYMENT).symlink_to("real.yaml")

    assert render(request_web) == expected


@pytest.mark.parametrize(
    ("images", "words"),
    [
        ({}, "no image for web"),
        ({"web": "registry.example.com/web:1.0"}, "no sha256 digest"),
        ({"web": "registry.example.com/web@sha256:123"}, "no sha256 digest"),
        ({"web": f"web@{DIGEST} --privileged"}, "no sha256 digest"),
        ({"web": f"web\n@{DIGEST}"}, "no sha256 digest"),
        ({"web": ""}, "no sha256 digest"),
    ],
)
def test_a_release_whose_images_do_not_do_is_refused(
    request_web: RenderRequest, images: dict[str, str], words: str
) -> None:
    with pytest.raises(RenderError, match=words):
        render(dataclasses.replace(request_web, images=images))


def test_a_kind_of_others_may_be_called_a_list_and_be_none(request_web: RenderRequest) -> None:
    entry = "{apiVersion: ec2.services.k8s.aws/v1alpha1, kind: ManagedPrefixList, metadata: {name: office}}"
    write_tree(request_web.source, {SERVICE: entry})
    assert any("ManagedPrefixList-office" in path for path in render(request_web))


def test_a_list_of_objects_is_taken_apart(request_web: RenderRequest) -> None:
    entries = "[{apiVersion: v1, kind: ConfigMap, metadata: {name: a}}, {apiVersion: v1, kind: ConfigMap, metadata: {name: b}}]"
    write_tree(request_web.source, {SERVICE: f"{{apiVersion: v1, kind: List, items: {entries}}}"})

    files = render(request_web)

    assert {"web/shop-staging/ConfigMap-a.yaml", "web/shop-staging/ConfigMap-b.yaml"} <= files.keys()


def test_an_empty_secret_is_rendered(request_web: RenderRequest) -> None:
    secret = "{apiVersion: v1, kind: Secret, metadata: {name: shard}, type: Opaque}"
    write_tree(request_web.source, {SERVICE: secret})

    assert "web/shop-staging/Secret-shard.yaml" in render(request_web)


def test_an_object_of_the_whole_cluster_has_a_folder_of_its_own(request_web: RenderRequest) -> None:
    role = "{apiVersion: rbac.authorization.k8s.io/v1, kind: ClusterRole, metadata: {name: 'shop:read'}}"
    write_tree(request_web.source, {SERVICE: role})

    assert "web/_cluster/ClusterRole-shop:read.yaml" in render(request_web)


def test_the_tools_own_words_reach_the_reader(request_web: RenderRequest) -> None:
    write_tree(request_web.source, {BASE: "resources: [deployment.yaml]\nreplicas: [{name: nobody, count: 1}]\n"})

    with pytest.raises(RenderError, match="nobody") as raised:
        render(request_web)

    assert raised.value.remedy == "Try `kubectl kustomize kubernetes/web/overlays/staging` at this commit."


def test_a_component_that_takes_too_long_is_stopped(request_web: RenderRequest, tmp_path: Path) -> None:
    slow = tmp_path / "kubectl"
    slow.write_text("#!/bin/sh\nexec /bin/sleep 600\n", "utf-8")
    slow.chmod(0o755)

    with pytest.raises(RenderError, match=r"did not finish within 0\.3 seconds"):
        KustomizeRenderer(slow, time_limit=0.3).render(request_web)


def test_a_component_that_prints_too_much_is_stopped(request_web: RenderRequest) -> None:
    with pytest.raises(RenderError, match="more than 100 bytes"):
        KustomizeRenderer(output_limit=100).render(request_web)


@pytest.fixture
def server() -> Iterator[tuple[str, list[str]]]:
    """A web server that would serve a manifest, and the paths that were asked of it."""
    asked: list[str] = []

    class Handler(BaseHTTPRequestHandler):
        def do_GET(self) -> None:
            asked.append(self.path)
            self.send_response(200)
            self.end_headers()
            self.wfile.write(b"{apiVersion: v1, kind: ConfigMap, metadata: {name: fetched}}")

        def log_message(self, format: str, *args: object) -> None:
            pass

    listening = ThreadingHTTPServer(("127.0.0.1", 0), Handler)
    thread = threading.Thread(target=listening.serve_forever, kwargs={"poll_interval": 0.01})
    thread.start()
    yield f"http://127.0.0.1:{listening.server_port}/x.yaml", asked
    listening.shutdown()
    thread.join()
    listening.server_close()


def test_nothing_is_fetched_for_a_remote_resource(request_web: RenderRequest, server: tuple[str, list[str]]) -> None:
    address, asked = server
    write_tree(request_web.source, {BASE: f"resources: ['{address}']"})

    with pytest.raises(RenderError, match="remote address"):
        render(request_web)

    assert asked == []


def test_several_components_are_rendered_together_and_the_first_failure_is_told(request_web: RenderRequest) -> None:
    other = dataclasses.replace(WEB, name="shop")

    files = render_all([request_web, dataclasses.replace(request_web, component=other)])
    assert {path.split("/")[0] for path in files} == {"web", "shop"}

    with pytest.raises(RenderError, match="shop: The release has no image for gone"):
        render_all(
            [request_web, dataclasses.replace(request_web, component=dataclasses.replace(other, images=("gone",)))]
        )
