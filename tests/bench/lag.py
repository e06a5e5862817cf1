"""How late `watch` writes down what Argo CD says: each change of the stream beside the moment at which its row followed."""

from __future__ import annotations

import contextlib
import json
import threading
import time
from bisect import bisect_left
from collections import defaultdict

import httpx
from django.db import connection

NOTED = """
CREATE TABLE bench_written (name text, version bigint, at timestamptz);
CREATE FUNCTION bench_note() RETURNS trigger LANGUAGE plpgsql AS
  $$ BEGIN INSERT INTO bench_written VALUES (NEW.name, NEW.resource_version, clock_timestamp()); RETURN NULL; END $$;
CREATE TRIGGER bench_note AFTER INSERT OR UPDATE OF resource_version ON deployments_application
  FOR EACH ROW EXECUTE FUNCTION bench_note();
"""


class Lag:
    """Reads the stream beside `watch`, and has the database note when rows change."""

    def __init__(self, server: str, token: str, project: str) -> None:
        self._url, self._project = f"{server}/api/v1/stream/applications", project
        self._headers = {"Authorization": f"Bearer {token}", "Accept": "text/event-stream"}
        self._said: list[tuple[str, int, float]] = []
        self._stopping = threading.Event()
        self._thread = threading.Thread(target=self._read, daemon=True)

    def start(self) -> None:
        """Begin to note both sides."""
        with connection.cursor() as cursor:
            cursor.execute(NOTED)
        self._thread.start()

    def stop(self) -> None:
        """Note no more of the stream."""
        self._stopping.set()

    def seconds(self, since: float) -> list[float]:
        """The lag of every change that was said from then on (seconds since the epoch), sorted."""
        written: dict[str, list[tuple[int, float]]] = defaultdict(list)
        with connection.cursor() as cursor:
            cursor.execute("SELECT name, version, extract(epoch from at)::float FROM bench_written ORDER BY at")
            for name, version, at in cursor.fetchall():
                if not written[name] or version > written[name][-1][0]:
                    written[name].append((version, at))
        lags = [_of(written[name], version, at) for name, version, at in self._said if at >= since]
        return sorted(lag for lag in lags if lag is not None)

    def _read(self) -> None:
        with contextlib.suppress(httpx.HTTPError):  # the server ends while it is read
            self._follow()

    def _follow(self) -> None:
        with httpx.stream(
            "GET", self._url, params={"projects": self._project}, headers=self._headers, timeout=60
        ) as answer:
            for line in answer.iter_lines():
                if self._stopping.is_set():
                    return
                if line.startswith("data: "):
                    self._hear(line.removeprefix("data: "), time.time())

    def _hear(self, text: str, at: float) -> None:
        metadata = json.loads(text)["result"]["application"]["metadata"]
        self._said.append((metadata["name"], int(metadata["resourceVersion"]), at))


def _of(written: list[tuple[int, float]], version: int, said: float) -> float | None:
    place = bisect_left(written, (version, 0.0))
    return max(0.0, written[place][1] - said) if place < len(written) else None


def percentile(ordered: list[float], share: float) -> float:
    """The smallest value that this share of them does not exceed; 0 of none."""
    return ordered[min(len(ordered) - 1, int(share * len(ordered)))] if ordered else 0.0
