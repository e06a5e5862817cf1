"""An approval: one person's word on one promotion, bound to the digest that was looked at."""

from __future__ import annotations

from django.db import models

from controlpanel.core.models import uuid7
from deployments.choices import Decision
from deployments.models.promotion import Promotion


class Approval(models.Model):
    """Never changed but for `voided_at` and `voided_because`, written once, when the digest changes.

    PostgreSQL refuses one by whoever asked for the promotion, one of another digest than the promotion's, and a second
    one of the same person that still stands. `token` is set where it came through the API.
    """

    id = models.UUIDField(primary_key=True, default=uuid7)
    promotion = models.ForeignKey(Promotion, on_delete=models.PROTECT, related_name="approvals")
    person = models.ForeignKey("accounts.User", on_delete=models.PROTECT, related_name="approvals")
    token = models.ForeignKey("accounts.ApiToken", on_delete=models.PROTECT, null=True, related_name="approvals")
    decision = models.CharField(max_length=10, choices=Decision)
    digest = models.CharField(max_length=64)
    comment = models.TextField(blank=True)
    door = models.CharField(max_length=20)
    at = models.DateTimeField(auto_now_add=True)
    voided_at = models.DateTimeField(null=True)
    voided_because = models.TextField(blank=True)

    class Meta:
        ordering = ["pk"]
        constraints = [
            models.UniqueConstraint(
                fields=["promotion", "person"], condition=models.Q(voided_at__isnull=True), name="one_word_of_each_person"
            ),
            models.CheckConstraint(condition=models.Q(decision__in=Decision.values), name="decision_is_known"),
            models.CheckConstraint(
                condition=models.Q(voided_at__isnull=True) ^ ~models.Q(voided_because=""), name="void_says_why"
            ),
        ]  # fmt: skip

    def __str__(self) -> str:
        return f"{self.decision} of {self.person} on {self.promotion}"
