"""Work outside the database that concerns tenants: looks that workers take again and again, and events that people send."""

from __future__ import annotations

from django.db import models
from django.db.models import Q
from django.db.models.functions import Now

from controlpanel.catalog.models import Environment
from controlpanel.core.models import Leased, uuid7
from tenants.choices import RoundKind, Sending
from tenants.models.tenant import Tenant


class Round(Leased):
    """A look at one part of an environment that is taken again and again: references of a `shard`, or the hub's tenants.

    `cursor` is the slug after which the next batch begins, `asked` are tenants whose turn is now, `error` is why the newest
    look failed.
    """

    kind = models.CharField(max_length=12, choices=RoundKind)
    environment = models.ForeignKey(Environment, on_delete=models.CASCADE, related_name="rounds")
    shard = models.CharField(max_length=2, blank=True)
    cursor = models.CharField(max_length=63, blank=True)
    asked = models.JSONField(default=list)
    looked_at = models.DateTimeField(null=True)
    error = models.TextField(blank=True)

    class Meta:
        constraints = [
            models.UniqueConstraint(fields=["kind", "environment", "shard"], name="one_round_for_each_part"),
            models.CheckConstraint(condition=Q(kind__in=RoundKind.values), name="round_kind_is_known"),
        ]
        indexes = [models.Index(fields=["next_run_at"], condition=Q(next_run_at__isnull=False), name="round_due")]

    def __str__(self) -> str:
        return f"{self.kind} of {self.environment} {self.shard}".rstrip()


class HubEvent(Leased):
    """A test event that somebody has the hub take for a tenant; sent at most once, its id is the event's.

    `sent_at` is written before anything is sent: whoever finds it looks for the event instead of sending another.
    """

    id = models.UUIDField(primary_key=True, default=uuid7)
    tenant = models.ForeignKey(Tenant, on_delete=models.PROTECT, related_name="hub_events")
    environment = models.ForeignKey(Environment, on_delete=models.PROTECT, related_name="hub_events")
    requested_by = models.CharField(max_length=150)
    created_at = models.DateTimeField(db_default=Now())
    state = models.CharField(max_length=10, choices=Sending, default=Sending.ASKED)
    sent_at = models.DateTimeField(null=True)
    message = models.TextField(blank=True)
    finished_at = models.DateTimeField(null=True)

    class Meta:
        ordering = ["-pk"]
        constraints = [
            models.UniqueConstraint(
                fields=["tenant", "environment"], condition=Q(finished_at=None), name="one_open_test_event"
            ),
            models.CheckConstraint(condition=Q(state__in=Sending.values), name="sending_is_known"),
            models.CheckConstraint(
                condition=Q(state="asked") ^ Q(finished_at__isnull=False), name="an_end_of_sending_says_when"
            ),
        ]
        indexes = [models.Index(fields=["next_run_at"], condition=Q(next_run_at__isnull=False), name="hub_event_due")]

    def __str__(self) -> str:
        return f"test event for {self.tenant} in {self.environment}"
