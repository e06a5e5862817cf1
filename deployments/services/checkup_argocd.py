"""What a checkup asks of Argo CD: version, clock, token, rights, AppProject and Applications."""

from __future__ import annotations

from datetime import UTC, datetime

from controlpanel.catalog import argo, connections
from controlpanel.catalog.document import CatalogDocument, EnvironmentSpec, application_name
from controlpanel.catalog.models import Environment
from controlpanel.clients.argocd import ArgoCD
from controlpanel.clients.argocd_models import Application
from controlpanel.clients.errors import NotFound, PermissionRefused
from controlpanel.clients.tokens import token_expiry
from controlpanel.configuration import named_variable
from deployments.services.findings import Found, Level, clock, ok, plain_http

NOTHING_YET = "app path does not exist"
"""What Argo CD says of an Application that nothing was promoted to yet."""
EXPIRY_DAYS = 14
LABEL, OURS = next(iter(argo.MANAGED_BY.items()))
RIGHTS = (
    ("applications", "get"),
    ("applications", "create"),
    ("applications", "update"),
    ("applications", "sync"),
    ("logs", "get"),
)


def server(spec: EnvironmentSpec) -> Found:
    """What holds for a server and its token, whatever the environment."""
    argocd = connections.argocd_for(Environment.objects.get(name=spec.name))
    yield from plain_http(spec.argocd.server_from, argocd.server)
    yield from _version(argocd.version())
    time = argocd.server_time()
    if time is not None:
        yield from clock(time)
    yield from _token(argocd, spec)


def _version(version: str) -> Found:
    if version.startswith("v3."):
        yield ok(f"Argo CD {version} answers.")
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
        yield ok(f"The token is {username}'s and does not expire.")
        return
    days = (expiry - datetime.now(UTC)).days
    sentence = f"The token is {username}'s and expires on {expiry:%Y-%m-%d}, in {days} days."
    if days < EXPIRY_DAYS:
        yield Level.WARN, sentence, f"Make a new one and set {variable}; API tokens of Argo CD do not renew themselves."
    else:
        yield ok(sentence)


def environment(document: CatalogDocument, spec: EnvironmentSpec) -> Found:
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
        yield ok(f"{username} has every right in the project {project}.")


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
        yield ok(f"The AppProject {project} is there.")


def _applications(argocd: ArgoCD, document: CatalogDocument, spec: EnvironmentSpec) -> Found:
    seen = {application.name: application for application in argocd.list_applications(spec.argocd.project)}
    wanted = [application_name(component.name, spec.name) for component in document.components]
    missing = [name for name in wanted if name not in seen]
    if missing:
        yield Level.FAIL, f"Applications are missing: {', '.join(missing)}.", "Run `script/manage bootstrap`."
    else:
        yield ok(f"All {len(wanted)} Applications are there.")
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
