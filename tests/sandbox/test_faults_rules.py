"""The rules of faults: read, refused, counted, drawn alike by equal seeds."""

from __future__ import annotations

from pathlib import Path
from typing import Any

import pytest

from sandbox.faults import FaultError, Faults, parse_rule
from tests.sandbox.conftest import Argo, Running

FAULTS = "/sandbox/faults"


def test_nothing_is_switched_on_at_first(anonymous: Argo) -> None:
    assert anonymous.get(FAULTS).json() == {"seed": 0, "rules": []}


def test_rules_are_replaced_added_to_and_cleared(anonymous: Argo) -> None:
    first, second = {"effect": "drip", "next": 1}, {"effect": "error", "status": 503, "path": "*/sync"}
    shown = anonymous.send("PUT", FAULTS, {"seed": 7, "rules": [first]}).json()
    assert shown == {"seed": 7, "rules": [first | {"fired": 0}]}
    shown = anonymous.post(FAULTS, second).json()
    assert [rule["effect"] for rule in shown["rules"]] == ["drip", "error"]
    assert anonymous.http.put(FAULTS, json=[second]).json()["rules"] == [second | {"fired": 0}]
    assert anonymous.send("DELETE", FAULTS).json()["rules"] == []


@pytest.mark.parametrize(
    ("rule", "words"),
    [
        ({"effect": "earthquake"}, "rule 0: effect must be one of clock-skew, drip"),
        ("error", "rule 0: effect must be one of"),
        ({"effect": "error", "seconds": 3}, "rule 0: error knows no 'seconds'; it knows application,"),
        ({"effect": "hang", "seconds": "3"}, "rule 0: seconds must be float, not '3'"),
        ({"effect": "hang", "next": True}, "rule 0: next must be int, not True"),
        ({"effect": "reset", "when": "later"}, "rule 0: when must be before or after, not 'later'"),
    ],
)
def test_a_rule_that_cannot_be_read_is_refused_and_the_old_ones_stay(anonymous: Argo, rule: Any, words: str) -> None:
    anonymous.http.put(FAULTS, json=[{"effect": "drip"}])
    refused = anonymous.http.put(FAULTS, json=[rule])
    assert refused.status_code == 400
    assert words in refused.json()["error"]
    assert anonymous.get(FAULTS).json()["rules"] == [{"effect": "drip", "fired": 0}]
    assert anonymous.http.post(FAULTS, json=rule).status_code == 400


@pytest.mark.parametrize("body", ["7", '"error"', "{", '{"rules": 7}', '{"seed": "x", "rules": []}'])
def test_a_body_that_is_no_list_of_rules_is_refused(anonymous: Argo, body: str) -> None:
    assert anonymous.http.put(FAULTS, content=body).status_code == 400


def drawn(faults: Faults, applications: list[str]) -> dict[str, list[bool]]:
    """For each Application whether each of its turns fires."""
    found: dict[str, list[bool]] = {}
    for name in applications:
        found.setdefault(name, []).append(faults.draw("error", name, "GET", "/api/v1/applications") is not None)
    return found


def test_equal_seeds_draw_alike_for_each_application_in_any_order(tmp_path: Path) -> None:
    names = ["backend", "frontend", "ai"] * 40
    seeds: list[dict[str, list[bool]]] = []
    for seed, order in ((7, names), (7, sorted(names)), (8, names)):
        faults = Faults(tmp_path / "log")
        faults.replace([{"effect": "error", "probability": 0.5}], seed)
        seeds.append(drawn(faults, order))
    assert seeds[0] == seeds[1] != seeds[2]
    assert 40 < sum(sum(turns) for turns in seeds[0].values()) < 80


def test_the_first_rule_that_fires_wins_and_skip_and_next_are_counted(tmp_path: Path) -> None:
    faults = Faults(tmp_path / "log")
    faults.replace([{"effect": "error", "skip": 2, "next": 3}, {"effect": "reset"}])
    effects = [
        rule.effect if (rule := faults.draw(("error", "reset"), "backend", "GET", "/")) else "" for _ in range(7)
    ]
    assert effects == ["reset", "reset", "error", "error", "error", "reset", "reset"]
    assert [rule.fired for rule in faults.rules] == [3, 4]
    assert len((tmp_path / "log").read_text().splitlines()) == 7


@pytest.mark.parametrize(
    ("rule", "application", "method", "path", "fits"),
    [
        ({}, "", "GET", "/api/version", True),
        ({"application": "backend-*"}, "backend-staging", "GET", "/x", True),
        ({"application": "backend-*"}, "ai-staging", "GET", "/x", False),
        ({"application": "backend-*"}, "", "GET", "/x", False),
        ({"method": "POST", "path": "*/sync"}, "a", "POST", "/api/v1/applications/a/sync", True),
        ({"method": "POST", "path": "*/sync"}, "a", "GET", "/api/v1/applications/a", False),
    ],
)
def test_a_rule_fits_what_its_patterns_name(
    rule: dict[str, str], application: str, method: str, path: str, fits: bool
) -> None:
    assert parse_rule(0, {"effect": "error", **rule}).fits(application, method, path) is fits


def test_a_probability_is_a_number() -> None:
    with pytest.raises(FaultError, match="probability must be float"):
        parse_rule(0, {"effect": "error", "probability": "often"})


def test_each_firing_is_written_down(running: Running, admin: Argo) -> None:
    admin.http.put(FAULTS, json=[{"effect": "error", "status": 500, "path": "*/userinfo"}])
    admin.get("/api/v1/session/userinfo")
    assert admin.get(FAULTS).json()["rules"][0]["fired"] == 1
    assert '"path": "/api/v1/session/userinfo"' in (running.state / "faults.jsonl").read_text()
