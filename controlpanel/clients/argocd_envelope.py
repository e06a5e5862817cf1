"""The shapes in which Argo CD says no: the unary envelope, the stream's envelope, and whatever a proxy wrote instead."""

from __future__ import annotations

import json
from collections.abc import Mapping

import httpx

from controlpanel.clients import errors
from controlpanel.clients.argocd_json import Json, mapping, storable, text

SYSTEM = "Argo CD"
_NOT_AN_OBJECT: Json = {}


def refused(response: httpx.Response, body: bytes, what: str) -> errors.ClientError:
    """The error for an answer that is no success.

    A stream's envelope names its own status, because after the first event the response's stays 200 for ever.
    """
    document = _document(body)
    inner = mapping(document, "error") or document
    code, named = _number(inner, "grpc_code") or _number(inner, "code"), _number(inner, "http_code")
    status = response.status_code if response.status_code >= 300 else named
    return errors.from_response(
        system=SYSTEM,
        what=what,
        status=status if status >= 300 else 500,
        text=text(inner, "message") or text(inner, "error") or _plain(body, document),
        code=code,
        retry_after=response.headers.get("Retry-After", ""),
    )


def json_object(body: bytes | str, what: str) -> Json:
    """The JSON object of a successful answer; Ambiguous for a cut one and for a login page's 200."""
    document = _document(body)
    if document is not _NOT_AN_OBJECT:
        return document
    raise errors.Ambiguous(
        f"{SYSTEM} gave an answer that is not a whole JSON object to {what}.",
        f"Check that the address is {SYSTEM}'s and not a proxy's or a login page's.",
    )


def _document(body: bytes | str) -> Json:
    try:
        document = json.loads(body)
    except (ValueError, RecursionError):
        return _NOT_AN_OBJECT
    return document if isinstance(document, Mapping) else _NOT_AN_OBJECT


def _number(document: Json, key: str) -> int:
    value = document.get(key)
    return value if isinstance(value, int) else 0


def _plain(body: bytes, document: Json) -> str:
    said = storable(body[:500].decode(errors="replace")).strip()
    return "" if document is not _NOT_AN_OBJECT or said.startswith("<") else said
