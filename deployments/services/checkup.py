"""Whether the panel can do its work: each connection, right, version and clock as one finding with its remedy."""

from __future__ import annotations

import base64
import binascii
import json
from collections.abc import Callable, Iterator
from dataclasses import dataclass
from datetime import UTC, datetime
from enum import StrEnum
from functools import partial
from urllib.parse import urlsplit

from celery import current_app
from django.conf import settings
from django.db import DatabaseError, connection
from django.db.migrations.executor import MigrationExecutor

from controlpanel.catalog import argo, connections, loading
from controlpanel.catalog.current import current_document, current_version
from controlpanel.catalog.document import CatalogDocument, EnvironmentSpec, application_name
from controlpanel.catalog.models import Environment
from controlpanel.clients.argocd import ArgoCD
from controlpanel.clients.argocd_models import Application
from controlpanel.clients.errors import ClientError, NotFound, PermissionRefused
from controlpanel.configuration import named_variable
from controlpanel.core.errors import PanelError
from deployments.renderers.child import protection

SKEW_SECONDS = 5.0
LOOPBACK = ("localhost", "127.0.0.1", "::1")
NOTHING_YET = "app path does not exist"
"""What Argo CD says of an Application that nothing was promoted to yet."""
EXPIRY_DAYS = 14
BROKER_SECONDS = 2.0
LABEL, OURS = next(iter(argo.MANAGED_BY.items()))
RIGHTS = (
    ("applications", "get"),
    ("applications", "create"),
    ("applications", "update"),
    ("applications", "sync"),
    ("logs", "get"),
)


class Level(StrEnum):
    """How a check ended; only `fail` stops promotions."""

    OK = "ok"
    WARN = "warn"
    FAIL = "fail"


@dataclass(frozen=True)
class Finding:
    """What was looked at, what was found, and what to do."""

    level: Level
    subject: str
    sentence: str
    remedy: str = ""

    def __str__(self) -> str:
        return f"{self.level.value:4}  {self.subject}: {self.sentence} {self.remedy}".rstrip()


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
        yield from _every_argocd(document)


def _every_argocd(document: CatalogDocument) -> Findings:
    """Each server and token once, then what each environment needs of it."""
    seen = set[tuple[str, str]]()
    for spec in document.environments:
        place = (spec.argocd.server_from, spec.argocd.token_from)
        if place not in seen:
            yield from _told(f"Argo CD ({spec.argocd.server_from})", partial(_server, spec))
        seen.add(place)
        yield from _told(f"Argo CD, {spec.name}", partial(_environment, document, spec))


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


Found = Iterator[tuple[Level, str, str]]


def _ok(sentence: str) -> tuple[Level, str, str]:
    return Level.OK, sentence, ""


def _database() -> Found:
    with connection.cursor() as cursor:
        cursor.execute("SELECT current_setting('server_version'), clock_timestamp()")
        version, clock = cursor.fetchone()
    yield _ok(f"PostgreSQL {version} answers.")
    executor = MigrationExecutor(connection)
    missing = executor.migration_plan(executor.loader.graph.leaf_nodes())
    if missing:
        yield Level.FAIL, f"{len(missing)} migrations are not applied.", "Run `script/manage migrate`."
    yield from _clock(clock)


def _clock(theirs: datetime) -> Found:
    skew = (datetime.now(UTC) - theirs).total_seconds()
    if abs(skew) > SKEW_SECONDS:
        words = f"Its clock and this machine's are {abs(skew):.0f} s apart."
        yield Level.WARN, words, "Let both follow a time server (NTP)."


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
        yield _ok("The broker answers.")


def _renderer() -> Found:
    held = protection()
    remedy = "" if held.isolated else "Allow user namespaces to the worker."
    yield (Level.OK if held.isolated else Level.WARN), held.sentence, remedy


def _platform_repository() -> Found:
    yield from _plain_http("PLATFORM_REPO_URL", settings.CONFIGURATION.platform_repo_url)
    reference = settings.CONFIGURATION.platform_repo_ref
    commit = connections.platform_repository().resolve(reference)
    yield _ok(f"{reference} is at {commit[:7]}.")


def _deploy_repository(document: CatalogDocument | None) -> Found:
    yield from _plain_http("DEPLOY_REPO_URL", settings.CONFIGURATION.deploy_repo_url)
    repository = connections.deploy_repository()
    head = repository.tip("HEAD")
    if head is None:
        yield Level.FAIL, "It has no default branch yet, so Argo CD refuses it.", "Run `script/manage bootstrap`."
        return
    yield _ok("It can be read.")
    repository.rehearse_push(head)
    yield _ok("It can be pushed to (rehearsed, nothing was changed).")
    for spec in document.environments if document else ():
        if repository.tip(spec.branch) is None:
            yield Level.FAIL, f"The branch {spec.branch} is missing.", "Run `script/manage bootstrap`."


def _plain_http(name: str, url: str) -> Found:
    if url.startswith("http://") and urlsplit(url).hostname not in LOOPBACK:
        yield Level.WARN, f"{name} is plain http: passwords and tokens travel unprotected.", "Use https."


def _catalog() -> Found:
    version = current_version()
    if version is None:
        yield Level.FAIL, "No catalog is in force.", "Run `script/manage load_platform`."
        return
    yield _ok(f"The catalog {version.commit[:12]} is in force.")
    text, commit = loading.read_platform()
    if text != version.text:
        yield (
            Level.WARN,
            f"The platform repository has another platform.yaml at {commit[:7]}.",
            "Run `script/manage load_platform`.",
        )


def _server(spec: EnvironmentSpec) -> Found:
    """What holds for a server and its token, whatever the environment."""
    argocd = connections.argocd_for(Environment.objects.get(name=spec.name))
    yield from _plain_http(spec.argocd.server_from, argocd.server)
    yield from _version(argocd.version())
    clock = argocd.server_time()
    if clock is not None:
        yield from _clock(clock)
    yield from _token(argocd, spec)


def _version(version: str) -> Found:
    if version.startswith("v3."):
        yield _ok(f"Argo CD {version} answers.")
    else:
        yield Level.WARN, f"Argo CD {version or 'of an unknown version'} answers.", "The panel is made for Argo CD 3."


def _token(argocd: ArgoCD, spec: EnvironmentSpec) -> Found:
    who = argocd.userinfo()
    if not who.logged_in:
        yield (
            Level.FAIL,
            f"The token in {spec.argocd.token_from} is not accepted: it is wrong, expired or revoked.",
            f"Make a new one (`argocd account generate-token --account panel`) and set {spec.argocd.token_from}.",
        )
        return
    expiry = token_expiry(named_variable(spec.argocd.token_from))
    yield from _expiry(who.username, expiry, spec.argocd.token_from)


def _expiry(username: str, expiry: datetime | None, variable: str) -> Found:
    if expiry is None:
        yield _ok(f"The token is {username}'s and does not expire.")
        return
    days = (expiry - datetime.now(UTC)).days
    sentence = f"The token is {username}'s and expires on {expiry:%Y-%m-%d}, in {days} days."
    if days < EXPIRY_DAYS:
        yield Level.WARN, sentence, f"Make a new one and set {variable}; API tokens of Argo CD do not renew themselves."
    else:
        yield _ok(sentence)


def token_expiry(token: str) -> datetime | None:
    """When a JWT ends as it says itself; None where it never does or is no JWT."""
    part = token.split(".")[1] if token.count(".") == 2 else ""
    try:
        claims = json.loads(base64.urlsafe_b64decode(part + "=" * (-len(part) % 4)))
        return datetime.fromtimestamp(int(claims["exp"]), UTC)
    except (ValueError, KeyError, TypeError, binascii.Error, OverflowError, OSError):
        return None


def _environment(document: CatalogDocument, spec: EnvironmentSpec) -> Found:
    """What one environment needs of its Argo CD: rights, project, Applications."""
    argocd = connections.argocd_for(Environment.objects.get(name=spec.name))
    who = argocd.userinfo()
    if not who.logged_in:
        yield Level.FAIL, "Rights and Applications cannot be asked without a valid token.", ""
        return
    yield from _rights(argocd, spec, who.username)
    yield from _project(argocd, spec)
    yield from _applications(argocd, document, spec)


def _rights(argocd: ArgoCD, spec: EnvironmentSpec, username: str) -> Found:
    project = spec.argocd.project
    missing = [(resource, action) for resource, action in RIGHTS if not argocd.can_i(resource, action, project)]
    for resource, action in missing:
        line = f"p, {username}, {resource}, {action}, {project}/*, allow"
        yield (
            Level.FAIL,
            f"The right {resource}, {action} is missing in the project {project}.",
            f"Add `{line}` to the RBAC policy.",
        )
    if not missing:
        yield _ok(f"{username} has every right in the project {project}.")


def _project(argocd: ArgoCD, spec: EnvironmentSpec) -> Found:
    project = spec.argocd.project
    try:
        argocd.get_project(project)
    except (NotFound, PermissionRefused):
        yield (
            Level.FAIL,
            f"The AppProject {project} is missing, or not the token's to see.",
            "Run `script/manage bootstrap`.",
        )
    else:
        yield _ok(f"The AppProject {project} is there.")


def _applications(argocd: ArgoCD, document: CatalogDocument, spec: EnvironmentSpec) -> Found:
    seen = {application.name: application for application in argocd.list_applications(spec.argocd.project)}
    wanted = [application_name(component.name, spec.name) for component in document.components]
    missing = [name for name in wanted if name not in seen]
    if missing:
        yield Level.FAIL, f"Applications are missing: {', '.join(missing)}.", "Run `script/manage bootstrap`."
    else:
        yield _ok(f"All {len(wanted)} Applications are there.")
    for name in wanted:
        if name in seen:
            yield from _application(seen[name])


def _application(application: Application) -> Found:
    if application.labels.get(LABEL) != OURS:
        words = f"{application.name} lacks the label {LABEL}: {OURS}, so bootstrap leaves it alone."
        yield Level.WARN, words, "Add the label where it is the panel's to manage."
    for condition in application.errors:
        if NOTHING_YET in condition.message:
            continue
        yield (
            Level.WARN,
            f"{application.name}: {condition.message[:300]}",
            "See that Argo CD may read the deploy repository.",
        )
