"""A freeze: a time in which nothing of its scope is changed, once or again and again."""

from __future__ import annotations

from datetime import datetime, timedelta
from functools import cached_property
from zoneinfo import ZoneInfo

from django.db import models

from controlpanel.core.models import uuid7
from controlpanel.core.recurrence import Recurring, parse


class Freeze(models.Model):
    """Of everything, or of one environment, component or tenant ("" means all of them).

    Once: `starts_at` to `ends_at` (None: until it is lifted). Again and again: `cron`, `lasts_minutes` and `time_zone`. A
    lifted one stays as a row; only lifting changes one.
    """

    tenant_is_active = False
    """Whether its tenant is served; whoever reads freezes says so."""

    id = models.UUIDField(primary_key=True, default=uuid7)
    reason = models.TextField()
    environment = models.CharField(max_length=63, blank=True)
    component = models.CharField(max_length=63, blank=True)
    tenant = models.CharField(max_length=63, blank=True)
    starts_at = models.DateTimeField(null=True)
    ends_at = models.DateTimeField(null=True)
    cron = models.CharField(max_length=100, blank=True)
    lasts_minutes = models.IntegerField(null=True)
    time_zone = models.CharField(max_length=64, blank=True)
    created_by = models.CharField(max_length=150)
    created_at = models.DateTimeField(auto_now_add=True)
    lifted_by = models.CharField(max_length=150, blank=True)
    lifted_at = models.DateTimeField(null=True)

    class Meta:
        ordering = ["-pk"]
        indexes = [models.Index(fields=["ends_at"], condition=models.Q(lifted_at__isnull=True), name="freeze_standing")]
        constraints = [
            models.CheckConstraint(condition=~models.Q(reason=""), name="freeze_says_why"),
            models.CheckConstraint(
                condition=models.Q(starts_at__isnull=False, cron="", lasts_minutes__isnull=True)
                | models.Q(starts_at__isnull=True, ends_at__isnull=True, lasts_minutes__gt=0) & ~models.Q(cron="") & ~models.Q(time_zone=""),
                name="freeze_is_once_or_recurring",
            ),
            models.CheckConstraint(
                condition=models.Q(ends_at__isnull=True) | models.Q(ends_at__gt=models.F("starts_at")), name="freeze_ends_later"
            ),
            models.CheckConstraint(condition=models.Q(lifted_at__isnull=True) ^ ~models.Q(lifted_by=""), name="lifted_by_somebody"),
        ]  # fmt: skip

    def __str__(self) -> str:
        return f"Freeze of {self.scope}"

    @property
    def scope(self) -> str:
        """What it holds, in words."""
        named = [
            f"the component {self.component}" if self.component else "",
            f"the tenant {self.tenant}" if self.tenant else "",
            self.environment,
        ]
        return " in ".join(filter(None, named)) or "everything"

    @property
    def when(self) -> str:
        """A recurring one in words; "" for one that comes once."""
        if not self.recurring:
            return ""
        hours, minutes = divmod(self.lasts_minutes or 0, 60)
        lasts = " ".join(filter(None, [f"{hours} h" if hours else "", f"{minutes} m" if minutes else ""]))
        return f"{self.cron} for {lasts}, {self.time_zone}"

    @cached_property
    def recurring(self) -> Recurring | None:
        """Its windows, None for one that comes once."""
        if not self.cron:
            return None
        return Recurring(parse(self.cron), timedelta(minutes=self.lasts_minutes or 0), ZoneInfo(self.time_zone))

    def holds_until(self, now: datetime) -> datetime | None:
        """When it ends that holds now; `now` where it does not hold, None for no end in sight."""
        if self.lifted_at is not None:
            return now
        if self.recurring:
            return self.recurring.holds_until(now)
        if self.starts_at is None or self.starts_at > now:
            return now
        return self.ends_at if self.ends_at is None or self.ends_at > now else now

    def next_start(self, now: datetime) -> datetime | None:
        """When it begins next, None where it does not any more."""
        if self.lifted_at is not None:
            return None
        if self.recurring:
            return self.recurring.next_start(now)
        return self.starts_at if self.starts_at is not None and self.starts_at > now else None
