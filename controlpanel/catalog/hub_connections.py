"""Clients of what runs beside an environment: its hub, Prometheus and Redis, each by the variable that the catalog names.

All three are optional. The clients are shared by everything in a process and safe to be shared: nobody closes them.
"""

from __future__ import annotations

from functools import lru_cache

from controlpanel.catalog.connections import NotConfigured
from controlpanel.catalog.current import current_document, current_version
from controlpanel.catalog.document import EnvironmentSpec
from controlpanel.catalog.models import Environment
from controlpanel.clients.hub import Hub
from controlpanel.clients.prometheus import Prometheus
from controlpanel.clients.redis import Redis
from controlpanel.configuration import named_variable


def hub_for(environment: Environment) -> Hub:
    """The environment's hub. Raises `NotConfigured`, and `Invalid` for a useless address."""
    spec = _spec(environment)
    return _hub(_address("hub", environment, spec.hub_url_from if spec else None))


def prometheus_for(environment: Environment) -> Prometheus:
    """The environment's Prometheus. Raises `NotConfigured`, and `Invalid` for a useless address."""
    spec = _spec(environment)
    return _prometheus(_address("prometheus", environment, spec.prometheus_url_from if spec else None))


def redis_for(environment: Environment) -> Redis:
    """The Redis that the environment's hub keeps its keys in. Raises `NotConfigured`, and `Invalid` for a useless address."""
    spec = _spec(environment)
    return _redis(_address("redis", environment, spec.redis_url_from if spec else None))


def is_named(environment: Environment) -> bool:
    """Whether the catalog names a hub for the environment. The web process may not know its address: it never asks."""
    spec = _spec(environment)
    return bool(spec and spec.hub_url_from)


def has_hub(environment: Environment) -> bool:
    """Whether the catalog names a hub for the environment and this process knows its address."""
    spec = _spec(environment)
    return bool(spec and spec.hub_url_from and named_variable(spec.hub_url_from))


def is_watched(environment: Environment) -> bool:
    """Whether anything tells how tenants fare there: Redis, Prometheus or the hub itself."""
    spec = _spec(environment)
    names = (spec.hub_url_from, spec.prometheus_url_from, spec.redis_url_from) if spec else ()
    return any(name and named_variable(name) for name in names)


def _spec(environment: Environment) -> EnvironmentSpec | None:
    known = current_document().environments if current_version() else ()
    return next((spec for spec in known if spec.name == environment.name), None)


def _address(what: str, environment: Environment, variable: str | None) -> str:
    if variable is None:
        raise NotConfigured(
            f"The catalog names no {what} for {environment.name}.", f"Write {what}: {{urlFrom: {{env: NAME}}}} there."
        )
    if not (address := named_variable(variable)):
        raise NotConfigured(
            f"{variable} is not set.", f"Set {variable} for the panel's processes; docs/configuration.md says how."
        )
    return address


@lru_cache(maxsize=32)
def _hub(address: str) -> Hub:
    return Hub(address)


@lru_cache(maxsize=32)
def _prometheus(address: str) -> Prometheus:
    return Prometheus(address)


@lru_cache(maxsize=32)
def _redis(address: str) -> Redis:
    return Redis(address)
