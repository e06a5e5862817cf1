"""Who asks, and which Application they may see: Argo CD's table of 401, 403 and 404."""

from __future__ import annotations

from starlette.requests import Request

from sandbox.documents import Document
from sandbox.envelope import NOT_FOUND, UNAUTHENTICATED, ApiError, denied
from sandbox.permissions import allows
from sandbox.tokens import Subject
from sandbox.world import World


def world_of(request: Request) -> World:
    """The sandbox behind this request."""
    found: World = request.app.state.world
    return found


def given_token(request: Request) -> str | None:
    """The first usable token: metadata header, bearer header, cookie."""
    bearer = request.headers.get("authorization", "")
    candidates = [
        request.headers.get("grpc-metadata-token", ""),
        bearer.removeprefix("Bearer ") if bearer.startswith("Bearer ") else "",
        request.cookies.get("argocd.token", ""),
    ]
    return next((token for token in candidates if token.count(".") == 2), None)


def subject_of(request: Request) -> Subject:
    """Whose request it is; ApiError 401."""
    token = given_token(request)
    if token is None:
        raise ApiError(UNAUTHENTICATED, "no session information")
    return world_of(request).tokens.subject(token)


def visible_application(request: Request, action: str, project: str, name: str = "") -> tuple[Subject, Document]:
    """The Application of the path, if the subject may do this with it; else 403, or 404 where the project was given."""
    subject, world = subject_of(request), world_of(request)
    name = name or request.path_params["name"]
    if project and not allows(subject, "applications", action, f"{project}/{name}"):
        raise denied()
    application = world.applications.find(name)
    missing = ApiError(NOT_FOUND, f'applications.argoproj.io "{name}" not found') if project else denied()
    if application is None:
        raise missing
    own = application["spec"]["project"]
    if (project and own != project) or not allows(subject, "applications", action, f"{own}/{name}"):
        raise missing
    return subject, application
