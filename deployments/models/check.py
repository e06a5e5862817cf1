"""What an external check said of a release in an environment, as a worker last heard it."""

from __future__ import annotations

from django.db import models

from controlpanel.catalog.models import Environment
from controlpanel.core.models import Leased, uuid7
from deployments.choices import Verdict
from deployments.models.release import Release


class ExternalCheck(Leased):
    """One for each release and environment that asks. `error` says why there is no fresh answer; the old one keeps its time."""

    id = models.UUIDField(primary_key=True, default=uuid7)
    environment = models.ForeignKey(Environment, on_delete=models.CASCADE, related_name="checks")
    release = models.ForeignKey(Release, on_delete=models.CASCADE, related_name="checks")
    verdict = models.CharField(max_length=12, choices=Verdict, blank=True)
    reason = models.TextField(blank=True)
    opens_at = models.DateTimeField(null=True)
    answered_at = models.DateTimeField(null=True)
    error = models.TextField(blank=True)
    wanted_until = models.DateTimeField(null=True)

    class Meta:
        indexes = [
            models.Index(fields=["next_run_at"], condition=models.Q(next_run_at__isnull=False), name="check_due")
        ]
        constraints = [models.UniqueConstraint(fields=["environment", "release"], name="one_check_each")]

    def __str__(self) -> str:
        return f"check of {self.release} in {self.environment}"
