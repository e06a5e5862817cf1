"""Known causes in the words of Kubernetes and Argo CD, and what was checked beside them as the page of a pause shows it."""

from __future__ import annotations

import re
from dataclasses import dataclass
from typing import Any


@dataclass(frozen=True, kw_only=True)
class Known:
    """A cause that its words tell: its name in the vocabulary, a half sentence for people, and what usually helps."""

    cause: str
    means: str
    advice: str
    told_by: re.Pattern[str]


KNOWN = (
    Known(
        cause="quota", means="the quota of the namespace is used up",
        advice="Free some of the quota or have it raised, then retry.", told_by=re.compile(r"exceeded quota", re.IGNORECASE),
    ),
    Known(
        cause="unschedulable", means="no node has room for its Pod",
        advice="Free or add nodes, then retry; or promote a release whose Pods request less.",
        told_by=re.compile(r"\bInsufficient [\w./-]{1,60}|\bnodes are available:|FailedScheduling|Unschedulable"),
    ),
    Known(
        cause="admission", means="an admission rule of the cluster refuses it",
        advice="Mend what the message names in a new release, or have the rule changed and retry.",
        told_by=re.compile(r'admission webhook "[^"\n]{1,253}" denied|ValidatingAdmissionPolicy|violates PodSecurity|denied the request'),
    ),
    Known(
        cause="probe_failed", means="its Pod runs but does not pass its probe",
        advice="Read the container's log and what the probe asks: something that the container needs is the usual cause. Retry watches it anew.",
        told_by=re.compile(r"\b(?:Readiness|Startup|Liveness) probe (?:failed|errored)", re.IGNORECASE),
    ),
)  # fmt: skip
"""The first that matches is the cause: what refuses a Pod is nearer to the fault than a Pod that is not ready."""


def recognised(*said: str) -> Known | None:
    """What these texts tell, None where nothing is known of them."""
    text = "\n".join(said)
    return next((known for known in KNOWN if known.told_by.search(text)), None)


def also(known: Known | None) -> str:
    """The cause as a sentence to stand behind another, "" without one."""
    return f" {known.means[0].upper()}{known.means[1:]}." if known else ""


def check(what: str, evidence: str, *, is_fine: bool) -> dict[str, Any]:
    """One thing that was looked at, with what was seen; a pause keeps these under `checked`."""
    return {"what": what, "evidence": evidence[:500], "is_fine": is_fine}


def check_pods(before: tuple[int, int]) -> dict[str, Any]:
    """Whether pods from before still serve, by how many are ready of all."""
    ready, total = before
    evidence = f"{ready} of {total} old pods ready." if total else "None is left from before."
    return check("Pods from before serve", evidence, is_fine=ready > 0)
