"""What was observed of Argo CD, and when."""

from __future__ import annotations

from datetime import datetime, timedelta

from django.conf import settings
from django.db import models
from django.utils import timezone

from controlpanel.catalog.models import Environment


class Application(models.Model):
    """Argo CD's Application as last observed. Upserted by `watch`, older `resource_version`s fall out.

    `shard` is "" but for the tenants' references, whose component has one Application for each shard.
    `differing` names the resources that differ from Git as {"group", "kind", "namespace", "name", "is_extra"};
    `differs_since` is when that was first seen.
    """

    name = models.CharField(max_length=253, unique=True)
    environment = models.ForeignKey(Environment, on_delete=models.PROTECT, related_name="applications")
    component = models.CharField(max_length=63)
    shard = models.CharField(max_length=2, blank=True)
    resource_version = models.BigIntegerField(default=0)
    sync = models.CharField(max_length=20, blank=True)
    health = models.CharField(max_length=20, blank=True)
    health_message = models.TextField(blank=True)
    revision = models.CharField(max_length=64, blank=True)
    operation = models.CharField(max_length=20, blank=True)
    operation_message = models.TextField(blank=True)
    operation_marker = models.CharField(max_length=64, blank=True)
    operation_by = models.CharField(max_length=200, blank=True)
    operation_running = models.BooleanField(default=False)
    reconciled_at = models.DateTimeField(null=True)
    automated = models.BooleanField(default=False)
    is_missing = models.BooleanField(default=False)
    images = models.JSONField(default=list)
    conditions = models.JSONField(default=list)
    differing = models.JSONField(default=list)
    differs_since = models.DateTimeField(null=True)
    pods = models.JSONField(default=list)
    blocking = models.JSONField(null=True)
    tree_read_at = models.DateTimeField(null=True)
    observed_at = models.DateTimeField(null=True)
    sync_windows = models.JSONField(default=dict)
    windows_read_at = models.DateTimeField(null=True)
    changed_at = models.DateTimeField(null=True)

    class Meta:
        ordering = ["environment__position", "name"]
        constraints = [
            models.UniqueConstraint(
                fields=["environment", "component", "shard"], name="one_application_for_each_component"
            )
        ]

    def __str__(self) -> str:
        return self.name

    @property
    def is_silent(self) -> bool:
        """Whether nothing was heard of it for so long that what was observed may not hold any more."""
        if self.observed_at is None:
            return False
        return (timezone.now() - self.observed_at).total_seconds() > settings.TIMINGS.silence_seconds

    @property
    def operation_orphaned(self) -> bool:
        """Its operation reads as running while nobody runs it, as after the end of a controller."""
        return not self.operation_running and self.operation in ("Running", "Terminating")

    @property
    def known_sync(self) -> str:
        """Argo CD's word, Unknown after a silence."""
        return "Unknown" if self.is_silent else self.sync

    @property
    def known_health(self) -> str:
        """Argo CD's word, Unknown after a silence."""
        return "Unknown" if self.is_silent else self.health

    @property
    def health_words(self) -> str:
        """What was known before a silence, to be followed by `health_at`; empty where there is none."""
        return f"Unknown, last {self.health} at" if self.health_at else ""

    @property
    def health_at(self) -> datetime | None:
        """When that was known."""
        return self.observed_at if self.is_silent and self.health else None


class Observer(models.Model):
    """How the reading of one Argo CD (by the name of its server variable) goes.

    `token_expires_at` is when the first of its tokens ends by its own word, `token_from` the variable that holds it.
    """

    server_from = models.CharField(max_length=100, primary_key=True)
    heard_at = models.DateTimeField(null=True)
    listed_at = models.DateTimeField(null=True)
    stream_is_open = models.BooleanField(default=False)
    error = models.TextField(blank=True)
    token_from = models.CharField(max_length=100, blank=True)
    token_expires_at = models.DateTimeField(null=True)

    def __str__(self) -> str:
        return self.server_from

    @classmethod
    def is_silent(cls, server_from: str, seconds: float) -> bool:
        """Whether this Argo CD was heard once, but not within so many seconds."""
        since = timezone.now() - timedelta(seconds=seconds)
        return cls.objects.filter(server_from=server_from, heard_at__lt=since).exists()
