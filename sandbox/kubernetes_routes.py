"""A small part of the Kubernetes API below /k8s: discovery, dry runs of server-side applies, reads. Nothing is stored."""

from __future__ import annotations

import uuid
from typing import Any

import yaml
from starlette.requests import Request
from starlette.responses import JSONResponse, PlainTextResponse, Response
from starlette.routing import Route

from sandbox.access import world_of
from sandbox.cluster import ApplyError, public
from sandbox.documents import Document, look
from sandbox.envelope import ApiError
from sandbox.kubernetes_kinds import KINDS, Kind, schema_problems
from sandbox.kubernetes_rules import causes
from sandbox.manifests import Key, Loader
from sandbox.shared_secrets import metadata_with_hands

ALWAYS_THERE = frozenset({"default", "kube-system", "argocd"})
METADATA_ONLY = "PartialObjectMetadata"
VERSION = {"major": "1", "minor": "36", "emulationMajor": "1", "emulationMinor": "36", "minCompatibilityMajor": "1",
           "minCompatibilityMinor": "35", "gitVersion": "v1.36.0", "gitCommit": "", "gitTreeState": "",
           "buildDate": "1970-01-01T00:00:00Z", "goVersion": "go1.26.8", "compiler": "gc",
           "platform": "linux/amd64"}  # fmt: skip


class Refused(Exception):
    """An answer of kind Status."""

    def __init__(self, code: int, message: str, reason: str = "", details: Document | None = None) -> None:
        super().__init__(message)
        status: Document = {
            "kind": "Status",
            "apiVersion": "v1",
            "metadata": {},
            "status": "Failure",
            "message": message,
        }
        status |= {"reason": reason} if reason else {}
        status |= {"details": details} if details is not None else {}
        self.answer = JSONResponse(status | {"code": code}, code)


async def answer_refusal(request: Request, error: Exception) -> Response:
    """The Status object."""
    assert isinstance(error, Refused)
    return error.answer


def _check_token(request: Request) -> None:
    """Refuse whoever does not carry the token of an account; cookies and tokens of projects do not count here."""
    word, _, token = request.headers.get("authorization", "").partition(" ")
    try:
        known = word == "Bearer" and token.count(".") == 2 and world_of(request).tokens.subject(token).project is None
    except ApiError:
        known = False
    if not known:
        raise Refused(401, "Unauthorized", "Unauthorized")


async def version(request: Request) -> Response:
    """The version, for everybody."""
    return JSONResponse(VERSION)


async def groups(request: Request) -> Response:
    """The API groups."""
    _check_token(request)
    found: dict[str, set[str]] = {}
    for kind in KINDS:
        found.setdefault(kind.group, set()).add(kind.version)
    shown = []
    for name, versions in found.items():
        listed = [{"groupVersion": f"{name}/{each}", "version": each} for each in sorted(versions)]
        shown += [{"name": name, "versions": listed, "preferredVersion": listed[0]}] if name else []
    return JSONResponse({"kind": "APIGroupList", "apiVersion": "v1", "groups": shown})


async def core_versions(request: Request) -> Response:
    """The versions of the core group."""
    _check_token(request)
    return JSONResponse({"kind": "APIVersions", "versions": ["v1"], "serverAddressByClientCIDRs": []})


def _kinds_of(request: Request) -> list[Kind] | None:
    group, wanted = request.path_params.get("group", ""), request.path_params["version"]
    if all(kind.group != group for kind in KINDS):
        return None
    return [kind for kind in KINDS if (kind.group, kind.version) == (group, wanted)]


def _not_served() -> Refused:
    return Refused(404, "the server could not find the requested resource", "NotFound", {})


async def resources(request: Request) -> Response:
    """What one group and version has."""
    _check_token(request)
    kinds = _kinds_of(request)
    if not kinds:
        return PlainTextResponse("404 page not found\n", 404)
    group_version = kinds[0].api_version
    shown = [kind.entry() for kind in kinds]
    return JSONResponse(
        {"kind": "APIResourceList", "apiVersion": "v1", "groupVersion": group_version, "resources": shown}
    )


def _kind(request: Request) -> Kind | None:
    """The kind of the path; None where its group is not installed."""
    kinds, plural = _kinds_of(request), request.path_params["plural"]
    if kinds is None:
        return None
    found = next((kind for kind in kinds if kind.plural == plural), None)
    if found is None or found.namespaced != ("namespace" in request.path_params) and "name" in request.path_params:
        raise _not_served()
    return found


def _shown(request: Request, kind: Kind, manifest: Document) -> Document:
    if METADATA_ONLY in request.headers.get("accept", ""):
        return {"kind": METADATA_ONLY, "apiVersion": "meta.k8s.io/v1", "metadata": metadata_with_hands(manifest)}
    if kind.kind == "Secret":
        raise Refused(403, "secrets are shown without their values only: ask for PartialObjectMetadata", "Forbidden",
                      {"kind": "secrets"})  # fmt: skip
    return public(manifest)


async def read(request: Request) -> Response:
    """One object."""
    _check_token(request)
    kind = _kind(request)
    if kind is None:
        return PlainTextResponse("404 page not found\n", 404)
    name, namespace = request.path_params["name"], request.path_params.get("namespace", "")
    live = world_of(request).cluster.get(Key(kind.group, kind.kind, namespace, name))
    if live is None:
        group = {"group": kind.group} if kind.group else {}
        resource = f"{kind.plural}.{kind.group}" if kind.group else kind.plural
        raise Refused(404, f'{resource} "{name}" not found', "NotFound", {"name": name, **group, "kind": kind.plural})
    return JSONResponse(_shown(request, kind, live))


async def list_kind(request: Request) -> Response:
    """All objects of a kind, of one namespace or of all."""
    _check_token(request)
    kind = _kind(request)
    if kind is None:
        return PlainTextResponse("404 page not found\n", 404)
    world, namespace = world_of(request), request.path_params.get("namespace")
    found = [
        item for item in world.cluster.all() if (item["apiVersion"], item["kind"]) == (kind.api_version, kind.kind)
    ]
    items = [_shown(request, kind, item) for item in found if namespace in (None, item["metadata"].get("namespace"))]
    partial = METADATA_ONLY in request.headers.get("accept", "")
    head = {
        "kind": f"{METADATA_ONLY if partial else kind.kind}List",
        "apiVersion": "meta.k8s.io/v1" if partial else kind.api_version,
    }
    return JSONResponse({**head, "metadata": {"resourceVersion": world.store.version}, "items": items})


async def apply(request: Request) -> Response:
    """A server-side apply as a dry run: would this object be taken?"""
    _check_token(request)
    kind = _kind(request)
    if kind is None:
        return PlainTextResponse("404 page not found\n", 404)
    manifest = await _wanted(request, kind)
    namespace, name = request.path_params.get("namespace", ""), request.path_params["name"]
    _check_schema(kind, manifest, namespace, name)
    cluster = world_of(request).cluster
    if namespace and namespace not in ALWAYS_THERE and cluster.get(Key("", "Namespace", "", namespace)) is None:
        raise Refused(404, f'namespaces "{namespace}" not found', "NotFound", {"name": namespace, "kind": "namespaces"})
    manifest["metadata"] = {**manifest.get("metadata", {}), "name": name} | (
        {"namespace": namespace} if namespace else {}
    )
    live = cluster.get(Key(kind.group, kind.kind, namespace, name))
    _check_rules(kind, manifest, live)
    try:
        result = cluster.would_apply(manifest)[1]
    except ApplyError as error:
        raise Refused(400, str(error), "BadRequest") from error
    return JSONResponse(_result(result, world_of(request).clock.stamp()), 200 if live else 201)


async def _wanted(request: Request, kind: Kind) -> Document:
    if request.headers.get("content-type", "").partition(";")[0] != "application/apply-patch+yaml":
        raise Refused(415, "the body of the request was in an unknown format", "UnsupportedMediaType", {})
    query = request.query_params
    if query.get("dryRun") != "All":
        raise Refused(403, "the sandbox answers dry runs only: say dryRun=All", "Forbidden", {})
    if not query.get("fieldManager"):
        text = 'PatchOptions.meta.k8s.io "" is invalid: fieldManager: Required value: is required for apply patch'
        raise Refused(422, text, "Invalid", {"group": "meta.k8s.io", "kind": "PatchOptions"})
    try:
        manifest: Any = yaml.load(await request.body(), Loader=Loader)  # noqa: S506  # a safe loader
    except yaml.YAMLError as error:
        raise Refused(400, f"error decoding YAML: {' '.join(str(error).split())}", "BadRequest") from error
    given = (look(manifest, "apiVersion"), look(manifest, "kind")) if isinstance(manifest, dict) else None
    if given != (kind.api_version, kind.kind):
        raise Refused(400, f"the object is no {kind.api_version} {kind.kind}", "BadRequest")
    return dict(manifest)


def _check_schema(kind: Kind, manifest: Document, namespace: str, name: str) -> None:
    problems = schema_problems(kind, manifest)
    if problems:
        text = problems[0] if len(problems) == 1 else "errors:\n" + "\n".join(f"  {each}" for each in problems)
        place = f"{namespace}/{name}; {kind.api_version}, Kind={kind.kind}"
        raise Refused(500, f"failed to create typed patch object ({place}): {text}")


def _check_rules(kind: Kind, manifest: Document, live: Document | None) -> None:
    found = causes(manifest, live)
    if not found:
        return
    name = manifest["metadata"]["name"]
    shown = [f"{field}: {message}" for _, message, field in found]
    text = shown[0] if len(shown) == 1 else f"[{', '.join(shown)}]"
    listed = [{"reason": reason, "message": message, "field": field} for reason, message, field in found]
    group = {"group": kind.group} if kind.group else {}
    named = f"{kind.kind}.{kind.group}" if kind.group else kind.kind
    raise Refused(422, f'{named} "{name}" is invalid: {text}', "Invalid",
                  {"name": name, **group, "kind": kind.kind, "causes": listed})  # fmt: skip


def _result(manifest: Document, now: str) -> Document:
    made = {"uid": str(uuid.uuid4()), "generation": 1, "creationTimestamp": now}
    return {**manifest, "metadata": made | manifest["metadata"], "status": manifest.get("status", {})}


def kubeconfig(url: str, token: str) -> str:
    """A kubeconfig whose only context is this sandbox (YAML)."""
    document = {
        "apiVersion": "v1", "kind": "Config", "current-context": "sandbox",
        "clusters": [{"name": "sandbox", "cluster": {"server": f"{url.rstrip('/')}/k8s"}}],
        "users": [{"name": "sandbox", "user": {"token": token}}],
        "contexts": [{"name": "sandbox", "context": {"cluster": "sandbox", "user": "sandbox"}}],
    }  # fmt: skip
    return str(yaml.safe_dump(document, sort_keys=False))


def _routes() -> list[Route]:
    routes = [Route("/k8s/version", version), Route("/k8s/api", core_versions), Route("/k8s/apis", groups)]
    for root in ("/k8s/api/{version}", "/k8s/apis/{group}/{version}"):
        routes.append(Route(root, resources))
        for place in (f"{root}/namespaces/{{namespace}}/{{plural}}", f"{root}/{{plural}}"):
            routes += [Route(place, list_kind), Route(f"{place}/{{name}}", read), Route(f"{place}/{{name}}", apply, methods=["PATCH"])]  # fmt: skip
    return routes


ROUTES = _routes()
