"""What a checkup asks of an environment's hub, Prometheus and Redis. None of them stops a promotion."""

from __future__ import annotations

from collections.abc import Callable

from controlpanel.catalog import hub_connections
from controlpanel.catalog.connections import NotConfigured
from controlpanel.catalog.document import EnvironmentSpec
from controlpanel.catalog.models import Environment
from controlpanel.clients.errors import ClientError
from deployments.services.findings import Found, Level, ok, plain_http

UNSET = "so no page tells how tenants fare there, and no deployment is announced."


def environment(spec: EnvironmentSpec) -> Found:
    """One line for each of the three that the catalog names, and a warning where its address is plain http."""
    row = Environment.objects.get(name=spec.name)
    for variable, ask in (
        (spec.hub_url_from, _hub),
        (spec.prometheus_url_from, _prometheus),
        (spec.redis_url_from, _redis),
    ):
        if variable is not None:
            yield from _asked(variable, row, ask)


def _asked(variable: str, row: Environment, ask: Callable[[Environment], tuple[str, str]]) -> Found:
    try:
        sentence, url = ask(row)
    except NotConfigured as error:
        yield Level.WARN, f"{error.sentence.rstrip('.')}, {UNSET}", error.remedy
    except ClientError as error:
        yield Level.WARN, error.sentence, error.remedy
    else:
        yield from plain_http(variable, url)
        yield ok(sentence)


def _hub(row: Environment) -> tuple[str, str]:
    hub = hub_connections.hub_for(row)
    hub.health()
    return f"The hub answers and knows {len(hub.tenants())} tenants.", hub.url


def _prometheus(row: Environment) -> tuple[str, str]:
    prometheus = hub_connections.prometheus_for(row)
    prometheus.query("1", what="answer")
    return "Prometheus answers.", prometheus.url


def _redis(row: Environment) -> tuple[str, str]:
    return f"Redis {hub_connections.redis_for(row).version()} answers.", ""
