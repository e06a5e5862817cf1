"""What stood in the Git repositories while the scenarios were recorded, and a sandbox set up for each of them."""

from __future__ import annotations

from typing import Any

from tests.contract.transcripts import exchange
from tests.sandbox.conftest import Argo, DeployRepository, Json, Running, config_map, deployment, git
from tests.sandbox.replay import Replay

PLATFORM = "https://git.example.test/platform.git"
DEPLOY = "http://git.example.test/deploy.git"
SELECTOR = {"app.kubernetes.io/name": "backend"}
IMAGE = "registry.example.test/backend"
HOOK, WAVE = "argocd.argoproj.io/hook", "argocd.argoproj.io/sync-wave"


def workload(name: str, image: str, deadline: int = 600) -> Json:
    """A Deployment as it stood there."""
    made = deployment(name, image, deadline=deadline)
    made["spec"]["template"]["spec"]["containers"][0]["envFrom"] = [{"configMapRef": {"name": f"{name}-config"}}]
    return made


def backend(version: str, level: str) -> list[Json]:
    """The whole component of `sync-success`."""
    return [config_map("backend-config", LOG_LEVEL=level), workload("backend", f"{IMAGE}:{version}"), SERVICE, BUDGET]


SERVICE: Json = {
    "apiVersion": "v1", "kind": "Service", "metadata": {"name": "backend"},
    "spec": {"ports": [{"name": "http", "port": 4000, "targetPort": "http"}], "selector": SELECTOR},
}  # fmt: skip
BUDGET: Json = {
    "apiVersion": "policy/v1", "kind": "PodDisruptionBudget", "metadata": {"name": "backend"},
    "spec": {"minAvailable": 1, "selector": {"matchLabels": SELECTOR}},
}  # fmt: skip


def job(image: str) -> Json:
    """A PreSync hook."""
    spec = {"containers": [{"name": "migrate", "image": image}], "restartPolicy": "Never"}
    metadata = {"name": "migrate", "annotations": {HOOK: "PreSync"}}
    return {"apiVersion": "batch/v1", "kind": "Job", "metadata": metadata, "spec": {"template": {"spec": spec}}}


def in_wave(manifest: Json, wave: int) -> Json:
    """The object in a sync wave."""
    manifest["metadata"].setdefault("annotations", {})[WAVE] = str(wave)
    return manifest


def hooked(version: str) -> list[Json]:
    """`hooks-and-waves`: a Job first, then a ConfigMap, then a Deployment."""
    image = f"{IMAGE}:{version}"
    return [job(image), config_map("backend-config", LOG_LEVEL="info"), in_wave(workload("backend", f"{IMAGE}:v1"), 2)]


def external_secret(name: str, key: str = "hub/chat365/onlychannel") -> Json:
    """Two keys of the store."""
    data = [
        {"remoteRef": {"key": key, "property": "token"}, "secretKey": "chat365.ONLYCHANNEL_ACCOUNT_TOKEN"},
        {"remoteRef": {"key": "hub/chat365/doktor365", "property": "hmac"}, "secretKey": "chat365.DOKTOR365_SECRET"},
    ]
    spec = {"data": data, "refreshInterval": "1h", "secretStoreRef": {"kind": "ClusterSecretStore", "name": "hub-store"},
            "target": {"deletionPolicy": "Merge", "name": name}}  # fmt: skip
    return {"apiVersion": "external-secrets.io/v1", "kind": "ExternalSecret", "metadata": {"name": name}, "spec": spec}


def named(version: str, kind: str, name: str, **spec: Any) -> Json:
    """An object with a spec."""
    return {"apiVersion": version, "kind": kind, "metadata": {"name": name}, "spec": spec}


def everything() -> list[Json]:
    """`day-two`: every kind that the platform uses."""
    rule = {"host": "hub.example.test", "http": {"paths": [{"path": "/api", "pathType": "Prefix", "backend": {
        "service": {"name": "backend", "port": {"name": "http"}}}}]}}  # fmt: skip
    claim = {"metadata": {"name": "data"}, "spec": {"accessModes": ["ReadWriteOnce"]}}
    pod = {
        "metadata": {"labels": {"app": "redis"}},
        "spec": {"containers": [{"name": "redis", "image": "registry.example.test/redis:7"}]},
    }
    secret = {"apiVersion": "v1", "kind": "Secret", "metadata": {"name": "plain"}, "data": {"password": "cGxhaW4="}}
    target = {"apiVersion": "apps/v1", "kind": "Deployment", "name": "backend"}
    return [
        *backend("v1", "info"), secret, external_secret("tenant-credentials"), external_secret("tenant-failing", "unreachable"),
        named("networking.k8s.io/v1", "NetworkPolicy", "backend", podSelector={"matchLabels": SELECTOR}),
        named("networking.k8s.io/v1", "Ingress", "backend", rules=[rule], tls=[{"hosts": ["hub.example.test"], "secretName": "hub-tls"}]),
        named("autoscaling/v2", "HorizontalPodAutoscaler", "backend", scaleTargetRef=target, minReplicas=2, maxReplicas=4),
        named("cert-manager.io/v1", "Certificate", "hub", secretName="hub-tls"),
        named("apps/v1", "StatefulSet", "redis", replicas=2, serviceName="redis", selector={"matchLabels": {"app": "redis"}},
              template=pod, volumeClaimTemplates=[claim]),
    ]  # fmt: skip


class Stage:
    """A sandbox with the recorded project and its role's token."""

    def __init__(self, running: Running, admin: Argo, repository: DeployRepository) -> None:
        self.running = running
        self.admin = admin
        self.repository = repository
        setup = self.replay("projects", admin)
        setup.step(1)
        self.deployer = Argo(running.url, setup.step(5).json()["token"])

    def replay(self, scenario: str, argo: Argo | None = None) -> Replay:
        """A replay by the role's token, or another client."""
        replay = Replay(scenario, self.running, argo or self.deployer)
        replay.repository(PLATFORM, self.repository)
        return replay

    def create(self, scenario: str, index: int = 0) -> None:
        """The Application that an exchange of another scenario created, synced and healthy."""
        made = self.replay(scenario).send(exchange(scenario, index))
        assert made.status_code == 200, made.text

    def permit(self, url: str) -> None:
        """Let the project read another repository."""
        project = self.admin.get("/api/v1/projects/hub").json()
        project["spec"]["sourceRepos"].append(url)
        assert self.admin.post("/api/v1/projects", {"project": project, "upsert": True}).status_code == 200


def push(repository: DeployRepository, bare: str, *refs: str, lease: str = "") -> tuple[int, list[str]]:
    """Push atomically; the exit code and what git says about refused refs."""
    import subprocess

    command = ["git", "-C", str(repository.directory), "push", "--atomic", *([lease] if lease else []), bare, *refs]
    done = subprocess.run(command, capture_output=True, text=True, check=False)
    lines = [line for line in done.stderr.splitlines() if "rejected" in line or "up-to-date" in line]
    return done.returncode, lines


__all__ = [
    "BUDGET",
    "DEPLOY",
    "PLATFORM",
    "SERVICE",
    "Stage",
    "backend",
    "everything",
    "git",
    "hooked",
    "push",
    "workload",
]
