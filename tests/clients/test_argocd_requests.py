"""What the client sends: where the project goes, the content type that Argo CD insists on, the token, the deadlines."""

from __future__ import annotations

import json
from collections.abc import Callable
from datetime import UTC, datetime
from typing import Any

import httpx
import pytest

from controlpanel.clients.argocd import ArgoCD, Timeouts
from controlpanel.clients.errors import Invalid, NotFound
from tests.contract.transcripts import exchanges

TOKEN = "header.payload.signature-3f9c"
COMMIT = "0" * 40
WORKLOAD = {"group": "apps", "version": "v1", "kind": "Deployment", "namespace": "full", "resource": "backend"}
MANIFEST = {"metadata": {"name": "backend-production"}, "spec": {"project": "hub"}}


class Recorder:
    """Answers everything with `{}` and keeps what it was asked."""

    def __init__(self) -> None:
        self.sent: list[httpx.Request] = []
        self.client = ArgoCD("https://argocd.example.test/argo/", TOKEN, transport=httpx.MockTransport(self._answer))

    def _answer(self, request: httpx.Request) -> httpx.Response:
        self.sent.append(request)
        return httpx.Response(200, json={})


CALLS: dict[str, Callable[[ArgoCD], object]] = {
    "list": lambda c: c.list_applications("hub"),
    "get": lambda c: c.get_application("a", "hub"),
    "refresh": lambda c: c.get_application("a", "hub", "normal"),
    "delete": lambda c: c.delete_application("a", "hub"),
    "terminate": lambda c: c.terminate("a", "hub"),
    "tree": lambda c: c.resource_tree("a", "hub"),
    "managed": lambda c: c.managed_resources("a", "hub"),
    "manifests": lambda c: c.manifests("a", "hub"),
    "events": lambda c: c.events("a", "hub"),
    "logs": lambda c: c.logs("a", "hub", pod="p", namespace="n"),
    "windows": lambda c: c.sync_windows("a", "hub"),
    "stream": lambda c: list(c.stream_applications("hub")),
}
WRITES: dict[str, Callable[[ArgoCD], object]] = {
    "create": lambda c: c.create_application(MANIFEST),
    "sync": lambda c: c.sync("a", "hub", COMMIT, "id"),
    "terminate": lambda c: c.terminate("a", "hub"),
    "delete": lambda c: c.delete_application("a", "hub"),
    "project": lambda c: c.put_project(MANIFEST),
    "restart": lambda c: c.run_action("a", "hub", "restart", **WORKLOAD),
}


@pytest.mark.parametrize("name", CALLS)
def test_the_project_is_in_the_query_of_every_call_but_a_sync(name: str) -> None:
    recorder = Recorder()
    CALLS[name](recorder.client)
    query = recorder.sent[0].url.params
    assert query.get_list("project") + query.get_list("projects") == ["hub"]


@pytest.mark.parametrize("name", WRITES)
def test_every_write_carries_exactly_the_content_type_that_argo_cd_takes(name: str) -> None:
    recorder = Recorder()
    WRITES[name](recorder.client)
    assert recorder.sent[0].method != "GET"
    assert recorder.sent[0].headers["Content-Type"] == "application/json"


def test_a_sync_carries_project_and_marker_in_its_body_and_never_inherits_pruning() -> None:
    recorder = Recorder()
    recorder.client.sync("backend-production", "hub", COMMIT, "0198-id")
    (request,) = recorder.sent
    assert str(request.url) == "https://argocd.example.test/argo/api/v1/applications/backend-production/sync"
    assert json.loads(request.content) == {
        "project": "hub",
        "revision": COMMIT,
        "prune": True,
        "infos": [{"name": "promotion", "value": "0198-id"}],
    }


def test_a_resource_action_is_asked_for_as_it_was_recorded() -> None:
    recorder = Recorder()
    recorder.client.run_action("a", "hub", "restart", **WORKLOAD)
    recorded = next(
        one for one in exchanges() if one.path.endswith("/actions/v2") and one.body.get("action") == "explode"
    )
    sent = json.loads(recorder.sent[0].content)
    assert recorder.sent[0].url.path == "/argo/api/v1/applications/a/resource/actions/v2"
    assert not recorder.sent[0].url.params
    assert sent.keys() == recorded.body.keys()
    assert sent["project"] == "hub"


@pytest.mark.parametrize(
    ("arguments", "expected"),
    [
        ({"revision": None}, {"revision": None}),
        ({"prune": False}, {"prune": False}),
        ({"dry_run": True}, {"dryRun": True}),
    ],
)
def test_a_sync_says_only_what_it_was_told(arguments: dict[str, Any], expected: dict[str, Any]) -> None:
    recorder = Recorder()
    recorder.client.sync(**({"name": "a", "project": "hub", "revision": COMMIT, "promotion_id": "id"} | arguments))
    body = json.loads(recorder.sent[0].content)
    assert {key: body.get(key) for key in expected} == expected
    assert not {"syncOptions", "retryStrategy", "strategy", "appNamespace"} & set(body)
    assert ("revision" in body) == (arguments.get("revision", COMMIT) is not None)


def test_names_cannot_reach_other_paths() -> None:
    recorder = Recorder()
    recorder.client.get_application("../../session?x#y/z", "hub")
    assert recorder.sent[0].url.raw_path.startswith(b"/argo/api/v1/applications/..%2F..%2Fsession%3Fx%23y%2Fz?")


@pytest.mark.parametrize("name", ["", ".", ".."])
def test_a_name_that_is_none_is_refused_before_it_becomes_another_path(name: str) -> None:
    recorder = Recorder()
    with pytest.raises(Invalid):
        recorder.client.delete_application(name, "hub")
    assert not recorder.sent


def test_the_token_is_a_bearer_and_appears_nowhere_else() -> None:
    recorder = Recorder()
    recorder.client.get_application("a", "hub")
    (request,) = recorder.sent
    assert request.headers["Authorization"] == f"Bearer {TOKEN}"
    assert TOKEN not in str(request.url)
    assert TOKEN not in repr(recorder.client)
    assert TOKEN not in repr(vars(recorder.client._transport))


def test_without_a_token_nothing_is_claimed() -> None:
    sent: list[httpx.Request] = []

    def answer(request: httpx.Request) -> httpx.Response:
        sent.append(request)
        return httpx.Response(200, json={"Version": "v3.6.0"})

    with ArgoCD("https://argocd.example.test", "", transport=httpx.MockTransport(answer)) as client:
        assert client.version() == "v3.6.0"
    assert "Authorization" not in sent[0].headers


@pytest.mark.parametrize(
    ("name", "read"),
    [("get", 11.0), ("refresh", 21.0), ("terminate", 11.0), ("stream", 46.0), ("manifests", 21.0)],
)
def test_every_call_has_a_deadline_and_a_refresh_has_its_own(name: str, read: float) -> None:
    recorder = Recorder()
    recorder.client._transport.timeouts = Timeouts(connect=4, read=11, refresh=21, silence=46)
    CALLS[name](recorder.client)
    left = pytest.approx(read, abs=0.5)  # less what it waited for its turn
    assert recorder.sent[0].extensions["timeout"] == {"connect": 4, "read": left, "write": 11, "pool": 4}


def test_a_stream_asks_for_heartbeats_and_no_compression() -> None:
    recorder = Recorder()
    list(recorder.client.stream_applications("hub", selector="environment=staging"))
    (request,) = recorder.sent
    assert request.headers["Accept"] == "text/event-stream"
    assert request.headers["Accept-Encoding"] == "identity"
    assert request.url.params["selector"] == "environment=staging"


@pytest.mark.parametrize(
    "server",
    [
        "",
        "argocd.example.test",
        "ftp://argocd",
        "https://",
        "https://u:secret-9@argocd",
        "https://x?token=secret-9",
        "http://[::1",
    ],
)
def test_an_address_that_is_not_plain_is_refused_without_repeating_it(server: str) -> None:
    with pytest.raises(Invalid) as refused:
        ArgoCD(server, TOKEN)
    assert "secret-9" not in str(refused.value)


@pytest.mark.parametrize("token", ["a b", "a\nb", "a\r\nX-Evil: 1", "tökén", "a\tb"])
def test_a_token_that_could_split_the_header_is_refused_without_repeating_it(token: str) -> None:
    with pytest.raises(Invalid) as refused:
        ArgoCD("https://argocd.example.test", token)
    assert token not in str(refused.value)


def test_a_ca_file_that_cannot_be_read_is_named(tmp_path: Any) -> None:
    with pytest.raises(Invalid, match=r"absent\.pem"):
        ArgoCD("https://argocd.example.test", TOKEN, ca_file=str(tmp_path / "absent.pem"))


DATE = "Mon, 23 Nov 2026 23:12:46 GMT"


@pytest.mark.parametrize(
    ("dates", "is_told"),
    [([DATE], True), ([DATE, DATE], True), (["Mon, 23 Nov 2026 23:12:46 -0000"], True), (["soon"], False), ([], False)],
)
def test_the_servers_time_has_a_zone_whoever_wrote_it(dates: list[str], is_told: bool) -> None:
    def answer(_: httpx.Request) -> httpx.Response:
        return httpx.Response(200, json={}, headers=[("Date", date) for date in dates])

    client = ArgoCD("https://argocd.example.test", TOKEN, transport=httpx.MockTransport(answer))
    assert client.server_time() == (datetime(2026, 11, 23, 23, 12, 46, tzinfo=UTC) if is_told else None)


def test_the_log_before_the_last_restart_is_asked_for_by_name() -> None:
    recorder = Recorder()
    recorder.client.logs("a", "hub", pod="p", namespace="n")
    recorder.client.logs("a", "hub", pod="p", namespace="n", container="c", previous=True)
    assert [dict(one.url.params).get("previous") for one in recorder.sent] == [None, "true"]


def test_a_log_that_breaks_off_says_why_and_a_line_keeps_its_odd_characters() -> None:
    line = {"result": {"content": "begin\x85end", "podName": "p"}}
    broken = {"error": {"grpc_code": 5, "http_code": 404, "message": 'pods "p" not found', "http_status": "Not Found"}}

    def client(*documents: dict[str, Any]) -> ArgoCD:
        body = "\n".join(json.dumps(document, ensure_ascii=False) for document in documents)
        transport = httpx.MockTransport(lambda _: httpx.Response(200, text=body))
        return ArgoCD("https://argocd.example.test", TOKEN, transport=transport)

    assert client(line, {"result": {"last": True}}).logs("a", "hub", pod="p", namespace="n") == ("begin\x85end",)
    with pytest.raises(NotFound, match=r'pods "p" not found'):
        client(line, broken).logs("a", "hub", pod="p", namespace="n")
