"""Rules that must pass. `for_targets` asks them; page, API, command and worker all come here."""

from deployments.gates import (
    applications_healthy,
    approvals,
    digest_current,
    external_check,
    freeze,
    held_back,
    lane_free,
    pipeline_order,
    policies_hold,
    required_variables,
    server_dry_run,
    soak,
    sync_windows,
    tenants_ready,
    verified_before,
)
from deployments.gates.asking import Facts, asked_later, evaluate, facts_of, for_target, for_targets, named
from deployments.gates.base import Gate, GateAnswer, Situation, gates

__all__ = [
    "Facts", "Gate", "GateAnswer", "Situation", "applications_healthy", "approvals", "asked_later", "digest_current", "evaluate", "external_check", "facts_of", "for_target", "for_targets",
    "freeze", "gates", "held_back", "lane_free", "named", "pipeline_order", "policies_hold", "required_variables", "server_dry_run", "soak", "sync_windows", "tenants_ready", "verified_before",
]  # fmt: skip
