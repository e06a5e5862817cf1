"""What a page does, as a command: "Copy as curl" on every form that the API has."""

from __future__ import annotations

import json
import shlex
from collections.abc import Mapping

from django.conf import settings

from deployments.models import Promotion

ACTS = ("retry", "abort", "claim", "ignore", "rollback")
DECISIONS = ("approve", "reject")
NEED_A_REASON = ("abort", "ignore", "rollback")


def curl(path: str, body: Mapping[str, object], *, key: str = "") -> str:
    """A command that asks the API for the same. The token is a place, never a value; `key` makes it safe to repeat."""
    lines = [f"curl --fail-with-body {shlex.quote(settings.CONFIGURATION.public_url.rstrip('/') + path)}"]
    lines += ['--header "Authorization: Bearer $CONTROL_PANEL_TOKEN"', '--header "Content-Type: application/json"']
    lines += [f"--header {shlex.quote(f'Idempotency-Key: {key}')}"] if key else []
    lines.append(f"--data {shlex.quote(json.dumps(dict(body), ensure_ascii=False))}")
    return " \\\n  ".join(lines)


def commands(promotion: Promotion) -> dict[str, str]:
    """What can be done with a promotion, by the name of the act."""
    bodies: dict[str, dict[str, object]] = {act: {"reason": "…"} if act in NEED_A_REASON else {} for act in ACTS}
    bodies |= {act: {"comment": "…", "render_digest": promotion.render_digest} for act in DECISIONS}
    return {act: curl(f"/api/v1/promotions/{promotion.number}/{act}", body) for act, body in bodies.items()}
