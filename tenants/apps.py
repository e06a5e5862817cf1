"""Tenants: who a release serves."""

from django.apps import AppConfig


class TenantsConfig(AppConfig):
    """Who a release serves, what each of them has to show, and who signed it."""

    name = "tenants"
