"""What Argo CD and the cluster say is kept and shown, so it holds no credentials."""

from __future__ import annotations

import json

import pytest

from controlpanel.clients import errors, kubernetes
from controlpanel.clients.argocd_models import Application
from controlpanel.clients.argocd_tree import Tree

SAID = "failed to fetch https://robot:a-secret-word@git.example/deploy.git: Bearer abcdefgh1234"
SHOWN = "failed to fetch https://(hidden)@git.example/deploy.git: Bearer (hidden)"


def test_an_application_keeps_what_was_said_without_credentials() -> None:
    status = {
        "conditions": [{"type": "ComparisonError", "message": SAID}],
        "health": {"status": "Degraded", "message": SAID},
        "operationState": {"message": SAID, "syncResult": {"resources": [{"kind": "Pod", "message": SAID}]}},
        "resources": [{"kind": "Pod", "name": "a", "health": {"status": "Degraded", "message": SAID}}],
    }
    read = Application.parse({"metadata": {"name": "a"}, "spec": {}, "status": status})
    assert "a-secret-word" not in repr(read)
    assert (read.operation_message, read.health_message, read.conditions[0].message) == (SHOWN,) * 3


def test_a_tree_keeps_what_was_said_without_credentials() -> None:
    [node] = Tree.parse({"nodes": [{"kind": "Pod", "health": {"message": SAID}}]}).nodes
    assert node.message == SHOWN


def test_an_error_says_no_credentials() -> None:
    error = errors.from_response(system="Argo CD", what="sync a", status=400, text=SAID, code=3)
    assert SHOWN in error.sentence
    assert "a-secret-word" not in f"{error.sentence}{vars(error)}"


@pytest.mark.parametrize(
    ("answer", "problem"),
    [
        ({"message": SAID}, SHOWN),
        ({"details": {"causes": [{"field": "spec.url", "message": SAID}]}}, f"spec.url: {SHOWN}"),
        ({"details": {"causes": [{"field": "spec.url"}, "odd"]}}, "spec.url: "),
        ({"message": "a\0b"}, "a\N{REPLACEMENT CHARACTER}b"),
    ],
)
def test_a_dry_run_says_no_credentials_and_nothing_that_cannot_be_kept(answer: object, problem: str) -> None:
    assert kubernetes._read(422, json.dumps(answer)).problems == (problem,)
