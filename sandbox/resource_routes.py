"""What an Application consists of: tree, manifests, live objects, events, logs."""

from __future__ import annotations

import json
from collections.abc import AsyncIterator

from starlette.requests import Request
from starlette.responses import Response
from starlette.routing import Route

from sandbox.access import visible_application, world_of
from sandbox.clock import nanosecond_stamp, stamp
from sandbox.cluster import LAST_APPLIED, PRIVATE, public
from sandbox.documents import Document, canonical, copied, look, without_empty
from sandbox.envelope import INVALID, UNKNOWN, ApiError, answer, flag, number, read_body
from sandbox.events import events_about
from sandbox.manifests import Key, key_of, place
from sandbox.patches import PatchError, merge_patch
from sandbox.permissions import enforce
from sandbox.repositories import RepositoryError
from sandbox.streams import EventStream
from sandbox.tree import tree

MASK = "++++++++"


def masked(manifest: Document) -> Document:
    """The manifest; a Secret without its values."""
    if manifest.get("kind") != "Secret":
        return manifest
    result: Document = copied(manifest)
    for part in ("data", "stringData"):
        if part in result:
            result[part] = dict.fromkeys(result[part], MASK)
    annotations = look(result, "metadata", "annotations", default={})
    if LAST_APPLIED in annotations:
        annotations[LAST_APPLIED] = canonical(masked(json.loads(annotations[LAST_APPLIED])))
    return result


def _readable(request: Request) -> Document:
    return visible_application(request, "get", request.query_params.get("project", ""))[1]


async def resource_tree(request: Request) -> Response:
    """The whole tree, whatever the query filters by."""
    application = _readable(request)
    world, name = world_of(request), application["metadata"]["name"]
    return answer(tree(world.cluster, name, world.controller.target(name)))


async def managed_resources(request: Request) -> Response:
    """Target and live state of each managed resource that the query does not leave out."""
    application, world, query = _readable(request), world_of(request), request.query_params
    name = application["metadata"]["name"]
    target = world.controller.target(name)
    live = world.cluster.managed(name)
    wanted = {key_of(item): item for item in target.objects} if target else {}
    items = []
    for key in sorted({*wanted, *live}):
        asked = {"group": key.group, "kind": key.kind, "namespace": key.namespace, "name": key.name}
        if all(query.get(part) in (None, "", value) for part, value in asked.items()):
            items.append(_managed(world_of(request).cluster.would_apply, asked, wanted.get(key), live.get(key)))
    return answer({"items": items} if items else {})


def _managed(would_apply, asked: Document, wanted: Document | None, live: Document | None) -> Document:  # type: ignore[no-untyped-def]
    item = without_empty(asked)
    predicted = would_apply(wanted)[1] if wanted else public(live or {})
    states = {"targetState": wanted, "liveState": live and public(live), "normalizedLiveState": live and _settled_part(live),
              "predictedLiveState": _settled_part(predicted)}  # fmt: skip
    item |= {part: canonical(masked(state)) if state else "null" for part, state in states.items()}
    if live:
        item["resourceVersion"] = live["metadata"]["resourceVersion"]
    if predicted != public(live or {}):
        item["modified"] = True
    return item


def _settled_part(manifest: Document) -> Document:
    """The object without what the API server reports by itself; that is no difference."""
    metadata = {
        key: value for key, value in look(manifest, "metadata", default={}).items() if key != "creationTimestamp"
    }
    return {key: value for key, value in manifest.items() if key not in ("status", PRIVATE)} | {"metadata": metadata}


def _one_resource(request: Request, application: Document) -> Document:
    query = request.query_params
    key = Key(query.get("group", ""), query.get("kind", ""), query.get("namespace", ""), query.get("resourceName", ""))
    live = world_of(request).cluster.get(key)
    name = application["metadata"]["name"]
    if live is None or look(live, "sandbox", "application") != name:
        shown = f"{key.kind} {key.group} {key.name}"
        raise ApiError(INVALID, f"{shown} not found as part of application {name}")
    return live


async def read_resource(request: Request) -> Response:
    """One live object of the tree."""
    live = _one_resource(request, _readable(request))
    return answer({"manifest": canonical(masked(public(live)))})


async def delete_resource(request: Request) -> Response:
    """Delete one live object of the tree."""
    subject, application = visible_application(request, "get", request.query_params.get("project", ""))
    live = _one_resource(request, application)
    key, name = key_of(live), application["metadata"]["name"]
    action = f"delete/{key.group}/{key.kind}/{key.namespace}/{key.name}"
    enforce(subject, "applications", action, f"{application['spec']['project']}/{name}")
    world_of(request).cluster.delete(live)
    return answer({})


async def patch_resource(request: Request) -> Response:
    """Merge-patch one live object of the tree; the body is a JSON text that holds the patch."""
    subject, application = visible_application(request, "get", request.query_params.get("project", ""))
    live = _one_resource(request, application)
    key, name = key_of(live), application["metadata"]["name"]
    action = f"update/{key.group}/{key.kind}/{key.namespace}/{key.name}"
    enforce(subject, "applications", action, f"{application['spec']['project']}/{name}")
    try:
        changed = merge_patch(live, json.loads(json.loads(await request.body())))
    except (ValueError, TypeError, PatchError) as error:
        raise ApiError(INVALID, str(error)) from error
    world_of(request).cluster.replace(live, changed)
    return answer({"manifest": canonical(masked(public(changed)))})


async def list_actions(request: Request) -> Response:
    """The actions that a Deployment, StatefulSet or DaemonSet offers."""
    live = _one_resource(request, _readable(request))
    paused = bool(look(live, "spec", "paused", default=False))
    restart = {"name": "restart", "iconClass": "fa fa-fw fa-redo"}
    scale = {"name": "scale", "params": [{"name": "replicas"}], "iconClass": "fa fa-fw fa-plus-circle"}
    pause: Document = {"name": "pause", "iconClass": "fa fa-fw fa-pause-circle"}
    resume: Document = {"name": "resume", "iconClass": "fa fa-fw fa-play-circle"}
    (pause if paused else resume)["disabled"] = True
    offered = {"Deployment": [pause, restart, resume, scale], "StatefulSet": [restart, scale], "DaemonSet": [restart]}
    actions = offered.get(live["kind"])
    return answer({"actions": actions} if actions else {})


async def run_action(request: Request) -> Response:
    """Run an action on a live object: no operation, no history."""
    body = await read_body(request)
    subject, application = visible_application(request, "get", str(body.get("project") or ""))
    key = Key(str(body.get("group") or ""), str(body.get("kind") or ""), str(body.get("namespace") or ""),
              str(body.get("resourceName") or ""))  # fmt: skip
    world, name, action = world_of(request), application["metadata"]["name"], str(body.get("action") or "")
    live = world.cluster.get(key)
    if live is None or look(live, "sandbox", "application") != name:
        raise ApiError(INVALID, f"{key.kind} {key.group} {key.name} not found as part of application {name}")
    enforce(
        subject, "applications", f"action/{key.group}/{key.kind}/{action}", f"{application['spec']['project']}/{name}"
    )
    changed: Document = copied(live)
    parameters = {item["name"]: item["value"] for item in body.get("resourceActionParameters") or []}
    if action == "restart":
        metadata = changed["spec"]["template"].setdefault("metadata", {})
        metadata.setdefault("annotations", {})["kubectl.kubernetes.io/restartedAt"] = world.clock.stamp()
    elif action == "scale":
        changed["spec"]["replicas"] = int(parameters.get("replicas", 1))
    elif action in ("pause", "resume"):
        changed["spec"]["paused"] = action == "pause"
    else:
        raise ApiError(UNKNOWN, "error getting Lua resource action: built-in script does not exist")
    world.cluster.replace(live, changed)
    world.applications.event(application, "ResourceActionRan", f"{subject.username} ran action {action} on resource "
                             f"{key.group}/{key.kind}/{key.name}", subject.username)  # fmt: skip
    return answer({})


async def list_events(request: Request) -> Response:
    """Events of the Application, or of an object of its tree by name and uid."""
    application, world, query = _readable(request), world_of(request), request.query_params
    name, uid = query.get("resourceName", ""), query.get("resourceUID", "")
    if not name and not uid:
        uid = application["metadata"]["uid"]
    else:
        owned = world.cluster.of_application(application["metadata"]["name"])
        if all((item["metadata"]["uid"], item["metadata"]["name"]) != (uid, name) for item in owned):
            raise ApiError(INVALID, f"{name} not found as part of application {application['metadata']['name']}")
    return answer(
        {"metadata": {"resourceVersion": world.store.version}, "items": events_about(world.store, uid) or None}
    )


async def manifests(request: Request) -> Response:
    """The manifests at a revision, tracked but not placed."""
    application, world = _readable(request), world_of(request)
    source = application["spec"]["source"]
    revision = request.query_params.get("revision") or source.get("targetRevision", "")
    namespace = look(application, "spec", "destination", "namespace", default="default")
    try:
        commit = await world.repositories.at(source["repoURL"]).resolve(revision)
        _, objects = await world.manifests.raw(source, commit)
    except RepositoryError as error:
        raise ApiError(UNKNOWN, str(error)) from error
    name = application["metadata"]["name"]
    placed = [place(item, name, namespace, with_namespace=False) for item in objects]
    return answer({"manifests": [canonical(masked(item)) for item in placed]} if placed else {})


async def revision_metadata(request: Request) -> Response:
    """Author, date, message and tags of a commit."""
    application, world = _readable(request), world_of(request)
    try:
        repository = world.repositories.at(application["spec"]["source"]["repoURL"])
        commit = await repository.resolve(request.path_params["revision"])
        author, seconds, message, tags = await repository.metadata(commit)
    except RepositoryError as error:
        raise ApiError(UNKNOWN, str(error)) from error
    return answer(without_empty({"author": author, "date": stamp(float(seconds)), "tags": tags, "message": message}))


def _log_line(content: str, pod: str, *, last: bool = False) -> str:
    now = nanosecond_stamp()
    line = {"content": content, "timeStamp": now[:19] + "Z", "last": last, "timeStampStr": now, "podName": pod}
    return json.dumps({"result": line}, separators=(",", ":"))


async def logs(request: Request) -> EventStream:
    """A few lines of each pod that is asked for; a last, empty line ends them."""
    project = request.query_params.get("project", "")
    subject, application = visible_application(request, "get", project)
    world, query, name = world_of(request), request.query_params, application["metadata"]["name"]
    enforce(subject, "logs", "get", f"{application['spec']['project']}/{name}")
    wanted = request.path_params.get("pod") or query.get("podName", "")
    owned = world.cluster.of_application(name)
    pods = [item for item in owned if item["kind"] == "Pod" and wanted in ("", item["metadata"]["name"])]
    tail = number(query.get("tailLines")) or 5
    server_sent = request.headers.get("accept") == "text/event-stream"

    async def lines() -> AsyncIterator[str]:
        for pod in pods:
            for content in _contents(pod)[-tail:]:
                yield _log_line(content, pod["metadata"]["name"])
        if pods and flag(query.get("follow")):
            await world.hub.closing.wait()
        if pods:
            yield _log_line("", "", last=True)

    return EventStream(lines(), server_sent)


def _contents(pod: Document) -> list[str]:
    name = look(pod, "spec", "containers", default=[{"name": "main"}])[0]["name"]
    containers = look(pod, "status", "containerStatuses", default=[])
    reason = next((look(item, "state", "waiting", "reason") for item in containers), None)
    if reason and reason != "CrashLoopBackOff":
        waiting = "trying and failing to pull image" if "Pull" in reason else "ContainerCreating"
        return [f'container "{name}" in pod "{pod["metadata"]["name"]}" is waiting to start: {waiting}']
    if reason == "CrashLoopBackOff" or any(item["restartCount"] for item in containers):
        return [
            f"{name}: starting",
            f"{name}: configuration is read",
            f"{name}: fatal: cannot start",
            f"{name}: exit 1",
        ]
    return [f"{name}: starting", f"{name}: configuration is read", f"{name}: listening"]


APPLICATION = "/api/v1/applications/{name}"
ROUTES = [
    Route(f"{APPLICATION}/resource-tree", resource_tree),
    Route(f"{APPLICATION}/managed-resources", managed_resources),
    Route(f"{APPLICATION}/resource", read_resource),
    Route(f"{APPLICATION}/resource", delete_resource, methods=["DELETE"]),
    Route(f"{APPLICATION}/resource", patch_resource, methods=["POST"]),
    Route(f"{APPLICATION}/resource/actions", list_actions),
    Route(f"{APPLICATION}/resource/actions/v2", run_action, methods=["POST"]),
    Route(f"{APPLICATION}/events", list_events),
    Route(f"{APPLICATION}/manifests", manifests),
    Route(f"{APPLICATION}/revisions/{{revision}}/metadata", revision_metadata),
    Route(f"{APPLICATION}/logs", logs),
    Route(f"{APPLICATION}/pods/{{pod}}/logs", logs),
]
