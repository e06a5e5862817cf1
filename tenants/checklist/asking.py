"""What an environment asks of its tenants: by the catalog, by what is live, and by releases that want to come."""

from __future__ import annotations

from collections.abc import Iterable
from dataclasses import dataclass
from datetime import datetime, timedelta
from typing import Any

from controlpanel.catalog import document
from controlpanel.catalog.current import current_document, current_version
from controlpanel.catalog.models import Environment, Variable
from controlpanel.core.lease import Clock
from controlpanel.core.permissions import Role
from tenants.checklist.base import Asked, types
from tenants.models import EnvironmentValue, KeyNeed
from tenants.parts import digest_of

REMEMBERED = timedelta(days=30)
"""For how long the needs of a release that never went live are asked for."""
OWNERS = {"environment": Role.OPERATOR.value, "tenant": Role.TENANT_OWNER.value}


@dataclass(frozen=True, kw_only=True)
class Basis:
    """Everything that the checklists of one environment follow from, besides the tenants' own rows."""

    environment: Environment
    asked: tuple[Asked, ...]
    values: dict[str, EnvironmentValue]
    now: datetime

    @property
    def digest(self) -> str:
        """Changes whenever all checklists have to be computed again."""
        values = {key: [row.state, row.value, row.where] for key, row in self.values.items()}
        return digest_of({"asked": [vars(one) for one in self.asked], "values": values})


def basis_of(environment: Environment) -> Basis:
    """Read it: a constant number of queries."""
    values = {row.key: row for row in EnvironmentValue.objects.filter(environment=environment)}
    now = Clock()()
    return Basis(environment=environment, asked=tuple(asked_of(environment, now)), values=values, now=now)


def asked_of(environment: Environment, now: datetime) -> list[Asked]:
    """Items in the order in which they are shown: the catalog's variables, its further items, what releases need besides."""
    variables = {row.key: row for row in Variable.objects.order_by("pk")}
    own = [*(_of_variable(row) for row in variables.values() if row.on_checklist), *_further(environment)]
    known = {one["key"] for one in own}
    needed = [_of_need(need, variables.get(need.key)) for need in _needs(environment, now) if need.key not in known]
    return [Asked(position=position, **fields) for position, fields in enumerate([*own, *needed])]


def _of_variable(row: Variable) -> dict[str, Any]:
    is_credential = row.scope == "tenant" and row.is_secret
    return {
        "key": row.key, "type": "credential_exists" if is_credential else "variable_set", "owner_role": OWNERS[row.scope],
        "default": row.default, "is_secret": row.is_secret, "scope": row.scope,
    }  # fmt: skip


def _further(environment: Environment) -> list[dict[str, Any]]:
    entries: Iterable[document.ChecklistSpec] = current_document().checklist if current_version() else ()
    return [
        {
            "key": one.key, "type": one.type, "owner_role": one.owner, "is_required": one.required,
            "parameters": dict(one.parameters),
        }
        for one in entries
        if one.type in types and (not one.environments or environment.name in one.environments)
    ]  # fmt: skip


def _of_need(need: KeyNeed, variable: Variable | None) -> dict[str, Any]:
    is_value = variable is not None and not variable.is_secret
    return {
        "key": need.key, "type": "variable_set" if is_value else "credential_exists", "is_required": need.is_live,
        "release_version": need.release_version, "is_secret": not is_value, "default": variable.default if variable else "",
    }  # fmt: skip


def _needs(environment: Environment, now: datetime) -> list[KeyNeed]:
    """One for each key, that of what is live before others, the newest first."""
    rows = KeyNeed.objects.filter(environment=environment).order_by("-is_live", "-recorded_at", "key")
    since = now - REMEMBERED
    first: dict[str, KeyNeed] = {}
    for row in rows:
        if row.is_live or row.recorded_at > since:
            first.setdefault(row.key, row)
    return sorted(first.values(), key=lambda row: row.key)
