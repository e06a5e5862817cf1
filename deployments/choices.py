"""The vocabulary of states, with the groups that callers ask for; nobody lists states elsewhere."""

from __future__ import annotations

from django.db import models


class State(models.TextChoices):
    """Where a promotion is."""

    REQUESTED = "requested"
    AWAITING_APPROVAL = "awaiting_approval"
    QUEUED = "queued"
    RENDERING = "rendering"
    COMMITTING = "committing"
    SYNCING = "syncing"
    ROLLING_OUT = "rolling_out"
    VERIFYING = "verifying"
    PAUSED = "paused"
    CANCELING = "canceling"
    SUCCEEDED = "succeeded"
    FAILED = "failed"
    CANCELED = "canceled"
    REJECTED = "rejected"
    EXPIRED = "expired"
    SUPERSEDED = "superseded"


WAITING = (State.REQUESTED, State.AWAITING_APPROVAL, State.QUEUED)
RUNNING = (State.RENDERING, State.COMMITTING, State.SYNCING, State.ROLLING_OUT, State.VERIFYING)
IN_LANE = (*RUNNING, State.PAUSED)
"""States that hold the environment's lane; `canceling` is outside it."""
TERMINAL = (State.SUCCEEDED, State.FAILED, State.CANCELED, State.REJECTED, State.EXPIRED, State.SUPERSEDED)
OPEN = tuple(state for state in State if state not in TERMINAL)
COMMITTED = (State.SYNCING, State.ROLLING_OUT, State.VERIFYING, State.SUCCEEDED)
"""States that cannot be without a commit."""


class Kind(models.TextChoices):
    """What a promotion changes."""

    RELEASE = "release"
    ROLLBACK = "rollback"
    TENANT_CONFIG = "tenant_config"


class Verdict(models.TextChoices):
    """What a gate says. `wait` may be asked for and is held; `block` and `unknown` refuse."""

    PASS = "pass"
    WAIT = "wait"
    BLOCK = "block"
    UNKNOWN = "unknown"
    OVERRIDDEN = "overridden"


class Decision(models.TextChoices):
    """What somebody who may approve says of a promotion."""

    APPROVE = "approve"
    REJECT = "reject"


class Planned(models.TextChoices):
    """What came of a promotion that was planned for later."""

    PLANNED = "planned"
    ASKED = "asked"
    REFUSED = "refused"
    CANCELED = "canceled"


class Confidence(models.TextChoices):
    """How sure a terminal row is of what is live."""

    OBSERVED = "observed"
    UNKNOWN = "unknown"


class Rollout(models.TextChoices):
    """Where one component of a promotion is."""

    WAITING = "waiting"
    SYNCING = "syncing"
    ROLLING_OUT = "rolling_out"
    DONE = "done"
    STUCK = "stuck"


class Check(models.TextChoices):
    """Where one check of a promotion's verification is. `skipped`: the panel is not told where to ask."""

    RUNNING = "running"
    PASSED = "passed"
    FAILED = "failed"
    IGNORED = "ignored"
    SKIPPED = "skipped"


class Proof(models.TextChoices):
    """What a check found of one tenant, or of the environment. `unknown`: nobody answered, so nothing is proved."""

    WAITING = "waiting"
    PASSING = "passing"
    PASSED = "passed"
    FAILING = "failing"
    FAILED = "failed"
    UNKNOWN = "unknown"
    IGNORED = "ignored"


class PreflightState(models.TextChoices):
    """Where a preflight is."""

    RENDERING = "rendering"
    READY = "ready"
    FAILED = "failed"


class Act(models.TextChoices):
    """What a person may have Argo CD do with an Application, beside promotions."""

    REFRESH = "refresh"
    RESTART = "restart"


class Carried(models.TextChoices):
    """How far an instruction is. `unsure`: it was sent, and whether it was applied is not known."""

    ASKED = "asked"
    SENT = "sent"
    DONE = "done"
    REFUSED = "refused"
    UNSURE = "unsure"
