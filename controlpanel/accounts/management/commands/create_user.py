"""`create_user NAME --role …`: makes a person and prints the first password, this once."""

from __future__ import annotations

from argparse import ArgumentParser
from typing import Any

from django.core.management.base import CommandError

from controlpanel.accounts.people import user_create
from controlpanel.core.audit import System
from controlpanel.core.command import PanelCommand
from controlpanel.core.errors import PanelError
from controlpanel.core.permissions import Role


class Command(PanelCommand):
    help = (
        "Create a person with roles, for all environments and tenants unless some are named; prints the first password."
    )

    def add_arguments(self, parser: ArgumentParser) -> None:
        roles = ", ".join(role.value.replace(" ", "-") for role in Role)
        parser.add_argument("name", help="the name to sign in with")
        parser.add_argument("--role", action="append", required=True, help=f"{roles}; may be given several times")
        parser.add_argument(
            "--environment", action="append", default=[], help="the roles hold in this environment only"
        )
        parser.add_argument("--tenant", action="append", default=[], help="the roles hold for this tenant only")
        parser.add_argument("--email", default="")
        parser.add_argument("--display-name", default="")

    def handle(self, *, name: str, role: list[str], **options: Any) -> None:
        """Print the first password and nothing else."""
        try:
            _, password = user_create(
                actor=System(name="create_user", door="command"),
                username=name,
                roles=[given.replace("-", " ").lower() for given in role],
                display_name=options["display_name"],
                email=options["email"],
                environments=options["environment"],
                tenants=options["tenant"],
            )
        except PanelError as error:
            raise CommandError(str(error)) from None
        self.stdout.write(password)
