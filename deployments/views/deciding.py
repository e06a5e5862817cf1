"""What a person may do with a promotion that stopped: each choice with what it does, how long it took before, and why it is shut."""

from __future__ import annotations

from typing import Any

from django.urls import reverse

from controlpanel.accounts.actors import Actor
from controlpanel.core.permissions import Right
from deployments.choices import WAITING, Rollout, State
from deployments.models import Promotion
from deployments.selectors.estimates import retried_words, rolled_back_words
from deployments.selectors.freezes import FROZEN
from deployments.selectors.promotions import Followed
from deployments.services import promotions as services
from deployments.services.overriding import may_be_overridden

NEEDS = "It needs the role operator or release manager here."


def choices_of(actor: Actor, followed: Followed) -> list[dict[str, Any]]:
    """What a person may do with a paused promotion, each with why not where it is not possible."""
    row = followed.promotion
    if row.state != State.PAUSED:
        return []
    where = row.environment.name
    is_anothers = row.claimed_by not in ("", actor.name)
    proving = row.paused_from == State.VERIFYING
    return [
        {
            "id": "retry", "title": "Retry step", "icon": "retry", "label": "Retry step…" if is_anothers else "Retry step", "variant": "primary", "key": "r",
            **({"dialog": "retry-dialog"} if is_anothers else {}),
            "text": _sentences(
                "Asks those again that failed, for as long as before. What passed stays proved."
                if proving else "Same commit, same digest, a new try of this step only. What usually helps stands below.",
                retried_words(row),
            ),
            "reason": "" if actor.may(Right.PROMOTION_RETRY, where) else NEEDS,
        },
        {
            "id": "rollback", "title": "Roll back", "icon": "clock-turning", "label": "Roll back", "variant": "secondary",
            "text": _sentences(
                "Look at going back to what was live before: a new commit with the old files. This promotion is called off when it starts.",
                _touched(followed), f"Rollbacks here take {took}." if (took := rolled_back_words(row.environment_id)) else "",
            ),
            "href": reverse("rollback", args=[where]), "key": "b", "reason": _rollback_reason(actor, row),
        },
        {
            "id": "abort", "title": "Abort", "icon": "square", "label": "Abort…", "variant": "danger", "dialog": "abort-dialog",
            "text": "Ends it here. What is live stays live; nothing is rolled back by itself. The lane is free again.",
            "reason": "" if actor.may(Right.PROMOTION_ABORT, where) else NEEDS,
        },
        {
            "id": "ignore", "title": "Ignore and go on", "icon": "ring-dash", "label": "Ignore…", "variant": "secondary", "dialog": "ignore-dialog",
            "text": "It counts as succeeded, and says who let what pass. Needs a reason."
            if proving else f"{_later(followed)} although this component is not proved. Needs a reason.",
            "reason": _ignore_reason(row, may=actor.may(Right.PROMOTION_IGNORE, where)),
        },
    ]  # fmt: skip


def overridable(actor: Actor, followed: Followed) -> list[str]:
    """Gates that hold it and that the reader may let pass."""
    row = followed.promotion
    if not actor.may(Right.GATE_OVERRIDE, row.environment.name):
        return []
    if row.state == State.PAUSED:
        return [FROZEN] if (row.issue or {}).get("cause") == FROZEN else []
    if row.state not in WAITING:
        return []
    possible = may_be_overridden(row.environment, row.kind)
    return [one.gate for one in followed.gates if one.verdict in ("block", "unknown") and one.gate in possible]


def _sentences(*said: str) -> str:
    return " ".join(filter(None, said))


def _touched(followed: Followed) -> str:
    """What has rolled out or begun to, and would go back."""
    begun = [
        card.rollout for card in followed.cards if card.rollout.is_changed and card.rollout.state != Rollout.WAITING
    ]
    names = list(dict.fromkeys(row.title for row in begun))
    more = f" and {len(names) - 5} more" if len(names) > 5 else ""
    return f"Touches {', '.join(names[:5])}{more}." if names else ""


def _later(followed: Followed) -> str:
    """Which waves would start."""
    later = [wave.number for wave in followed.waves if wave.number > followed.promotion.wave]
    if not later:
        return "It goes on"
    return f"Wave {later[0]} starts" if len(later) == 1 else f"Waves {later[0]} to {later[-1]} start"


def _ignore_reason(row: Promotion, *, may: bool) -> str:
    if not may:
        return NEEDS
    is_known = row.paused_from in services.IGNORABLE
    return "" if is_known else "Only a rollout that is not healthy or a check that failed can be ignored."


def _rollback_reason(actor: Actor, row: Promotion) -> str:
    """Why there is no way back from here; empty where there is."""
    if not actor.may(Right.PROMOTION_ROLL_BACK, row.environment.name):
        return NEEDS
    return "" if row.commit else "Nothing was committed yet: abort it instead."
