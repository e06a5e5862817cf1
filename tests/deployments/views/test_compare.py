"""The page that compares: asks a worker, shows what it found, renders nothing itself."""

from __future__ import annotations

from typing import Any

import pytest
from django.test import Client
from django.utils import timezone
from pytest_django import DjangoAssertNumQueries

from deployments.models import Inquiry
from tests import fixtures_deployments as make
from tests.deployments.views.conftest import Stage

CHANGE = {
    "component": "backend", "kind": "Deployment", "namespace": "hub", "name": "<b>backend</b>", "change": "changed", "added": 1,
    "removed": 1, "diff": make.DIFF,
}  # fmt: skip
BODY = {
    "changes": [CHANGE], "left_out": 0, "counts": {"backend": {"changed": 1, "unchanged": 3}}, "namespaces": [["hub-a", "hub-b"]],
    "variables": [{"key": "HOST", "before": "set", "after": "missing"}],
}  # fmt: skip
RELEASES = "/compare?from=2026.11.2&to=2026.11.3&environment=staging"


def text(client: Client, address: str, status: int = 200) -> str:
    response = client.get(address)
    assert response.status_code == status
    return response.content.decode()


def answered(client: Client, address: str, **facts: Any) -> str:
    """The page after a worker has answered what it asked."""
    text(client, address)
    Inquiry.objects.update(
        next_run_at=None, answered_at=timezone.now(), asked_at=timezone.now(), **{"answer": BODY, **facts}
    )
    return text(client, address)


def test_it_compares_the_last_two_environments_unless_asked_otherwise(client: Client) -> None:
    page = text(client, "/compare")
    assert "From staging to production" in page
    assert Inquiry.objects.get().parameters == {"from": "staging", "to": "production", "environment": ""}


@pytest.mark.parametrize("address", ["/compare", RELEASES])
def test_until_the_worker_has_looked_it_says_so_and_asks_once(client: Client, address: str) -> None:
    page = text(client, address)
    text(client, address)
    assert "Comparing 4 components…" in page
    assert '<noscript><meta http-equiv="refresh"' in page
    assert f'data-live="compare.{Inquiry.objects.get().subject}"' in page
    assert Inquiry.objects.get().next_run_at is not None


def test_it_shows_objects_by_component_images_and_variables(client: Client, stage: Stage) -> None:
    make.live(stage.old, stage.staging, by=stage.elif_)
    page = answered(client, "/compare")
    for words in (
        "1 differ, 3 equal",
        "&lt;b&gt;backend&lt;/b&gt;",
        "hub-a",
        "1 stands differently",
        "2026.11.2",
        "nothing",
    ):
        assert words in page
    assert "<b>backend" not in page
    assert 'http-equiv="refresh"' not in page


def test_a_failure_is_told_beside_what_was_known(client: Client) -> None:
    page = answered(client, RELEASES, answer=None, error="backend does not render.", remedy="Fix it.")
    assert "backend does not render." in page
    assert "Try again" in page
    assert "Comparing" not in page


@pytest.mark.parametrize(
    ("query", "status", "words"),
    [
        ("from=staging&to=2026.11.3", 422, "An environment and a release cannot be compared here."),
        ("from=staging&to=staging", 422, "Both sides are the same."),
        ("from=staging&to=nowhere", 404, "There is no environment or release nowhere"),
        ("from=2026.11.2&to=9.9", 404, "There is no environment or release 9.9"),
        ("from=2026.11.2&to=2026.11.3&environment=nowhere", 404, "There is no environment nowhere"),
        ("from=%3Cscript%3E&to=x", 404, "&lt;script&gt;"),
        ("from=staging", 200, "Choose two environments or two releases."),
    ],
)
def test_what_cannot_be_compared_is_refused_with_the_reason(
    client: Client, query: str, status: int, words: str
) -> None:
    assert words in text(client, f"/compare?{query}", status)
    assert Inquiry.objects.count() == 0


def test_environments_that_are_not_mine_cannot_be_compared(stage: Stage) -> None:
    browser = stage.client(stage.stan)
    assert browser.get("/compare?from=staging&to=production").status_code == 404
    assert browser.get("/compare?from=2026.11.2&to=2026.11.3&environment=production").status_code == 404
    assert "production" not in text(browser, "/compare").partition("<main")[2]


@pytest.mark.parametrize("size", [2, 9])
def test_queries_do_not_grow(
    client: Client, stage: Stage, size: int, django_assert_max_num_queries: DjangoAssertNumQueries
) -> None:
    for number in range(size):
        for place in (stage.staging, stage.production):
            make.live(make.release(f"2026.12.{number}-{place.name}"), place, by=stage.elif_)
    for address in ("/compare", RELEASES):
        answered(client, address)
        with django_assert_max_num_queries(12, info=address):
            text(client, address)
