"""What External Secrets and Sealed Secrets say of an object, and of which of its generations."""

from __future__ import annotations

from datetime import UTC, datetime
from typing import Any

import pytest

from controlpanel.clients.secret_operators import answer_of

BEFORE, CHANGED, AFTER = (f"2026-11-30T12:00:{second:02d}Z" for second in (1, 10, 20))
SINCE = datetime(2026, 11, 30, 12, 0, 10, tzinfo=UTC)


def external(
    status: str = "True", *, reason: str = "SecretSynced", at: str = AFTER, synced: str = "2-abc"
) -> dict[str, Any]:
    condition = {"type": "Ready", "status": status, "reason": reason, "message": "said", "lastTransitionTime": at}
    found = {"conditions": [condition]} | ({"syncedResourceVersion": synced} if synced else {})
    return {"kind": "ExternalSecret", "metadata": {"generation": 2}, "status": found}


def sealed(status: str, *, observed: int = 2) -> dict[str, Any]:
    condition = {"type": "Synced", "status": status, "message": "said", "lastTransitionTime": AFTER}
    found = {"conditions": [condition], "observedGeneration": observed}
    return {"kind": "SealedSecret", "metadata": {"generation": 2}, "status": found}


@pytest.mark.parametrize(
    ("what", "manifest", "standing"),
    [
        ("nothing yet", {"kind": "ExternalSecret", "metadata": {"generation": 1}}, "pending"),
        ("synced at this generation", external(), "ready"),
        ("synced before it changed", external(synced="1-abc", at=BEFORE), "pending"),
        ("ready without saying what it synced", external(synced=""), "pending"),
        ("fails since it changed", external("False", reason="SecretSyncedError", at=AFTER), "failing"),
        ("fails in the words of before", external("False", reason="SecretSyncedError", at=BEFORE), "repeated"),
        ("ready, but there is no Secret to merge into", external(reason="SecretMissing", synced=""), "failing"),
        ("unsealed", sealed("True"), "ready"),
        ("cannot be unsealed", sealed("False"), "failing"),
        ("not looked at since it changed", sealed("True", observed=1), "pending"),
        ("no status at all", {"kind": "SealedSecret", "metadata": {"generation": 1}, "status": None}, "pending"),
    ],
    ids=lambda value: value if isinstance(value, str) else "",
)
def test_the_answer_is_to_the_object_as_it_stands(what: str, manifest: dict[str, Any], standing: str) -> None:
    answer = answer_of(manifest, since=SINCE)

    assert answer.standing == standing, what
    assert answer.generation == manifest["metadata"]["generation"]


def test_where_nothing_changed_a_failure_is_a_failure() -> None:
    assert answer_of(external("False", reason="SecretSyncedError", at=BEFORE)).standing == "failing"
