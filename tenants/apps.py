"""Tenants: who a release serves."""

from django.apps import AppConfig


class TenantsConfig(AppConfig):
    """Empty by now: tenants, references and checklists come with their own capability."""

    name = "tenants"
