"""What a type of checklist items is: a rule over rows that answers with a state and a sentence.

To add one: a file in this folder with one function and `@item_type(…)`, an import in `checklist/__init__.py`, its name in
`controlpanel/catalog/platform.schema.json`, a row in `docs/guide.md`, a test of each answer. Types never ask the network:
one with an outside source reads an `Observation` that a worker refreshed, and one that is too old counts as none.
"""

from __future__ import annotations

from collections.abc import Callable, Mapping
from dataclasses import dataclass, field
from datetime import datetime
from typing import Any

from controlpanel.core.permissions import Role
from controlpanel.core.registry import Registry
from tenants.choices import ItemState
from tenants.models import CredentialReference, EnvironmentValue, Observation


@dataclass(frozen=True, kw_only=True)
class Asked:
    """One item as the catalog or a release asks for it. `release_version` is "" for the catalog's own."""

    key: str
    type: str
    position: int
    is_required: bool = True
    owner_role: str = Role.TENANT_OWNER.value
    default: str = ""
    is_secret: bool = False
    scope: str = "tenant"
    release_version: str = ""
    parameters: Mapping[str, Any] = field(default_factory=dict)


@dataclass(frozen=True, kw_only=True)
class Facts:
    """What a type may look at; `reference` is read with its `newest` and `promoted` versions."""

    asked: Asked
    slug: str
    environment: str
    reference: CredentialReference | None
    value: EnvironmentValue | None
    is_anything_live: bool
    observation: Observation | None
    now: datetime


@dataclass(frozen=True, kw_only=True)
class Finding:
    """A type's answer: open, met or failing, and why. `snapshot` is what a sign-off binds to, `until` the moment from which
    time alone makes it another answer, `unsignable` why nobody can sign yet."""

    state: ItemState
    evidence: str
    snapshot: Mapping[str, str] = field(default_factory=dict)
    until: datetime | None = None
    unsignable: str = ""


Evaluate = Callable[[Facts], Finding]


@dataclass(frozen=True, kw_only=True)
class ItemType:
    """A registered type; `needs_sign_off` where a person has to give their word besides."""

    name: str
    title: str
    needs_sign_off: bool
    is_observed: bool
    evaluate: Evaluate


types: Registry[ItemType] = Registry("type of checklist items")


def item_type(
    name: str, *, title: str, needs_sign_off: bool, is_observed: bool = False
) -> Callable[[Evaluate], Evaluate]:
    """Register a rule under the name that the catalog uses; `is_observed` where workers have to look outside for it."""

    def add(evaluate: Evaluate) -> Evaluate:
        made = ItemType(
            name=name, title=title, needs_sign_off=needs_sign_off, is_observed=is_observed, evaluate=evaluate
        )
        types.register(name)(made)
        return evaluate

    return add
