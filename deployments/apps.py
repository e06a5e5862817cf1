"""What goes where: releases, promotions, applications."""

from django.apps import AppConfig


class DeploymentsConfig(AppConfig):
    """Promotions through Argo CD."""

    name = "deployments"

    def ready(self) -> None:
        """Let the catalog's loader refuse gates, checks and events that do not exist; the rows that they look at are known only now."""
        from controlpanel.catalog import loading
        from deployments.gates.naming import unknown_gates
        from deployments.notifications.events import unknown_events
        from deployments.verifications.naming import unknown_verifications

        loading.CHECKS.extend((unknown_gates, unknown_verifications, unknown_events))
