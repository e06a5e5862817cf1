"""Rendered manifests, and preflights: what a promotion would do, before any click."""

from __future__ import annotations

from django.db import models

from controlpanel.catalog.models import Environment
from controlpanel.core.models import Leased, uuid7
from deployments.choices import Kind, PreflightState
from deployments.models.release import Release


class RenderedComponent(models.Model):
    """One component's files, kept by the digest of everything that they depend on: unchanged inputs render once.

    `recipe` is the digest of all inputs but the sources; `reads` are the paths in the platform repository whose content
    decides together with it. Another commit with equal content there gives the same `input_digest`.
    """

    input_digest = models.CharField(max_length=64, primary_key=True)
    recipe = models.CharField(max_length=64, default="", db_index=True)
    reads = models.JSONField(default=list)
    component = models.CharField(max_length=63)
    files = models.JSONField()
    created_at = models.DateTimeField(auto_now_add=True)

    def __str__(self) -> str:
        return f"{self.component} {self.input_digest[:12]}"


class Preflight(Leased):
    """A rendered diff of what a promotion would bring to one environment. Gates are asked anew whenever it is read.

    `restores` is the earlier promotion whose files a rollback would commit again; nothing is rendered then, and
    `keeps_tenants` says that the tenants' part stays as it is. Without a release it is of the tenants' configuration.
    `parts` maps a component, or a shard's directory, to its `RenderedComponent`; `digests` are those of the "components"
    and of the "tenants" part, where they are in it. `versions` (`<slug>.<KEY>` to a version's key) are the references that
    the tenants' part was rendered from, None where that part stays as it is. `needs` are the keys that the release's pods want of every tenant, `losses` what a
    rollback would take from active tenants ({"slug", "keys"}). `changes` are the dataclasses of `renderers.difference` as
    dictionaries, each with the `problems` that the cluster finds with it; `base` is the tip of the environment's branch
    that the diff compares with ("" for none). `dry_run` says how the cluster was asked: {"standing": asked, unasked or
    unknown, "sentence", "remedy", "asked", "skipped"}. `findings` are those of `policies.base` as dictionaries.
    """

    id = models.UUIDField(primary_key=True, default=uuid7)
    release = models.ForeignKey(Release, on_delete=models.PROTECT, null=True, related_name="preflights")
    environment = models.ForeignKey(Environment, on_delete=models.PROTECT, related_name="preflights")
    restores = models.ForeignKey("deployments.Promotion", on_delete=models.PROTECT, null=True, related_name="+")
    keeps_tenants = models.BooleanField(default=False)
    components = models.JSONField(default=list)
    state = models.CharField(max_length=20, choices=PreflightState, default=PreflightState.RENDERING)
    base = models.CharField(max_length=40, blank=True)
    render_digest = models.CharField(max_length=64, blank=True, db_index=True)
    parts = models.JSONField(default=dict)
    digests = models.JSONField(default=dict)
    versions = models.JSONField(null=True)
    needs = models.JSONField(default=list)
    losses = models.JSONField(default=list)
    changes = models.JSONField(default=list)
    variables = models.JSONField(default=list)
    findings = models.JSONField(default=list)
    waves = models.JSONField(default=list)
    dry_run = models.JSONField(default=dict)
    error = models.TextField(blank=True)
    remedy = models.TextField(blank=True)
    created_by = models.CharField(max_length=150)
    created_at = models.DateTimeField(auto_now_add=True)
    ready_at = models.DateTimeField(null=True)

    class Meta:
        ordering = ["-pk"]
        indexes = [
            models.Index(fields=["next_run_at"], condition=models.Q(next_run_at__isnull=False), name="preflight_due")
        ]
        constraints = [
            models.CheckConstraint(
                condition=~models.Q(state="ready") | models.Q(render_digest__regex=r"^[0-9a-f]{64}$"),
                name="ready_preflight_has_a_digest",
            )
        ]

    def __str__(self) -> str:
        return f"{self.release or self.kind} to {self.environment}"

    @property
    def kind(self) -> Kind:
        """Of the promotion that it is a preview of."""
        return kind_of(self.release_id, self.restores_id)


def kind_of(release: object, restores: object) -> Kind:
    """What is asked for, by what it names."""
    if restores:
        return Kind.ROLLBACK
    return Kind.RELEASE if release else Kind.TENANT_CONFIG
