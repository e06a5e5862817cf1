"""Check the files of Prometheus with promtool: scrape configuration, rules, and the rules' own tests, one for each alert."""

from __future__ import annotations

import subprocess
import sys
from collections.abc import Iterator
from pathlib import Path
from typing import Any

import yaml

from script.development.paths import ROOT

PROMTOOL = ROOT / ".venv/bin/promtool"
INSTALL = "script/promtool"
FOLDER = ROOT / "monitoring/prometheus"


def commands(folder: Path) -> Iterator[list[str]]:
    """What promtool is asked."""
    rules, tests = sorted(folder.glob("rules/*.yaml")), sorted(folder.glob("tests/*.yaml"))
    yield ["check", "config", "--syntax-only", str(folder / "prometheus.yaml")]
    yield ["check", "rules", *map(str, rules)]
    yield ["test", "rules", *map(str, tests)]


def untested(folder: Path) -> set[str]:
    """Alerts that no test sees fire, and those that no test sees silent, which one that always fires cannot be."""
    alerts = {
        rule["alert"]: rule["expr"] for file in folder.glob("rules/*.yaml") for rule in _rules(file) if "alert" in rule
    }
    always = {name for name, expression in alerts.items() if expression == "vector(1)"}
    checks = [
        check
        for file in folder.glob("tests/*.yaml")
        for test in _read(file)["tests"]
        for check in test.get("alert_rule_test", ())
    ]
    fire = {check["alertname"] for check in checks if check["exp_alerts"]}
    silent = {check["alertname"] for check in checks if not check["exp_alerts"]}
    return (alerts.keys() - fire) | (alerts.keys() - silent - always)


def _rules(file: Path) -> list[dict[str, Any]]:
    return [rule for group in _read(file)["groups"] for rule in group["rules"]]


def _read(file: Path) -> Any:
    return yaml.load(file.read_text("utf-8"), Loader=yaml.CSafeLoader)


def main() -> int:
    """Print what promtool says against the files, and the alerts without a test; returns 1 when there is something."""
    if not PROMTOOL.exists():
        print(f"promtool is missing. Install it: {INSTALL}")
        return 1
    done = [subprocess.run([PROMTOOL, *command], capture_output=True, text=True) for command in commands(FOLDER)]
    found = [f"{one.stdout}{one.stderr}".strip() for one in done if one.returncode]
    found += [f"The alert {name} has no test that sees it fire and stay silent." for name in sorted(untested(FOLDER))]
    print("\n".join(found) or "Configuration and rules hold, and every alert has its test.")
    return 1 if found else 0


if __name__ == "__main__":
    sys.exit(main())
