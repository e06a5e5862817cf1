"""What can be done with a promotion, as commands."""

from __future__ import annotations

from controlpanel.core.presentation.curl import curl
from deployments.models import Promotion

ACTS = ("retry", "abort", "claim", "ignore", "rollback")
DECISIONS = ("approve", "reject")
NEED_A_REASON = ("abort", "ignore", "rollback")


def commands(promotion: Promotion) -> dict[str, str]:
    """What can be done with a promotion, by the name of the act."""
    bodies: dict[str, dict[str, object]] = {act: {"reason": "…"} if act in NEED_A_REASON else {} for act in ACTS}
    bodies |= {act: {"comment": "…", "render_digest": promotion.render_digest} for act in DECISIONS}
    return {act: curl(f"/api/v1/promotions/{promotion.number}/{act}", body) for act, body in bodies.items()}
