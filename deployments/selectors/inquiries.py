"""Questions of pages, and the newest answers to them."""

from __future__ import annotations

import hashlib
import json
from collections.abc import Iterable
from dataclasses import dataclass, field
from datetime import datetime
from typing import Any

from deployments.models import Inquiry

APPLICATION = ("tree", "differences", "resource", "events", "log")
"""Kinds whose subject is an Application; that of `compare` is a digest of what is compared, `checkup` and `protection` have none."""

LONGEST = 400
"""Characters of parameters that a question holds as they are."""


@dataclass(frozen=True)
class Question:
    """What is asked: its kind, the Application's name and what narrows it; `parameters` may hold no secret."""

    kind: str
    subject: str = ""
    parameters: dict[str, Any] = field(default_factory=dict, hash=False)

    def __str__(self) -> str:
        narrowed = json.dumps(self.parameters, sort_keys=True) if self.parameters else ""
        if len(narrowed) > LONGEST:  # names that a cluster gave: the row holds them in full beside this
            narrowed = hashlib.sha256(narrowed.encode()).hexdigest()
        return " ".join(filter(None, (self.kind, self.subject, narrowed)))

    @property
    def topic(self) -> str:
        """What is told when the answer comes."""
        if self.kind in APPLICATION:
            return f"application.{self.subject}"
        return f"{self.kind}.{self.subject}" if self.subject else self.kind


@dataclass(frozen=True, kw_only=True)
class Answer:
    """The newest answer (None before the first), when it came, and why there is no newer one."""

    body: dict[str, Any] | None = None
    at: datetime | None = None
    error: str = ""
    remedy: str = ""

    @property
    def is_loading(self) -> bool:
        """Whether nothing is known yet."""
        return self.body is None and not self.error


def answer_of(row: Inquiry | None) -> Answer:
    """The row as pages show it."""
    if row is None:
        return Answer()
    return Answer(body=row.answer, at=row.answered_at, error=row.error, remedy=row.remedy)


def rows_of(questions: Iterable[Question]) -> dict[str, Inquiry]:
    """The rows of these questions by their text, in one query."""
    return Inquiry.objects.in_bulk([str(one) for one in questions], field_name="question")
