"""Small parts by tables: selectors, cron windows, patches, permissions, templates' hashes, merges."""

from __future__ import annotations

import asyncio
from datetime import UTC, datetime

import pytest

from sandbox.clock import Clock, go_duration
from sandbox.cluster import merged
from sandbox.deployments import template_hash
from sandbox.patches import json_patch, merge_patch
from sandbox.permissions import allows
from sandbox.scheduler import Scheduler
from sandbox.selectors import parse_selector
from sandbox.tokens import Subject
from sandbox.windows import is_active
from tests.sandbox.conftest import Json, deployment

LABELS = {"environment": "staging", "component": "backend"}


@pytest.mark.parametrize(
    ("selector", "fits"),
    [
        ("", True),
        ("environment=staging", True),
        ("environment==staging,component!=ai", True),
        ("environment in (production, staging),component notin (ai)", True),
        ("environment,!tenant", True),
        ("environment!=staging", False),
        ("component in (ai, redis)", False),
        ("tenant", False),
    ],
)
def test_a_selector_fits(selector: str, fits: bool) -> None:
    assert parse_selector(selector)(LABELS) is fits


@pytest.mark.parametrize(
    ("schedule", "duration", "at", "active"),
    [
        ("* * * * *", "1h", "2026-01-01T00:00", True),
        ("0 22 * * *", "1h", "2026-01-01T22:59", True),
        ("0 22 * * *", "1h", "2026-01-01T23:00", False),
        ("0 22 * * 1-5", "30m", "2026-01-03T22:10", False),  # a Saturday
        ("*/15 8-17 1 * *", "5m", "2026-02-01T09:19", True),
        ("*/15 8-17 1 * *", "5m", "2026-02-02T09:19", False),
    ],
)
def test_a_window_is_open(schedule: str, duration: str, at: str, active: bool) -> None:
    now = datetime.fromisoformat(at).replace(tzinfo=UTC)
    assert is_active({"schedule": schedule, "duration": duration}, now) is active


@pytest.mark.parametrize(("text", "seconds"), [("5s", 5), ("1h30m", 5400), ("0.5s", 0.5), ("", 0)])
def test_a_duration_is_read(text: str, seconds: float) -> None:
    assert go_duration(text) == seconds


def test_patches_change_copies() -> None:
    document: Json = {"a": {"b": 1, "c": [1, 2]}}
    assert merge_patch(document, {"a": {"b": None, "d": {"e": 1}}}) == {"a": {"c": [1, 2], "d": {"e": 1}}}
    steps = [{"op": "test", "path": "/a/b", "value": 1}, {"op": "add", "path": "/a/c/-", "value": 3},
             {"op": "move", "from": "/a/b", "path": "/f"}, {"op": "replace", "path": "/a/c/0", "value": 9}]  # fmt: skip
    assert json_patch(document, steps) == {"a": {"c": [9, 2, 3]}, "f": 1}
    assert document == {"a": {"b": 1, "c": [1, 2]}}


@pytest.mark.parametrize(
    ("policies", "allowed"),
    [
        (("p, x, applications, sync, hub/*, allow",), True),
        (("p, x, applications, *, *, allow", "p, x, applications, sync, hub/backend, deny"), False),
        (("p, x, applications, get, hub/*, allow",), False),
        ((), False),
    ],
)
def test_policies_decide(policies: tuple[str, ...], allowed: bool) -> None:
    assert allows(Subject("x", 0, policies), "applications", "sync", "hub/backend") is allowed


def test_an_apply_keeps_what_others_set_and_takes_away_what_is_no_longer_wanted() -> None:
    live = {"a": {"ours": 1, "theirs": 2}, "old": 1, "status": {}}
    assert merged(live, {"a": {"ours": 1}, "old": 1}, {"a": {"ours": 3}}) == {
        "a": {"ours": 3, "theirs": 2},
        "status": {},
    }


def test_equal_templates_have_equal_hashes() -> None:
    one, same, other = (deployment("x", image)["spec"]["template"] for image in ("a", "a", "b"))
    assert template_hash(one) == template_hash(same) != template_hash(other)


async def test_a_step_runs_at_the_earliest_time_that_was_asked_for_and_again_after_a_failure() -> None:
    scheduler, ran = Scheduler(Clock(speed=1000)), asyncio.Queue[str]()
    failures = iter([True])

    def step(name: str) -> float | None:
        ran.put_nowait(name)
        if name == "weak" and next(failures, False):
            raise ValueError("once")
        return None

    scheduler.register("kind", step)
    scheduler.wake("kind", "early", 60_000_000)
    scheduler.wake("kind", "early", 10)
    scheduler.wake("kind", "weak", 20)
    loop = asyncio.create_task(scheduler.run())
    assert [await asyncio.wait_for(ran.get(), 5) for _ in range(3)] == ["early", "weak", "weak"]
    loop.cancel()
