"""The panel's API for scripts, with nothing but Python's own library: a build server has no more."""

from __future__ import annotations

import json
import os
import time
import urllib.error
import urllib.request
from dataclasses import dataclass
from typing import Any

PATIENCE_SECONDS = 120.0
PAUSE_SECONDS = 2.0
ANSWER_SECONDS = 60.0
AWAY = (502, 503, 504)


class NoRedirect(urllib.request.HTTPRedirectHandler):
    """Follows nobody: the token is meant for one address."""

    def redirect_request(self, *_: Any, **__: Any) -> None:
        return None


OPENER = urllib.request.build_opener(NoRedirect)


class Refused(Exception):
    """The panel said no. The message is its sentence and the remedy; `problem` is the whole RFC 9457 document."""

    def __init__(self, status: int, problem: dict[str, Any]) -> None:
        said = [str(problem.get(name) or "") for name in ("detail", "remedy")]
        super().__init__(" ".join(text for text in said if text) or f"The panel answered {status}.")
        self.status = status
        self.problem = problem


class NotNamed(Exception):
    """The environment names no panel, or no token of it."""


class Away(Exception):
    """The panel did not answer for a while; the message says what was seen last."""


@dataclass(frozen=True)
class Panel:
    """A panel at an address, with a token that is never printed."""

    url: str
    token: str

    @classmethod
    def of_environment(cls) -> Panel:
        """The panel that PANEL_URL and PANEL_TOKEN name. Raises `NotNamed`."""
        url, token = os.environ.get("PANEL_URL", ""), os.environ.get("PANEL_TOKEN", "")
        if not url.startswith(("https://", "http://")):
            raise NotNamed("PANEL_URL is not set. Set it to the panel's address, such as https://panel.example.com.")
        if not token:
            raise NotNamed("PANEL_TOKEN is not set. Set it to a token of the panel; manage.py create_token makes one.")
        return cls(url, token)

    def get(self, path: str) -> dict[str, Any]:
        """Read. Raises `Refused` and `Away`."""
        return self._call(self._request(path))

    def post(self, path: str, body: dict[str, Any], *, key: str) -> dict[str, Any]:
        """Ask for something; the key makes it safe to ask again where the answer was lost. Raises `Refused` and `Away`."""
        request = self._request(path, json.dumps(body).encode())
        request.add_header("Content-Type", "application/json")
        request.add_header("Idempotency-Key", key)
        return self._call(request)

    def _request(self, path: str, data: bytes | None = None) -> urllib.request.Request:
        headers = {"Authorization": f"Bearer {self.token}", "Accept": "application/json"}
        return urllib.request.Request(f"{self.url.rstrip('/')}/api/v1/{path}", data, headers)  # noqa: S310  # of_environment

    def _call(self, request: urllib.request.Request) -> dict[str, Any]:
        deadline = time.monotonic() + PATIENCE_SECONDS
        while True:
            try:
                with OPENER.open(request, timeout=ANSWER_SECONDS) as answer:
                    return _document(answer.read())
            except urllib.error.HTTPError as error:
                if error.code not in AWAY:
                    raise Refused(error.code, _problem(error)) from None
                seen = f"it answered {error.code}"
            except (OSError, ValueError) as error:
                seen = str(error)
            if time.monotonic() > deadline:
                raise Away(f"{self.url} did not answer for {PATIENCE_SECONDS:.0f} s: {seen}.")
            time.sleep(PAUSE_SECONDS)


def _problem(error: urllib.error.HTTPError) -> dict[str, Any]:
    """What the panel says was wrong; empty where somebody else answered in its place."""
    with error:
        try:
            return _document(error.read())
        except ValueError:
            return {}


def _document(body: bytes) -> dict[str, Any]:
    """A JSON object. Raises `ValueError` where the body is none, as a proxy's page is not."""
    document = json.loads(body)
    if not isinstance(document, dict):
        raise ValueError("the answer is no JSON object")
    return document
