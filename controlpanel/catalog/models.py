"""The catalog as loaded from `platform.yaml`. Rows are written by `catalog.loading` alone."""

from __future__ import annotations

from typing import Any

from django.db import models


class CatalogVersion(models.Model):
    """One reading of `platform.yaml` at a commit: loaded, or refused with its problems."""

    commit = models.CharField(max_length=64)
    loaded_at = models.DateTimeField(auto_now_add=True)
    loaded_by = models.CharField(max_length=150)
    text = models.TextField()
    problems = models.JSONField(default=list)
    is_current = models.BooleanField(default=False)

    class Meta:
        ordering = ["-pk"]
        constraints = [
            models.UniqueConstraint(
                fields=["is_current"], condition=models.Q(is_current=True), name="one_current_catalog"
            )
        ]

    def __str__(self) -> str:
        return self.commit[:7]


class Environment(models.Model):
    """A place in the pipeline; promotions lock this row to ask for the lane.

    `promotes_automatically`: the panel asks for what may go there. `tenant_shards` is over how many Applications tenants' references are spread; 0 where the catalog has none.
    """

    name = models.SlugField(max_length=63, unique=True)
    title = models.CharField(max_length=100)
    position = models.IntegerField()
    branch = models.CharField(max_length=200)
    after = models.CharField(max_length=63, blank=True)
    confirm_by_name = models.BooleanField(default=False)
    project = models.CharField(max_length=63)
    server_from = models.CharField(max_length=100)
    token_from = models.CharField(max_length=100)
    gates = models.JSONField(default=list)
    promotes_automatically = models.BooleanField(default=False)
    tenant_shards = models.IntegerField(default=0)
    is_retired = models.BooleanField(default=False)

    class Meta:
        ordering = ["position"]
        constraints = [
            models.UniqueConstraint(fields=["branch"], condition=models.Q(is_retired=False), name="one_branch_each")
        ]

    def __str__(self) -> str:
        return self.name

    def parameters_of(self, gate: str) -> dict[str, Any] | None:
        """What the catalog says of a gate; None where the environment does not ask for it."""
        entry = next((one for one in self.gates if one["name"] == gate), None)
        return None if entry is None else dict(entry.get("parameters", {}))


class Component(models.Model):
    """A deployable part as the current catalog names it; a promotion reads its own at the release's commit."""

    name = models.SlugField(max_length=63, unique=True)
    position = models.IntegerField()
    path = models.CharField(max_length=200)
    renderer = models.CharField(max_length=30)
    needs = models.JSONField(default=list)
    images = models.JSONField(default=list)
    deadline_seconds = models.IntegerField(default=900)
    is_retired = models.BooleanField(default=False)

    class Meta:
        ordering = ["position"]

    def __str__(self) -> str:
        return self.name


class Variable(models.Model):
    """A required variable: of the environment or of each tenant, a secret or a value."""

    key = models.CharField(max_length=100, unique=True)
    scope = models.CharField(max_length=20)
    is_secret = models.BooleanField(default=False)
    on_checklist = models.BooleanField(default=False)
    default = models.CharField(max_length=300, blank=True)

    def __str__(self) -> str:
        return self.key
