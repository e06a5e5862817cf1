"""Every address of the panel."""

from __future__ import annotations

from django.urls import path

from controlpanel import api
from deployments.views import health

urlpatterns = [
    path("healthz", health.healthz, name="healthz"),
    path("readyz", health.readyz, name="readyz"),
    path("metrics", health.metrics, name="metrics"),
    *api.urlpatterns,
]
