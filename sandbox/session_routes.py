"""Sessions, tokens of accounts, user information, version and settings."""

from __future__ import annotations

import hashlib
import hmac
import random
import uuid

from starlette.requests import Request
from starlette.responses import PlainTextResponse, Response
from starlette.routing import Route

from sandbox.access import given_token, subject_of, world_of
from sandbox.envelope import DENIED, NOT_FOUND, UNAUTHENTICATED, ApiError, answer, number, read_body
from sandbox.permissions import allows
from sandbox.tokens import SESSION_SECONDS

VERSION = "v3.6.0+37ee009"
FAILURES, FAILURE_WINDOW = 5, 300.0


async def create_session(request: Request) -> Response:
    """Sign in as admin with the password."""
    world, body = world_of(request), await read_body(request)
    username, password = str(body.get("username") or ""), str(body.get("password") or "")
    if not username or not password:
        raise ApiError(UNAUTHENTICATED, "no credentials supplied")
    failures: list[float] = request.app.state.failures
    now = world.clock.epoch()
    failures[:] = [at for at in failures if at > now - FAILURE_WINDOW]
    digest = hashlib.sha256(password.encode()).digest()
    right = username == "admin" and hmac.compare_digest(digest, world.password_digest)
    if len(failures) >= FAILURES or not right:
        failures.append(now)
        await world.clock.sleep(random.uniform(0.5, 1.0))
        raise ApiError(UNAUTHENTICATED, "Invalid username or password")
    token, _ = world.tokens.issue("admin:login", SESSION_SECONDS, str(uuid.uuid4()))
    return answer({"token": token}, {"Set-Cookie": f"argocd.token={token}; path=/; SameSite=lax; httpOnly"})


async def delete_session(request: Request) -> Response:
    """Sign out: the session's token is no good any more."""
    token = given_token(request)
    if token is not None:
        subject = subject_of(request)
        if subject.username == "admin":
            identifier = world_of(request).tokens.identifier(token)
            world_of(request).store.put("setting", f"revoked/{identifier}", {"value": True})
    return answer({}, {"Set-Cookie": "argocd.token=; path=/; SameSite=lax; httpOnly"})


async def user_information(request: Request) -> Response:
    """Who the token belongs to; {} without a good one."""
    try:
        subject = subject_of(request)
    except ApiError:
        return answer({})
    return answer({"loggedIn": True, "username": subject.username, "iss": "argocd"})


async def version(request: Request) -> Response:
    """The version; more of it with a token."""
    try:
        subject_of(request)
    except ApiError:
        return answer({"Version": VERSION})
    return answer({
        "Version": VERSION, "BuildDate": "2026-08-22T00:00:00Z", "GoVersion": "go1.26.8", "Compiler": "gc",
        "Platform": "linux/amd64", "KustomizeVersion": "v5.8.0", "HelmVersion": "v3.22", "JsonnetVersion": "v0.22.0",
    })  # fmt: skip


async def can_i(request: Request) -> Response:
    """Whether the subject may do this."""
    subject, path = subject_of(request), request.path_params
    return answer({"value": "yes" if allows(subject, path["resource"], path["action"], path["target"]) else "no"})


async def create_account_token(request: Request) -> Response:
    """An API key of an account that has the capability."""
    subject, world, body = subject_of(request), world_of(request), await read_body(request)
    name = request.path_params["name"]
    if subject.username != name and not allows(subject, "accounts", "update", name):
        raise ApiError(DENIED, "permission denied")
    if name not in world.store.read_all("account"):
        raise ApiError(NOT_FOUND, f"account '{name}' does not exist")
    token = world.tokens.account_token(name, number(body.get("expiresIn")), str(body.get("id") or ""))
    return answer({"token": token})


async def delete_account_token(request: Request) -> Response:
    """Revoke an API key by its id."""
    subject, world = subject_of(request), world_of(request)
    name = request.path_params["name"]
    if subject.username != name and not allows(subject, "accounts", "update", name):
        raise ApiError(DENIED, "permission denied")
    account = world.store.read_all("account").get(name)
    if account is None:
        raise ApiError(NOT_FOUND, f"account '{name}' does not exist")
    account["tokens"] = [item for item in account["tokens"] if item["id"] != request.path_params["id"]]
    world.store.write_now("account", name, account)
    return answer({})


async def settings(request: Request) -> Response:
    """What anybody may know about the installation."""
    known = {"appLabelKey": "app.kubernetes.io/instance", "resourceOverrides": {}, "statusBadgeEnabled": False,
             "userLoginsDisabled": False, "controllerNamespace": "argocd", "trackingMethod": "annotation"}  # fmt: skip
    return answer({key: value for key, value in known.items() if value not in ({}, False)})


async def healthz(request: Request) -> Response:
    """The server runs."""
    return PlainTextResponse("ok\n")


ROUTES = [
    Route("/healthz", healthz),
    Route("/api/version", version),
    Route("/api/v1/settings", settings),
    Route("/api/v1/session", create_session, methods=["POST"]),
    Route("/api/v1/session", delete_session, methods=["DELETE"]),
    Route("/api/v1/session/userinfo", user_information),
    Route("/api/v1/account/can-i/{resource}/{action}/{target:path}", can_i),
    Route("/api/v1/account/{name}/token", create_account_token, methods=["POST"]),
    Route("/api/v1/account/{name}/token/{id}", delete_account_token, methods=["DELETE"]),
]
