"""Argo CD's REST API, synchronous. Every failure leaves as one of `errors`; no answer is trusted to be complete.

Rules that the API asks for and this module keeps: whatever is not a GET carries exactly `Content-Type: application/json`
(DELETE too, else 415); `project` goes into the query everywhere except for a sync, where it belongs into the body;
a read with `refresh` may block for ever on the server and therefore has a deadline of its own.
"""

from __future__ import annotations

from collections.abc import Iterator
from datetime import datetime
from typing import Any, Literal, NamedTuple, Self
from urllib.parse import quote

import httpx

from controlpanel.clients import errors
from controlpanel.clients.argocd_envelope import json_object, refused
from controlpanel.clients.argocd_json import Json, mapping, mappings, text
from controlpanel.clients.argocd_models import MARKER, Application
from controlpanel.clients.argocd_stream import STREAM_HEADERS, StreamEvent, read_events
from controlpanel.clients.argocd_traffic import Traffic
from controlpanel.clients.argocd_transport import Timeouts, Transport
from controlpanel.clients.argocd_tree import Tree

__all__ = ["ArgoCD", "Refresh", "StreamEvent", "Timeouts", "UserInfo"]

Refresh = Literal["normal", "hard"]


class UserInfo(NamedTuple):
    """Whom the token belongs to; `logged_in` is False for a bad token, which is answered with 200."""

    logged_in: bool
    username: str


class ArgoCD:
    """One Argo CD server as seen with one token. Safe to share between threads."""

    def __init__(
        self,
        server: str,
        token: str,
        *,
        ca_file: str = "",
        insecure: bool = False,
        timeouts: Timeouts | None = None,
        transport: httpx.BaseTransport | None = None,
        traffic: Traffic | None = None,
    ) -> None:
        self._transport = Transport(
            server,
            token,
            ca_file=ca_file,
            insecure=insecure,
            timeouts=timeouts or Timeouts(),
            transport=transport,
            traffic=traffic,
        )
        self.server = self._transport.server

    def __repr__(self) -> str:
        return f"ArgoCD({self.server!r})"

    def __enter__(self) -> Self:
        return self

    def __exit__(self, *_: object) -> None:
        self.close()

    def close(self) -> None:
        self._transport.client.close()

    # ---- server and account

    def version(self) -> str:
        """The server's version; answered without a token too."""
        return text(self._transport.get("read the version", "/api/version"), "Version")

    def userinfo(self) -> UserInfo:
        answer = self._transport.get("read who the token belongs to", "/api/v1/session/userinfo")
        return UserInfo(answer.get("loggedIn") is True, text(answer, "username"))

    def server_time(self) -> datetime | None:
        """What the server's clock says, to the second; None where the answer has no date."""
        return self._transport.date("read the version", "/api/version")

    def can_i(self, resource: str, action: str, project: str, name: str = "*") -> bool:
        """Whether the token has the right, e.g. `can_i("applications", "sync", "hub", "backend-production")`; of a project
        itself with an empty `name`."""
        path = "/".join(quote(part, safe="*") for part in (resource, action, project, name) if part)
        return (
            self._transport.get(f"ask for the right to {action} {resource}", f"/api/v1/account/can-i/{path}").get(
                "value"
            )
            == "yes"
        )

    # ---- applications

    def list_applications(self, project: str, selector: str = "") -> tuple[Application, ...]:
        """All Applications of the project, from a cache, without the health of their resources."""
        query = {"projects": project} | ({"selector": selector} if selector else {})
        answer = self._transport.get(f"list the Applications of project {project}", "/api/v1/applications", query)
        return tuple(Application.parse(item) for item in mappings(answer, "items"))

    def get_application(self, name: str, project: str, refresh: Refresh | None = None) -> Application:
        """Read one Application from Kubernetes itself. With `refresh` it waits for a new comparison until its deadline
        and raises Ambiguous then: go on polling without."""
        query = {"project": project} | ({"refresh": refresh} if refresh else {})
        seconds = self._transport.timeouts.refresh if refresh else self._transport.timeouts.read
        what = f"{'refresh' if refresh else 'read'} the Application {name}"
        return Application.parse(self._transport.get(what, _application(name), query, seconds))

    def create_application(self, manifest: Json, *, upsert: bool = False, validate: bool = True) -> Application:
        """Create it; `upsert` replaces the spec of an existing one and merges its labels. `validate` renders (slow)."""
        query = {"upsert": _flag(upsert), "validate": _flag(validate)}
        name = text(manifest.get("metadata") or {}, "name")
        answer = self._transport.write(
            "POST", f"create the Application {name}", "/api/v1/applications", query, manifest, seconds=30.0
        )
        return Application.parse(answer)

    def delete_application(self, name: str, project: str, *, cascade: bool = True) -> None:
        query = {"project": project, "cascade": _flag(cascade)}
        self._transport.write("DELETE", f"delete the Application {name}", _application(name), query)

    # ---- operations

    def sync(
        self,
        name: str,
        project: str,
        revision: str | None,
        promotion_id: str,
        prune: bool = True,
        *,
        dry_run: bool = False,
    ) -> Application:
        """Start a sync that carries the promotion's id. `revision` is a full commit; None where automated sync is on.

        Raises OperationInProgress, SyncWindowBlocked, AutomatedSync, …; after Ambiguous look for the marker first.
        """
        body: dict[str, Any] = {"project": project, "prune": prune, "infos": [{"name": MARKER, "value": promotion_id}]}
        body |= ({"revision": revision} if revision else {}) | ({"dryRun": True} if dry_run else {})
        return Application.parse(
            self._transport.write("POST", f"sync the Application {name}", _application(name, "sync"), {}, body)
        )

    def terminate(self, name: str, project: str) -> None:
        """Ask the running operation to stop, whoever started it; raises NothingRunning when there is none."""
        what = f"terminate the operation on {name}"
        self._transport.write("DELETE", what, _application(name, "operation"), {"project": project})

    def run_action(
        self,
        name: str,
        project: str,
        action: str,
        *,
        group: str,
        version: str,
        kind: str,
        namespace: str,
        resource: str,
    ) -> None:
        """Run a resource action such as `restart` on one live object; it leaves no operation and no history behind."""
        body = {
            "project": project, "group": group, "version": version, "kind": kind, "namespace": namespace,
            "resourceName": resource, "action": action,
        }  # fmt: skip
        what = f"{action} {kind} {namespace}/{resource}"
        self._transport.write("POST", what, _application(name, "resource/actions/v2"), {}, body)

    # ---- what is below an Application

    def resource_tree(self, name: str, project: str, *, only_if_quiet: bool = False) -> Tree:
        """Everything below it. With `only_if_quiet` it is left (`TooBusy`) to what matters more while there is much of that."""
        path, query = _application(name, "resource-tree"), {"project": project}
        what = f"read the resources of {name}"
        return Tree.parse(self._transport.get(what, path, query, only_if_quiet=only_if_quiet))

    def managed_resources(self, name: str, project: str, *, kind: str = "", resource: str = "") -> tuple[Json, ...]:
        """Desired and live states; the states are JSON texts, Secrets come masked."""
        query = {"project": project} | ({"kind": kind} if kind else {}) | ({"name": resource} if resource else {})
        answer = self._transport.get(f"compare the resources of {name}", _application(name, "managed-resources"), query)
        return mappings(answer, "items")

    def resource(
        self, name: str, project: str, *, group: str, version: str, kind: str, namespace: str, resource: str
    ) -> Json:
        """The live manifest of one object of the tree."""
        query = {"project": project, "group": group, "version": version, "kind": kind, "namespace": namespace}
        what = f"read {kind} {namespace}/{resource}"
        answer = self._transport.get(what, _application(name, "resource"), query | {"resourceName": resource})
        return json_object(text(answer, "manifest"), what)

    def manifests(self, name: str, project: str, revision: str = "") -> tuple[Json, ...]:
        """What Argo CD renders at the revision, Secrets masked."""
        query = {"project": project} | ({"revision": revision} if revision else {})
        what = f"render the manifests of {name}"
        answer = self._transport.get(what, _application(name, "manifests"), query, self._transport.timeouts.refresh)
        return tuple(json_object(entry, what) for entry in answer.get("manifests") or [])

    def events(
        self, application: str, project: str, *, namespace: str = "", name: str = "", uid: str = ""
    ) -> tuple[Json, ...]:
        """Kubernetes events of the Application itself, or of one object of its tree (by name and uid)."""
        query = {"project": project}
        if uid:
            query |= {"resourceNamespace": namespace, "resourceName": name, "resourceUID": uid}
        what = f"read the events of {name or application}"
        return mappings(self._transport.get(what, _application(application, "events"), query), "items")

    def logs(
        self, name: str, project: str, *, pod: str, namespace: str, container: str = "", previous: bool = False, lines: int = 200
    ) -> tuple[str, ...]:  # fmt: skip
        """The last lines of a Pod's log, or of the container before its last restart; a Pod that cannot give logs answers
        with a line that says so."""
        query = {"project": project, "podName": pod, "namespace": namespace, "tailLines": str(lines), "follow": "false"}
        query |= ({"container": container} if container else {}) | ({"previous": "true"} if previous else {})
        what = f"read the log of {namespace}/{pod}"
        body = self._transport.send("GET", what, _application(name, "logs"), query)
        results = (_log_entry(line, what) for line in body.decode(errors="replace").split("\n") if line.strip())
        return tuple(text(result, "content") for result in results if not result.get("last"))

    # ---- projects, clusters, repositories

    def get_project(self, name: str) -> Json:
        return self._transport.get(f"read the AppProject {name}", f"/api/v1/projects/{quote(name, safe='')}")

    def put_project(self, manifest: Json, *, upsert: bool = True) -> Json:
        """Create the AppProject, or replace its spec; by this way its tokens and other status stay."""
        name = text(manifest.get("metadata") or {}, "name")
        body = {"project": manifest, "upsert": upsert}
        return self._transport.write("POST", f"write the AppProject {name}", "/api/v1/projects", {}, body)

    def sync_windows(self, name: str, project: str) -> Json:
        """`canSync` says whether a manual sync is allowed now."""
        return self._transport.get(
            f"read the sync windows of {name}", _application(name, "syncwindows"), {"project": project}
        )

    def clusters(self) -> tuple[Json, ...]:
        return mappings(self._transport.get("list the clusters", "/api/v1/clusters"), "items")

    def repositories(self) -> tuple[Json, ...]:
        return mappings(self._transport.get("list the repositories", "/api/v1/repositories"), "items")

    # ---- stream

    def stream_applications(
        self, project: str, *, selector: str = "", heartbeats: bool = False
    ) -> Iterator[StreamEvent]:
        """Changes of the project's Applications, first a burst of ADDED for each one that exists; ends when the server
        ends it. Lossy by design, so list again now and then. Raises StreamSilent, Ambiguous, CredentialsRefused, …

        With `heartbeats`, an event of type HEARTBEAT without Application says that the stream lives.
        """
        what = f"follow the Applications of project {project}"
        query = {"projects": project} | ({"selector": selector} if selector else {})
        silence = self._transport.timeouts.silence
        self._transport.traffic.require_open(what)
        request = self._transport.request("GET", "/api/v1/stream/applications", query, silence, STREAM_HEADERS)
        return read_events(self._transport.client, request, what=what, heartbeats=heartbeats)


def _application(name: str, part: str = "") -> str:
    if not name.strip("."):
        raise errors.Invalid(f"{name!r} is not the name of an Application.", "Give the Application's name.")
    return f"/api/v1/applications/{quote(name, safe='')}" + (f"/{part}" if part else "")


def _log_entry(line: str, what: str) -> Json:
    """One line of a log; a stream that has begun tells its error in its last line, with HTTP 200."""
    document = json_object(line, what)
    if "error" in document:
        raise refused(httpx.Response(200), line.encode(), what)
    return mapping(document, "result")


def _flag(value: bool) -> str:
    return "true" if value else "false"
