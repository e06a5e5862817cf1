"""Rules that must pass. `for_targets` asks them; page, API, command and worker all come here."""

from deployments.gates import (
    applications_healthy,
    digest_current,
    lane_free,
    pipeline_order,
    policies_hold,
    required_variables,
    server_dry_run,
    tenants_ready,
    verified_before,
)
from deployments.gates.asking import Facts, asked_later, evaluate, facts_of, for_target, for_targets
from deployments.gates.base import Gate, GateAnswer, Situation, gates

__all__ = [
    "Facts",
    "Gate",
    "GateAnswer",
    "Situation",
    "applications_healthy",
    "asked_later",
    "digest_current",
    "evaluate",
    "facts_of",
    "for_target",
    "for_targets",
    "gates",
    "lane_free",
    "pipeline_order",
    "policies_hold",
    "required_variables",
    "server_dry_run",
    "tenants_ready", "verified_before",
]  # fmt: skip
