"""`verify_audit`: follows the audit's hash chain, and compares it with the heads that deploy commits carry."""

from __future__ import annotations

from typing import Any

from django.core.management.base import CommandError, CommandParser

from controlpanel.clients.errors import ClientError
from controlpanel.core import audit
from controlpanel.core.command import PanelCommand
from controlpanel.core.models import AuditEvent
from deployments.services.verifying_audit import Broken, anchors, broken_by_git, broken_in_chain

REMEDY = "Restore it from a backup and find out who may write to the database."


class Command(PanelCommand):
    help = "Check that no event of the audit was changed, removed or put in; exits with 1 and names the first that was."

    def add_arguments(self, parser: CommandParser) -> None:
        """One option."""
        parser.add_argument("--chain-only", action="store_true", help="do not compare with the deploy repository")

    def handle(self, *, chain_only: bool, **_: Any) -> None:
        """Print how many events hold, and how many deploy commits vouch for them."""
        _refuse(broken_in_chain())
        count = AuditEvent.objects.count()
        self.stdout.write(f"{count} events follow from each other; the head is {audit.head()}.")
        if chain_only:
            return
        try:
            carried = list(anchors())
        except ClientError as error:
            raise CommandError(
                f"The chain holds, but it could not be compared with Git. {error} --chain-only leaves that out."
            ) from None
        _refuse(broken_by_git(carried))
        commits = (
            "1 deploy commit carries a head" if len(carried) == 1 else f"{len(carried)} deploy commits carry heads"
        )
        self.stdout.write(f"{commits} of it: what Git knows is what stands here.")


def _refuse(broken: Broken | None) -> None:
    if broken is not None:
        raise CommandError(f"{broken.sentence} {REMEDY}")
