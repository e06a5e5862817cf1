"""Whether a tenant is ready, kept beside its inputs so that lists and gates read one row for each tenant."""

from __future__ import annotations

from django.db import models
from django.db.models import F, Q
from django.db.models.functions import Now

from controlpanel.catalog.models import Environment
from tenants.choices import TenantState
from tenants.models.tenant import Tenant


class Readiness(models.Model):
    """Written by `services.readiness` alone, in the transactions that change what it follows from.

    `slug` and `state` are the tenant's own. `met` counts waived items too; `signed`, `stale` and `unsigned` count the items
    that need a sign-off. `recheck_at` is the earliest moment at which
    time alone changes the answer (a waiver lapses, a verification grows too old); from then on the row counts as not ready
    until it was computed again.
    """

    tenant = models.ForeignKey(Tenant, on_delete=models.PROTECT, related_name="readiness")
    environment = models.ForeignKey(Environment, on_delete=models.PROTECT, related_name="readiness")
    slug = models.CharField(max_length=63)
    state = models.CharField(max_length=12, choices=TenantState)
    required = models.IntegerField(default=0)
    met = models.IntegerField(default=0)
    waived = models.IntegerField(default=0)
    signed = models.IntegerField(default=0)
    stale = models.IntegerField(default=0)
    unsigned = models.IntegerField(default=0)
    pending = models.IntegerField(default=0)
    is_ready = models.BooleanField(default=False)
    first_missing = models.CharField(max_length=100, blank=True)
    first_reason = models.TextField(blank=True)
    signed_at = models.DateTimeField(null=True)
    part_digest = models.CharField(max_length=64, blank=True)
    changed_at = models.DateTimeField(db_default=Now())
    recheck_at = models.DateTimeField(null=True)

    class Meta:
        ordering = ["environment", "is_ready", "slug"]
        constraints = [
            models.UniqueConstraint(fields=["tenant", "environment"], name="one_readiness_for_each_place"),
            models.CheckConstraint(condition=Q(met__lte=F("required"), met__gte=0), name="no_more_met_than_required"),
            models.CheckConstraint(condition=Q(is_ready=False) | Q(met=F("required")), name="ready_means_all_are_met"),
        ]
        indexes = [
            models.Index(fields=["environment", "is_ready", "slug"], name="readiness_list"),
            models.Index(fields=["environment", "state", "is_ready"], name="readiness_count"),
            models.Index(fields=["recheck_at"], condition=Q(recheck_at__isnull=False), name="readiness_recheck"),
        ]

    def __str__(self) -> str:
        return f"{self.slug} in {self.environment}: {self.met}/{self.required}"
