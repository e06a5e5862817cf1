"""What the cluster would refuse shows before the click."""

from __future__ import annotations

from typing import Any

import pytest

from deployments.choices import PreflightState, Verdict
from deployments.models import Preflight
from tests.deployments.gates.situations import ask

OBJECT = {"component": "backend", "kind": "Deployment", "namespace": "hub", "name": "backend", "change": "changed"}
ASKED: dict[str, Any] = {"standing": "asked", "sentence": "", "remedy": "", "asked": 3, "skipped": []}


def told(*problems: str, state: str = PreflightState.READY, **dry_run: Any) -> Preflight:
    return Preflight(state=state, changes=[{**OBJECT, "problems": list(problems)}], dry_run=dry_run)


@pytest.mark.parametrize(
    ("preview", "verdict", "reason"),
    [
        (told(**ASKED), Verdict.PASS, "The cluster takes all 3 new and changed objects."),
        (told(standing="unasked"), Verdict.PASS, "No cluster access: not asked."),
        (told(), Verdict.PASS, "No cluster access: not asked."),
        (
            told("spec.replicas: Invalid value.", "spec.x: unknown", **ASKED),
            Verdict.BLOCK,
            "The cluster refuses Deployment hub/backend: spec.replicas: Invalid value.",
        ),
        (
            told(**{**ASKED, "standing": "unknown", "sentence": "The cluster does not answer: E.", "remedy": "Mend."}),
            Verdict.UNKNOWN,
            "The cluster does not answer: E.",
        ),
        (
            told(**{**ASKED, "skipped": ["The namespace hub does not exist yet; Argo CD makes it."]}),
            Verdict.PASS,
            "The cluster takes all 3 new and changed objects. 1 could not be asked: The namespace hub does not exist yet; Argo CD makes it.",
        ),
        (told(state=PreflightState.RENDERING), Verdict.UNKNOWN, "Waits for the rendered diff."),
    ],
)
def test_what_the_cluster_said_decides(preview: Preflight, verdict: Verdict, reason: str) -> None:
    answer = ask("server-dry-run", preflight=preview)
    assert (answer.verdict, answer.reason) == (verdict, reason)


def test_a_refusal_outweighs_an_outage_that_came_after_it() -> None:
    answer = ask("server-dry-run", preflight=told("no", standing="unknown", sentence="Away.", remedy=""))
    assert answer.verdict == Verdict.BLOCK
