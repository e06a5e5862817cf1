"""What a checkup asks of Argo CD: version, clock, token, rights, AppProject and Applications."""

from __future__ import annotations

from datetime import UTC, datetime

from controlpanel.catalog import argo, connections
from controlpanel.catalog.document import CatalogDocument, EnvironmentSpec, application_name
from controlpanel.catalog.models import Environment
from controlpanel.catalog.shards import shard_applications_of
from controlpanel.clients.argocd import ArgoCD
from controlpanel.clients.argocd_models import Application
from controlpanel.clients.errors import NotFound, PermissionRefused
from controlpanel.clients.tokens import WARN_DAYS, renewal, token_expiry
from controlpanel.configuration import named_variable
from deployments.services.findings import Found, Level, clock, ok, plain_http

NOTHING_YET = "app path does not exist"
"""What Argo CD says of an Application that nothing was promoted to yet."""
UNNUMBERED = "+unknown"
"""How the version of somebody's own build of Argo CD ends, which says nothing."""
LABEL, OURS = next(iter(argo.MANAGED_BY.items()))
Wanted = tuple[tuple[str, str], ...]
DAILY: Wanted = (("applications", "get"), ("applications", "sync"), ("logs", "get"))
BOOTSTRAP: Wanted = (
    ("projects", "get"), ("projects", "create"), ("projects", "update"),
    ("applications", "get"), ("applications", "create"), ("applications", "update"),
)  # fmt: skip
OF_A_ROLE = "proj:"
"""How the names of a project role's tokens begin."""


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
    if version.startswith("v3.") or version.endswith(UNNUMBERED):
        yield ok(f"Argo CD {version} answers.")
    else:
        yield Level.WARN, f"Argo CD {version or 'of an unknown version'} answers.", "The panel is made for Argo CD 3."


def _token(argocd: ArgoCD, spec: EnvironmentSpec) -> Found:
    who = argocd.userinfo()
    expiry = token_expiry(named_variable(spec.argocd.token_from))
    if not who.logged_in:
        why = "it is wrong, expired or revoked"
        if expiry is not None and expiry < datetime.now(UTC):
            why = f"it expired on {expiry:%Y-%m-%d}"
        yield (
            Level.FAIL,
            f"The token in {spec.argocd.token_from} is not accepted: {why}.",
            renewal(spec.argocd.token_from),
        )
        return
    yield from _expiry(who.username, expiry, spec.argocd.token_from)


def _expiry(username: str, expiry: datetime | None, variable: str) -> Found:
    if expiry is None:
        yield ok(f"The token is {username}'s and does not expire.")
        return
    days = (expiry - datetime.now(UTC)).days
    sentence = f"The token is {username}'s and expires on {expiry:%Y-%m-%d}, in {days} days."
    if days < WARN_DAYS:
        yield Level.WARN, sentence, renewal(variable)
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
    """Those of daily work; those of bootstrap are asked of the token that it uses, and their lack stops no promotion."""
    yield from _missing(argocd, spec, username, DAILY, Level.FAIL)
    bootstrapping = connections.argocd_bootstrap(Environment.objects.get(name=spec.name))
    who = bootstrapping.userinfo()
    if not who.logged_in:
        yield Level.WARN, "The token in ARGOCD_BOOTSTRAP_TOKEN is not accepted.", renewal("ARGOCD_BOOTSTRAP_TOKEN")
        return
    yield from _missing(bootstrapping, spec, who.username, BOOTSTRAP, Level.WARN)


def _missing(argocd: ArgoCD, spec: EnvironmentSpec, username: str, wanted: Wanted, level: Level) -> Found:
    """Each right that is missing, by name, with the line that grants it and where that belongs."""
    project, purpose = spec.argocd.project, "daily work" if wanted is DAILY else "bootstrap"
    missing = [right for right in wanted if not argocd.can_i(*right, project, "" if right[0] == "projects" else "*")]
    for resource, action in missing:
        yield (
            level,
            f"{username} lacks {resource}, {action} in the project {project}, for {purpose}.",
            _grant(username, resource, action, project),
        )
    if not missing:
        yield ok(f"{username} has every right for {purpose} in the project {project}.")


def _grant(username: str, resource: str, action: str, project: str) -> str:
    line = f"p, {username}, {resource}, {action}, {project}{'' if resource == 'projects' else '/*'}, allow"
    if not username.startswith(OF_A_ROLE):
        return f"Add `{line}` to policy.csv in the ConfigMap argocd-rbac-cm."
    if resource == "projects":
        return "No role of a project can have it: set ARGOCD_BOOTSTRAP_TOKEN to the token of an account."
    return f"Add `{line}` to the policies of the role {username.rpartition(':')[2]} in the AppProject {project}."


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
    wanted += shard_applications_of(document.tenant_credentials, spec.name)
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
