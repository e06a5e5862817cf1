"""The vocabulary of tenants, with the groups that callers ask for; nobody lists states elsewhere."""

from __future__ import annotations

from datetime import timedelta

from django.db import models


class TenantState(models.TextChoices):
    """Where a tenant is; the active ones count for readiness."""

    ONBOARDING = "onboarding"
    ACTIVE = "active"
    SUSPENDED = "suspended"
    OFFBOARDED = "offboarded"


SERVED = (TenantState.ONBOARDING, TenantState.ACTIVE, TenantState.SUSPENDED)
"""Tenants whose references belong into Git; a suspended one keeps its own."""
MOVES: dict[TenantState, tuple[TenantState, ...]] = {
    TenantState.ONBOARDING: (TenantState.ACTIVE, TenantState.OFFBOARDED),
    TenantState.ACTIVE: (TenantState.SUSPENDED, TenantState.OFFBOARDED),
    TenantState.SUSPENDED: (TenantState.ACTIVE, TenantState.OFFBOARDED),
    TenantState.OFFBOARDED: (TenantState.ONBOARDING,),
}
"""Legal moves of a tenant; `tenants.sql` holds the same table in PostgreSQL."""


class ReferenceKind(models.TextChoices):
    """What a reference points to; `value` is a value that is no secret."""

    EXTERNAL_SECRET = "ExternalSecret", "ExternalSecret"
    SEALED_SECRET = "SealedSecret", "SealedSecret"
    VALUE = "value", "value"


class Standing(models.TextChoices):
    """What the newest look at a reference found. `unchecked`: the panel has no way to look in this environment."""

    UNVERIFIED = "unverified"
    VERIFIED = "verified"
    FAILING = "failing"
    UNCHECKED = "unchecked"


VERIFICATION_MAX_AGE = timedelta(days=7)
"""A verification that is older counts as too old: the reference has to be looked at again."""
OBSERVATION_MAX_AGE = timedelta(minutes=15)
"""The same for answers of endpoints and keys of Redis."""


class ItemState(models.TextChoices):
    """Where an item of the checklist is."""

    OPEN = "open"
    MET = "met"
    FAILING = "failing"
    WAIVED = "waived"


UNMET = (ItemState.OPEN, ItemState.FAILING)


class ItemSource(models.TextChoices):
    """Who asks for an item: the catalog, or a release whose pods need the key."""

    CATALOG = "catalog"
    RELEASE = "release"


class Stage(models.TextChoices):
    """What is left of a tenant in Git: its keys have to leave the shard before the object goes."""

    KEYS = "keys"
    OBJECT = "object"


class RoundKind(models.TextChoices):
    """What workers look at again and again."""

    REFERENCES = "references"
    HUB = "hub"


class Sending(models.TextChoices):
    """What became of a test event; unsure: it may have been taken, and nobody can tell."""

    ASKED = "asked"
    TAKEN = "taken"
    REFUSED = "refused"
    UNSURE = "unsure"
