"""`freeze [REASON]`: lists freezes, sets one, lifts one; by the same rules as page and API."""

from __future__ import annotations

import getpass
from argparse import ArgumentParser
from datetime import datetime
from typing import Any

from django.core.management.base import CommandError
from django.utils import timezone

from controlpanel.accounts.actors import Actor
from controlpanel.core.command import PanelCommand
from controlpanel.core.errors import PanelError
from deployments.selectors.freezes import standing
from deployments.services import freezing


class Command(PanelCommand):
    help = "With a reason: freeze (everything, unless narrowed). With --lift ID: lift one. With neither: list those that stand."

    def add_arguments(self, parser: ArgumentParser) -> None:
        parser.add_argument("reason", nargs="?", default="")
        parser.add_argument("--environment", default="")
        parser.add_argument("--component", default="")
        parser.add_argument("--tenant", default="")
        parser.add_argument(
            "--until", type=_moment, help="in UTC, such as 2026-12-27T08:00; until it is lifted unless given"
        )
        parser.add_argument("--lift", default="", metavar="ID")

    def handle(self, *, reason: str, lift: str, until: datetime | None, **said: Any) -> None:
        """Print each freeze that stands, or the one that was set or lifted."""
        actor = Actor(name=f"{_operator()} (command)", door="command", is_system=True)
        scope = {name: said[name] for name in ("environment", "component", "tenant")}
        try:
            if lift:
                rows = [freezing.freeze_lift(actor=actor, freeze=freezing.find_freeze(lift, actor=actor))]
            elif reason:
                rows = [freezing.freeze_set(actor=actor, wanted=freezing.Wanted(reason=reason, ends_at=until, **scope))]
            else:
                rows = standing()
        except PanelError as error:
            raise CommandError(str(error)) from None
        now = timezone.now()
        for row in rows:
            state = "lifted" if row.lifted_at else "holds" if row.holds_until(now) != now else "planned"
            self.stdout.write(f"{row.pk} {state}: {row}. {row.reason}")


def _moment(text: str) -> datetime:
    moment = datetime.fromisoformat(text)
    return moment if moment.tzinfo else timezone.make_aware(moment, timezone.get_default_timezone())


def _operator() -> str:
    try:
        return getpass.getuser()
    except (KeyError, OSError):
        return "operator"
