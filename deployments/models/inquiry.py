"""What pages ask workers to do with Argo CD on their behalf: look something up, or carry out an instruction."""

from __future__ import annotations

from django.db import models

from controlpanel.core.models import Leased, uuid7
from deployments.choices import Act, Carried
from deployments.models.application import Application


class Inquiry(Leased):
    """One question of a page and the newest answer to it; whoever asks the same shares the row.

    `question` is `kind`, `subject` and `parameters` in one text. `answer` holds no secret: what is masked is masked
    before it is kept. A failure keeps the last answer beside its `error` and `remedy`.
    """

    question = models.CharField(max_length=700, unique=True)
    kind = models.CharField(max_length=20)
    subject = models.CharField(max_length=253, blank=True)
    parameters = models.JSONField(default=dict)
    asked_at = models.DateTimeField()
    answered_at = models.DateTimeField(null=True)
    answer = models.JSONField(null=True)
    error = models.TextField(blank=True)
    remedy = models.TextField(blank=True)

    class Meta:
        indexes = [
            models.Index(fields=["next_run_at"], condition=models.Q(next_run_at__isnull=False), name="inquiry_due"),
            models.Index(fields=["asked_at"], name="inquiry_age"),
        ]

    def __str__(self) -> str:
        return self.question

    @property
    def is_waiting(self) -> bool:
        """Whether a worker is about to answer, or is at it."""
        return self.next_run_at is not None or self.lease_until is not None


class Instruction(Leased):
    """Something that a person has Argo CD do with one Application, beside any promotion; sent at most once.

    `resource` is {"group", "version", "kind", "namespace", "name"} of what is restarted, empty for a refresh.
    """

    id = models.UUIDField(primary_key=True, default=uuid7)
    application = models.ForeignKey(Application, on_delete=models.CASCADE, related_name="instructions")
    act = models.CharField(max_length=20, choices=Act)
    resource = models.JSONField(default=dict)
    reason = models.TextField(blank=True)
    requested_by = models.CharField(max_length=150)
    state = models.CharField(max_length=20, choices=Carried, default=Carried.ASKED)
    message = models.TextField(blank=True)
    created_at = models.DateTimeField(auto_now_add=True)
    finished_at = models.DateTimeField(null=True)

    class Meta:
        ordering = ["-pk"]
        constraints = [
            models.UniqueConstraint(
                fields=["application", "act"], condition=models.Q(finished_at__isnull=True), name="one_open_instruction"
            )
        ]
        indexes = [
            models.Index(fields=["next_run_at"], condition=models.Q(next_run_at__isnull=False), name="instruction_due")
        ]

    def __str__(self) -> str:
        return f"{self.act} of {self.application}"
