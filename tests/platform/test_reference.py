"""The reference platform, line by line: what it must have, a check of it here, and the tests that prove it further."""

from __future__ import annotations

import re
import subprocess
from collections.abc import Callable, Iterator
from dataclasses import dataclass
from typing import Any

import pytest
import yaml

from docker.hub import credentials
from script.development import lint, tenant_validation
from tests.platform.test_manifests import ENVIRONMENTS, ROOT, Object, catalog, configuration, of_kind, pods, rendered
from tests.platform.test_reachability import allowed, behind

MANIFESTS, REACH = "tests/platform/test_manifests.py", "tests/platform/test_reachability.py"
COMPOSE, STAND_INS = "tests/docker/test_compose.py", "tests/docker/test_hub_stand_ins.py"
VALIDATION, DEPLOYING = "tests/docker/test_tenant_validation.py", "tests/docs/test_deploying.py"
WORKFLOWS, PROTECTED = "tests/platform/test_workflows.py", "tests/platform/test_protected_lines.py"


@dataclass(frozen=True)
class Line:
    """One sentence of the reference, the check of it, and the tests that prove more of it (`file::name`)."""

    text: str
    check: Callable[[], None]
    proved_by: tuple[str, ...]


LINES: list[Line] = []


def line(text: str, *proved_by: str) -> Callable[[Callable[[], None]], Callable[[], None]]:
    """Put a sentence of the reference into the table."""

    def add(check: Callable[[], None]) -> Callable[[], None]:
        LINES.append(Line(text, check, proved_by))
        return check

    return add


def container(workload: str, environment: str = "production") -> Object:
    found: Object = dict(pods(environment))[workload]["containers"][0]
    return found


def health(workload: str) -> str:
    """The path that says whether a workload serves."""
    path: str = container(workload)["readinessProbe"]["httpGet"]["path"]
    return path


def ports(workload: str) -> set[int]:
    return {port["containerPort"] for port in container(workload)["ports"]}


def scraped() -> dict[str, str]:
    """Job to path, of Prometheus."""
    jobs = yaml.safe_load(text("monitoring/prometheus/prometheus.yaml"))["scrape_configs"]
    return {job["job_name"]: job.get("metrics_path", "/metrics") for job in jobs}


def text(path: str) -> str:
    return (ROOT / path).read_text("utf-8")


def has_objects(component: str, *kinds: str) -> None:
    for environment in ENVIRONMENTS:
        there = {item["kind"] for path, item in rendered(environment).items() if path.split("/")[0] == component}
        assert there >= set(kinds), (environment, component)


# Components


@line(
    "Backend & HubCore: kubernetes/backend/, pods, service and ingress; 4000; /api/health, /api/metrics, /api/hub/metrics"
)
def backend() -> None:
    has_objects("backend", "Deployment", "Service", "Ingress")
    assert ports("backend") == {4000}
    assert health("backend") == "/api/health"
    assert {scraped()["backend"], scraped()["hub"]} == {"/api/metrics", "/api/hub/metrics"}


@line("AI orchestrator: kubernetes/ai/, a deployment with autoscaling; 8080; /health, /metrics")
def orchestrator() -> None:
    has_objects("ai", "Deployment", "Service", "HorizontalPodAutoscaler")
    assert ports("orchestrator") == {8080}
    assert health("orchestrator") == "/health"
    assert scraped()["orchestrator"] == "/metrics"


@line(
    "Frontend: kubernetes/frontend/, CDN-friendly: cache headers, immutable assets path, compression; 3000",
    f"{STAND_INS}::test_the_frontend_is_as_a_cdn_likes_it",
)
def frontend() -> None:
    has_objects("frontend", "Deployment", "Service", "Ingress", "HorizontalPodAutoscaler")
    assert ports("frontend") == {3000}
    told = configuration("production", "hub-production", container("frontend")["envFrom"][0]["configMapRef"]["name"])
    assert told["ASSETS_CACHE_CONTROL"].endswith("immutable")
    pages = told["PAGES_CACHE_CONTROL"].split(", ")
    assert {"s-maxage=60", "stale-while-revalidate=300"} <= set(pages)
    assert "must-revalidate" not in pages, "a CDN that keeps to it may show nothing stale"
    assert told["COMPRESSION"]


@line(
    "Observability: Prometheus 9090 and Pushgateway 9091, Grafana 3001 to 3000, Tempo OTLP 4318 and 4319, Loki 3100",
    f"{COMPOSE}::test_ports_are_published_to_this_machine_alone_and_as_the_table_says",
)
def observability() -> None:
    home = "hub-production-monitoring"
    for service, port, workload, number in (
        ("prometheus", 9090, "prometheus", 9090), ("prometheus", 9091, "prometheus", 9091), ("grafana", 3001, "grafana", 3000),
        ("tempo", 4318, "tempo", 4318), ("tempo", 4319, "tempo", 4319), ("loki", 3100, "loki", 3100),
    ):  # fmt: skip
        found, target = behind("production", home, service, port)
        assert (found.workload, target) == (workload, number)


@line("Redis: kubernetes/platform/redis, shared, highly available, TLS; 6379")
def redis() -> None:
    state = next(item for item in of_kind("production", "StatefulSet") if item["metadata"]["name"] == "redis")
    assert state["spec"]["replicas"] == 3
    assert (ROOT / "kubernetes/platform/redis/values.schema.json").exists()
    settings = text("kubernetes/platform/redis/files/redis.conf")
    assert re.search(r"^port 0$", settings, re.MULTILINE), "nothing answers without TLS"
    assert "sentinel monitor" in text("kubernetes/platform/redis/files/sentinel.conf") + text(
        "kubernetes/platform/redis/files/start-sentinel.sh"
    )
    assert behind("production", "hub-production-platform", "redis", 6379)[0].workload == "redis"


@line("Kafka: kubernetes/platform/kafka, shared, highly available, TLS; 9092 and 9093")
def kafka() -> None:
    state = next(item for item in of_kind("production", "StatefulSet") if item["metadata"]["name"] == "kafka")
    assert state["spec"]["replicas"] == 3
    assert {9092, 9093} <= ports("kafka")
    settings = text("kubernetes/platform/kafka/files/server.properties")
    assert "process.roles=broker,controller" in settings, "without ZooKeeper"
    assert "PLAINTEXT" not in settings
    assert (ROOT / "kubernetes/platform/kafka/values.schema.json").exists()


# Tenants


@line("No manifest holds a tenant's name or value; namespaces and Helm values are tenant-agnostic",
      f"{MANIFESTS}::test_no_manifest_holds_a_tenants_name", f"{PROTECTED}::test_a_tenants_name_is_found_in_any_object")  # fmt: skip
def no_tenant() -> None:
    tenant_keys = {variable.key for variable in catalog().variables if variable.scope == "tenant" and variable.secret}
    for environment in ENVIRONMENTS:
        assert not tenant_keys & set(re.findall(r"[A-Z0-9_]{4,}", str(rendered(environment))))


@line("Tenants are isolated by the X-Tenant header",
      f"{STAND_INS}::test_who_is_no_tenant_sees_nothing", f"{VALIDATION}::test_what_a_hub_does_wrong_is_found")  # fmt: skip
def isolated() -> None:
    assert "x-tenant" in text("docker/hub/backend.py")


@line(
    "External or Sealed Secrets supply each tenant's credentials, mounted into the backend's pods; adding one changes no Deployment",
    f"{MANIFESTS}::test_the_backend_mounts_every_shard_of_tenants_and_waits_for_none",
    f"{STAND_INS}::test_a_tenant_comes_and_a_key_goes_without_a_restart",
)
def credentials_are_mounted() -> None:
    mounts = {mount["name"]: mount["mountPath"] for mount in container("backend")["volumeMounts"]}
    assert mounts["tenant-credentials"] in text("docker/hub/backend.py"), "the stand-in reads where the cluster mounts"


# Delivery


@line("Releases are coordinated through Argo CD Applications in argo/ overlays",
      "tests/platform/test_argo_is_generated.py::test_each_environment_has_one_application_for_each_component")  # fmt: skip
def applications() -> None:
    for environment in ENVIRONMENTS:
        there = {path.stem for path in (ROOT / "argo/overlays" / environment).glob("*.yaml")}
        assert there >= {component.name for component in catalog().components} | {"project", "kustomization"}


@line("Environment-specific values are set before promoting: values files and overlays for each environment")
def values() -> None:
    for environment in ENVIRONMENTS:
        for chart in ("redis", "kafka"):
            assert (ROOT / f"kubernetes/platform/{chart}/values-{environment}.yaml").exists()
        assert (ROOT / f"kubernetes/environments/{environment}").is_dir()


@line("Production has autoscalers and disruption budgets",
      f"{MANIFESTS}::test_production_scales_and_survives_the_loss_of_a_node", f"{PROTECTED}::test_breaking_any_protected_line_is_found")  # fmt: skip
def scales() -> None:
    scaled = {item["spec"]["scaleTargetRef"]["name"] for item in of_kind("production", "HorizontalPodAutoscaler")}
    assert scaled == {"backend", "orchestrator", "frontend"}


@line("TLS for every ingress, by an issuer of the cluster", f"{MANIFESTS}::test_ingress_is_by_tls_only")
def tls() -> None:
    for environment in ENVIRONMENTS:
        secrets = {entry["secretName"] for item in of_kind(environment, "Ingress") for entry in item["spec"]["tls"]}
        made = {item["spec"]["secretName"]: item["spec"]["issuerRef"] for item in of_kind(environment, "Certificate")}
        assert secrets
        assert all(made[secret]["kind"] == "ClusterIssuer" for secret in secrets)


@line("NetworkPolicies allow OTLP 4318 and 4319 and Prometheus 9090 between namespaces, and deny the rest by default",
      f"{REACH}::test_traces_and_scrapes_cross_namespaces_and_nothing_else_does_but_what_is_needed",
      f"{REACH}::test_whatever_a_workload_is_told_to_ask_it_may_reach")  # fmt: skip
def network() -> None:
    for environment in ENVIRONMENTS:
        namespaces = {
            item["metadata"]["namespace"] for item in rendered(environment).values() if "namespace" in item["metadata"]
        }
        denied = {
            item["metadata"]["namespace"]
            for item in of_kind(environment, "NetworkPolicy")
            if item["metadata"]["name"] == "default-deny"
        }
        assert denied == namespaces
        crossing = {number for (source, target), found in allowed(environment).items() for number in found
                    if source.namespace != target.namespace and target.workload in ("tempo", "prometheus")}  # fmt: skip
        assert {4318, 4319, 9090} <= crossing


@line("The short names resolve from every namespace (ExternalName Services)",
      f"{MANIFESTS}::test_the_short_names_resolve_from_every_namespace")  # fmt: skip
def short_names() -> None:
    names = {
        item["metadata"]["name"]
        for item in of_kind("production", "Service")
        if item["spec"].get("type") == "ExternalName"
    }
    assert names >= {"tempo", "loki", "prometheus", "redis", "kafka"}


@line("The Pushgateway is a sidecar behind the Service prometheus")
def pushgateway() -> None:
    names = [one["name"] for one in dict(pods("production"))["prometheus"]["containers"]]
    assert "pushgateway" in names


@line("Databases are external: who gets DATABASE_URL mounts a CA and uses verify-full",
      f"{MANIFESTS}::test_pods_with_a_database_check_its_certificate")  # fmt: skip
def databases() -> None:
    assert "postgres" not in {name for name, _ in pods("production")}


@line(
    "Issuers and secret stores are named, never created",
    f"{MANIFESTS}::test_no_secret_and_nothing_of_the_whole_cluster_is_rendered",
)
def named_only() -> None:
    for environment in ENVIRONMENTS:
        assert of_kind(environment, "Issuer", "ClusterIssuer", "SecretStore", "ClusterSecretStore") == []


@line("Scrape configuration under monitoring/prometheus/; targets match the cluster's services, which a check proves",
      f"{REACH}::test_prometheus_reaches_every_target_and_grafana_every_source", f"{PROTECTED}::test_breaking_any_scrape_target_is_found",
      f"{COMPOSE}::test_prometheus_scrapes_services_of_the_stack_by_the_names_that_the_cluster_has")  # fmt: skip
def targets() -> None:
    assert len(scraped()) > 6


@line("Tempo and Loki are reached at http://tempo:4318/v1/traces and http://loki:3100")
def tempo_and_loki() -> None:
    for environment in ENVIRONMENTS:
        told = configuration(
            environment, f"hub-{environment}", container("backend", environment)["envFrom"][0]["configMapRef"]["name"]
        )
        assert told["OTEL_EXPORTER_OTLP_ENDPOINT"] == "http://tempo:4318"
        assert told["LOKI_URL"] == "http://loki:3100"


# Required variables: key, scope, secret, on the tenant checklist, default in the cluster

VARIABLES = (
    ("DATABASE_URL", "environment", True, False, None),
    ("REDIS_URL", "environment", True, False, "rediss://redis:6379"),
    ("KAFKA_BROKERS", "environment", False, False, "kafka:9093"),
    ("AI_ORCHESTRATOR_URL", "environment", False, False, "http://orchestrator:8080"),
    ("HUB_REGISTRY_URL", "environment", False, True, "http://backend:4000/api/hub/registry"),
    ("OTEL_EXPORTER_OTLP_ENDPOINT", "environment", False, False, "http://tempo:4318"),
    ("PROMETHEUS_PUSHGATEWAY_URL", "environment", False, True, "http://prometheus:9091"),
    ("TEMPO_ENDPOINT", "environment", False, True, "http://tempo:4318"),
    ("DOKTOR365_BASE_URL", "tenant", False, False, None),
    ("DOKTOR365_SECRET", "tenant", True, True, None),
    ("ONLYCHANNEL_BASE_URL", "tenant", False, False, None),
    ("ONLYCHANNEL_ACCOUNT_TOKEN", "tenant", True, True, None),
)


@line("Twelve required variables with scope, secrecy and default",
      f"{MANIFESTS}::test_the_hub_gets_every_variable_of_the_environment", f"{PROTECTED}::test_a_required_variable_that_no_manifest_gives_any_more_is_found")  # fmt: skip
def variables() -> None:
    found = {one.key: (one.key, one.scope, one.secret, one.checklist, one.default) for one in catalog().variables}
    assert list(found.values()) == list(VARIABLES)


@line(
    "The tenant deployment checklist is five keys",
    f"{VALIDATION}::test_each_missing_or_misshapen_key_is_named_and_no_value_shown",
)
def checklist() -> None:
    five = {key for key, _, _, is_on_it, _ in VARIABLES if is_on_it}
    assert set(tenant_validation.SHAPES) == five == {*credentials.OF_ENVIRONMENT, *credentials.OF_TENANT}


@line("OnlyChannel's token is ak_, 32 and 8 hexadecimal digits")
def token() -> None:
    shape = tenant_validation.SHAPES["ONLYCHANNEL_ACCOUNT_TOKEN"]
    assert shape.fullmatch("_".join(("ak", "0f" * 16, "0f" * 4)))
    assert not shape.fullmatch("_".join(("ak", "0f" * 16)))


# The hub's own interface


@line("POST /api/hub/events under X-Tenant with id, tenantId, type, source, timestamp, payload; 200 or 202 with a status",
      f"{STAND_INS}::test_an_event_is_kept_once_in_its_tenants_stream", f"{STAND_INS}::test_a_wrong_event_is_refused_and_not_kept",
      f"{DEPLOYING}::test_the_deployment_guide_tells_the_hub_and_deploys")  # fmt: skip
def hub_events() -> None:
    assert '"type": "infra.deploy", "source": "argo"' in text("docs/DEPLOYMENT_GUIDE.md")


@line("GET /api/health, /api/tenants, /api/hub/metrics with series that carry tenant_id",
      f"{STAND_INS}::test_every_series_of_the_hub_carries_its_tenant",
      f"{STAND_INS}::test_tenants_are_listed_and_under_a_header_one_alone")  # fmt: skip
def hub_reads() -> None:
    for path in ("/api/health", "/api/tenants", "/api/hub/metrics"):
        assert f'Route("{path}"' in text("docker/hub/backend.py")


@line("Redis keys {tenant}:hub:registry:agents, {tenant}:onlychannel:token for 55 minutes, {tenant}:hub:events",
      f"{STAND_INS}::test_the_registry_is_cached_and_the_token_lives_for_55_minutes")  # fmt: skip
def redis_keys() -> None:
    for key in ("{tenant}:hub:registry:agents", "{tenant}:onlychannel:token", "{event.tenant}:hub:events"):
        assert key in text("docker/hub/store.py")


@line("Kafka topics tenant.{tenant}.…, with access by the prefix")
def topics() -> None:
    assert yaml.safe_load(text("kubernetes/platform/kafka/values.yaml"))["topicPrefix"] == "tenant."
    assert "--resource-pattern-type prefixed" in text("kubernetes/platform/kafka/files/access.sh")


@line("The hub's metrics have a place in rules or dashboards",
      "tests/platform/test_dashboards.py::test_every_figure_that_is_asked_for_is_given")  # fmt: skip
def metrics() -> None:
    everything = "".join(path.read_text("utf-8") for path in (ROOT / "monitoring").rglob("*.*"))
    for name in (
        "hub_tenant_request_total",
        "hub_agent_latency_seconds",
        "hub_agent_error_total",
        "hub_orchestrator_health",
    ):
        assert name in everything


# Local stack and delivery


@line("docker/docker-compose.yml brings up all services; .env.local is made from an example whose secrets are empty",
      f"{COMPOSE}::test_the_local_stack_has_every_service_of_the_platform",
      f"{VALIDATION}::test_the_example_holds_every_required_variable_and_no_secret")  # fmt: skip
def compose() -> None:
    ignored = subprocess.run(["git", "check-ignore", "docker/.env.local"], cwd=ROOT, capture_output=True, text=True)
    assert ignored.stdout.strip() == "docker/.env.local"


@line("Overrides in docker/ serve the tenant validation workflow",
      "tests/docker/test_tenant_validation_workflow.py::test_the_steps_validate_a_tenant_and_leave_nothing_running")  # fmt: skip
def overrides() -> None:
    assert "docker/docker-compose.tenant-validation.yml" in text(".github/workflows/tenant-validation.yml")


@line("deploy-staging.yml and deploy-production.yml publish images and go through the panel: release, promotion, verdict",
      f"{DEPLOYING}::test_the_workflows_take_a_commit_to_staging_and_then_to_production",
      f"{WORKFLOWS}::test_a_tenant_is_validated_before_anything_is_published")  # fmt: skip
def workflows() -> None:
    for name in ("staging", "production"):
        assert f"script/deploy {name} " in text(f".github/workflows/deploy-{name}.yml")


@line("script/tenant-validation TENANT posts an event, reads it back, checks keys, health, and that another tenant sees nothing",
      f"{VALIDATION}::test_a_tenant_that_is_served_passes_every_check", f"{VALIDATION}::test_what_a_hub_does_wrong_is_found")  # fmt: skip
def validation() -> None:
    assert (ROOT / "script/tenant-validation").stat().st_mode & 0o100


@line("docs/ARCHITECTURE.md and docs/DEPLOYMENT_GUIDE.md, with the hub event as a curl example that a test runs",
      f"{DEPLOYING}::test_the_deployment_guide_tells_the_hub_and_deploys")  # fmt: skip
def documents() -> None:
    assert "](pictures/platform.svg)" in text("docs/ARCHITECTURE.md")
    assert "```sh\nHUB=" in text("docs/DEPLOYMENT_GUIDE.md")


@line("script/deploy ENVIRONMENT RELEASE calls the panel", f"{DEPLOYING}::test_a_rollout_that_is_stuck_is_for_a_person")
def deploy() -> None:
    assert (ROOT / "script/deploy").stat().st_mode & 0o100


@line("Hooks validate the manifests with kubectl kustomize and lint the Compose files")
def hooks() -> None:
    found = {hook["id"]: hook["entry"] for hook in yaml.safe_load(text(".pre-commit-config.yaml"))["repos"][0]["hooks"]}
    assert {"kustomize", "compose", "literal-secrets", "policies"} <= found.keys()
    assert {"overlays", "compose", "secrets", "policies", "diagram"} <= {check.name for check in lint.checks()}


@line("No password of an administrator, no secret on a laptop or in a README",
      f"{WORKFLOWS}::test_the_only_secret_is_the_panels_token_and_only_its_environment_has_it",
      "tests/core/test_literal_secrets.py::test_the_repository_holds_no_credential_and_raises_no_false_alarm")  # fmt: skip
def no_password() -> None:
    assert "argocd login" not in "".join(path.read_text() for path in (ROOT / ".github/workflows").iterdir())


@pytest.mark.parametrize("one", LINES, ids=lambda one: one.check.__name__)
def test_a_line_of_the_reference_holds(one: Line) -> None:
    one.check()


@pytest.mark.parametrize("one", LINES, ids=lambda one: one.check.__name__)
def test_what_proves_a_line_exists(one: Line) -> None:
    for proof in one.proved_by:
        file, _, name = proof.partition("::")
        assert f"def {name}(" in text(file), proof


def test_every_line_has_its_own_check() -> None:
    names: Iterator[Any] = (one.check.__name__ for one in LINES)
    assert len(set(names)) == len(LINES) == len({one.text for one in LINES})
