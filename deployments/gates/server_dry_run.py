"""The cluster itself would take every object: unknown fields, wrong values and refusing webhooks show before the click."""

from __future__ import annotations

from typing import Any

from deployments.choices import Kind, PreflightState, Verdict
from deployments.gates.base import UNRENDERED, GateAnswer, Situation, gate

NAME, TITLE = "server-dry-run", "Accepted by the cluster"
KINDS = frozenset({Kind.RELEASE, Kind.TENANT_CONFIG})
"""A rollback puts back what the cluster took before, and must not depend on its answering."""


@gate(NAME, title=TITLE, kinds=KINDS, asked=frozenset({"request"}))
def server_dry_run(situation: Situation) -> GateAnswer:
    """Block on the first object that the API server refuses; unknown where it did not answer."""
    preview = situation.preflight
    if preview is None or preview.state != PreflightState.READY:
        return _answer(Verdict.UNKNOWN, UNRENDERED)
    told: dict[str, Any] = preview.dry_run
    refused = [change for change in preview.changes if change.get("problems")]
    if refused:
        first = refused[0]
        more = f" {len(refused) - 1} more are refused too." if len(refused) > 1 else ""
        name = (
            f"{first['kind']} {first['namespace']}/{first['name']}"
            if first["namespace"]
            else f"{first['kind']} {first['name']}"
        )
        reason = f"The cluster refuses {name}: {first['problems'][0].rstrip('.')}.{more}"
        remedy = "Mend it in the platform repository and make a new release."
        return _answer(Verdict.BLOCK, reason, remedy, owner="release author")
    if told.get("standing") == "unknown":
        return _answer(Verdict.UNKNOWN, told["sentence"], told["remedy"], owner="administrators")
    if told.get("standing") != "asked":
        return _answer(Verdict.PASS, "No cluster access: not asked.")
    left_out = f" {len(told['skipped'])} could not be asked: {told['skipped'][0]}" if told["skipped"] else ""
    return _answer(Verdict.PASS, f"The cluster takes all {told['asked']} new and changed objects.{left_out}")


def _answer(verdict: Verdict, reason: str, remedy: str = "", owner: str = "panel") -> GateAnswer:
    return GateAnswer(gate=NAME, title=TITLE, verdict=verdict, reason=reason, remedy=remedy, owner=owner)
