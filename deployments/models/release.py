"""A release: image digests and the commit that they are configured by."""

from __future__ import annotations

from django.db import models


class Release(models.Model):
    """Stored complete, never changed (trigger `deployments_release_is_immutable`).

    `images` maps every image key of the platform to `registry/name@sha256:…`.
    """

    version = models.CharField(max_length=100, unique=True)
    commit = models.CharField(max_length=40)
    images = models.JSONField()
    title = models.CharField(max_length=200, blank=True)
    notes = models.TextField(blank=True)
    changed_components = models.JSONField(default=list)
    created_by = models.CharField(max_length=150)
    created_at = models.DateTimeField(auto_now_add=True)

    class Meta:
        ordering = ["-pk"]

    def __str__(self) -> str:
        return self.version
