"""`verify_audit`: follows the hash chain of the audit from its first event to its head."""

from __future__ import annotations

from typing import Any

from django.core.management.base import BaseCommand, CommandError

from controlpanel.core import audit
from controlpanel.core.models import AuditEvent


class Command(BaseCommand):
    help = "Check that no event of the audit was changed, removed or put in; exits with 1 and names the first that was."

    def handle(self, **_: Any) -> None:
        """Print how many events hold."""
        broken = audit.first_broken()
        if broken is not None:
            raise CommandError(
                f"The audit is broken at event {broken}: it, or one before it, was changed past the panel. "
                "Restore it from a backup and find out who may write to the database."
            )
        self.stdout.write(f"{AuditEvent.objects.count()} events follow from each other; the head is {audit.head()}.")
