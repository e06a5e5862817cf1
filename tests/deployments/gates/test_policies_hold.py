"""What breaks a policy is not promoted: the first finding is named, with its fix."""

from __future__ import annotations

import random
from typing import Any

import pytest

from deployments.choices import Kind, PreflightState, Verdict
from deployments.gates.base import gates
from deployments.models import Preflight
from deployments.policies import Manifests, judge, policies
from tests.credentials import drawn
from tests.deployments.gates.situations import ask

FOUND = {"policy": "tls", "object": "Ingress shop/api", "rule": "It is plain.", "fix": "Encrypt.", "component": "api"}


def preview(*findings: dict[str, str], state: str = PreflightState.READY) -> Preflight:
    return Preflight(state=state, findings=list(findings))


@pytest.mark.parametrize(
    ("given", "parameters", "verdict", "reason"),
    [
        (preview(), {}, Verdict.PASS, f"All {len(list(policies))} hold."),
        (preview(FOUND), {}, Verdict.BLOCK, "Ingress shop/api: It is plain."),
        (preview(FOUND, FOUND), {}, Verdict.BLOCK, "Ingress shop/api: It is plain. 1 more are on the release's page."),
        (preview(FOUND), {"without": ["tls"]}, Verdict.PASS, f"All {len(list(policies)) - 1} hold."),
        (preview(FOUND), {"without": ["no such policy"]}, Verdict.BLOCK, "Ingress shop/api: It is plain."),
        (preview(FOUND), {"without": "tls"}, Verdict.BLOCK, "Ingress shop/api: It is plain."),
        (preview(FOUND, state=PreflightState.RENDERING), {}, Verdict.UNKNOWN, "Waits for the rendered diff."),
        (None, {}, Verdict.UNKNOWN, "Waits for the rendered diff."),
    ],
)  # fmt: skip
def test_a_finding_blocks_and_is_named(
    given: Preflight | None, parameters: dict[str, Any], verdict: Verdict, reason: str
) -> None:
    answer = ask("policies", preflight=given, parameters=parameters)
    assert (answer.verdict, answer.reason) == (verdict, reason)
    assert answer.remedy == ("Encrypt. Then make a new release." if verdict == Verdict.BLOCK else "")


def test_a_rollback_is_not_asked() -> None:
    assert gates["policies"].kinds == {Kind.RELEASE}


def test_each_of_fifty_credentials_blocks_and_is_never_said() -> None:
    for one in drawn(random.SystemRandom().randrange(10**9)):
        item = {"kind": "ConfigMap", "metadata": {"name": "api", "namespace": "shop"}, "data": {one.field: one.value}}
        found = [vars(finding) for finding in judge(Manifests({"api/shop/ConfigMap-api.yaml": item}))]

        answer = ask("policies", preflight=preview(*found))

        assert answer.verdict == Verdict.BLOCK, one.kind
        assert answer.reason.startswith("ConfigMap shop/api: ")
        assert one.value not in f"{answer.reason}{answer.remedy}"
