"""A tenant: a clinic or a marketplace that shares the platform."""

from __future__ import annotations

from django.contrib.postgres.indexes import GinIndex
from django.db import models
from django.db.models.functions import Now

from tenants.choices import TenantState


class Tenant(models.Model):
    """`slug` is what stands in the header `X-Tenant`; it never changes. `owner` is an account's username, "" for none.

    `contacts` is [{"name", "email", "role"}], `labels` {name: text}. `search_text` is what a search looks through.
    """

    slug = models.CharField(max_length=63, unique=True)
    display_name = models.CharField(max_length=150)
    state = models.CharField(max_length=12, choices=TenantState, default=TenantState.ONBOARDING)
    owner = models.CharField(max_length=150, blank=True)
    contacts = models.JSONField(default=list)
    labels = models.JSONField(default=dict)
    search_text = models.TextField(blank=True)
    created_at = models.DateTimeField(db_default=Now())
    created_by = models.CharField(max_length=150)
    changed_at = models.DateTimeField(db_default=Now())

    class Meta:
        ordering = ["slug"]
        indexes = [
            GinIndex(fields=["search_text"], opclasses=["gin_trgm_ops"], name="tenant_search"),
            models.Index(fields=["state", "slug"], name="tenant_by_state"),
        ]
        constraints = [
            models.CheckConstraint(condition=models.Q(slug__regex=r"^[a-z0-9]([a-z0-9-]{0,61}[a-z0-9])?$"), name="slug_is_a_header"),
            models.CheckConstraint(condition=models.Q(state__in=TenantState.values), name="tenant_state_is_known"),
        ]  # fmt: skip

    def __str__(self) -> str:
        return self.slug
