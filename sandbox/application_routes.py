"""Applications: create, list, read, change, delete."""

from __future__ import annotations

import json

from starlette.requests import Request
from starlette.responses import Response
from starlette.routing import Route

from sandbox.access import subject_of, visible_application, world_of
from sandbox.applications import IN_CLUSTER, check_name, normalised, selected_fields
from sandbox.clock import nanosecond_stamp
from sandbox.documents import Document, copied, look
from sandbox.envelope import INVALID, ApiError, answer, flag, read_body
from sandbox.patches import PatchError, json_patch, merge_patch
from sandbox.permissions import allows, enforce
from sandbox.repositories import RepositoryError
from sandbox.selectors import parse_selector
from sandbox.tokens import Subject
from sandbox.world import World

KEPT_METADATA = ("labels", "annotations", "finalizers")


def visible_list(request: Request, subject: Subject) -> list[Document]:
    """The Applications that the subject may read and the query asks for, sorted by name."""
    query = request.query_params
    projects = query.getlist("projects") or query.getlist("project")
    name, repository = query.get("name", ""), query.get("repo", "")
    fits = parse_selector(query.get("selector", ""))
    found = []
    for item in world_of(request).applications.all():
        metadata, spec = item["metadata"], item["spec"]
        if (name and metadata["name"] != name) or (projects and spec["project"] not in projects):
            continue
        if repository and look(spec, "source", "repoURL") != repository:
            continue
        if fits(metadata.get("labels", {})) and allows(
            subject, "applications", "get", f"{spec['project']}/{metadata['name']}"
        ):
            found.append(item)
    return found


async def list_applications(request: Request) -> Response:
    """All visible Applications, without the health of their resources."""
    subject = subject_of(request)
    items, fields = visible_list(request, subject), request.query_params.get("fields", "")
    shown = [selected_fields(item, fields) for item in items] if fields else items
    return answer({"metadata": {"resourceVersion": world_of(request).store.version}, "items": shown or None})


async def read_application(request: Request) -> Response:
    """One Application; with `refresh` after a comparison that starts now."""
    query = request.query_params
    if len(query.getlist("project")) > 1:
        raise ApiError(INVALID, "multiple projects specified - the get endpoint accepts either zero or one project")
    _, application = visible_application(request, "get", query.get("project", ""))
    world = world_of(request)
    if "refresh" in query:
        kind = "hard" if query["refresh"] == "hard" else "normal"
        application = await world.controller.refresh(application, kind, nanosecond_stamp())
    return answer(world.applications.shown(application))


async def check_spec(world: World, name: str, spec: Document, *, validate: bool, candidate: Document) -> None:
    """Refuse a spec that names an unknown cluster, a repository or path that is not there, or what the project forbids."""
    project = world.projects.find(spec["project"])
    if project is None:
        raise ApiError(INVALID, f'app is not allowed in project "{spec["project"]}", or the project does not exist')
    destination, source = spec["destination"], spec["source"]
    named = destination.get("name")
    if named and named != "in-cluster":
        raise ApiError(
            INVALID,
            f"application destination spec for {name} is invalid: there are no clusters with this name: {named}",
        )
    server = destination.get("server") or (IN_CLUSTER if named else "")
    problem = ""
    if validate:
        problem = await _source_problem(world, source, candidate)
    if not problem and not world.projects.permits_source(project, source.get("repoURL", "")):
        problem = f"application repo {source.get('repoURL', '')} is not permitted in project '{spec['project']}'"
    if not problem and not world.projects.permits_destination(project, server, destination.get("namespace", "")):
        problem = (
            f"application destination server '{server}' and namespace '{destination.get('namespace', '')}' do not match "
            f"any of the allowed destinations in project '{spec['project']}'"
        )
    if problem:
        raise ApiError(INVALID, f"application spec for {name} is invalid: InvalidSpecError: {problem}")


async def _source_problem(world: World, source: Document, candidate: Document) -> str:
    path, revision = source.get("path", ""), source.get("targetRevision", "")
    try:
        await world.repositories.check(source.get("repoURL", ""))
    except RepositoryError as error:
        return str(error)
    try:
        commit = await world.repositories.at(source["repoURL"]).resolve(revision)
        await world.manifests.target(candidate, source, commit)
    except RepositoryError as error:
        return f"Unable to generate manifests in {path}: rpc error: code = Unknown desc = {error}"
    return ""


async def create_application(request: Request) -> Response:
    """Create; an equal one is returned, another spec needs `upsert`."""
    subject, world, wanted = subject_of(request), world_of(request), await read_body(request)
    query = request.query_params
    name = look(wanted, "metadata", "name", default="")
    spec = normalised(wanted.get("spec") or {})
    enforce(subject, "applications", "create", f"{spec['project']}/{name}")
    candidate = {"metadata": {"name": name}, "spec": spec}
    await check_spec(world, name, spec, validate=flag(query.get("validate"), True), candidate=candidate)
    found = world.applications.find(name)
    if found is None:
        check_name(name)
        application = world.applications.create(wanted, spec, subject.username)
        world.controller.created(name)
        shown = answer(application)
        world.store.flush()
        return shown
    return _create_existing(world, subject, found, wanted, spec, upsert=flag(query.get("upsert")))


def _create_existing(
    world: World, subject: Subject, found: Document, wanted: Document, spec: Document, *, upsert: bool
) -> Response:
    given = wanted.get("metadata") or {}
    equal = found["spec"] == spec and all(
        (found["metadata"].get(key) or None) == (given.get(key) or None) for key in KEPT_METADATA
    )
    if equal:
        return answer(found)
    if not upsert:
        raise ApiError(INVALID, "existing application spec is different, use upsert flag to force update")
    enforce(subject, "applications", "update", f"{spec['project']}/{found['metadata']['name']}")
    metadata = found["metadata"]
    for key in ("labels", "annotations"):
        if given.get(key):
            metadata[key] = {**metadata.get(key, {}), **given[key]}
    _set_finalizers(metadata, given.get("finalizers"))
    return answer(_store_spec(world, subject, found, spec))


def _set_finalizers(metadata: Document, finalizers: list[str] | None) -> None:
    metadata.pop("finalizers", None)
    if finalizers:
        metadata["finalizers"] = list(finalizers)


def _store_spec(world: World, subject: Subject, application: Document, spec: Document) -> Document:
    changed = application["spec"] != spec
    application["spec"] = spec
    world.applications.save(application, content=changed)
    if changed:
        world.applications.event(
            application, "ResourceUpdated", f"{subject.username} updated application spec", subject.username
        )
    world.controller.created(application["metadata"]["name"])
    world.store.flush()
    return application


async def replace_application(request: Request) -> Response:
    """PUT: spec, labels, annotations and finalizers become those of the body."""
    wanted = await read_body(request)
    subject, application = visible_application(request, "update", request.query_params.get("project", ""))
    return answer(
        await _replace(request, subject, application, wanted, flag(request.query_params.get("validate"), True))
    )


async def _replace(
    request: Request, subject: Subject, application: Document, wanted: Document, validate: bool
) -> Document:
    world, spec = world_of(request), normalised(wanted.get("spec") or {})
    name = application["metadata"]["name"]
    enforce(subject, "applications", "update", f"{spec['project']}/{name}")
    await check_spec(world, name, spec, validate=validate, candidate={"metadata": {"name": name}, "spec": spec})
    for key in KEPT_METADATA:
        application["metadata"].pop(key, None)
        if look(wanted, "metadata", key):
            application["metadata"][key] = copied(wanted["metadata"][key])
    return _store_spec(world, subject, application, spec)


async def replace_spec(request: Request) -> Response:
    """PUT of the spec alone; answers the normalised spec."""
    wanted = await read_body(request)
    subject, application = visible_application(request, "update", request.query_params.get("project", ""))
    world, spec = world_of(request), normalised(wanted)
    name = application["metadata"]["name"]
    validate = flag(request.query_params.get("validate"), True)
    await check_spec(world, name, spec, validate=validate, candidate={"metadata": {"name": name}, "spec": spec})
    return answer(_store_spec(world, subject, application, spec)["spec"])


async def patch_application(request: Request) -> Response:
    """PATCH: a merge or JSON patch given as text; `project` stands in the body."""
    body = await read_body(request)
    subject, application = visible_application(request, "update", str(body.get("project") or ""))
    kind, patch = str(body.get("patchType") or "json"), str(body.get("patch") or "")
    shape = {"metadata": application["metadata"], "spec": application["spec"], "status": application["status"]}
    try:
        if kind == "merge":
            result = merge_patch(shape, json.loads(patch))
        elif kind == "json":
            result = json_patch(shape, json.loads(patch))
        else:
            raise ApiError(INVALID, f"Patch type '{kind}' is not supported")
    except (PatchError, ValueError) as error:
        raise ApiError(2, f"error applying patch: {error}") from error
    return answer(await _replace(request, subject, application, result, validate=True))


async def delete_application(request: Request) -> Response:
    """Delete, by default with everything that it manages; {} at once."""
    query = request.query_params
    subject, application = visible_application(request, "delete", query.get("project", ""))
    cascade = flag(query.get("cascade"), True)
    policy = query.get("propagationPolicy", "")
    if policy and not cascade:
        raise ApiError(INVALID, "cannot set propagation policy when cascading is disabled")
    world = world_of(request)
    world.applications.event(
        application, "ResourceDeleted", f"{subject.username} deleted application", subject.username
    )
    world.controller.deletion.delete(application, cascade=cascade, background=policy == "background")
    world.store.flush()
    return answer({})


async def sync_windows(request: Request) -> Response:
    """The windows that bind this Application, and whether a manual sync may start."""
    _, application = visible_application(request, "get", request.query_params.get("project", ""))
    return answer(world_of(request).windows.shown(application))


ROUTES = [
    Route("/api/v1/applications", list_applications),
    Route("/api/v1/applications", create_application, methods=["POST"]),
    Route("/api/v1/applications/{name}", read_application),
    Route("/api/v1/applications/{name}", replace_application, methods=["PUT"]),
    Route("/api/v1/applications/{name}", patch_application, methods=["PATCH"]),
    Route("/api/v1/applications/{name}", delete_application, methods=["DELETE"]),
    Route("/api/v1/applications/{name}/spec", replace_spec, methods=["PUT"]),
    Route("/api/v1/applications/{name}/syncwindows", sync_windows),
]
