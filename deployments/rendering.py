"""From a release to files: the components as their commit describes them, rendered once for each set of inputs."""

from __future__ import annotations

from collections.abc import Collection, Sequence
from concurrent.futures import Future, ThreadPoolExecutor, wait
from dataclasses import dataclass
from functools import lru_cache
from pathlib import Path
from tempfile import TemporaryDirectory

import structlog
from django.conf import settings

from controlpanel.catalog import connections
from controlpanel.catalog.current import current_document, current_version
from controlpanel.catalog.document import (
    CatalogDocument,
    ComponentSpec,
    EnvironmentSpec,
    namespace_of,
    parse,
    waves,
)
from controlpanel.catalog.errors import CatalogError
from controlpanel.catalog.models import Environment
from controlpanel.catalog.shards import COMPONENT
from controlpanel.clients.errors import GitRefNotFound, GitUnsafe
from controlpanel.clients.git import GitRepository
from controlpanel.core.crashpoints import crashpoint
from controlpanel.core.errors import InvalidError
from deployments import kept
from deployments.kept import Order
from deployments.models import Release, RenderedComponent
from deployments.renderers.base import RENDERERS, Rendered, RenderError, RenderRequest, render_digest
from deployments.renderers.workplace import workplace

log = structlog.get_logger(__name__)

AT_ONCE = 3
"""Components in work: two tools, while the result of a third is read."""


class NotRenderable(InvalidError):
    """A release that cannot be rendered for an environment; the remedy says what to mend."""


@dataclass(frozen=True, kw_only=True)
class Rendering:
    """What a promotion gives in an environment: `files` are paths in the deploy repository with their content, `parts` the
    input digest of each component (or directory of one), `deadlines` seconds that each component may take to roll out.
    `versions` (`<slug>.<KEY>` to a version's key) are what the tenants' part was made from, None where it stays as it is.
    """

    parts: dict[str, str]
    files: dict[str, bytes]
    waves: tuple[tuple[str, ...], ...]
    deadlines: dict[str, int]
    versions: dict[str, int] | None = None

    @property
    def digest(self) -> str:
        """The `render_digest`: hexadecimal SHA-256 over all files."""
        return render_digest(self.files)

    @property
    def components_files(self) -> dict[str, bytes]:
        """All files but those of tenants' references."""
        return {path: content for path, content in self.files.items() if not path.startswith(f"{COMPONENT}/")}

    @property
    def digests(self) -> dict[str, str]:
        """That of each part which it has: "components" and "tenants"."""
        found = {"components": self.components_files, "tenants": self.of(COMPONENT)}
        return {part: render_digest(files) for part, files in found.items() if files}

    @property
    def components(self) -> tuple[str, ...]:
        """Names in the order of the waves."""
        return tuple(name for wave in self.waves for name in wave)

    def of(self, component: str) -> dict[str, bytes]:
        """The files of one component."""
        return {path: content for path, content in self.files.items() if path.split("/", 1)[0] == component}


def render_release(release: Release, environment: Environment, components: Sequence[str] = ()) -> Rendering:
    """Render the release's components (or some of them) for the environment; what was rendered before is not again.

    Raises `NotRenderable` for what the release's author can mend and `GitError` where the repository does not answer.
    """
    repository = connections.platform_repository()
    document, place = _documents(repository, release, environment)
    orders = [_order(spec, release, place) for spec in _chosen(document, components)]
    crashpoint("render.before")
    known = kept.find(repository, release.commit, orders)
    known |= _render(repository, release, [order for order in orders if order.name not in known])
    crashpoint("render.after")
    rows = [known[order.name] for order in orders]
    files = {path: text.encode() for row in rows for path, text in row.files.items()}
    order_of_waves = waves(document.components, {order.name for order in orders})
    return Rendering(
        parts={order.name: known[order.name].input_digest for order in orders},
        files=files,
        waves=order_of_waves,
        deadlines={order.name: order.spec.deadline_seconds for order in orders},
    )


def stored(parts: dict[str, str]) -> dict[str, bytes]:
    """The files of components that were rendered before, by their input digests. Raises `KeyError` for a lost one."""
    rows = dict(RenderedComponent.objects.filter(pk__in=parts.values()).values_list("input_digest", "files"))
    return {path: text.encode() for digest in parts.values() for path, text in rows[digest].items()}


def _documents(
    repository: GitRepository, release: Release, environment: Environment
) -> tuple[CatalogDocument, EnvironmentSpec]:
    """The release's own catalog for its components, and the environment as the catalog in force has it."""
    document = _catalog_of(repository, release)
    try:
        place = document.environment(environment.name)
    except KeyError:
        raise NotRenderable(
            f"The catalog of release {release.version} knows no environment {environment.name}.",
            "Make a release of a newer commit.",
        ) from None
    if current_version() is not None:  # no release relaxes what the environment asks of it
        place = next((one for one in current_document().environments if one.name == place.name), place)
    if place.require_ancestor and not repository.is_ancestor(
        release.commit, repository.resolve(settings.CONFIGURATION.platform_repo_ref)
    ):
        raise NotRenderable(
            f"Commit {release.commit[:12]} is not part of {settings.CONFIGURATION.platform_repo_ref}.",
            "Merge it and make a release of the merged commit.",
        )
    return document, place


def _catalog_of(repository: GitRepository, release: Release) -> CatalogDocument:
    try:
        return _catalog_at(repository, release.commit)
    except GitRefNotFound as error:  # the repository answered, so waiting would not help
        raise NotRenderable(
            error.sentence, f"Push commit {release.commit[:12]}, or make a release of one that is there."
        ) from error
    except FileNotFoundError:
        raise NotRenderable(
            f"Commit {release.commit[:12]} of release {release.version} holds no platform.yaml.",
            "Make a release whose commit is one of the platform repository.",
        ) from None
    except CatalogError as error:
        raise NotRenderable(
            f"Release {release.version} has a catalog that cannot be read: {error}", "Mend it and make a new release."
        ) from error
    except UnicodeDecodeError as error:
        raise NotRenderable(
            f"platform.yaml of release {release.version} is not UTF-8.", "Save it as UTF-8 and make a new release."
        ) from error


@lru_cache(maxsize=32)
def _catalog_at(repository: GitRepository, commit: str) -> CatalogDocument:
    """A commit's catalog never changes, so neither Git nor the parser is asked again."""
    text = repository.files(commit, "platform.yaml").get("platform.yaml")
    if text is None:
        raise FileNotFoundError
    return parse(text.decode(), filename=f"platform.yaml at {commit[:12]}")


def _chosen(document: CatalogDocument, names: Sequence[str]) -> list[ComponentSpec]:
    known = {spec.name: spec for spec in document.components}
    unknown = sorted(set(names) - known.keys())
    if unknown:
        raise NotRenderable(
            f"There is no component {', '.join(unknown)}.", f"Choose from {', '.join(known)}.", field="components"
        )
    return [spec for name, spec in known.items() if not names or name in names]


def _order(spec: ComponentSpec, release: Release, place: EnvironmentSpec) -> Order:
    images = {key: release.images[key] for key in spec.images if key in release.images}
    return Order(spec, place.name, images, namespace_of(spec, place), place.destination.kubernetes_version)


def _render(repository: GitRepository, release: Release, orders: list[Order]) -> dict[str, RenderedComponent]:
    if not orders:
        return {}
    directory = workplace()
    with directory, ThreadPoolExecutor(AT_ONCE, thread_name_prefix="render") as pool:
        source = Path(directory.name)
        ids = _export(repository, release, source)
        working = {order: pool.submit(_render_one, order.request(source)) for order in orders}
        pool.submit(_remove, directory, working.values())  # takes its time, while the last rows are written
        try:
            return {order.name: kept.keep(order, one.result(), ids) for order, one in working.items()}
        except BaseException:
            pool.shutdown(wait=False, cancel_futures=True)
            raise


def _remove(directory: TemporaryDirectory[str], working: Collection[Future[Rendered]]) -> None:
    """Queued behind the renderings, it begins when none is left to begin."""
    wait(working)
    directory.cleanup()


def _export(repository: GitRepository, release: Release, source: Path) -> dict[str, str]:
    try:
        return repository.export(release.commit, source)
    except GitUnsafe as error:  # it stays so at this commit: waiting would not help
        raise NotRenderable(error.sentence, f"{error.remedy} Then make a new release.") from error


def _render_one(request: RenderRequest) -> Rendered:
    try:
        return RENDERERS[request.component.renderer].render(request)
    except RenderError as error:
        raise NotRenderable(
            f"{error.component} does not render. {error.message}",
            error.remedy or "Fix it in the platform repository and try again.",
        ) from error
    except (OSError, MemoryError):  # of the machine, and not of the sources
        raise
    except Exception as error:  # the sources are anybody's: what nobody thought of refuses this release and no more
        log.exception("rendering.failed", component=request.component.name)
        raise NotRenderable(
            f"{request.component.name} does not render: its sources have a form that is not understood.",
            "Look at its latest changes in the platform repository; the worker's log says where reading stopped.",
        ) from error
