"""What proves a promotion: its checks, what was found of each tenant, and the way back where the environment's policy takes it."""

from __future__ import annotations

from django.db import models
from django.db.models import F, Q
from django.db.models.functions import Now

from controlpanel.core.models import Leased
from deployments.choices import Check, Proof
from deployments.models.promotion import Promotion


class Verification(models.Model):
    """One check of a promotion, as the catalog asked for it when verifying began; a retry is a new `run` of what failed.

    A round asks every subject once: `round_began_at` is set while one is under way, `next_round_at` says when the next is
    due. `note` says why it was skipped. Written while the promotion's row is held.
    """

    promotion = models.ForeignKey(Promotion, on_delete=models.PROTECT, related_name="verifications")
    name = models.CharField(max_length=40)
    run = models.IntegerField(default=1)
    type = models.CharField(max_length=40)
    title = models.CharField(max_length=100)
    parameters = models.JSONField(default=dict)
    observe_seconds = models.FloatField()
    interval_seconds = models.FloatField()
    failure_limit = models.IntegerField()
    state = models.CharField(max_length=10, choices=Check, default=Check.RUNNING)
    rounds = models.IntegerField(default=0)
    round_began_at = models.DateTimeField(null=True)
    next_round_at = models.DateTimeField(db_default=Now())
    began_at = models.DateTimeField(db_default=Now())
    finished_at = models.DateTimeField(null=True)
    note = models.TextField(blank=True)
    ignored_by = models.CharField(max_length=150, blank=True)
    ignored_reason = models.TextField(blank=True)

    class Meta:
        ordering = ["pk"]
        constraints = [
            models.UniqueConstraint(fields=["promotion", "name", "run"], name="one_run_of_each_check"),
            models.CheckConstraint(condition=Q(state__in=Check.values), name="check_state_is_known"),
            models.CheckConstraint(
                condition=Q(state="running") ^ Q(finished_at__isnull=False), name="a_check_ends_once"
            ),
            models.CheckConstraint(
                condition=~Q(state="ignored") | (~Q(ignored_by="") & ~Q(ignored_reason="")), name="ignoring_says_who_and_why"
            ),
        ]  # fmt: skip

    def __str__(self) -> str:
        return f"{self.name} of {self.promotion}"


class Evidence(models.Model):
    """What a check found of one `subject`, a tenant's slug or "" for the whole environment.

    `request`, `answer` and `trace_id` are those of the newest sample that failed, else of the newest one; bounded and
    without credentials. `round` is the last one in which it was asked.
    """

    verification = models.ForeignKey(Verification, on_delete=models.PROTECT, related_name="evidence")
    subject = models.CharField(max_length=63, blank=True)
    proof = models.CharField(max_length=10, choices=Proof, default=Proof.WAITING)
    round = models.IntegerField(default=0)
    samples = models.IntegerField(default=0)
    failures = models.IntegerField(default=0)
    request = models.CharField(max_length=500, blank=True)
    answer = models.CharField(max_length=1000, blank=True)
    trace_id = models.CharField(max_length=32, blank=True)
    at = models.DateTimeField(null=True)

    class Meta:
        ordering = ["verification", "subject"]
        verbose_name_plural = "evidence"
        constraints = [
            models.UniqueConstraint(fields=["verification", "subject"], name="one_evidence_of_each_subject"),
            models.CheckConstraint(condition=Q(proof__in=Proof.values), name="proof_is_known"),
            models.CheckConstraint(condition=Q(failures__gte=0, failures__lte=F("samples")), name="failures_are_samples"),
            models.CheckConstraint(
                condition=Q(proof="waiting") | Q(samples__gt=0), name="a_proof_was_sampled"
            ),
        ]  # fmt: skip

    def __str__(self) -> str:
        return f"{self.verification} for {self.subject or 'all'}: {self.proof}"


class AutomaticRollback(Leased):
    """The way back that the environment's policy takes: written with the move that calls the promotion off, asked for by a
    worker. `error` is why it could not be asked for, which a person has to read."""

    promotion = models.OneToOneField(Promotion, on_delete=models.PROTECT, related_name="automatic_rollback")
    target = models.ForeignKey(Promotion, on_delete=models.PROTECT, related_name="+")
    reason = models.TextField()
    rollback = models.ForeignKey(Promotion, on_delete=models.PROTECT, null=True, related_name="taken_for")
    error = models.TextField(blank=True)
    created_at = models.DateTimeField(db_default=Now())
    finished_at = models.DateTimeField(null=True)

    class Meta:
        indexes = [
            models.Index(fields=["next_run_at"], condition=Q(next_run_at__isnull=False), name="automatic_rollback_due")
        ]

    def __str__(self) -> str:
        return f"automatic rollback of {self.promotion}"
