"""`bootstrap`: makes branches, AppProject and Applications; may be run again at any time."""

from __future__ import annotations

from typing import Any

from django.core.management.base import CommandError

from controlpanel.clients.errors import ClientError
from controlpanel.core.audit import System
from controlpanel.core.command import PanelCommand
from controlpanel.core.errors import PanelError
from deployments.services.bootstrapping import bootstrap


class Command(PanelCommand):
    help = "Make what promotions need in the deploy repository and in Argo CD; repeatable, and says what it did."

    def handle(self, **_: Any) -> None:
        """Print a line for each thing; exit with 1 and one sentence at the first that cannot be done."""
        try:
            for line in bootstrap(actor=System(name="bootstrap", door="command")):
                self.stdout.write(line)
        except (ClientError, PanelError) as error:
            raise CommandError(str(error)) from None
