"""Faults of the application stream: changes and heartbeats of one reader may be cut, silenced, dropped, repeated, swapped."""

from __future__ import annotations

import time

from sandbox.faults import Faults

PATH = "/api/v1/stream/applications"
MESSAGES = ("stream-drop", "stream-duplicate", "stream-reorder", "stream-huge")


class StreamCut(Exception):
    """The connection breaks here, after this part of a message."""

    def __init__(self, part: str = "") -> None:
        super().__init__(part)
        self.part = part


class StreamFaults:
    """What goes wrong on one reader's stream after its snapshot."""

    def __init__(self, faults: Faults) -> None:
        self.faults = faults
        self.silent_until = 0.0
        self._held: list[str] = []

    def messages(self, name: str, text: str) -> list[str]:
        """What really leaves when this change of an Application is due; StreamCut when the connection breaks."""
        if self._interrupted(name, text):
            return []
        rule = self.faults.draw(MESSAGES, name, "GET", PATH)
        effect = rule.effect if rule else ""
        if effect == "stream-drop":
            return []
        if effect == "stream-reorder":
            self._held.append(text)  # leaves behind the next one
            return []
        if rule and effect == "stream-huge":
            text = text[:-1] + " " * int(rule["bytes"]) + text[-1:]
        late, self._held = self._held, []
        return [text, *([text] if effect == "stream-duplicate" else []), *late]

    def beats(self) -> bool:
        """Whether a heartbeat leaves; StreamCut when the connection breaks."""
        return not self._interrupted("", "")

    def _interrupted(self, name: str, text: str) -> bool:
        if time.monotonic() < self.silent_until:
            return True
        rule = self.faults.draw(("stream-cut", "stream-silent"), name, "GET", PATH)
        if rule is None:
            return False
        if rule.effect == "stream-cut":
            raise StreamCut(text[: len(text) // 2] if rule["mid_line"] else "")
        self.silent_until = time.monotonic() + rule["seconds"]
        return True
