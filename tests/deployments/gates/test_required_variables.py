"""A release that leaves a required variable out is refused before anything is committed."""

from __future__ import annotations

import pytest

from controlpanel.catalog.yaml_text import canonical
from deployments.choices import Kind, PreflightState, Verdict
from deployments.gates.base import gates
from deployments.models import Preflight
from deployments.renderers.variables import NOWHERE, Standing, standing
from tests.deployments.gates.situations import ask


def preview(*missing: str, state: str = PreflightState.READY) -> Preflight:
    found = [{"key": "A", "state": "set", "where": "web/hub/ConfigMap-a.yaml"}]
    return Preflight(state=state, variables=found + [{"key": key, "state": "missing", "where": ""} for key in missing])


@pytest.mark.parametrize(
    ("given", "verdict", "reason"),
    [
        (preview(), Verdict.PASS, "All 1 are set or referenced."),
        (Preflight(state=PreflightState.READY), Verdict.PASS, "The catalog asks for none."),
        (preview("DATABASE_URL"), Verdict.BLOCK, "DATABASE_URL is neither set nor referenced in any manifest."),
        (preview("B", "C"), Verdict.BLOCK, "B, C are neither set nor referenced in any manifest."),
        (preview("B", "C", "D", "E", "F"), Verdict.BLOCK, "B, C, D and 2 more are neither set nor referenced in any manifest."),
        (preview("B", state=PreflightState.RENDERING), Verdict.UNKNOWN, "Waits for the rendered diff."),
        (None, Verdict.UNKNOWN, "Waits for the rendered diff."),
    ],
)  # fmt: skip
def test_what_is_missing_blocks_and_is_named(given: Preflight | None, verdict: Verdict, reason: str) -> None:
    answer = ask("required-variables", preflight=given)
    assert (answer.verdict, answer.reason) == (verdict, reason)
    assert bool(answer.remedy) == (verdict == Verdict.BLOCK)


def test_a_rollback_is_not_asked() -> None:
    assert gates["required-variables"].kinds == {Kind.RELEASE}


CONTAINER = {"name": "web", "image": "web"}
MANIFESTS = [
    # what stands in a manifest, and what that makes of the variable KEY
    ({"kind": "ConfigMap", "data": {"KEY": "value"}}, "set"),
    ({"kind": "ConfigMap", "data": {"KEY": ""}}, None),
    ({"kind": "ExternalSecret", "spec": {"data": [{"secretKey": "KEY"}]}}, "referenced"),
    ({"kind": "ExternalSecret", "spec": {"target": {"template": {"data": {"KEY": "{{ .x }}"}}}}}, "referenced"),
    ({"kind": "SealedSecret", "spec": {"encryptedData": {"KEY": "Ag…"}}}, "referenced"),
    ({"kind": "Pod", "spec": {"containers": [{**CONTAINER, "env": [{"name": "KEY", "value": "x"}]}]}}, "set"),
    ({"kind": "Pod", "spec": {"containers": [{**CONTAINER, "env": [{"name": "KEY", "value": ""}]}]}}, None),
    ({"kind": "Pod", "spec": {"containers": [{**CONTAINER, "env": [{"name": "KEY"}]}]}}, None),
    (
        {"kind": "Pod", "spec": {"containers": [{**CONTAINER, "env": [{"name": "KEY", "valueFrom": {"secretKeyRef": {}}}]}]}},
        "referenced",
    ),
    ({"kind": "ConfigMap", "data": "KEY"}, None),
    ({"kind": "ExternalSecret", "spec": {"data": ["KEY"], "target": 7}}, None),
    ({"kind": "Service", "spec": {"KEY": "value"}}, None),
]  # fmt: skip


def _pod(namespace: str = "hub", **source: object) -> dict[str, object]:
    env = [{"name": "KEY", "valueFrom": source}]
    return {"kind": "Pod", "metadata": {"namespace": namespace}, "spec": {"containers": [{**CONTAINER, "env": env}]}}


SETTINGS = {"kind": "ConfigMap", "metadata": {"name": "s", "namespace": "hub"}, "data": {"full": "x", "empty": ""}}
REFERENCES = [
    # what a variable refers to beside the ConfigMap `s`, and what that makes of it
    (_pod(configMapKeyRef={"name": "s", "key": "full"}), "set"),
    (_pod(configMapKeyRef={"name": "s", "key": "full", "optional": True}), "set"),
    (_pod(configMapKeyRef={"name": "s", "key": "empty"}), None),
    (_pod(configMapKeyRef={"name": "s", "key": "other"}), None),
    (_pod(configMapKeyRef={"name": "another", "key": "other"}), "referenced"),
    (_pod("elsewhere", configMapKeyRef={"name": "s", "key": "empty"}), "referenced"),
    (_pod(configMapKeyRef={"name": "another", "key": "other", "optional": True}), None),
    (_pod(secretKeyRef={"name": "s", "key": "other"}), "referenced"),
    (_pod(secretKeyRef={"name": "s", "key": "other", "optional": True}), None),
    (_pod(fieldRef={"fieldPath": "metadata.name"}), "referenced"),
]


@pytest.mark.parametrize(("pod", "state"), REFERENCES)
def test_a_reference_counts_for_what_it_finds(pod: dict[str, object], state: str | None) -> None:
    found = standing({"a": canonical(pod), "b": canonical(SETTINGS)})
    assert found.get("KEY", NOWHERE).state == (state or "missing")


@pytest.mark.parametrize(("manifest", "state"), MANIFESTS)
def test_where_a_variable_stands_follows_from_the_manifests(manifest: dict[str, object], state: str | None) -> None:
    found = standing({"web/hub/X-a.yaml": canonical(manifest)})
    assert found.get("KEY") == (Standing(state, "web/hub/X-a.yaml") if state else None)


def test_a_value_counts_for_more_than_a_reference_wherever_it_stands() -> None:
    value, reference = canonical(MANIFESTS[0][0]), canonical(MANIFESTS[4][0])
    assert standing({"a": reference, "b": value})["KEY"] == Standing("set", "b")
    assert standing({"a": value, "b": reference})["KEY"] == Standing("set", "a")


def test_a_file_that_is_no_manifest_gives_none() -> None:
    assert standing({"a": b"[", "b": b"\xff", "c": b"- KEY"}) == {}
