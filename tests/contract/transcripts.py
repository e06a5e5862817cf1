"""The exchanges that were recorded on a real Argo CD, read from `transcripts/*.json`."""

from __future__ import annotations

import json
from collections.abc import Iterator
from dataclasses import dataclass
from functools import cache
from pathlib import Path
from typing import Any

import httpx

DIRECTORY = Path(__file__).parent / "transcripts"


@dataclass(frozen=True)
class Exchange:
    """One request and its answer. `events` are those of a stream, None for an ordinary exchange."""

    scenario: str
    index: int
    note: str
    method: str
    path: str
    params: dict[str, Any]
    body: Any
    status: int | None
    headers: dict[str, str]
    answer: Any
    events: list[dict[str, Any]] | None

    def __str__(self) -> str:
        return f"{self.scenario}-{self.index}-{self.method}-{self.path.removeprefix('/api/v1/').replace('/', '.')}"

    @property
    def is_poll(self) -> bool:
        """A summary of many reads instead of one answer."""
        return isinstance(self.answer, list)

    @property
    def content(self) -> bytes:
        """The answer's body as it went over the wire, in the stream's line mode."""
        if self.events is not None:
            return b"".join(json.dumps(event["json"]).encode() + b"\n" for event in self.events if "json" in event)
        return self.answer.encode() if isinstance(self.answer, str) else json.dumps(self.answer).encode()

    def response(self) -> httpx.Response:
        assert self.status is not None
        kept = {name: value for name, value in self.headers.items() if name.lower() == "content-type"}
        return httpx.Response(self.status, headers=kept, content=self.content)


@cache
def exchanges() -> tuple[Exchange, ...]:
    """Every recorded exchange with Argo CD over HTTP."""
    return tuple(exchange for path in sorted(DIRECTORY.glob("*.json")) for exchange in _read(path))


def exchange(scenario: str, index: int) -> Exchange:
    return next(e for e in exchanges() if (e.scenario, e.index) == (scenario, index))


def applications() -> Iterator[tuple[str, dict[str, Any]]]:
    """Every Application that was seen whole, in an answer, a list or a stream, with where it was seen."""
    for found in exchanges():
        if found.events is not None:
            for event in found.events:
                application = event.get("json", {}).get("result", {}).get("application")
                if application:
                    yield str(found), application
        elif isinstance(found.answer, dict) and found.status == 200:
            for document in (found.answer, *(found.answer.get("items") or [])):
                if "spec" in document and "status" in document and "sync" in document["status"]:
                    yield str(found), document


def _read(path: Path) -> Iterator[Exchange]:
    for index, recorded in enumerate(json.loads(path.read_text())["exchanges"]):
        request, response = recorded["request"], recorded["response"]
        answer = response["body"]
        is_stream = isinstance(answer, dict) and "events" in answer
        # the Kubernetes API's exchanges and plain git's are not Argo CD's
        if path.stem == "kubernetes-dry-run" or request["method"] == "git":
            continue
        yield Exchange(
            scenario=path.stem,
            index=index,
            note=recorded.get("note") or "",
            method=request["method"],
            path=request["path"],
            params=request["params"] or {},
            body=request["body"],
            status=response["status"],
            headers=response["headers"],
            answer=answer,
            events=answer["events"] if is_stream else None,
        )
