"""`doctor`: each connection, right, version and clock in one line; exit code 1 where something would stop a promotion."""

from __future__ import annotations

from typing import Any

from django.core.management.base import CommandError

from controlpanel.core.command import PanelCommand
from deployments.services.checkup import checkup
from deployments.services.findings import Level


class Command(PanelCommand):
    help = "Check everything that the panel needs; changes nothing."

    def handle(self, **_: Any) -> None:
        """Print a line for each finding as it is found."""
        failed = 0
        for finding in checkup():
            failed += finding.level == Level.FAIL
            self.stdout.write(str(finding))
            self.stdout.flush()
        if failed:
            raise CommandError(f"{failed} {'thing needs' if failed == 1 else 'things need'} attention, see above.")
