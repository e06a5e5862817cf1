"""Makes the clients of the outside systems from the configuration; a missing variable is one sentence that names it.

The clients are shared by everything in a process and safe to be shared: nobody closes them.
"""

from __future__ import annotations

from dataclasses import dataclass
from functools import lru_cache
from pathlib import Path
from typing import Any

from django.conf import settings

from controlpanel.catalog.current import current_document, current_version
from controlpanel.catalog.document import ArgoCDSpec
from controlpanel.catalog.models import Environment
from controlpanel.clients.argocd import ArgoCD
from controlpanel.clients.argocd_traffic import Traffic
from controlpanel.clients.errors import NotSent
from controlpanel.clients.git import GitCredentials, GitRepository
from controlpanel.clients.kubernetes import Kubernetes
from controlpanel.clients.tokens import token_expiry
from controlpanel.configuration import Configuration, named_variable

TRUE = {"1", "true", "t", "yes", "y", "on"}
"""What a switch of the configuration takes, too."""


class NotConfigured(NotSent):
    """A variable of the process environment is missing, so nothing was sent."""


@dataclass(frozen=True)
class ArgoCDAddress:
    """Where an environment's Argo CD is and how it is spoken to; the token itself is not kept here."""

    server: str
    server_from: str
    token_from: str
    ca_file: str
    insecure: bool


def platform_repository() -> GitRepository:
    """The repository that holds the catalog and the manifests. Raises `NotConfigured`."""
    return _repository("PLATFORM_REPO")


def deploy_repository() -> GitRepository:
    """The repository that holds what is deployed. Raises `NotConfigured`."""
    return _repository("DEPLOY_REPO")


def deploy_repository_for_argocd() -> str:
    """The deploy repository's address as Argo CD sees it. Raises `NotConfigured`."""
    configuration = _configuration()
    return configuration.argocd_deploy_repo_url or _required("DEPLOY_REPO_URL", configuration.deploy_repo_url)


def argocd_for(environment: Environment) -> ArgoCD:
    """The environment's Argo CD with the panel's token. Raises `NotConfigured`."""
    address = argocd_address(environment)
    token = _required(address.token_from, named_variable(address.token_from))
    return _argocd(address.server, token, address.ca_file, address.insecure)


def argocd_bootstrap(environment: Environment) -> ArgoCD:
    """The environment's Argo CD with the token of an account that may write AppProjects. Raises `NotConfigured`."""
    address = argocd_address(environment)
    token = _configuration().argocd_bootstrap_token or named_variable(address.token_from)
    return _argocd(address.server, _required(address.token_from, token), address.ca_file, address.insecure)


def argocd_address(environment: Environment) -> ArgoCDAddress:
    """Where the environment's Argo CD is. Raises `NotConfigured`."""
    spec = _spec(environment)
    return ArgoCDAddress(
        server=_required(spec.server_from, named_variable(spec.server_from)),
        server_from=spec.server_from,
        token_from=spec.token_from,
        ca_file=named_variable(spec.ca_file_from),
        insecure=named_variable(spec.insecure_from).strip().lower() in TRUE,
    )


def token_expiry_of(server_from: str) -> dict[str, Any]:
    """`token_from` and `token_expires_at` of the token of this Argo CD that ends first; "" and None where none does."""
    places = Environment.objects.filter(server_from=server_from, is_retired=False)
    variables = {_spec(environment).token_from for environment in places}
    ends = [(end, name) for name in sorted(variables) if (end := token_expiry(named_variable(name))) is not None]
    end, name = min(ends, default=(None, ""))
    return {"token_from": name, "token_expires_at": end}


def kubernetes() -> Kubernetes | None:
    """The cluster that the platform runs in; None where KUBECONFIG names none. Raises `NotSent` for a useless file."""
    path = _configuration().kubeconfig
    return _kubernetes(Path(path)) if path else None


def _spec(environment: Environment) -> ArgoCDSpec:
    """As the catalog says; an environment that left the catalog keeps what its row remembers."""
    known = current_document().environments if current_version() else ()
    for spec in known:
        if spec.name == environment.name:
            return spec.argocd
    return ArgoCDSpec(environment.project, environment.server_from, environment.token_from)


def _repository(prefix: str) -> GitRepository:
    configuration = _configuration()

    def value(name: str) -> str:
        found: str = getattr(configuration, f"{prefix}_{name}".lower())
        return found

    credentials = GitCredentials(
        username=value("USERNAME"),
        password=value("PASSWORD"),
        ssh_key_file=value("SSH_KEY_FILE"),
        known_hosts_file=value("KNOWN_HOSTS_FILE"),
        ca_file=value("CA_FILE"),
        variables=prefix,
    )
    return _git(_required(f"{prefix}_URL", value("URL")), configuration.cache_directory.resolve(), credentials)


def _configuration() -> Configuration:
    configuration: Configuration = settings.CONFIGURATION
    return configuration


def _required(name: str, value: str) -> str:
    if not value:
        raise NotConfigured(
            f"{name} is not set.", f"Set {name} for the panel's processes; docs/configuration.md says how."
        )
    return value


@lru_cache(maxsize=16)
def _git(url: str, cache: Path, credentials: GitCredentials) -> GitRepository:
    return GitRepository(url, cache, credentials=credentials)


@lru_cache(maxsize=1)
def _kubernetes(path: Path) -> Kubernetes:
    return Kubernetes.of_kubeconfig(path)


def _argocd(server: str, token: str, ca_file: str, insecure: bool) -> ArgoCD:
    key = (server, token, ca_file, insecure)
    if key not in _clients:
        client = ArgoCD(server, token, ca_file=ca_file, insecure=insecure, traffic=_traffic(server))
        return _clients.setdefault(key, client)
    return _clients[key]


def _traffic(server: str) -> Traffic:
    """One for each server, whatever token is used."""
    return _traffics.setdefault(server, Traffic(pause=settings.TIMINGS.outage_seconds))


def breakers() -> list[dict[str, Any]]:
    """For each Argo CD that this process spoke to: seconds for which it is left alone after failures, 0 for none."""
    return [{"server": server, "closed_for": round(one.closed_for(), 1)} for server, one in sorted(_traffics.items())]


_traffics: dict[str, Traffic] = {}
_clients: dict[tuple[str, str, str, bool], ArgoCD] = {}


def close_all() -> None:
    """Close the connections to every Argo CD; the next question opens them anew."""
    while _clients:
        _clients.popitem()[1].close()
    _traffics.clear()
