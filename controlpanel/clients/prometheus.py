"""Prometheus' query API: one instant query, its samples, and refusals in its own words."""

from __future__ import annotations

import json
import math
from collections.abc import Iterator, Mapping
from dataclasses import dataclass
from datetime import UTC, datetime
from typing import Any

import httpx

from controlpanel.clients import errors
from controlpanel.clients.argocd_json import Json, mapping, mappings, message, text, texts
from controlpanel.clients.http_endpoint import Endpoint

SYSTEM = "Prometheus"
LONGEST_IN_ADDRESS = 1500
REMEDY = "Try the query on Prometheus' own page."


@dataclass(frozen=True)
class Sample:
    """One series at one moment. `value` is None for what Prometheus says with NaN: there is nothing to count."""

    labels: Mapping[str, str]
    value: float | None
    at: datetime


class Prometheus:
    """One server; safe to share between threads."""

    def __init__(self, url: str, *, transport: httpx.BaseTransport | None = None) -> None:
        self._endpoint = Endpoint(SYSTEM, url, transport=transport)
        self.url = self._endpoint.url

    def __repr__(self) -> str:
        return f"Prometheus({self.url!r})"

    def close(self) -> None:
        self._endpoint.close()

    def query(self, expression: str, *, what: str = "answer a query", at: datetime | None = None) -> tuple[Sample, ...]:
        """The instant vector (or the scalar as one sample without labels) of an expression, now or as it was then.

        Raises `Invalid` with Prometheus' own words where the expression is wrong, `Ambiguous` where it cannot answer.
        """
        asked = {"query": expression} | ({"time": f"{at.timestamp():.3f}"} if at else {})
        try:
            if len(expression) <= LONGEST_IN_ADDRESS:
                received = self._endpoint.get(what, "/api/v1/query", query=asked)
            else:
                received = self._endpoint.ask(what, "/api/v1/query", asked)
        except errors.Rejected as error:
            raise _in_its_words(error, what) from None
        return tuple(_samples(_data(received, what)))

    def version(self) -> str:
        """The server's version."""
        what = "read the version"
        return text(_data(self._endpoint.get(what, "/api/v1/status/buildinfo"), what), "version")


def _in_its_words(error: errors.Rejected, what: str) -> errors.Rejected:
    answer = _parsed(error.text.encode())
    if answer is None or text(answer, "status") != "error":
        return error
    said = message(answer, "error")[:500]
    return errors.Invalid(f"{SYSTEM} refused to {what}: {said}.", REMEDY, status=error.status, text=said)


def _data(received: bytes, what: str) -> Json:
    answer = _parsed(received)
    if answer is None or text(answer, "status") != "success":
        sentence = f"{SYSTEM} gave an answer that is not its API's when asked to {what}."
        raise errors.Ambiguous(
            sentence, "Check that the address is Prometheus' own and not a proxy's or a login page's."
        )
    return mapping(answer, "data")


def _parsed(received: bytes) -> Json | None:
    try:
        answer = json.loads(received)
    except (ValueError, RecursionError):
        return None
    return answer if isinstance(answer, Mapping) else None


def _samples(data: Json) -> Iterator[Sample]:
    if text(data, "resultType") == "scalar":
        yield from _sample({}, data.get("result"))
    for entry in mappings(data, "result"):
        yield from _sample(texts(entry, "metric"), entry.get("value"))


def _sample(labels: Mapping[str, str], pair: Any) -> Iterator[Sample]:
    """Prometheus writes a sample as [seconds, "value"]; anything else is no sample."""
    try:
        seconds, written = pair
        value, at = float(written), datetime.fromtimestamp(float(seconds), UTC)
    except (TypeError, ValueError, OverflowError, OSError):
        return
    yield Sample(labels, None if math.isnan(value) else value, at)
