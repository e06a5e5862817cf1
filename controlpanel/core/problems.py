"""Errors of the API as RFC 9457 problem details: what happened in one sentence, and what to do about it."""

from __future__ import annotations

import re
from typing import Any

from django.core.exceptions import RequestDataTooBig, SuspiciousOperation
from django.http import Http404, HttpRequest, HttpResponse, JsonResponse
from ninja import Schema
from ninja.errors import AuthenticationError, HttpError, ValidationError

from controlpanel.core import faults, refusals
from controlpanel.core.errors import AbsentError, ConflictError, InvalidError, PanelError, RefusedError, UserError
from controlpanel.core.literal_secrets import find, looks_random

_NAME = re.compile(r"[A-Za-z0-9_]{1,60}")
MEDIA_TYPE = "application/problem+json"
KINDS: dict[type[PanelError], str] = {
    InvalidError: "invalid",
    RefusedError: "refused",
    AbsentError: "absent",
    ConflictError: "conflict",
}
PLACES = {"body", "query", "path", "header", "cookie", "form", "file"}


class ProblemOut(Schema):
    """RFC 9457; further members such as `gates`, `field` and `errors` say more."""

    type: str
    title: str
    status: int
    detail: str
    remedy: str


PROBLEMS = dict.fromkeys((401, 403, 404, 405, 409, 422, 500), ProblemOut)
"""Every route may answer these; documented with each."""


def problem(*, status: int, kind: str, title: str, detail: str, remedy: str = "", **extra: Any) -> HttpResponse:
    """The answer; `extra` members stand beside the standard ones."""
    standard = {"type": f"urn:problem-type:control-panel:{kind}", "title": title, "status": status, "detail": detail}
    return JsonResponse({**extra, **standard, "remedy": remedy}, status=status, content_type=MEDIA_TYPE)


def of_user_error(request: HttpRequest, error: UserError) -> HttpResponse:
    """A mistake that the asker can mend, in our own words."""
    refusals.keep(request, error)
    kind = next((KINDS[base] for base in type(error).__mro__ if base in KINDS), "not-possible")
    standard = {"status": error.status, "title": error.title, "detail": error.sentence, "remedy": error.remedy}
    return problem(**{"kind": kind, **error.extra, **standard})


def of_validation(request: HttpRequest, error: ValidationError) -> HttpResponse:
    """A request that is not of the documented shape; `field` names the first place, `errors` all of them."""
    found = [{"field": _field(entry), "message": str(entry["msg"])} for entry in error.errors]
    first = found[0]
    return problem(
        status=422,
        kind="invalid",
        title=InvalidError.title,
        detail=f"{first['field'] or 'The request'}: {first['message']}.",
        remedy=f"Correct {first['field'] or 'the body'}; /api/v1/openapi.json describes this request.",
        field=first["field"],
        errors=found,
    )


def of_http_error(request: HttpRequest, error: HttpError) -> HttpResponse:
    """What the framework refuses by itself."""
    if isinstance(error, AuthenticationError):
        return unauthenticated()
    remedy = "Send a JSON document with the header Content-Type: application/json." if error.status_code == 400 else ""
    return problem(
        status=error.status_code,
        kind="malformed",
        title="Not understood",
        detail=f"{error.message.rstrip('.')}.",
        remedy=remedy,
    )


def unauthenticated() -> HttpResponse:
    """No token, or one that is wrong, expired or revoked: all read the same."""
    answer = problem(
        status=401,
        kind="unauthenticated",
        title="Who are you?",
        detail="This request carries no valid API token.",
        remedy="Send the header Authorization: Bearer cp_…; `create_token` makes one.",
    )
    answer.headers["WWW-Authenticate"] = 'Bearer realm="control panel"'
    return answer


def of_absence(request: HttpRequest, error: Http404 | None = None) -> HttpResponse:
    """An address that does not exist."""
    detail = f"There is nothing at {request.path[:200]}."
    return problem(
        status=404, kind="absent", title="Not found", detail=detail, remedy="/api/v1/openapi.json lists every address."
    )


def of_method(request: HttpRequest, allowed: str) -> HttpResponse:
    """An address that does not take this method."""
    answer = problem(
        status=405,
        kind="method-not-allowed",
        title="Method not allowed",
        detail=f"{request.path[:200]} does not take {request.method}.",
        remedy=f"Use {allowed}.",
    )
    answer.headers["Allow"] = allowed
    return answer


def of_suspicion(request: HttpRequest, error: SuspiciousOperation) -> HttpResponse:
    """A request that Django itself refuses to read."""
    if isinstance(error, RequestDataTooBig):
        return problem(
            status=413,
            kind="too-large",
            title="Too large",
            detail="The request is too large.",
            remedy="Send less than 1 MB.",
        )
    return problem(status=400, kind="malformed", title="Not understood", detail="The request cannot be read.")


def of_fault(request: HttpRequest, error: Exception) -> HttpResponse:
    """Our side broke: the reference leads to the log, which alone holds the details."""
    reference = faults.kept(request, error)
    return problem(
        status=500,
        kind="fault",
        title=PanelError.title,
        detail=f"The panel could not answer; this is logged as {reference}.",
        remedy=f"Try again; if it stays, give {reference} to whoever runs the panel.",
        reference=reference,
    )


def _field(entry: dict[str, Any]) -> str:
    """`("body", "payload", "source", "commit")` reads as `source.commit`."""
    parts = [str(part) for part in entry.get("loc", ())]
    if parts and parts[0] in PLACES:
        parts = parts[2:] if parts[0] in {"body", "form"} else parts[1:]
    return ".".join(part if _is_plain(part) else "a field" for part in parts)


def _is_plain(part: str) -> bool:
    """Whether a name that a client gave may be said again: what nobody has named so may be a secret in the wrong place."""
    return bool(_NAME.fullmatch(part)) and not looks_random(part) and not find(part)
