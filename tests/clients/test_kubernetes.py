"""Server-side dry run against recorded answers of a real Kubernetes 1.36, through the official client."""

from __future__ import annotations

import json
import threading
from collections.abc import Iterator
from http.server import BaseHTTPRequestHandler, ThreadingHTTPServer
from pathlib import Path
from typing import Any
from urllib.parse import parse_qs, urlsplit

import pytest
import yaml

from controlpanel.clients.errors import Ambiguous, CredentialsRefused, NotSent, PermissionRefused
from controlpanel.clients.kubernetes import Kubernetes

RECORDED = json.loads((Path(__file__).parent.parent / "contract/transcripts/kubernetes-dry-run.json").read_text())
PATCHES = [
    one
    for one in RECORDED["exchanges"]
    if one["request"]["method"] == "PATCH" and "fieldValidation" in one["request"]["params"]
]
STRICT = {one["note"]: one for one in PATCHES if one["request"]["params"]["fieldValidation"] == "Strict"}
RESOURCES = {
    "/apis/apps/v1": [
        {"name": "deployments", "kind": "Deployment", "namespaced": True},
        {"name": "deployments/status", "kind": "Deployment", "namespaced": True},
    ]
}


class Cluster(ThreadingHTTPServer):
    """Answers one recorded exchange, and discovery."""

    def __init__(self) -> None:
        super().__init__(("127.0.0.1", 0), Handler)
        self.answer: tuple[int, Any] = (500, {})
        self.seen: list[tuple[str, str, dict[str, list[str]], str]] = []


class Handler(BaseHTTPRequestHandler):
    server: Cluster

    def do_GET(self) -> None:
        path = urlsplit(self.path).path
        if "/secrets/" in path:
            self.server.seen.append((path, self.headers["Accept"], {}, ""))
            self._send(*self.server.answer)
            return
        self._send(200, {"kind": "APIResourceList", "resources": RESOURCES[path]}) if path in RESOURCES else self._send(
            404, "404 page not found\n"
        )

    def do_PATCH(self) -> None:
        body = self.rfile.read(int(self.headers["Content-Length"])).decode()
        url = urlsplit(self.path)
        self.server.seen.append((url.path, self.headers["Content-Type"], parse_qs(url.query), body))
        self._send(*self.server.answer)

    def _send(self, status: int, body: Any) -> None:
        content = (body if isinstance(body, str) else json.dumps(body)).encode()
        self.send_response(status)
        self.send_header("Content-Length", str(len(content)))
        self.end_headers()
        self.wfile.write(content)

    def log_message(self, *_: Any) -> None:
        """Quiet."""


@pytest.fixture
def cluster() -> Iterator[Cluster]:
    with Cluster() as server:
        thread = threading.Thread(target=server.serve_forever, kwargs={"poll_interval": 0.01})
        thread.start()
        yield server
        server.shutdown()
        thread.join()


@pytest.fixture
def kubernetes(cluster: Cluster, tmp_path: Path) -> Kubernetes:
    return Kubernetes.of_kubeconfig(kubeconfig(tmp_path, cluster.server_address[1]))


def kubeconfig(directory: Path, port: int) -> Path:
    path = directory / "kubeconfig"
    content = {
        "apiVersion": "v1", "kind": "Config", "current-context": "c",
        "clusters": [{"name": "c", "cluster": {"server": f"http://127.0.0.1:{port}"}}],
        "users": [{"name": "u", "user": {"token": "t"}}],
        "contexts": [{"name": "c", "context": {"cluster": "c", "user": "u"}}],
    }  # fmt: skip
    path.write_text(yaml.safe_dump(content))
    return path


@pytest.mark.parametrize(
    ("note", "problems"),
    [
        ("server-side apply, dry run, valid", ()),
        ("unknown field, Strict", ("failed to create typed patch object (default/dry-run; apps/v1, Kind=Deployment): .spec.replicaz: field not declared in schema",)),
        ("wrong type", ("failed to create typed patch object (default/dry-run; apps/v1, Kind=Deployment): .spec.replicas: expected numeric (int or float), got string",)),
        (
            "invalid object (selector does not match, no image)",
            (
                'spec.template.metadata.labels: Invalid value: {"a":"c"}: `selector` does not match template `labels`',
                "spec.template.spec.containers[0].image: Required value",
            ),
        ),
    ],
)  # fmt: skip
def test_a_recorded_answer_becomes_the_problems_of_the_object(
    cluster: Cluster, kubernetes: Kubernetes, note: str, problems: tuple[str, ...]
) -> None:
    exchange = STRICT[note]
    cluster.answer = (exchange["response"]["status"], exchange["response"]["body"])
    result = kubernetes.dry_run(json.loads(exchange["request"]["body"]))
    assert result.problems == problems
    path, content_type, query, body = cluster.seen[0]
    assert path == exchange["request"]["path"]
    assert content_type == "application/apply-patch+yaml"
    assert {key: value[0] for key, value in query.items()} == exchange["request"]["params"]
    assert json.loads(body) == json.loads(exchange["request"]["body"])


def test_a_namespace_that_argo_cd_will_make_is_no_problem_and_is_said(cluster: Cluster, kubernetes: Kubernetes) -> None:
    exchange = STRICT["namespace that does not exist"]
    cluster.answer = (exchange["response"]["status"], exchange["response"]["body"])
    result = kubernetes.dry_run(json.loads(exchange["request"]["body"]))
    assert (result.problems, result.skipped) == ((), "The namespace absent does not exist yet; Argo CD makes it.")


def test_a_kind_that_is_not_installed_is_named(kubernetes: Kubernetes) -> None:
    manifest = {
        "apiVersion": "external-secrets.io/v1",
        "kind": "ExternalSecret",
        "metadata": {"name": "x", "namespace": "default"},
    }
    assert kubernetes.dry_run(manifest).problems == (
        "The cluster has no kind ExternalSecret of external-secrets.io/v1. Install its definition first.",
    )


def test_a_kind_that_was_installed_meanwhile_is_found(
    cluster: Cluster, kubernetes: Kubernetes, monkeypatch: pytest.MonkeyPatch
) -> None:
    manifest = {"apiVersion": "cert-manager.io/v1", "kind": "Certificate", "metadata": {"name": "x", "namespace": "a"}}
    assert "no kind Certificate" in kubernetes.dry_run(manifest).problems[0]
    installed = [{"name": "certificates", "kind": "Certificate", "namespaced": True}]
    monkeypatch.setitem(RESOURCES, "/apis/cert-manager.io/v1", installed)
    cluster.answer = (200, {})
    assert kubernetes.dry_run(manifest).problems == ()
    assert [path for path, *_ in cluster.seen] == ["/apis/cert-manager.io/v1/namespaces/a/certificates/x"]


def test_a_refused_token_is_told_apart_from_a_problem_of_the_object(cluster: Cluster, kubernetes: Kubernetes) -> None:
    cluster.answer = (401, {"kind": "Status", "status": "Failure", "message": "Unauthorized", "code": 401})
    with pytest.raises(CredentialsRefused):
        kubernetes.dry_run({"apiVersion": "apps/v1", "kind": "Deployment", "metadata": {"name": "x"}})


def test_a_cluster_that_is_away_is_said_so(tmp_path: Path) -> None:
    with pytest.raises(NotSent, match="does not answer"):
        Kubernetes.of_kubeconfig(kubeconfig(tmp_path, 1)).dry_run(
            {"apiVersion": "apps/v1", "kind": "Deployment", "metadata": {"name": "x"}}
        )


@pytest.mark.parametrize("content", ["", "a: [b", "just text", "kind: Config"])
def test_a_kubeconfig_that_is_none_is_named(tmp_path: Path, content: str) -> None:
    (tmp_path / "nothing").write_text(content)
    with pytest.raises(NotSent, match="nothing"):
        Kubernetes.of_kubeconfig(tmp_path / "nothing")


METADATA = next(one for one in RECORDED["exchanges"] if "PartialObjectMetadata" in str(one["request"]["headers"]))


def test_the_keys_of_a_secret_are_read_out_of_its_metadata_alone(cluster: Cluster, kubernetes: Kubernetes) -> None:
    cluster.answer = (METADATA["response"]["status"], METADATA["response"]["body"])
    assert kubernetes.secret_keys("default", "tenant-credentials") == frozenset({"chat365.ONLYCHANNEL_ACCOUNT_TOKEN"})
    (path, accept, _, _) = cluster.seen[0]
    assert path == METADATA["request"]["path"]
    assert accept == METADATA["request"]["headers"]["Accept"]


@pytest.mark.parametrize(
    ("entries", "keys"),
    [
        ([], None),
        ([{"fieldsV1": {"f:metadata": {}}}], None),
        ([{"fieldsV1": {"f:data": {".": {}, "f:a.B": {}}}}, {"fieldsV1": {"f:data": {"f:c.D": {}}}}], {"a.B", "c.D"}),
        ([{"fieldsV1": None}, 7, {"fieldsV1": {"f:data": []}}], None),
    ],
)
def test_keys_of_every_hand_count_and_nobody_guesses(
    cluster: Cluster, kubernetes: Kubernetes, entries: list[Any], keys: set[str] | None
) -> None:
    cluster.answer = (200, {"kind": "PartialObjectMetadata", "metadata": {"managedFields": entries}})
    assert kubernetes.secret_keys("default", "a") == (None if keys is None else frozenset(keys))


def test_a_secret_that_is_not_there_has_no_keys_to_tell(cluster: Cluster, kubernetes: Kubernetes) -> None:
    cluster.answer = (404, {"kind": "Status", "message": 'secrets "a" not found'})
    assert kubernetes.secret_keys("default", "a") is None


@pytest.mark.parametrize(
    ("status", "kind"), [(401, CredentialsRefused), (403, PermissionRefused), (500, Ambiguous), (302, Ambiguous)]
)
def test_metadata_that_may_not_be_read_is_told(
    cluster: Cluster, kubernetes: Kubernetes, status: int, kind: type[Exception]
) -> None:
    cluster.answer = (status, {"kind": "Status", "message": "no"})
    with pytest.raises(kind):
        kubernetes.secret_keys("default", "a")
