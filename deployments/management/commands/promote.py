"""`promote ENVIRONMENT RELEASE`: asks for a promotion as pages and API do, plans it for later, or follows it."""

from __future__ import annotations

import asyncio
import getpass
from argparse import ArgumentParser
from datetime import UTC, datetime
from typing import Any

from django.core.management.base import CommandError

from controlpanel.accounts.actors import Actor
from controlpanel.accounts.models import User
from controlpanel.core.command import PanelCommand
from controlpanel.core.errors import InvalidError, PanelError
from controlpanel.core.models import AuditEvent
from controlpanel.core.waiting import listening, read
from deployments.choices import Kind, State
from deployments.models import Promotion
from deployments.selectors.interface import events_after
from deployments.services.planning import promotion_plan
from deployments.services.promotions import promotion_request

LOOK_SECONDS = 5.0


class Command(PanelCommand):
    help = "Ask for a promotion; the gates hold as everywhere. With --wait follow it: 0 succeeded, 1 anything else."

    def add_arguments(self, parser: ArgumentParser) -> None:
        parser.add_argument("environment")
        parser.add_argument("release", nargs="?", help="the version of a release")
        parser.add_argument("--tenant-config", action="store_true", help="tenants' configuration instead of a release")
        parser.add_argument("--reason", default="")
        parser.add_argument(
            "--at", type=_moment, help="plan it for this moment, in UTC, such as 2026-12-27T08:00; needs --person"
        )
        parser.add_argument("--person", default="", help="the account that asks, with its own rights")
        parser.add_argument("--wait", action="store_true", help="follow it until it ends or waits for a person")

    def handle(
        self, *, environment: str, release: str | None, reason: str, wait: bool, tenant_config: bool, at: datetime | None,
        person: str, **_: Any,
    ) -> None:  # fmt: skip
        """Print the promotion's number and, with --wait, each event; exit with 1 where it does not succeed. With --at print what
        was planned."""
        asked: dict[str, Any] = {
            "environment": environment,
            "release": release,
            "reason": reason,
            "kind": Kind.TENANT_CONFIG if tenant_config else Kind.RELEASE,
        }
        try:
            actor = _actor(person)
            if at is not None:
                self._plan(actor, at, asked)
                return
            promotion = promotion_request(actor=actor, **asked)
        except PanelError as error:
            raise CommandError(str(error)) from None
        self.stdout.write(f"Promotion {promotion.number}: {promotion.title} to {environment}.")
        if wait:
            self._verdict(asyncio.run(self._follow(promotion)))

    def _plan(self, actor: Actor, at: datetime, asked: dict[str, Any]) -> None:
        plan = promotion_plan(actor=actor, at=at, **asked)
        self.stdout.write(f"Plan {plan.pk}: {plan.title} to {plan.environment} at {plan.due_at:%Y-%m-%d %H:%M} UTC.")

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


def _actor(person: str) -> Actor:
    """That person with their own rights, or whoever may run commands here."""
    if not person:
        return Actor(name=f"{_operator()} (command)", door="command", is_system=True)
    user = User.objects.filter(username=person, is_active=True).first()
    if user is None:
        raise InvalidError(f"There is no account {person} that may act.", "See the list of people.", field="person")
    return Actor(name=user.username, door="command", user=user)


def _moment(text: str) -> datetime:
    moment = datetime.fromisoformat(text)
    return moment.astimezone(UTC) if moment.tzinfo else moment.replace(tzinfo=UTC)


def _operator() -> str:
    """Whoever runs the command, as the machine knows them; a container may know no name."""
    try:
        return getpass.getuser()
    except (KeyError, OSError):
        return "operator"
