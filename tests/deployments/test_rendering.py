"""From a release to files: what is unchanged is not rendered again, and no release relaxes what is asked of it."""

from __future__ import annotations

import re
import subprocess
from collections.abc import Iterator
from pathlib import Path
from tempfile import TemporaryDirectory
from typing import Any

import pytest
from structlog.testing import capture_logs

from controlpanel.catalog import connections
from controlpanel.catalog.models import CatalogVersion, Component, Environment, Variable
from controlpanel.clients.git import GitRepository
from controlpanel.core.permissions import Role
from deployments import kept, rendering
from deployments.models import Preflight, Promotion, Release, RenderedComponent
from deployments.renderers.base import RENDERERS, Rendered, RenderRequest
from deployments.renderers.tools import find
from deployments.rendering import NotRenderable, render_release
from deployments.services import preflights
from tenants.selectors.readiness import not_ready
from tests import fixtures_tenants as tenants
from tests.deployments.renderers.conftest import write_tree

pytestmark = pytest.mark.django_db

PLATFORM = """\
version: 1
platform: {name: shop}
environments:
  staging:
    argocd: {project: shop, serverFrom: {env: ARGOCD_SERVER}, tokenFrom: {env: ARGOCD_TOKEN}}
    destination: {server: "https://kubernetes.default.svc", namespace: shop-staging}
components:
  api: {path: kubernetes/api, renderer: directory, images: [api]}
  web: {path: kubernetes/web, renderer: directory, images: []}
"""
POD = "{apiVersion: v1, kind: Pod, metadata: {name: api}, spec: {containers: [{name: api, image: api}]}}\n"
SETTINGS = "{apiVersion: v1, kind: ConfigMap, metadata: {name: web}, data: {MODE: quick}}\n"
TREE = {
    "platform.yaml": PLATFORM,
    "kubernetes/api/staging/pod.yaml": POD,
    "kubernetes/web/common/settings.yaml": SETTINGS,
}


class Platform:
    """A repository whose commits become releases, and the names of the components that were rendered."""

    def __init__(self, place: Path) -> None:
        self.place = place
        self.repository = GitRepository(str(place), place.parent / "cache")
        self.rendered: list[str] = []
        subprocess.run(["git", "init", "-q", "-b", "main", str(place)], check=True)

    def release(self, files: dict[str, str], image: str = "a") -> Release:
        write_tree(self.place, files)
        author = ["-c", "user.name=a", "-c", "user.email=a@example.com", "-c", "commit.gpgsign=false"]
        run: dict[str, Any] = {"check": True, "cwd": self.place, "capture_output": True, "text": True}
        subprocess.run(["git", "add", "-A"], **run)
        subprocess.run(["git", *author, "commit", "-q", "--allow-empty", "-m", "change"], **run)
        commit = subprocess.run(["git", "rev-parse", "HEAD"], **run).stdout.strip()
        number = Release.objects.count()
        images = {"api": f"registry.example/api@sha256:{image * 64}"}
        return Release.objects.create(version=f"1.{number}", commit=commit, images=images, created_by="ci")

    def render(self, release: Release) -> dict[str, bytes]:
        self.rendered.clear()
        return render_release(release, Environment.objects.get()).files


@pytest.fixture
def platform(tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> Iterator[Platform]:
    world = Platform(tmp_path / "platform")
    render = RENDERERS["directory"].render

    def noted(request: RenderRequest) -> Any:
        world.rendered.append(request.component.name)
        return render(request)

    monkeypatch.setattr(connections, "platform_repository", lambda: world.repository)
    monkeypatch.setattr(RENDERERS["directory"], "render", noted)
    Environment.objects.create(
        name="staging",
        title="Staging",
        position=0,
        branch="env/staging",
        project="shop",
        server_from="S",
        token_from="T",
    )
    CatalogVersion.objects.create(commit="0" * 40, loaded_by="ci", text=PLATFORM, is_current=True)
    yield world
    rendering._catalog_at.cache_clear()


def test_the_same_release_is_rendered_once(platform: Platform) -> None:
    release = platform.release(TREE)
    first = platform.render(release)
    assert platform.rendered == ["api", "web"]
    assert platform.render(release) == first
    assert platform.rendered == []


def test_who_renders_the_same_at_the_same_time_keeps_one_row(
    platform: Platform, monkeypatch: pytest.MonkeyPatch
) -> None:
    release = platform.release(TREE)
    first = platform.render(release)
    monkeypatch.setattr(kept, "find", lambda *_: {})  # both had looked before either had written

    assert platform.render(release) == first
    assert platform.rendered == ["api", "web"] and RenderedComponent.objects.count() == 2


def test_an_image_that_the_catalog_asks_for_later_is_asked_for_although_nothing_else_changed(
    platform: Platform,
) -> None:
    platform.render(platform.release(TREE))
    asks = PLATFORM.replace("images: []", "images: [web]")
    with pytest.raises(NotRenderable, match="The release has no image for web"):
        platform.render(platform.release({"platform.yaml": asks}))


@pytest.mark.parametrize(("tool", "asked"), [("kubectl", ("version", "--client")), ("helm", ("version", "--short"))])
def test_a_newer_tool_is_named_where_renderings_are_kept(tool: str, asked: tuple[str, ...]) -> None:
    said = subprocess.run([find(tool), *asked], capture_output=True, text=True, check=True).stdout
    assert re.search(rf"\bv{re.escape(kept.RENDERED_WITH[tool])}\b", said), f"Write {said!r} into RENDERED_WITH."


def test_what_nobody_thought_of_refuses_the_release_and_is_logged_but_the_machines_own_faults_are_not_the_authors(
    platform: Platform, monkeypatch: pytest.MonkeyPatch
) -> None:
    release, broken = platform.release(TREE), Exception()

    def fails(_: RenderRequest) -> Rendered:
        raise broken

    monkeypatch.setattr(RENDERERS["directory"], "render", fails)
    with capture_logs() as logged, pytest.raises(NotRenderable, match=r"(api|web) does not render"):
        broken = TypeError("'int' object is not iterable")
        platform.render(release)
    assert logged[0]["event"] == "rendering.failed" and logged[0]["exc_info"]
    with pytest.raises(OSError, match="disk"):
        broken = OSError("disk full")
        platform.render(release)


def test_what_does_render_is_kept_beside_what_does_not_and_no_source_stays(
    platform: Platform, monkeypatch: pytest.MonkeyPatch, tmp_path: Path
) -> None:
    monkeypatch.setattr(rendering, "workplace", lambda: TemporaryDirectory(dir=tmp_path, prefix="sources-"))
    with pytest.raises(NotRenderable, match="web does not render"):
        platform.render(platform.release({**TREE, "kubernetes/web/staging/more.yaml": "kind: [Pod"}))

    assert [row.component for row in RenderedComponent.objects.all()] == ["api"]
    assert list(tmp_path.glob("sources-*")) == []


def test_another_commit_renders_only_what_it_changes(platform: Platform) -> None:
    first = platform.render(platform.release(TREE))
    second = platform.render(
        platform.release({"kubernetes/web/common/settings.yaml": SETTINGS.replace("quick", "slow")})
    )
    assert platform.rendered == ["web"]
    assert {path for path in first if first[path] != second[path]} == {"web/shop-staging/ConfigMap-web.yaml"}
    platform.render(platform.release({"README.md": "Nothing that is rendered."}))
    assert platform.rendered == []


def test_another_image_renders_the_component_that_has_it(platform: Platform) -> None:
    platform.render(platform.release(TREE))
    files = platform.render(platform.release({}, image="b"))
    assert platform.rendered == ["api"]
    assert b"b" * 64 in files["api/shop-staging/Pod-api.yaml"]


def test_a_file_that_is_new_or_gone_renders_again(platform: Platform) -> None:
    platform.render(platform.release(TREE))
    more = platform.render(
        platform.release({"kubernetes/web/staging/more.yaml": SETTINGS.replace("name: web", "name: more")})
    )
    assert platform.rendered == ["web"] and "web/shop-staging/ConfigMap-more.yaml" in more
    (platform.place / "kubernetes/web/staging/more.yaml").unlink()
    less = platform.render(platform.release({}))
    assert "web/shop-staging/ConfigMap-more.yaml" not in less
    assert RenderedComponent.objects.filter(component="web").count() == 2


def test_the_environment_in_force_decides_the_namespace_and_what_a_release_must_be_part_of(platform: Platform) -> None:
    other = platform.release({"other.txt": "x", **TREE})
    strict = PLATFORM.replace("shop-staging", "shop-elsewhere")
    CatalogVersion.objects.update(text=strict)
    assert "web/shop-elsewhere/ConfigMap-web.yaml" in platform.render(other)

    asked = strict.replace("  staging:\n", "  staging:\n    requireAncestor: true\n")
    CatalogVersion.objects.update(text=asked)
    subprocess.run(["git", "checkout", "-q", "--orphan", "main2"], cwd=platform.place, check=True)
    foreign = platform.release({"foreign.txt": "y"})  # else it may be the same commit, made in the same second
    with pytest.raises(NotRenderable, match="is not part of"):
        platform.render(foreign)


def test_components_that_are_not_promoted_give_their_variables_from_what_is_committed(platform: Platform) -> None:
    Variable.objects.create(key="MODE", scope="environment")
    for position, name in enumerate(("api", "web")):
        Component.objects.create(name=name, position=position, path=name, renderer="directory")
    release = platform.release({**TREE, "web/shop-staging/ConfigMap-web.yaml": SETTINGS})
    place = Environment.objects.get()
    part = Preflight.objects.create(release=release, environment=place, components=["api"], created_by="ci")
    api = render_release(release, place, ["api"])

    alone = preflights._others(part, api, platform.repository, None)
    beside = preflights._others(part, api, platform.repository, release.commit)

    assert preflights._variables(api.files | alone) == [{"key": "MODE", "state": "missing", "where": ""}]
    where = "web/shop-staging/ConfigMap-web.yaml"
    assert preflights._variables(api.files | beside) == [{"key": "MODE", "state": "set", "where": where}]


def test_a_release_whose_pods_need_a_new_key_opens_an_item_for_each_tenant_that_lacks_it_before_it_is_promoted(
    platform: Platform, monkeypatch: pytest.MonkeyPatch
) -> None:
    monkeypatch.setattr(connections, "deploy_repository", lambda: platform.repository)
    ada, place = tenants.actor(tenants.person("ada", Role.ADMINISTRATOR)), Environment.objects.get()
    nova, _ = tenants.tenant("nova", by=ada), tenants.tenant("lumen", by=ada)
    pod = POD.replace("name: api}", "name: api, annotations: {control-panel/tenant-keys: WHATSAPP_TOKEN}}", 1)
    before, after = platform.release(TREE), platform.release({"kubernetes/api/staging/pod.yaml": pod})

    for release in (before, after):
        preview = preflights.preflight_request(actor=ada, release=release.version, environment="staging")
        assert preflights.preflight_render(preview.pk)

    lacking = {one.slug: [item.key for item in one.items] for one in not_ready(place, after.version)}
    assert lacking == {"lumen": ["WHATSAPP_TOKEN"], "nova": ["WHATSAPP_TOKEN"]}
    assert not_ready(place, before.version) == [] and not Promotion.objects.exists()
    tenants.put(nova, place, by=ada, keys=("WHATSAPP_TOKEN",))
    tenants.promote(place)
    tenants.verify(place)
    tenants.items_sign_off_all(actor=ada, tenant=nova, environment=place)
    assert [one.slug for one in not_ready(place, after.version)] == ["lumen"]
