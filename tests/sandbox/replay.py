"""Re-enacts recorded exchanges against the sandbox: requests translated, answers compared."""

from __future__ import annotations

import json
import os
import re
import threading
import time
from collections.abc import Callable, Iterator
from dataclasses import dataclass, field
from typing import Any

import httpx

from tests.contract.transcripts import Exchange, exchange, exchanges
from tests.sandbox.conftest import Argo, DeployRepository, Json, Running, settled
from tests.sandbox.exceptions import excepted
from tests.sandbox.likeness import ABSENT, Difference, differences, plain
from tests.sandbox.states import comparisons, operations, state

PATIENCE = float(os.environ.get("PATIENCE", "12"))
"""Seconds for which a read may still differ: the recording waited as well."""


COLLECT = bool(os.environ.get("COLLECT"))
SLOW, FAST = 0.1, 20.0
"""So slow that a busy machine still sees what a quick poll of the real server saw; so fast that nobody waits."""
Change = Callable[[Any], Any]


@dataclass
class Translation:
    """What a recorded text is called in the sandbox, and one name for both."""

    pairs: dict[str, str] = field(default_factory=dict)
    generated: dict[str, str] = field(default_factory=dict)

    def add(self, recorded: str, real: str) -> None:
        self.pairs[recorded] = real

    def add_generated(self, recorded: str, real: str) -> None:
        """A name or uid that a request has to say; answers are compared without it."""
        self.generated[recorded] = real

    def request(self, value: Any) -> Any:
        """A recorded request as the sandbox has to get it."""
        text = json.dumps(value)
        for recorded, real in (self.pairs | self.generated).items():
            text = text.replace(recorded, real)
        return json.loads(text)

    @property
    def recorded(self) -> dict[str, str]:
        """Names for the texts of the recording."""
        return {text: f"<{text}>" for text in self.pairs}

    @property
    def real(self) -> dict[str, str]:
        """The same names for the texts of the sandbox."""
        return {real: f"<{recorded}>" for recorded, real in self.pairs.items()}


class Replay:
    """One scenario against one sandbox; clients by the kind of token that they carry."""

    def __init__(self, scenario: str, running: Running, argo: Argo) -> None:
        self.scenario = scenario
        self.running = running
        self.argo = argo
        self.translation = Translation()

    def repository(self, url: str, repository: DeployRepository) -> None:
        """The repository at this recorded address is this one."""
        self.translation.add(url, repository.url)

    def commit(self, recorded: str, real: str) -> str:
        """This recorded commit is this one."""
        whole = {text for found in exchanges() for text in re.findall(rf"\b{recorded}[0-9a-f]*", _text_of(found))}
        for text in sorted(whole, key=len, reverse=True):
            self.translation.add(text, real[: len(text)])
        return real

    def speed(self, speed: float) -> None:
        self.argo.http.put("/sandbox/settings", json={"speed": speed})

    def send(self, recorded: Exchange, argo: Argo | None = None, change: Change | None = None) -> httpx.Response:
        """Send the recorded request; `change` alters its body."""
        client = (argo or self.argo).http
        path, params = self.translation.request([recorded.path, recorded.params])
        body = self.translation.request(recorded.body)
        body = change(body) if change else body
        typed = "Invalid content type" not in str(recorded.answer)
        headers = {"Content-Type": "application/json"} if recorded.method != "GET" and typed else {}
        content = body if isinstance(body, str) else json.dumps(body) if body is not None else None
        return client.request(recorded.method, path, params=params, content=content, headers=headers)

    def step(self, index: int, argo: Argo | None = None, change: Change | None = None) -> httpx.Response:
        """Send the exchange and compare the answer; a read is repeated until it is alike or patience ends."""
        recorded = exchange(self.scenario, index)
        deadline = time.monotonic() + (PATIENCE if recorded.method == "GET" else 0)
        while True:
            answer = self.send(recorded, argo, change)
            found = self.compare(recorded, answer)
            if not found or time.monotonic() > deadline:
                if found and COLLECT:
                    print(self.report(recorded, found))
                else:
                    assert not found, self.report(recorded, found)
                return answer
            time.sleep(0.005)

    def steps(self, *indices: int) -> None:
        for index in indices:
            self.step(index)

    def slowly(self, *indices: int) -> None:
        """These steps in slow motion: what they start is seen on its way."""
        self.speed(SLOW)
        self.steps(*indices)
        self.speed(FAST)

    def settled(self, *names: str) -> None:
        """Wait until these Applications are synced and healthy and no operation runs."""
        for name in names:
            self.argo.wait(name, settled)

    def compared(self, name: str) -> None:
        """Wait until this Application was compared."""
        self.argo.wait(name, lambda found: found["status"]["sync"]["status"] != "")

    def same_order(self, index: int, watch: Watch, name: str) -> None:
        """The stream showed both writers' states of an Application in the recorded order."""
        recorded = [state(event) for event in exchange(self.scenario, index).events or []]
        found = [state(event) for event in watch.events]
        for track in (operations, comparisons):
            one = track([item for item in recorded if item["name"] == name], self.translation.recorded)
            other = track([item for item in found if item["name"] == name], self.translation.real)
            other = other[: len(one)]  # the recording ended earlier
            if COLLECT and one != other:
                print(f"{self.scenario} {index} {track.__name__}", *one, "---- found", *other, sep="\n   ")
            else:
                assert other == one
        assert _kinds(recorded, name) == _kinds(found, name)

    def compare(self, recorded: Exchange, answer: httpx.Response) -> list[Difference]:
        """Where status, kind of body and body differ, named exceptions left out."""
        one = plain(body_of(recorded.answer), self.translation.recorded)
        other = plain(body_of(answer.text), self.translation.real)
        whole = {"status": recorded.status, "type": recorded.headers.get("content-type"), "body": one}
        kind = answer.headers.get("content-type")
        found = differences(whole, {"status": answer.status_code, "type": kind, "body": other})
        return [item for item in found if not self._is_excepted(recorded, item)]

    @staticmethod
    def _is_excepted(recorded: Exchange, found: Difference) -> bool:
        absent = " absent" if found[2] == ABSENT else ""
        return excepted(f"{recorded.scenario} {recorded.index} {found[0]}{absent}")

    @staticmethod
    def report(recorded: Exchange, found: list[Difference]) -> str:
        lines = [f"{path}: recorded {str(one)[:300]!r}, found {str(other)[:300]!r}" for path, one, other in found[:12]]
        return f"{recorded} ({recorded.note}) has {len(found)} differences\n" + "\n".join(lines)


def body_of(text: Any) -> Any:
    """A body as data: JSON, a list of JSON lines, or the text."""
    if not isinstance(text, str):
        return text
    try:
        return json.loads(text)
    except ValueError:
        pass
    try:
        return [json.loads(line) for line in text.splitlines()] or text
    except ValueError:
        return text


def _kinds(states: list[Json], name: str) -> list[str]:
    kinds = [item["type"] for item in states if item["name"] == name]
    return [kind for place, kind in enumerate(kinds) if place == 0 or kinds[place - 1] != kind]


def _text_of(found: Exchange) -> str:
    return json.dumps([found.path, found.params, found.body, found.answer])


class Watch:
    """Follows the application stream meanwhile."""

    def __init__(self, argo: Argo, running: Running, **params: str) -> None:
        self.events: list[Json] = []
        self._hub = running.app.state.world.hub
        self._client = httpx.Client(base_url=running.url, headers=argo.http.headers, timeout=20)
        self._params = params
        self._thread = threading.Thread(target=self._follow, daemon=True)

    def __enter__(self) -> Watch:
        self._thread.start()
        while not self._hub.watched:  # not even headers come before the first message
            time.sleep(0.01)
        return self

    def _follow(self) -> None:
        try:
            with self._client.stream("GET", "/api/v1/stream/applications", params=self._params) as answer:
                for line in answer.iter_lines():
                    self.events.append(json.loads(line)["result"])
        except httpx.TransportError:
            return

    def __exit__(self, *_: object) -> None:
        time.sleep(0.3)
        self._client.close()

    def applications(self) -> Iterator[tuple[str, Json]]:
        return ((event["type"], event["application"]) for event in list(self.events))
