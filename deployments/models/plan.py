"""What is meant for later: promotions that a clock asks for, and releases that are held back."""

from __future__ import annotations

from django.db import models

from controlpanel.catalog.models import Environment
from controlpanel.core.models import Leased, uuid7
from deployments.choices import Planned
from deployments.models.promotion import Promotion
from deployments.models.release import Release


class PlannedPromotion(Leased):
    """A request that is made at `due_at`, in the name of whoever planned it and with the rights that they have then.

    Without a release it is of the tenants' configuration. `outcome` says what came of it.
    """

    id = models.UUIDField(primary_key=True, default=uuid7)
    environment = models.ForeignKey(Environment, on_delete=models.PROTECT, related_name="plans")
    release = models.ForeignKey(Release, on_delete=models.PROTECT, null=True, related_name="plans")
    components = models.JSONField(default=list)
    reason = models.TextField(blank=True)
    requester = models.ForeignKey("accounts.User", on_delete=models.PROTECT, null=True, related_name="plans")
    token = models.ForeignKey("accounts.ApiToken", on_delete=models.PROTECT, null=True, related_name="plans")
    requested_by = models.CharField(max_length=150)
    due_at = models.DateTimeField()
    state = models.CharField(max_length=10, choices=Planned, default=Planned.PLANNED)
    outcome = models.TextField(blank=True)
    promotion = models.ForeignKey(Promotion, on_delete=models.PROTECT, null=True, related_name="plans")
    created_at = models.DateTimeField(auto_now_add=True)

    class Meta:
        ordering = ["due_at", "pk"]
        indexes = [models.Index(fields=["next_run_at"], condition=models.Q(next_run_at__isnull=False), name="plan_due")]
        constraints = [
            models.CheckConstraint(condition=models.Q(state__in=Planned.values), name="plan_state_is_known"),
            models.CheckConstraint(condition=models.Q(state="asked") ^ models.Q(promotion__isnull=True), name="asked_names_its_promotion"),
            models.CheckConstraint(
                condition=models.Q(requester__isnull=False) | models.Q(token__isnull=False), name="plan_is_somebodys"
            ),
        ]  # fmt: skip

    def __str__(self) -> str:
        return f"{self.title} to {self.environment} at {self.due_at:%Y-%m-%d %H:%M}"

    @property
    def title(self) -> str:
        """What it brings, in words."""
        return str(self.release) if self.release else "Tenants' configuration"


class ReleaseHold(models.Model):
    """A release that goes nowhere, or not to one environment ("" means all), until somebody lets it go."""

    id = models.UUIDField(primary_key=True, default=uuid7)
    release = models.ForeignKey(Release, on_delete=models.PROTECT, related_name="holds")
    environment = models.CharField(max_length=63, blank=True)
    reason = models.TextField()
    created_by = models.CharField(max_length=150)
    created_at = models.DateTimeField(auto_now_add=True)
    lifted_by = models.CharField(max_length=150, blank=True)
    lifted_at = models.DateTimeField(null=True)

    class Meta:
        ordering = ["-pk"]
        constraints = [
            models.UniqueConstraint(
                fields=["release", "environment"], condition=models.Q(lifted_at__isnull=True), name="held_once"
            ),
            models.CheckConstraint(condition=~models.Q(reason=""), name="hold_says_why"),
        ]

    def __str__(self) -> str:
        return f"hold of {self.release}"
