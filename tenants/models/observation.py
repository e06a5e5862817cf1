"""What was seen outside: by workers that asked the hub, Redis and Prometheus, and in what a promotion committed."""

from __future__ import annotations

from django.db import models
from django.db.models.functions import Now

from controlpanel.catalog.models import Environment
from tenants.models.tenant import Tenant


class EnvironmentValue(models.Model):
    """An environment-scoped variable as the files that are live give it: set, referenced or missing. `value` is "" for secrets."""

    environment = models.ForeignKey(Environment, on_delete=models.CASCADE, related_name="values_live")
    key = models.CharField(max_length=100)
    state = models.CharField(max_length=12, choices=[(one, one) for one in ("set", "referenced", "missing")])
    value = models.CharField(max_length=500, blank=True)
    where = models.CharField(max_length=500, blank=True)
    seen_at = models.DateTimeField(db_default=Now())

    class Meta:
        constraints = [models.UniqueConstraint(fields=["environment", "key"], name="one_value_for_each_key")]

    def __str__(self) -> str:
        return f"{self.key} in {self.environment}: {self.state}"


class Observation(models.Model):
    """The newest answer of an outside source to an item of the checklist; `is_met` None where none came."""

    tenant = models.ForeignKey(Tenant, on_delete=models.PROTECT, related_name="observations")
    environment = models.ForeignKey(Environment, on_delete=models.PROTECT, related_name="observations")
    type = models.CharField(max_length=30)
    key = models.CharField(max_length=100)
    is_met = models.BooleanField(null=True)
    evidence = models.TextField(blank=True)
    at = models.DateTimeField(null=True)

    class Meta:
        constraints = [
            models.UniqueConstraint(
                fields=["tenant", "environment", "type", "key"], name="one_observation_for_each_item"
            )
        ]

    def __str__(self) -> str:
        return f"{self.type} {self.key} of {self.tenant}: {self.is_met}"


class HubState(models.Model):
    """What the hub, Redis and Prometheus of an environment say of a tenant; never a token or a message's body.

    `tail` is [{"at", "type", "source", "note"}], newest first; `metrics` {name: number}. `error` is why nothing newer came.
    """

    tenant = models.ForeignKey(Tenant, on_delete=models.PROTECT, related_name="hub_states")
    environment = models.ForeignKey(Environment, on_delete=models.PROTECT, related_name="hub_states")
    agents = models.IntegerField(null=True)
    agents_at = models.DateTimeField(null=True)
    token_present = models.BooleanField(null=True)
    token_ttl_seconds = models.IntegerField(null=True)
    stream_length = models.BigIntegerField(null=True)
    last_event_at = models.DateTimeField(null=True)
    tail = models.JSONField(default=list)
    metrics = models.JSONField(default=dict)
    read_at = models.DateTimeField(null=True)
    error = models.TextField(blank=True)

    class Meta:
        constraints = [models.UniqueConstraint(fields=["tenant", "environment"], name="one_hub_state_for_each_place")]

    def __str__(self) -> str:
        return f"hub state of {self.tenant} in {self.environment}"
