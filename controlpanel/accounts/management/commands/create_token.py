"""`create_token NAME --scope …`: makes an API token and prints it, this once, and nothing else."""

from __future__ import annotations

from argparse import ArgumentParser
from datetime import timedelta
from typing import Any

from django.core.management.base import CommandError

from controlpanel.accounts.models import User
from controlpanel.accounts.tokens import token_create
from controlpanel.core.audit import System
from controlpanel.core.command import PanelCommand
from controlpanel.core.errors import PanelError
from controlpanel.core.permissions import Scope


class Command(PanelCommand):
    help = "Create an API token; NAME is the token's own, no person need exist. Prints the token and nothing else."

    def add_arguments(self, parser: ArgumentParser) -> None:
        scopes = ", ".join(scope.value for scope in Scope)
        parser.add_argument("name", help="what the token is called in lists and in the audit")
        parser.add_argument("--scope", action="append", required=True, help=f"{scopes}; may be given several times")
        parser.add_argument("--for", dest="person", metavar="USER", help="the person in whose name it acts")
        parser.add_argument("--environment", action="append", default=[], help="narrows it to this environment")
        parser.add_argument("--tenant", action="append", default=[], help="narrows it to this tenant")
        parser.add_argument("--expires", type=int, default=90, metavar="DAYS", help="1 to 366, 90 unless said")

    def handle(self, *, name: str, scope: list[str], person: str | None, expires: int, **options: Any) -> None:
        """Print the token and nothing else."""
        try:
            _, secret = token_create(
                actor=System(name="create_token", door="command"),
                name=name,
                scopes=scope,
                user=_person(person),
                environments=options["environment"],
                tenants=options["tenant"],
                expires_in=timedelta(days=max(0, min(expires, 1000))),
            )
        except PanelError as error:
            raise CommandError(str(error)) from None
        self.stdout.write(secret)


def _person(name: str | None) -> User | None:
    if name is None:
        return None
    person = User.objects.filter(username=name).first()
    if person is None:
        raise CommandError(f"There is no person called {name}. Create one with `create_user {name} --role …`.")
    return person
