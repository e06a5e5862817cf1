"""Credential references: where a secret lies, never what it is."""

from __future__ import annotations

from django.db import models
from django.db.models import F, Q
from django.db.models.functions import Now

from controlpanel.catalog.models import Environment
from tenants.choices import ReferenceKind, Stage, Standing
from tenants.models.tenant import Tenant
from tenants.parts import Reference


class CredentialReference(models.Model):
    """One key of one tenant in one environment. `newest` is what was last put, `promoted` what Git holds; a difference
    is a pending change.

    `standing` is what the newest look found: at `checked_at`, the operator's `message`, and for a success `verified_at`,
    `verified_generation` (of the object in the cluster) and `verified_version`. `rotation_days` is how long a secret may
    live, None for ever.
    """

    tenant = models.ForeignKey(Tenant, on_delete=models.PROTECT, related_name="references")
    environment = models.ForeignKey(Environment, on_delete=models.PROTECT, related_name="references")
    key = models.CharField(max_length=100)
    newest = models.ForeignKey("ReferenceVersion", on_delete=models.PROTECT, null=True, related_name="+")
    promoted = models.ForeignKey("ReferenceVersion", on_delete=models.PROTECT, null=True, related_name="+")
    owner = models.CharField(max_length=150, blank=True)
    rotation_days = models.IntegerField(null=True)
    standing = models.CharField(max_length=12, choices=Standing, default=Standing.UNVERIFIED)
    message = models.TextField(blank=True)
    checked_at = models.DateTimeField(null=True)
    verified_at = models.DateTimeField(null=True)
    verified_generation = models.BigIntegerField(null=True)
    verified_version = models.ForeignKey("ReferenceVersion", on_delete=models.PROTECT, null=True, related_name="+")

    class Meta:
        ordering = ["tenant", "environment", "key"]
        constraints = [
            models.UniqueConstraint(fields=["tenant", "environment", "key"], name="one_reference_for_each_key"),
            models.CheckConstraint(condition=Q(standing__in=Standing.values), name="standing_is_known"),
            models.CheckConstraint(
                condition=~Q(standing=Standing.VERIFIED) | Q(verified_at__isnull=False), name="verified_says_when"
            ),
            models.CheckConstraint(
                condition=Q(rotation_days=None) | Q(rotation_days__gt=0), name="rotation_takes_days"
            ),
        ]
        indexes = [
            models.Index(fields=["environment", "key"], name="reference_of_environment"),
            models.Index(
                fields=["environment", "tenant"], condition=Q(newest__isnull=False) & (Q(promoted=None) | ~Q(newest=F("promoted"))), name="reference_pending"
            ),
            models.Index("environment", F("checked_at").asc(nulls_first=True), name="reference_to_check"),
        ]  # fmt: skip

    def __str__(self) -> str:
        return f"{self.key} of {self.tenant} in {self.environment}"

    @property
    def is_pending(self) -> bool:
        """Whether Git does not hold what was last put."""
        return self.newest_id != self.promoted_id


class ReferenceVersion(models.Model):
    """What a reference said at one time; PostgreSQL refuses every change. `is_removed`: the key was taken away."""

    reference = models.ForeignKey(CredentialReference, on_delete=models.PROTECT, related_name="versions")
    number = models.IntegerField()
    kind = models.CharField(max_length=20, choices=ReferenceKind)
    store = models.CharField(max_length=253, blank=True)
    remote_key = models.CharField(max_length=500, blank=True)
    remote_property = models.CharField(max_length=253, blank=True)
    sealed_name = models.CharField(max_length=253, blank=True)
    sealed_key = models.CharField(max_length=253, blank=True)
    sealed_text = models.TextField(blank=True)
    value = models.CharField(max_length=500, blank=True)
    target_key = models.CharField(max_length=253)
    is_removed = models.BooleanField(default=False)
    change_set = models.UUIDField(null=True, db_index=True)
    created_by = models.CharField(max_length=150)
    created_at = models.DateTimeField(db_default=Now())

    class Meta:
        ordering = ["reference", "-number"]
        constraints = [
            models.UniqueConstraint(fields=["reference", "number"], name="one_version_for_each_number"),
            models.CheckConstraint(condition=Q(kind__in=ReferenceKind.values), name="reference_kind_is_known"),
            models.CheckConstraint(
                condition=Q(is_removed=True)
                | (Q(kind="ExternalSecret", value="", sealed_text="", sealed_key="") & ~Q(store="") & ~Q(remote_key=""))
                | (Q(kind="SealedSecret", value="", store="", remote_key="") & ~Q(sealed_key="") & ~Q(sealed_name=""))
                | (Q(kind="value", store="", remote_key="", sealed_key="", sealed_text="") & ~Q(value="")),
                name="a_version_is_of_one_kind",
            ),
        ]

    def __str__(self) -> str:
        return f"version {self.number}"

    def as_reference(self, key: str) -> Reference:
        """The version as a value; `key` is that of its reference."""
        return Reference(
            key=key, kind=self.kind, store=self.store, remote_key=self.remote_key, remote_property=self.remote_property,
            sealed_name=self.sealed_name, sealed_key=self.sealed_key, sealed_text=self.sealed_text, value=self.value,
            target_key=self.target_key, version=self.pk,
        )  # fmt: skip

    def place(self, key: str) -> dict[str, str]:
        """What a sign-off binds to."""
        return self.as_reference(key).place


class Departure(models.Model):
    """What is left in Git of a tenant without references: `keys` have to leave its shard's Secret, then the `object`."""

    tenant = models.ForeignKey(Tenant, on_delete=models.PROTECT, related_name="departures")
    environment = models.ForeignKey(Environment, on_delete=models.PROTECT, related_name="departures")
    stage = models.CharField(max_length=10, choices=Stage, default=Stage.KEYS)
    changed_at = models.DateTimeField(db_default=Now())

    class Meta:
        constraints = [
            models.UniqueConstraint(fields=["tenant", "environment"], name="one_departure_for_each_place"),
            models.CheckConstraint(condition=Q(stage__in=Stage.values), name="stage_is_known"),
        ]

    def __str__(self) -> str:
        return f"{self.tenant} leaves {self.environment}: {self.stage}"
