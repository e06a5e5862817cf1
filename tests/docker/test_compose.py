"""The Compose files: all services of the platform, healthy in order, by digest, on the files that Kubernetes uses."""

from __future__ import annotations

import re
from pathlib import Path
from typing import Any

import pytest
import yaml

from script.development import local_environment
from tests.world import ROOT

DOCKER = ROOT / "docker"
FILES = ("docker-compose.yml", "docker-compose.tenant-validation.yml", "panel.compose.yml")
DIGEST = re.compile(r"\S+:\S+@sha256:[0-9a-f]{64}")
INTERPOLATED = re.compile(r"\$\{([A-Z0-9_]+)")
PUBLISHED = {
    "backend": {"4000:4000"}, "orchestrator": {"8080:8080"}, "frontend": {"3000:3000"}, "grafana": {"3001:3000"},
    "prometheus": {"9090:9090", "9091:9091"}, "tempo": {"4318:4318", "4319:4319"}, "loki": {"3100:3100"},
}  # fmt: skip
"""The table of ports of the platform: the machine's and the container's."""

NOT_IN_THE_STACK = "control-panel"
"""Runs beside it: docker/panel.compose.yml, or script/server."""

Service = dict[str, Any]


def services(file: str) -> dict[str, Service]:
    found: dict[str, Service] = yaml.safe_load((DOCKER / file).read_text("utf-8"))["services"]
    return found


WHOLE = [(file, name) for file in ("docker-compose.yml", "panel.compose.yml") for name in services(file)]


def test_the_local_stack_has_every_service_of_the_platform() -> None:
    wanted = {
        "redis",
        "kafka",
        "tempo",
        "prometheus",
        "pushgateway",
        "grafana",
        "loki",
        "backend",
        "orchestrator",
        "frontend",
    }
    assert services("docker-compose.yml").keys() >= wanted


def test_ports_are_published_to_this_machine_alone_and_as_the_table_says() -> None:
    published = {
        name: {port.removeprefix("127.0.0.1:") for port in service["ports"]}
        for name, service in services("docker-compose.yml").items()
        if "ports" in service
    }
    assert published == PUBLISHED
    for file in FILES[:2]:
        for name, service in services(file).items():
            assert all(port.startswith("127.0.0.1:") for port in service.get("ports", ())), name


@pytest.mark.parametrize(("file", "name"), WHOLE)
def test_images_are_pinned_by_digest_or_built_here(file: str, name: str) -> None:
    service = services(file)[name]
    assert DIGEST.fullmatch(service["image"]) or service["build"]["context"] == ".."


@pytest.mark.parametrize(("file", "name"), WHOLE)
def test_a_service_is_nobody_and_writes_to_few_places(file: str, name: str) -> None:
    service = services(file)[name]
    assert service["cap_drop"] == ["ALL"]
    assert service["security_opt"] == ["no-new-privileges:true"]
    assert service["read_only"] is True or name == "kafka"
    assert {"mem_limit", "cpus"} <= service.keys()
    assert name in ("kafka", "proxy") or service["user"].split(":")[0] != "0"


@pytest.mark.parametrize("file", ["docker-compose.yml", "panel.compose.yml"])
def test_every_service_is_healthy_before_those_that_need_it(file: str) -> None:
    """Tempo's image cannot ask itself: `tempo-ready` asks for it. A service that runs once ends before the others begin."""
    found = services(file)
    asked_by_others = {"tempo", "migrate", "proxy"}
    for name, service in found.items():
        assert "healthcheck" in service or name in asked_by_others, name
        for needed, how in service.get("depends_on", {}).items():
            assert how["condition"] != "service_healthy" or "healthcheck" in found[needed], (name, needed)
    assert order(found)[-1] in ("frontend", "proxy", "grafana")


def order(found: dict[str, Service]) -> list[str]:
    """The services, each behind what it needs; fails where two need each other."""
    done: list[str] = []
    while len(done) < len(found):
        ready = [name for name in found if name not in done and found[name].get("depends_on", {}).keys() <= set(done)]
        assert ready, "services need each other in a circle"
        done += ready
    return done


def test_needs_are_the_catalogs() -> None:
    needs = {name: set(service.get("depends_on", ())) for name, service in services("docker-compose.yml").items()}
    assert "backend" in needs["frontend"]
    assert "orchestrator" in needs["backend"]
    assert {"redis", "kafka", "tempo-ready"} <= needs["orchestrator"]


@pytest.mark.parametrize("file", FILES)
def test_what_is_mounted_from_the_checkout_is_there(file: str) -> None:
    for name, service in services(file).items():
        for volume in service.get("volumes", ()):
            source = volume.split(":")[0]
            if source.startswith(".") and source != local_environment.TENANTS.name:
                assert (DOCKER / source).exists(), (name, source)


def test_the_tenants_credentials_are_mounted_where_the_command_writes_them() -> None:
    volume = services("docker-compose.tenant-validation.yml")["backend"]["volumes"][0]
    assert (DOCKER / volume.split(":")[0]).relative_to(ROOT) == local_environment.TENANTS
    assert volume.endswith(":/etc/tenants:ro")


@pytest.mark.parametrize(
    ("files", "example"),
    [(FILES[:2], ".env.local.example"), (FILES[2:], ".env.panel.example")],
)
def test_every_variable_stands_in_the_example_and_none_beyond(files: tuple[str, ...], example: str) -> None:
    used = {name for file in files for name in INTERPOLATED.findall((DOCKER / file).read_text("utf-8"))}
    known = local_environment.read((DOCKER / example).read_text("utf-8")).keys()
    of_tenants_files = set(local_environment.OF_TENANT) if "local" in example else set()
    assert used - known <= {"HUB_BACKEND", "HUB_ORCHESTRATOR", "HUB_FRONTEND"}
    assert known - used == of_tenants_files


def test_the_panels_secrets_are_empty_in_the_example() -> None:
    known = local_environment.read((DOCKER / ".env.panel.example").read_text("utf-8"))
    secret = [name for name in known if re.search("PASSWORD|TOKEN|SECRET", name)]
    assert len(secret) > 4
    assert [name for name in secret if known[name]] == []


def test_web_gets_no_key_of_git_or_argo_cd_and_worker_and_watch_do() -> None:
    found = services("panel.compose.yml")
    prefixes = ("ARGOCD_", "DEPLOY_REPO_", "PLATFORM_REPO_")
    of = {
        name: {
            key for key in found[name]["environment"] if key.startswith(prefixes) and not key.endswith("_COMMIT_URL")
        }
        for name in ("web", "migrate", "worker", "watch")
    }
    assert of["web"] == of["migrate"] == set()
    assert of["worker"] == of["watch"] >= {"ARGOCD_TOKEN", "DEPLOY_REPO_PASSWORD"}


def test_worker_and_watch_alone_get_further_variables_and_files() -> None:
    found = services("panel.compose.yml")
    for name, service in found.items():
        is_delivery = name in ("worker", "watch")
        assert service.get("env_file", []) == ([".env.panel"] if is_delivery else [])
        assert ("./panel-files:/etc/control-panel:ro" in service.get("volumes", ())) == is_delivery
    ignored = (ROOT / ".gitignore").read_text("utf-8").splitlines()
    assert {"/docker/.env.panel", "/docker/panel-files/*"} <= set(ignored)


def scrape_targets(text: str) -> set[tuple[str, int]]:
    """Host and port of every target that a Prometheus configuration names."""
    targets = set()
    for job in yaml.safe_load(text)["scrape_configs"]:
        for group in job.get("static_configs", ()):
            targets |= {(host, int(port)) for host, port in (target.split(":") for target in group["targets"])}
        for found in job.get("dns_sd_configs", ()):
            targets |= {(name, found["port"]) for name in found["names"]}
    return targets


def test_prometheus_scrapes_services_of_the_stack_by_the_names_that_the_cluster_has() -> None:
    found = services("docker-compose.yml")
    path = Path(found["prometheus"]["volumes"][0].split(":")[0]) / "prometheus.yaml"
    for host, port in scrape_targets((DOCKER / path).read_text("utf-8")):
        assert host in found or host == NOT_IN_THE_STACK, f"{host}:{port}"
