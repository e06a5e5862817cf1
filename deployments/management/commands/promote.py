"""`promote ENVIRONMENT RELEASE`: asks for a promotion as pages and API do, and follows it where that is asked for."""

from __future__ import annotations

import asyncio
import getpass
from argparse import ArgumentParser
from typing import Any

from django.core.management.base import BaseCommand, CommandError

from controlpanel.accounts.actors import Actor
from controlpanel.core.errors import PanelError
from controlpanel.core.models import AuditEvent
from controlpanel.core.waiting import listening, read
from deployments.choices import Kind, State
from deployments.models import Promotion
from deployments.selectors.interface import events_after
from deployments.services.promotions import promotion_request

LOOK_SECONDS = 5.0


class Command(BaseCommand):
    help = "Ask for a promotion; the gates hold as everywhere. With --wait follow it: 0 succeeded, 1 anything else."

    def add_arguments(self, parser: ArgumentParser) -> None:
        parser.add_argument("environment")
        parser.add_argument("release", nargs="?", help="the version of a release")
        parser.add_argument("--tenant-config", action="store_true", help="tenants' configuration instead of a release")
        parser.add_argument("--reason", default="")
        parser.add_argument("--wait", action="store_true", help="follow it until it ends or waits for a person")

    def handle(
        self, *, environment: str, release: str | None, reason: str, wait: bool, tenant_config: bool, **_: Any
    ) -> None:
        """Print the promotion's number and, with --wait, each event; exit with 1 where it does not succeed."""
        kind = Kind.TENANT_CONFIG if tenant_config else Kind.RELEASE
        actor = Actor(name=f"{_operator()} (command)", door="command", is_system=True)
        try:
            promotion = promotion_request(
                actor=actor, environment=environment, release=release, reason=reason, kind=kind
            )
        except PanelError as error:
            raise CommandError(str(error)) from None
        self.stdout.write(f"Promotion {promotion.number}: {promotion.title} to {environment}.")
        if wait:
            self._verdict(asyncio.run(self._follow(promotion)))

    async def _follow(self, promotion: Promotion) -> Promotion:
        last = 0
        async with listening(f"promotion.{promotion.pk}") as stream:
            while True:
                events, ended = await read(events_after, promotion.pk, last)
                last = self._print(events) or last
                now = await read(Promotion.objects.get, pk=promotion.pk)
                if ended or now.state == State.PAUSED or not stream.is_open:
                    return now
                await stream.changes(LOOK_SECONDS)

    def _print(self, events: list[AuditEvent]) -> int:
        for event in events:
            self.stdout.write(f"{event.at:%H:%M:%S} {event.action.removeprefix('promotion.')}: {event.message}")
        self.stdout.flush()
        return (events[-1].promotion_sequence or 0) if events else 0

    def _verdict(self, promotion: Promotion) -> None:
        if promotion.state == State.SUCCEEDED:
            return
        issue = promotion.issue or {}
        advice = f" {issue['sentence']} {issue.get('advice', '')}".rstrip() if issue else ""
        raise CommandError(f"Promotion {promotion.number} is {promotion.get_state_display().lower()}.{advice}")


def _operator() -> str:
    """Whoever runs the command, as the machine knows them; a container may know no name."""
    try:
        return getpass.getuser()
    except (KeyError, OSError):
        return "operator"
