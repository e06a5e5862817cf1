"""Earlier promotions that stopped for the same cause."""

from __future__ import annotations

from dataclasses import dataclass

from controlpanel.core.models import AuditEvent
from deployments.choices import State
from deployments.models import Promotion

LOOKED_AT, NAMED = 50, 3


@dataclass(frozen=True, kw_only=True)
class Recurrence:
    """How often the same cause stopped the same Application before, and the newest promotions that it stopped."""

    times: int
    numbers: tuple[int, ...]

    @property
    def words(self) -> str:
        """ "Seen once before", "Seen twice before", "Seen 5 times before"."""
        often = {1: "once", 2: "twice"}.get(self.times, f"{self.times} times")
        return f"Seen {often} before"


def recurrence_of(promotion: Promotion) -> Recurrence | None:
    """What is known of the cause of a paused promotion, in one query; None where it is new.

    Of an environment only its newest pauses are looked at.
    """
    issue = promotion.issue or {}
    if promotion.state != State.PAUSED or not issue.get("cause"):
        return None
    found = _pauses(promotion, str(issue["cause"]), str(issue.get("application", "")))
    return Recurrence(times=len(found), numbers=tuple(found[:NAMED])) if found else None


def _pauses(promotion: Promotion, cause: str, application: str) -> list[int]:
    """Numbers of other promotions of the environment, newest first."""
    rows = AuditEvent.objects.filter(action=f"promotion.{State.PAUSED}", environment=promotion.environment.name)
    newest = rows.exclude(promotion=promotion.pk).order_by("-sequence").values_list("target", "details")[:LOOKED_AT]
    same = [target for target, said in newest if _is_same(said, cause, application)]
    return list(dict.fromkeys(int(target.rpartition(" ")[2]) for target in same))


def _is_same(details: dict[str, object], cause: str, application: str) -> bool:
    return details.get("cause") == cause and details.get("application", "") == application
