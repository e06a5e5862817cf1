"""Rows that every app leans on: the hash-chained audit, the outbox, idempotency keys, leases."""

from __future__ import annotations

import uuid

import uuid_utils
from django.contrib.postgres.indexes import GinIndex
from django.contrib.postgres.search import SearchVector
from django.db import models
from django.utils import timezone


def uuid7() -> uuid.UUID:
    """A new UUIDv7: unique, and sorted by the time of its making."""
    return uuid.UUID(int=uuid_utils.uuid7().int)


def is_uuid(text: object) -> bool:
    """Whether it can be the key of a row at all."""
    try:
        uuid.UUID(str(text))
    except ValueError:
        return False
    return True


AUDIT_LANGUAGE = "simple"
"""Words as they stand: names and versions have no stem."""
AUDIT_WORDS = SearchVector("target", "message", config=AUDIT_LANGUAGE)
"""What the audit is searched in; the same expression is its index."""


class AuditEvent(models.Model):
    """One act or move. Written by `audit.record` alone; PostgreSQL chains it and refuses every change.

    `sequence`, `at`, `previous_hash`, `hash` and `promotion_sequence` are set by the trigger `core_audit_chain`.
    """

    sequence = models.BigAutoField(primary_key=True)
    at = models.DateTimeField(null=True, editable=False)
    actor = models.CharField(max_length=150)
    door = models.CharField(max_length=20)
    action = models.CharField(max_length=60)
    environment = models.CharField(max_length=63, blank=True)
    target = models.CharField(max_length=200, blank=True)
    message = models.TextField(blank=True)
    details = models.JSONField(default=dict)
    promotion = models.UUIDField(null=True, db_index=True)
    promotion_sequence = models.IntegerField(null=True, editable=False)
    previous_hash = models.CharField(max_length=64, editable=False)
    hash = models.CharField(max_length=64, editable=False)

    class Meta:
        ordering = ["-sequence"]
        constraints = [
            models.UniqueConstraint(fields=["promotion", "promotion_sequence"], name="one_event_for_each_place")
        ]
        indexes = [
            models.Index(fields=["environment", "-sequence"]),
            models.Index(fields=["action", "-sequence"]),
            models.Index(fields=["actor", "-sequence"]),
            models.Index(fields=["target", "-sequence"], name="audit_of_target"),
            models.Index(fields=["at"], name="audit_of_time"),
            GinIndex(AUDIT_WORDS, name="audit_of_words"),
        ]

    def __str__(self) -> str:
        return f"{self.sequence} {self.action} {self.target}"


class AuditChain(models.Model):
    """The head of the chain: one row, locked by the trigger while an event is added."""

    id = models.IntegerField(primary_key=True)
    sequence = models.BigIntegerField()
    hash = models.CharField(max_length=64)


class AuditFollowed(models.Model):
    """How far the chain was followed, and what came of it: one row, written by `following.follow`. Pages read this instead of the chain."""

    id = models.IntegerField(primary_key=True)
    sequence = models.BigIntegerField(default=0)
    hash = models.CharField(max_length=64, default="0" * 64)
    again_sequence = models.BigIntegerField(default=0)
    again_hash = models.CharField(max_length=64, default="0" * 64)
    at = models.DateTimeField(null=True)
    broken = models.BigIntegerField(null=True)


class AuditRouted(models.Model):
    """The last event that was looked at for whom to tell: one row. Events become visible in their order, so none is left behind it."""

    id = models.IntegerField(primary_key=True)
    sequence = models.BigIntegerField(default=0)


class Leased(models.Model):
    """A row that a worker claims for a while: `lease.claim` sets these, every later write checks `fencing`."""

    next_run_at = models.DateTimeField(null=True)
    lease_until = models.DateTimeField(null=True)
    fencing = models.BigIntegerField(default=0)
    attempts = models.IntegerField(default=0)

    class Meta:
        abstract = True


class OutboxMessage(Leased):
    """One message to the outside, written in the transaction of the event that it tells of."""

    id = models.UUIDField(primary_key=True, default=uuid7)
    kind = models.CharField(max_length=30)
    destination = models.CharField(max_length=320)
    event = models.ForeignKey(AuditEvent, on_delete=models.PROTECT, related_name="messages")
    payload = models.JSONField()
    created_at = models.DateTimeField(auto_now_add=True)
    tried_since = models.DateTimeField(default=timezone.now)
    """Since when it is tried: since it was made, or since somebody had it sent again after it was given up."""
    delivered_at = models.DateTimeField(null=True)
    dead_at = models.DateTimeField(null=True)
    last_error = models.TextField(blank=True)

    class Meta:
        constraints = [
            models.UniqueConstraint(fields=["event", "kind", "destination"], name="one_message_for_each_destination")
        ]
        indexes = [
            models.Index(fields=["next_run_at"], condition=models.Q(next_run_at__isnull=False), name="outbox_due"),
            models.Index(fields=["kind", "destination", "-id"], name="outbox_of_destination"),
            models.Index(fields=["-id"], condition=models.Q(dead_at__isnull=False), name="outbox_dead"),
        ]

    def __str__(self) -> str:
        return f"{self.kind} to {self.destination}"


class IdempotencyKey(models.Model):
    """The recorded answer to a POST, by principal and key."""

    principal = models.CharField(max_length=150)
    key = models.CharField(max_length=200)
    request_hash = models.CharField(max_length=64)
    status = models.IntegerField(null=True)
    body = models.JSONField(null=True)
    created_at = models.DateTimeField(auto_now_add=True)

    class Meta:
        constraints = [models.UniqueConstraint(fields=["principal", "key"], name="one_answer_for_each_key")]


class Leader(models.Model):
    """Who leads a duty that only one process may have, such as watching an Argo CD."""

    duty = models.CharField(max_length=100, primary_key=True)
    holder = models.CharField(max_length=200)
    lease_until = models.DateTimeField()
    fencing = models.BigIntegerField()

    def __str__(self) -> str:
        return f"{self.duty}: {self.holder}"
