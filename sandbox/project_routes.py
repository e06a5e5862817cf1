"""AppProjects, their roles' tokens, clusters and repositories."""

from __future__ import annotations

from datetime import UTC, datetime

from starlette.requests import Request
from starlette.responses import Response
from starlette.routing import Route

from sandbox.access import subject_of, world_of
from sandbox.applications import IN_CLUSTER
from sandbox.documents import Document, look, without_empty
from sandbox.envelope import answer, denied, number, read_body
from sandbox.permissions import allows, enforce
from sandbox.windows import is_active
from sandbox.world import World

PROJECT = "/api/v1/projects/{project}"


async def list_projects(request: Request) -> Response:
    """All projects that the subject may read."""
    subject, world = subject_of(request), world_of(request)
    names = [item["metadata"]["name"] for item in world.projects.all()]
    shown = [world.projects.shown(name) for name in names if allows(subject, "projects", "get", name)]
    return answer({"metadata": {"resourceVersion": world.store.version}, "items": shown or None})


async def create_project(request: Request) -> Response:
    """Create, or with `upsert` replace the spec. The body wraps the project."""
    subject, world, body = subject_of(request), world_of(request), await read_body(request)
    wanted, upsert = body.get("project") or {}, bool(body.get("upsert"))
    name = look(wanted, "metadata", "name", default="")
    enforce(subject, "projects", "create", name)
    if upsert and world.projects.find(name):
        enforce(subject, "projects", "update", name)
    project = world.projects.create(wanted, upsert)
    world.store.flush()
    return answer(project)


async def read_project(request: Request) -> Response:
    """One project; without the right it reads as forbidden whether it is there or not."""
    subject, name = subject_of(request), request.path_params["project"]
    enforce(subject, "projects", "get", name)
    return answer(world_of(request).projects.shown(name))


async def replace_project(request: Request) -> Response:
    """PUT of the whole object under its current resourceVersion."""
    subject, world, body = subject_of(request), world_of(request), await read_body(request)
    name = request.path_params["project"]
    enforce(subject, "projects", "update", name)
    project = world.projects.update(name, body.get("project") or {})
    world.store.flush()
    return answer(project)


async def delete_project(request: Request) -> Response:
    """Delete a project without Applications."""
    subject, world, name = subject_of(request), world_of(request), request.path_params["project"]
    enforce(subject, "projects", "delete", name)
    world.projects.delete(name)
    world.store.flush()
    return answer({})


async def create_role_token(request: Request) -> Response:
    """A token of a role."""
    subject, world, body = subject_of(request), world_of(request), await read_body(request)
    name, role = request.path_params["project"], request.path_params["role"]
    enforce(subject, "projects", "update", name)
    token = world.projects.create_token(name, role, number(body.get("expiresIn")), str(body.get("id") or ""))
    world.store.flush()
    return answer({"token": token})


async def delete_role_token(request: Request) -> Response:
    """Revoke the tokens of a role that were issued at this second."""
    subject, world, path = subject_of(request), world_of(request), request.path_params
    enforce(subject, "projects", "update", path["project"])
    world.projects.revoke_token(path["project"], path["role"], int(path["issued_at"]))
    world.store.flush()
    return answer({})


async def project_windows(request: Request) -> Response:
    """The project's windows that are open now; {} if none."""
    subject, world, name = subject_of(request), world_of(request), request.path_params["project"]
    enforce(subject, "projects", "get", name)
    now = datetime.fromtimestamp(world.clock.epoch(), UTC)
    windows = look(world.projects.get(name), "spec", "syncWindows", default=[])
    return answer(without_empty({"windows": [item for item in windows if is_active(item, now)]}))


def _cluster(world: World) -> Document:
    count = len(world.applications.all())
    state = {"status": "Successful", "message": "", "attemptedAt": world.clock.stamp()}
    if not count:
        state |= {"status": "Unknown", "message": "Cluster has no applications and is not being monitored."}
    version = "v1.36.0" if count else "0.0.0"
    information = {"connectionState": state, "serverVersion": version, "cacheInfo": {}, "applicationsCount": count}
    return {
        "server": IN_CLUSTER,
        "name": "in-cluster",
        "config": {"tlsClientConfig": {"insecure": False}},
        "connectionState": state,
        "serverVersion": version,
        "info": information,
    }


async def list_clusters(request: Request) -> Response:
    """The one cluster, for those who may see clusters."""
    subject = subject_of(request)
    visible = allows(subject, "clusters", "get", IN_CLUSTER)
    return answer({"metadata": {}, "items": [_cluster(world_of(request))] if visible else None})


async def read_cluster(request: Request) -> Response:
    """The cluster by its address or name; any other reads as forbidden."""
    subject, entry = subject_of(request), request.path_params["entry"]
    if entry not in (IN_CLUSTER, "in-cluster") or not allows(subject, "clusters", "get", IN_CLUSTER):
        raise denied()
    return answer(_cluster(world_of(request)))


async def list_repositories(request: Request) -> Response:
    """No repository is registered: all are read without credentials."""
    subject_of(request)
    return answer({"metadata": {}, "items": None})


async def no_such_entry(request: Request) -> Response:
    """A single repository that is not registered reads as forbidden."""
    subject_of(request)
    raise denied()


async def project_events(request: Request) -> Response:
    """Events of a project: none are kept."""
    subject, name = subject_of(request), request.path_params["project"]
    enforce(subject, "projects", "get", name)
    return answer({"metadata": {"resourceVersion": world_of(request).store.version}, "items": None})


ROUTES = [
    Route("/api/v1/projects", list_projects),
    Route("/api/v1/projects", create_project, methods=["POST"]),
    Route(PROJECT, read_project),
    Route(PROJECT, replace_project, methods=["PUT"]),
    Route(PROJECT, delete_project, methods=["DELETE"]),
    Route(f"{PROJECT}/events", project_events),
    Route(f"{PROJECT}/syncwindows", project_windows),
    Route(f"{PROJECT}/roles/{{role}}/token", create_role_token, methods=["POST"]),
    Route(f"{PROJECT}/roles/{{role}}/token/{{issued_at:int}}", delete_role_token, methods=["DELETE"]),
    Route("/api/v1/clusters", list_clusters),
    Route("/api/v1/clusters/{entry:path}", read_cluster),
    Route("/api/v1/repositories", list_repositories),
    Route("/api/v1/repositories/{entry:path}", no_such_entry),
]
