"""Every status word with its shape and tone. Shape and word carry the meaning; colour only helps.

Filled shapes are health and verdicts, outlined shapes are sync and waiting. Argo CD's words stay as they are.
"""

from __future__ import annotations

from collections.abc import Mapping
from dataclasses import dataclass

TONES = ("ok", "run", "warn", "bad", "odd", "mute")


@dataclass(frozen=True)
class Status:
    """What a status looks like: an icon of the sprite, a tone of the palette, a word for people."""

    shape: str
    tone: str
    word: str


_RUNNING = "arc"

SYNC = {
    "Synced": Status("ring-check", "ok", "Synced"),
    "OutOfSync": Status("ring-up", "warn", "OutOfSync"),
    "Unknown": Status("ring-question", "odd", "Unknown"),
}
HEALTH = {
    "Healthy": Status("circle-check", "ok", "Healthy"),
    "Progressing": Status(_RUNNING, "run", "Progressing"),
    "Degraded": Status("octagon-cross", "bad", "Degraded"),
    "Suspended": Status("ring-pause", "mute", "Suspended"),
    "Missing": Status("square-dashed", "warn", "Missing"),
    "Unknown": Status("ring-question", "odd", "Unknown"),
}
OPERATION = {
    "Running": Status(_RUNNING, "run", "Running"),
    "Succeeded": Status("ring-check", "ok", "Succeeded"),
    "Failed": Status("octagon-cross", "bad", "Failed"),
    "Error": Status("triangle", "bad", "Error"),
    "Terminating": Status("square", "warn", "Terminating"),
}
PROMOTION = {
    "requested": Status("clock", "mute", "Requested"),
    "awaiting_approval": Status("person", "warn", "Awaiting approval"),
    "queued": Status("ring-dashed", "mute", "Queued"),
    "rendering": Status(_RUNNING, "run", "Rendering"),
    "committing": Status(_RUNNING, "run", "Committing"),
    "syncing": Status(_RUNNING, "run", "Syncing"),
    "rolling_out": Status(_RUNNING, "run", "Rolling out"),
    "verifying": Status(_RUNNING, "run", "Verifying"),
    "paused": Status("ring-pause", "warn", "Paused"),
    "canceling": Status("square", "warn", "Canceling"),
    "succeeded": Status("circle-check", "ok", "Succeeded"),
    "failed": Status("octagon-cross", "bad", "Failed"),
    "canceled": Status("ring-slash", "mute", "Canceled"),
    "rejected": Status("cross", "bad", "Rejected"),
    "expired": Status("clock", "mute", "Expired"),
    "superseded": Status("chevrons", "mute", "Superseded"),
}
LANE = {**PROMOTION, "idle": Status("ring-dash", "mute", "Idle"), "free": Status("ring-dash", "mute", "Idle")}
STEP = {
    "waiting": Status("ring-dashed", "mute", "Waiting"),
    "running": Status(_RUNNING, "run", "Running"),
    "done": Status("circle-check", "ok", "Done"),
    "paused": Status("ring-pause", "warn", "Paused"),
    "failed": Status("octagon-cross", "bad", "Failed"),
    "stuck": Status("octagon-cross", "bad", "Stuck"),
    "skipped": Status("ring-dash", "mute", "Skipped"),
    "canceled": Status("ring-slash", "mute", "Canceled"),
    "unknown": Status("ring-question", "odd", "Unknown"),
}
ROLLOUT = {
    **STEP,
    "syncing": Status(_RUNNING, "run", "Syncing"),
    "rolling_out": Status(_RUNNING, "run", "Rolling out"),
    "unchanged": Status("equals", "mute", "Unchanged"),
}
GATE = {
    "pass": Status("circle-check", "ok", "Passes"),
    "wait": Status("clock", "mute", "Waits"),
    "block": Status("octagon-cross", "bad", "Blocks"),
    "unknown": Status("ring-question", "odd", "Unknown"),
    "overridden": Status("triangle", "warn", "Overridden"),
    "decide": Status("triangle", "warn", "Needs a decision"),
    "asked_next": Status("person", "mute", "Asked next"),
    "opens_later": Status("clock", "mute", "Opens later"),
}
CHANGE = {
    "changed": Status("arrow", "run", "Changed"),
    "added": Status("plus", "ok", "New"),
    "new": Status("plus", "ok", "New"),
    "removed": Status("cross", "bad", "Removed"),
    "unchanged": Status("equals", "mute", "Unchanged"),
}
RELEASE = {
    "live": Status("circle-check", "ok", "Live"),
    "verified": Status("circle-check", "ok", "Verified"),
    "in_flight": Status(_RUNNING, "run", "In flight"),
    "waiting": Status("ring-dashed", "mute", "Not promoted yet"),
    "paused": Status("ring-pause", "warn", "Paused"),
    "rolled_back": Status("undo", "bad", "Rolled back"),
    "failed": Status("octagon-cross", "bad", "Failed"),
    "replaced": Status("chevrons", "mute", "Replaced"),
}
TENANT = {
    "ready": Status("circle-check", "ok", "Ready"),
    "not_ready": Status("triangle", "warn", "Not ready"),
    "not_counted": Status("ring-dash", "mute", "Not counted"),
    "signed_off": Status("circle-check", "ok", "Signed off"),
    "not_signed": Status("ring-dashed", "mute", "Not signed"),
    "stale": Status("clock-turning", "warn", "Stale"),
    "waived": Status("triangle", "warn", "Waived"),
    "onboarding": Status(_RUNNING, "run", "Onboarding"),
    "active": Status("circle-check", "ok", "Active"),
    "suspended": Status("ring-pause", "mute", "Suspended"),
    "offboarded": Status("ring-slash", "mute", "Offboarded"),
}
REFERENCE = {
    "verified": Status("circle-check", "ok", "Verified"),
    "failing": Status("octagon-cross", "bad", "Failing"),
    "not_found": Status("octagon-cross", "bad", "Not found"),
    "mismatch": Status("triangle", "bad", "Mismatch"),
    "too_old": Status("clock-turning", "warn", "Too old"),
    "unverified": Status("ring-dashed", "mute", "Not verified yet"),
    "not_promoted": Status("ring-up", "warn", "Not promoted"),
    "none": Status("square-dashed", "warn", "No reference"),
    "met": Status("circle-check", "ok", "Met"),
    "not_checked": Status("ring-question", "odd", "Not checked"),
    "present": Status("circle-check", "ok", "Present"),
    "absent": Status("square-dashed", "warn", "Missing"),
}
POD = {
    "Running": Status("circle-check", "ok", "Running"),
    "Succeeded": Status("ring-check", "ok", "Succeeded"),
    "Pending": Status(_RUNNING, "run", "Pending"),
    "Starting": Status(_RUNNING, "run", "Starting"),
    "Not ready": Status(_RUNNING, "run", "Not ready"),
    "ContainerCreating": Status(_RUNNING, "run", "ContainerCreating"),
    "PodInitializing": Status(_RUNNING, "run", "PodInitializing"),
    "Terminating": Status("square", "mute", "Terminating"),
    "ImagePullBackOff": Status("octagon-cross", "bad", "ImagePullBackOff"),
    "ErrImagePull": Status("octagon-cross", "bad", "ErrImagePull"),
    "CrashLoopBackOff": Status("octagon-cross", "bad", "CrashLoopBackOff"),
    "CreateContainerConfigError": Status("octagon-cross", "bad", "CreateContainerConfigError"),
    "Error": Status("octagon-cross", "bad", "Error"),
    "Failed": Status("octagon-cross", "bad", "Failed"),
    "OOMKilled": Status("octagon-cross", "bad", "OOMKilled"),
    "Unknown": Status("ring-question", "odd", "Unknown"),
}
TOKEN = {
    "active": Status("circle-check", "ok", "Active"),
    "unused": Status("ring-dashed", "mute", "Never used"),
    "soon": Status("clock", "warn", "Expires soon"),
    "expired": Status("clock", "mute", "Expired"),
    "revoked": Status("cross", "mute", "Revoked"),
    "off": Status("ring-slash", "mute", "Person switched off"),
}
FINDING = {
    "ok": Status("circle-check", "ok", "Fine"),
    "warn": Status("triangle", "warn", "Needs a look"),
    "fail": Status("octagon-cross", "bad", "Stops promotions"),
    "unknown": Status("ring-question", "odd", "Unknown"),
}
CHAIN = {
    "verified": Status("circle-check", "ok", "Chain verified"),
    "broken": Status("octagon-cross", "bad", "Chain broken"),
    "unverified": Status("ring-dashed", "mute", "Not verified yet"),
}
CHECK = {
    "running": Status(_RUNNING, "run", "Running"),
    "passed": Status("circle-check", "ok", "Passed"),
    "failed": Status("octagon-cross", "bad", "Failed"),
    "ignored": Status("ring-dash", "warn", "Ignored"),
    "skipped": Status("ring-question", "odd", "Not checked"),
}
PROOF = {
    "waiting": Status("ring-dashed", "mute", "Waiting"),
    "passing": Status("ring-check", "ok", "Passes so far"),
    "passed": Status("circle-check", "ok", "Passed"),
    "failing": Status("triangle", "warn", "Failed once"),
    "failed": Status("octagon-cross", "bad", "Failed"),
    "unknown": Status("ring-question", "odd", "No answer"),
    "ignored": Status("ring-dash", "warn", "Ignored"),
}
MESSAGE = {
    "delivered": Status("circle-check", "ok", "Delivered"),
    "waiting": Status("clock", "mute", "Waiting"),
    "retrying": Status("clock-turning", "warn", "Tried again"),
    "dead": Status("octagon-cross", "bad", "Given up"),
    "never": Status("ring-dashed", "mute", "Nothing sent yet"),
}
EVENT = {tone: Status(shape, tone, "") for tone, shape in (
    ("ok", "circle-check"), ("run", "arc"), ("warn", "triangle"), ("bad", "octagon-cross"), ("odd", "ring-question"), ("mute", "info"),
)}  # fmt: skip

_CAUSES = {
    "operation_failed": "Sync failed, cause not recognised",
    "foreign_operation": "Another operation",
    "degraded": "Degraded, cause not recognised",
    "timed_out": "Took too long",
    "quota": "Quota used up",
    "unschedulable": "No room on any node",
    "admission": "Refused at admission",
    "probe_failed": "Probe fails",
    "application_missing": "Application missing",
    "sync_refused": "Sync refused",
    "foreign_change": "Branch was changed",
    "claim_taken": "Claim was taken",
    "not_renderable": "Does not render",
    "digest_changed": "Renders differently now",
    "credentials": "Credentials refused",
    "no_progress": "No progress",
    "verification_failed": "Check failed",
    "verification_unanswered": "Check not answered",
}
_OF_PODS = (
    "ImagePullBackOff", "ErrImagePull", "ErrImageNeverPull", "InvalidImageName",
    "CrashLoopBackOff", "CreateContainerConfigError", "CreateContainerError", "RunContainerError",
)  # fmt: skip
CAUSE = {
    "freeze": Status("ring-pause", "warn", "Frozen"),
    **{
        cause: Status("octagon-cross", "bad", word)
        for cause, word in (*_CAUSES.items(), *zip(_OF_PODS, _OF_PODS, strict=True))
    },
    "": Status("octagon-cross", "bad", "Cause not recognised"),
}
"""Why a promotion paused; Kubernetes' own words for a Pod stay as they are."""

VOCABULARIES: Mapping[str, Mapping[str, Status]] = {
    "sync": SYNC,
    "health": HEALTH,
    "operation": OPERATION,
    "promotion": PROMOTION,
    "lane": LANE,
    "step": STEP,
    "wave": ROLLOUT,
    "rollout": ROLLOUT,
    "gate": GATE,
    "change": CHANGE,
    "release": RELEASE,
    "tenant": TENANT,
    "reference": REFERENCE,
    "pod": POD,
    "token": TOKEN,
    "finding": FINDING,
    "event": EVENT,
    "chain": CHAIN,
    "check": CHECK,
    "proof": PROOF,
    "message": MESSAGE,
    "cause": CAUSE,
}


def status_of(vocabulary: str, value: object) -> Status:
    """The look of `value` in one of `VOCABULARIES`. A value that it does not list has the vocabulary's word for such, under ""; where
    there is none, it is shown as it is, in the unknown tone.

    Raises `KeyError` for a vocabulary that does not exist, which is a mistake in a template.
    """
    text = str(value) if value is not None else ""
    known = VOCABULARIES[vocabulary]
    return known.get(text) or known.get("") or Status("ring-question", "odd", text.replace("_", " ") or "Unknown")
