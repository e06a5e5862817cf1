"""Dashboards and rules ask for figures that somebody gives, of data sources that are there."""

from __future__ import annotations

import json
import re
from collections.abc import Iterator
from pathlib import Path
from typing import Any

import pytest
import yaml

from deployments.selectors import measures
from docker.hub.measures import Measures
from tests.platform.test_manifests import ROOT

MONITORING = ROOT / "monitoring"
DASHBOARDS = sorted((MONITORING / "grafana/dashboards").glob("*.json"))
OF_PROMETHEUS = {"up", "ALERTS", "push_time_seconds", "prometheus_rule_evaluation_failures_total"}
WORDS = {"by", "on", "le", "sum", "min", "max", "rate", "count", "delta", "increase", "absent", "time", "vector", "and", "or",
         "offset", "histogram_quantile", "max_over_time", "tenant_id"}  # fmt: skip
BESIDE_NAMES = re.compile(r'\{[^}]*\}|\[[^\]]*\]|"[^"]*"|\b(?:by|on)\s*\([^)]*\)')
NAME = re.compile(r"[a-zA-Z_][\w:]*")


def read(file: Path) -> dict[str, Any]:
    found: dict[str, Any] = json.loads(file.read_text("utf-8"))
    return found


def rules() -> Iterator[dict[str, Any]]:
    for file in sorted((MONITORING / "prometheus/rules").glob("*.yaml")):
        for group in yaml.safe_load(file.read_text("utf-8"))["groups"]:
            yield from group["rules"]


def given() -> set[str]:
    """Names of series that Prometheus has: the hub's, its processes', the panel's, its own, and recorded ones."""
    hub = Measures()
    text = hub.tenants_text(["a"], orchestrator_is_up=True) + hub.process_text()
    series = set(re.findall(r"^(\w+)[ {]", text.decode(), re.MULTILINE))
    panel = set(re.findall(r'"(control_panel_\w+)"', Path(measures.__file__).read_text("utf-8")))
    return series | panel | OF_PROMETHEUS | {rule["record"] for rule in rules() if "record" in rule}


def expressions() -> Iterator[tuple[str, str]]:
    """Where it stands, and what Prometheus is asked there."""
    for rule in rules():
        yield rule.get("alert") or rule["record"], rule["expr"]
    for file in DASHBOARDS:
        dashboard = read(file)
        for panel in dashboard["panels"]:
            for target in panel["targets"]:
                if target["datasource"]["uid"] == "prometheus":
                    yield f"{file.stem}: {panel['title']}", target["expr"]
        for annotation in dashboard["annotations"]["list"]:
            yield f"{file.stem}: {annotation['name']}", annotation["expr"]


def test_every_figure_that_is_asked_for_is_given() -> None:
    known, asked = given(), list(expressions())
    assert len(asked) > 30
    missing = {
        (where, name)
        for where, expression in asked
        for name in NAME.findall(BESIDE_NAMES.sub(" ", re.sub(r"\b\d+[smhdw]\b", " ", expression)))
        if name not in known | WORDS
    }
    assert missing == set()


@pytest.mark.parametrize("file", DASHBOARDS, ids=lambda file: file.stem)
def test_a_dashboard_asks_sources_that_are_there_and_shows_promotions(file: Path) -> None:
    sources = yaml.safe_load((MONITORING / "grafana/provisioning/datasources/datasources.yaml").read_text("utf-8"))
    dashboard = read(file)
    asked = set(re.findall(r'"uid": "(?!hub-)([\w-]+)"', file.read_text("utf-8")))
    assert asked <= {one["uid"] for one in sources["datasources"]}
    assert "Promotions" in {one["name"] for one in dashboard["annotations"]["list"]}
    assert dashboard["uid"] == f"hub-{file.stem}"


def test_what_always_fires_is_shown_as_no_alert() -> None:
    always = {rule["alert"] for rule in rules() if rule["expr"] == "vector(1)"}
    shown = [expression for _, expression in expressions() if expression.startswith("ALERTS")]
    assert always == {"Watchdog"}
    assert all('alertname!="Watchdog"' in expression for expression in shown)
    assert shown


def test_every_figure_of_the_panel_that_has_a_bound_has_an_alert() -> None:
    """The table of docs/operations.md says from where on each is wrong."""
    rows = re.findall(
        r"^\| `(control_panel_\w+)` \| (.+?) \|$", (ROOT / "docs/operations.md").read_text("utf-8"), re.MULTILINE
    )
    bound = {name for name, meaning in rows if re.search(r"above \d+|falls", meaning)}
    alerts = " ".join(rule["expr"] for rule in rules() if "alert" in rule)
    assert len(bound) >= 5
    assert {name for name in bound if name not in alerts} == set()


def test_prometheus_is_given_every_file_of_rules() -> None:
    generators = yaml.safe_load((MONITORING / "kustomization.yaml").read_text("utf-8"))["configMapGenerator"]
    (given_to_it,) = [one["files"] for one in generators if one["name"] == "prometheus-rules"]
    there = [str(file.relative_to(MONITORING)) for file in sorted((MONITORING / "prometheus/rules").glob("*.yaml"))]
    assert given_to_it == there
