"""What goes where: releases, promotions, applications."""

from django.apps import AppConfig


class DeploymentsConfig(AppConfig):
    """Promotions through Argo CD."""

    name = "deployments"

    def ready(self) -> None:
        """Let the catalog's loader refuse gates and events that do not exist; the rows that gates look at are known only now."""
        from controlpanel.catalog import loading
        from deployments.gates.naming import unknown_gates
        from deployments.notifications.events import unknown_events

        loading.CHECKS.append(unknown_gates)
        loading.CHECKS.append(unknown_events)
