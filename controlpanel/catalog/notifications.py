"""Who is told of what: receivers and routes of the catalog. Addresses and secrets are named, never written."""

from __future__ import annotations

from collections.abc import Iterator, Mapping
from dataclasses import dataclass
from fnmatch import fnmatchcase
from typing import Any

from controlpanel.catalog.errors import Problem
from controlpanel.catalog.schema import nearest
from controlpanel.catalog.yaml_source import Source


@dataclass(frozen=True, kw_only=True)
class Reference:
    """Where a value is: a variable of the processes (`env`) or a file that they can read (`file`)."""

    env: str = ""
    file: str = ""

    def __str__(self) -> str:
        return self.env or self.file


@dataclass(frozen=True, kw_only=True)
class ReceiverSpec:
    """Somebody or something outside: `kind` is mail, webhook or slack."""

    name: str
    kind: str
    to: tuple[str, ...] = ()
    url_from: Reference = Reference()
    secret_from: Reference = Reference()


@dataclass(frozen=True, kw_only=True)
class RouteSpec:
    """These events, in these environments (none named: in all, and those of none), go to these receivers."""

    events: tuple[str, ...]
    environments: tuple[str, ...]
    receivers: tuple[str, ...]
    lines: tuple[int, ...] = ()
    """Where each of `events` stands."""

    def takes(self, names: frozenset[str], environment: str) -> bool:
        """Whether an event that goes by any of these names belongs here."""
        if self.environments and environment not in self.environments:
            return False
        return any(fnmatchcase(name, pattern) for name in names for pattern in self.events)


@dataclass(frozen=True, kw_only=True)
class NotificationsSpec:
    """All receivers by name, and all routes."""

    receivers: Mapping[str, ReceiverSpec]
    routes: tuple[RouteSpec, ...] = ()

    def receivers_of(self, names: frozenset[str], environment: str) -> list[ReceiverSpec]:
        """Who is told of an event, each once, in the order of the catalog."""
        told = {name for route in self.routes if route.takes(names, environment) for name in route.receivers}
        return [spec for name, spec in self.receivers.items() if name in told]


NOBODY = NotificationsSpec(receivers={})


def notifications_of(source: Source) -> NotificationsSpec:
    """The part of a document that schema and rules have passed."""
    spec = source.data.get("notifications", {})
    routes = enumerate(spec.get("routes", ()))
    return NotificationsSpec(
        receivers={name: _receiver(name, one) for name, one in spec.get("receivers", {}).items()},
        routes=tuple(_route(source, number, one) for number, one in routes),
    )


def _receiver(name: str, spec: Mapping[str, Any]) -> ReceiverSpec:
    (kind, facts), *_ = spec.items()
    return ReceiverSpec(
        name=name, kind=kind, to=tuple(facts.get("to", ())), url_from=Reference(**facts.get("urlFrom", {})),
        secret_from=Reference(**facts.get("secretFrom", {})),
    )  # fmt: skip


def _route(source: Source, number: int, spec: Mapping[str, Any]) -> RouteSpec:
    events = tuple(spec["events"])
    lines = tuple(source.line(("notifications", "routes", number, "events", index)) for index in range(len(events)))
    return RouteSpec(
        events=events, environments=tuple(spec.get("environments", ())), receivers=tuple(spec["receivers"]), lines=lines
    )


def routes_name_what_exists(source: Source) -> Iterator[Problem]:
    """Receivers and environments that a route names and the catalog does not have."""
    spec = source.data.get("notifications", {})
    known = {"receivers": list(spec.get("receivers", {})), "environments": list(source.data["environments"])}
    for number, route in enumerate(spec.get("routes", ())):
        for what, names in known.items():
            for index, name in enumerate(route.get(what, ())):
                if name not in names:
                    cause = f"A route goes to “{name}”, which is none of the {what} of the catalog."
                    yield source.problem(("notifications", "routes", number, what, index), cause, nearest(name, names))
