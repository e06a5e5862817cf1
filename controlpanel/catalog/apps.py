"""platform.yaml as rows."""

from django.apps import AppConfig


class CatalogConfig(AppConfig):
    """Environments, components and variables."""

    name = "controlpanel.catalog"
    label = "catalog"
