"""What every management command of the panel begins with."""

from __future__ import annotations

from django.core.management.base import BaseCommand
from django.db import connection


class PanelCommand(BaseCommand):
    """Starts in half of the time: Django's checks are of the code, import every view, and `script/lint` runs them."""

    requires_system_checks = ()
    shares_connections = False
    """Whether it has threads that take connections from the pool."""

    def run_from_argv(self, argv: list[str]) -> None:
        """From a command line a pool would only wait for ten seconds before it says that the database is away."""
        if not self.shares_connections:
            connection.settings_dict["OPTIONS"].pop("pool", None)
        super().run_from_argv(argv)
