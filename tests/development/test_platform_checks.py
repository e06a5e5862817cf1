"""What `script/lint` checks without a cluster, without Docker and without a Prometheus finds what is planted."""

from __future__ import annotations

import subprocess
from pathlib import Path
from typing import Any

import pytest

from script.development import compose, prometheus, schemas
from script.development.paths import ROOT


def deployment(**spec: Any) -> dict[str, Any]:
    container = {"name": "a", "image": "a"}
    template = {"metadata": {"labels": {"app": "a"}}, "spec": {"containers": [container]}}
    whole = {"selector": {"matchLabels": {"app": "a"}}, "template": template, **spec}
    return {"apiVersion": "apps/v1", "kind": "Deployment", "metadata": {"name": "a"}, "spec": whole}


@pytest.mark.parametrize(
    ("item", "word"),
    [
        (deployment(replica=2), "replica"),
        (deployment(replicas="two"), "two"),
        ({**deployment(), "apiVersion": "apps/v9"}, "no Deployment of apps/v9"),
        ({"apiVersion": "example.com/v1", "kind": "Odd", "metadata": {"name": "a"}}, "no Odd"),
        ({"apiVersion": "external-secrets.io/v1", "kind": "ExternalSecret", "spec": {"refreshIntervall": "1h"}}, "refreshIntervall"),
        ({"apiVersion": "cert-manager.io/v1", "kind": "Certificate", "spec": {"dnsNames": ["a"]}}, "issuerRef"),
    ],
)  # fmt: skip
def test_a_mistake_in_an_object_is_found_in_every_version(item: dict[str, Any], word: str) -> None:
    [*found] = schemas.problems(item)
    assert any(word in text for text in found)
    assert not any("1.3" in text for text in found), "it is wrong everywhere, and said once"


def test_a_field_that_only_newer_versions_know_is_said_with_the_versions() -> None:
    released = schemas.VERSIONS
    assert released == ("1.33", "1.34", "1.35", "1.36", "1.37")
    assert list(schemas.problems(deployment(replicas=2))) == []


@pytest.mark.parametrize(
    ("text", "word"),
    [
        ("services: {a: {image: x, imgae: y}}", "imgae"),
        ("services: {a: {image: x, healthcheck: {intervall: 3s}}}", "intervall"),
        ("services: [", "expected"),
        ("volume: {}", "volume"),
    ],
)
def test_a_mistake_in_a_compose_file_is_found(tmp_path: Path, text: str, word: str) -> None:
    (tmp_path / "docker-compose.yml").write_text(text)
    assert word in " ".join(compose.problems(tmp_path / "docker-compose.yml"))


def test_an_alert_without_a_test_is_named(tmp_path: Path) -> None:
    for folder in ("rules", "tests"):
        (tmp_path / folder).mkdir()
    (tmp_path / "rules/a.yaml").write_text(
        "groups: [{name: a, rules: [{alert: Tried, expr: up}, {alert: Forgotten, expr: up}, {record: b}]}]"
    )
    checks = "{alertname: Tried, exp_alerts: [{}]}, {alertname: Tried, exp_alerts: []}, {alertname: Forgotten, exp_alerts: []}"
    (tmp_path / "tests/a.yaml").write_text(f"tests: [{{alert_rule_test: [{checks}]}}]")
    assert prometheus.untested(tmp_path) == {"Forgotten"}


def test_every_alert_of_the_platform_has_a_test_that_sees_it_fire_and_stay_silent() -> None:
    assert prometheus.untested(prometheus.FOLDER) == set()


def test_promtool_that_is_missing_fails_with_the_one_command(
    monkeypatch: pytest.MonkeyPatch, capsys: pytest.CaptureFixture[str]
) -> None:
    monkeypatch.setattr(prometheus, "PROMTOOL", Path("/nowhere/promtool"))
    assert prometheus.main() == 1
    assert capsys.readouterr().out == "promtool is missing. Install it: script/promtool\n"


@pytest.mark.skipif(not prometheus.PROMTOOL.exists(), reason="script/promtool installs it")
def test_a_rule_that_promtool_refuses_is_found(tmp_path: Path) -> None:
    (tmp_path / "a.yaml").write_text("groups: [{name: a, rules: [{alert: A, expr: 'up =='}]}]")
    done = subprocess.run([prometheus.PROMTOOL, "check", "rules", tmp_path / "a.yaml"], capture_output=True, text=True)
    assert done.returncode == 1


def test_the_hooks_run_what_lint_runs() -> None:
    text = (ROOT / ".pre-commit-config.yaml").read_text("utf-8")
    for module in ("overlays", "charts", "policies", "compose", "literal_secrets"):
        assert f"script.development.{module}" in text
