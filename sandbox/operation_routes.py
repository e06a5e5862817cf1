"""Sync, terminate and roll back."""

from __future__ import annotations

from starlette.requests import Request
from starlette.responses import Response
from starlette.routing import Route

from sandbox.access import visible_application, world_of
from sandbox.applications import automated
from sandbox.documents import Document, copied, look, without_empty
from sandbox.envelope import DENIED, INVALID, PRECONDITION, ApiError, answer, number, read_body
from sandbox.permissions import enforce
from sandbox.repositories import RepositoryError
from sandbox.tokens import Subject
from sandbox.world import World


async def sync(request: Request) -> Response:
    """Queue a sync. `project` stands in the body."""
    body = await read_body(request)
    subject, application = visible_application(request, "get", str(body.get("project") or ""))
    world, name = world_of(request), application["metadata"]["name"]
    if not world.windows.shown(application)["canSync"]:
        raise ApiError(DENIED, "cannot sync: blocked by sync window")
    enforce(subject, "applications", "sync", f"{application['spec']['project']}/{name}")
    if application["metadata"].get("deletionTimestamp"):
        raise ApiError(PRECONDITION, "application is deleting")
    revision = str(body.get("revision") or "")
    target = application["spec"]["source"].get("targetRevision") or "HEAD"
    if automated(application) is not None and revision not in ("", target):
        raise ApiError(PRECONDITION, f"Cannot sync to {revision}: auto-sync currently set to {target}")
    commit = await _resolve(world, application, revision or target)
    operation = _operation(application, body, subject, commit)
    _queue(world, application, operation)
    world.applications.event(application, "OperationStarted", f"{subject.username} initiated {_kind(operation)} to "
                             f"{_shown_revision(revision, commit)}", subject.username)  # fmt: skip
    world.store.flush()
    return answer(application)


def _kind(operation: Document) -> str:
    return "partial sync" if operation["sync"].get("resources") else "sync"


def _shown_revision(revision: str, commit: str) -> str:
    return commit if revision in ("", commit) else f"{revision} ({commit})"


async def _resolve(world: World, application: Document, revision: str) -> str:
    try:
        return await world.repositories.at(application["spec"]["source"]["repoURL"]).resolve(revision)
    except RepositoryError as error:
        raise ApiError(PRECONDITION, f"error resolving repo revision: {error}") from error


def _operation(application: Document, body: Document, subject: Subject, commit: str) -> Document:
    spec = application["spec"]
    options = look(body, "syncOptions", "items", default=[]) if "syncOptions" in body else look(
        spec, "syncPolicy", "syncOptions", default=[])  # fmt: skip
    details = without_empty({
        "revision": commit, "prune": bool(body.get("prune")), "dryRun": bool(body.get("dryRun")),
        "syncStrategy": body.get("strategy"), "source": copied(spec["source"]),
        "resources": [without_empty(item) for item in body.get("resources") or []],
        "syncOptions": copied(options),
    })  # fmt: skip
    retry = body.get("retryStrategy") or look(spec, "syncPolicy", "retry", default={})
    operation = {"sync": details, "initiatedBy": {"username": subject.username}, "retry": copied(retry)}
    if body.get("infos"):
        operation["info"] = copied(body["infos"])
    return operation


def _queue(world: World, application: Document, operation: Document) -> None:
    world.controller.disturbance.before_sync(application)
    if "operation" in application:
        raise ApiError(PRECONDITION, "another operation is already in progress")
    world.controller.queue(application, operation)


async def terminate(request: Request) -> Response:
    """Ask for the end of the running operation; it ends a little later."""
    subject, application = visible_application(request, "sync", request.query_params.get("project", ""))
    world = world_of(request)
    if not world.controller.terminate(application, subject.username):
        raise ApiError(INVALID, "Unable to terminate operation. No operation is in progress")
    world.store.flush()
    return answer({})


async def rollback(request: Request) -> Response:
    """Queue a sync to an entry of the history, without hooks."""
    body = await read_body(request)
    subject, application = visible_application(request, "sync", str(body.get("project") or ""))
    world, name = world_of(request), application["metadata"]["name"]
    if automated(application) is not None:
        raise ApiError(PRECONDITION, "rollback cannot be initiated when auto-sync is enabled")
    wanted = number(body.get("id"))
    entry = next((item for item in application["status"].get("history", []) if item["id"] == wanted), None)
    if entry is None:
        raise ApiError(INVALID, f"application argocd/{name} does not have deployment with id {wanted}")
    details = without_empty({
        "revision": entry["revision"], "prune": bool(body.get("prune")), "dryRun": bool(body.get("dryRun")),
        "syncStrategy": {"apply": {}}, "source": copied(entry["source"]),
        "syncOptions": copied(look(application, "spec", "syncPolicy", "syncOptions", default=[])),
    })  # fmt: skip
    retry = copied(look(application, "spec", "syncPolicy", "retry", default={}))
    _queue(world, application, {"sync": details, "initiatedBy": {"username": subject.username}, "retry": retry})
    text = f"{subject.username} initiated rollback to {wanted}"
    world.applications.event(application, "OperationStarted", text, subject.username)
    world.store.flush()
    return answer(application)


ROUTES = [
    Route("/api/v1/applications/{name}/sync", sync, methods=["POST"]),
    Route("/api/v1/applications/{name}/operation", terminate, methods=["DELETE"]),
    Route("/api/v1/applications/{name}/rollback", rollback, methods=["POST"]),
]
