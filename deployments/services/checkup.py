"""Whether the panel can do its work: each connection, right, version and clock as one finding with its remedy."""

from __future__ import annotations

from collections.abc import Callable, Iterator
from functools import partial

from celery import current_app
from django.conf import settings
from django.db import DatabaseError, connection
from django.db.migrations.executor import MigrationExecutor

from controlpanel.catalog import connections, loading
from controlpanel.catalog.current import current_document, current_version
from controlpanel.catalog.document import CatalogDocument
from controlpanel.clients.errors import ClientError
from controlpanel.core.errors import PanelError
from deployments.renderers.child import protection
from deployments.services import checkup_argocd, checkup_hub
from deployments.services.findings import Finding, Found, Level, clock, ok, plain_http

BROKER_SECONDS = 2.0
Findings = Iterator[Finding]


def checkup() -> Findings:
    """Every finding, as each check ends; what cannot be asked is a finding too, never an error."""
    database = list(_told("database", _database))
    yield from database
    yield from _told("broker", _broker)
    yield from _told("renderer", _renderer)
    yield from _told("platform repository", _platform_repository)
    has_rows = all(finding.level != Level.FAIL for finding in database)
    document = current_document() if has_rows and current_version() else None
    yield from _told("deploy repository", partial(_deploy_repository, document))
    if has_rows:
        yield from _told("catalog", _catalog)
    if document is not None:
        yield from _every_environment(document)


def _every_environment(document: CatalogDocument) -> Findings:
    """Each Argo CD and token once, then what each environment needs of it, then what runs beside it."""
    seen = set[tuple[str, str]]()
    for spec in document.environments:
        place = (spec.argocd.server_from, spec.argocd.token_from)
        if place not in seen:
            yield from _told(f"Argo CD ({spec.argocd.server_from})", partial(checkup_argocd.server, spec))
        seen.add(place)
        yield from _told(f"Argo CD, {spec.name}", partial(checkup_argocd.environment, document, spec))
    for spec in document.environments:
        yield from _told(f"hub, {spec.name}", partial(checkup_hub.environment, spec))


def _told(subject: str, check: Callable[[], Iterator[tuple[Level, str, str]]]) -> Findings:
    try:
        for level, sentence, remedy in check():
            yield Finding(level, subject, sentence, remedy)
    except (ClientError, PanelError) as error:
        yield Finding(Level.FAIL, subject, error.sentence, error.remedy)
    except DatabaseError:
        yield Finding(
            Level.FAIL, subject, "PostgreSQL does not answer.", "Check DATABASE_URL and that the server runs."
        )


def _database() -> Found:
    with connection.cursor() as cursor:
        cursor.execute("SELECT current_setting('server_version'), clock_timestamp()")
        version, time = cursor.fetchone()
    yield ok(f"PostgreSQL {version} answers.")
    executor = MigrationExecutor(connection)
    missing = executor.migration_plan(executor.loader.graph.leaf_nodes())
    if missing:
        yield Level.FAIL, f"{len(missing)} migrations are not applied.", "Run `script/manage migrate`."
    yield from clock(time)


def _broker() -> Found:
    try:
        with current_app.connection_for_write(connect_timeout=BROKER_SECONDS) as link:
            link.ensure_connection(max_retries=1, interval_start=0, timeout=BROKER_SECONDS)
    except Exception:  # noqa: BLE001  # kombu raises many types; every one means that it is away
        yield (
            Level.WARN,
            "No broker answers; `watch` runs due work itself meanwhile, seconds later.",
            "Start Valkey or Redis, or correct CELERY_BROKER_URL.",
        )
    else:
        yield ok("The broker answers.")


def _renderer() -> Found:
    held = protection()
    remedy = "" if held.isolated else "Allow user namespaces to the worker."
    yield (Level.OK if held.isolated else Level.WARN), held.sentence, remedy


def _platform_repository() -> Found:
    yield from plain_http("PLATFORM_REPO_URL", settings.CONFIGURATION.platform_repo_url)
    reference = settings.CONFIGURATION.platform_repo_ref
    commit = connections.platform_repository().resolve(reference)
    yield ok(f"{reference} is at {commit[:7]}.")


def _deploy_repository(document: CatalogDocument | None) -> Found:
    yield from plain_http("DEPLOY_REPO_URL", settings.CONFIGURATION.deploy_repo_url)
    repository = connections.deploy_repository()
    head = repository.tip("HEAD")
    if head is None:
        yield Level.FAIL, "It has no default branch yet, so Argo CD refuses it.", "Run `script/manage bootstrap`."
        return
    yield ok("It can be read.")
    repository.rehearse_push(head)
    yield ok("It can be pushed to (rehearsed, nothing was changed).")
    for spec in document.environments if document else ():
        if repository.tip(spec.branch) is None:
            yield Level.FAIL, f"The branch {spec.branch} is missing.", "Run `script/manage bootstrap`."


def _catalog() -> Found:
    version = current_version()
    if version is None:
        yield Level.FAIL, "No catalog is in force.", "Run `script/manage load_platform`."
        return
    yield ok(f"The catalog {version.commit[:12]} is in force.")
    text, commit = loading.read_platform()
    if text != version.text:
        yield (
            Level.WARN,
            f"The platform repository has another platform.yaml at {commit[:7]}.",
            "Run `script/manage load_platform`.",
        )
