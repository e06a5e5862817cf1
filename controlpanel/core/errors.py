"""What can go wrong, told apart for people.

PanelError               carries a sentence and a remedy
├── UserError            the asker can mend it: shown as it is, never logged as a fault
│   ├── InvalidError     422  a value is wrong
│   ├── RefusedError     403  the right is missing
│   ├── TooLargeError    413  nothing was read of what was sent
│   ├── AbsentError      404  not there, or not yours to see
│   └── ConflictError    409  the world has moved on, or a gate blocks
└── FaultError           500  our side broke; the reference leads to the log
"""

from __future__ import annotations

from dataclasses import dataclass
from typing import Any, Protocol


class PanelError(Exception):
    """`sentence` says what happened, `remedy` what to do; `extra` is added to the API's answer."""

    status = 500
    title = "Something broke on our side"

    def __init__(self, sentence: str, remedy: str = "", **extra: Any) -> None:
        super().__init__(sentence)
        self.sentence, self.remedy, self.extra = sentence, remedy, extra

    def __str__(self) -> str:
        return f"{self.sentence} {self.remedy}".strip()


class Asker(Protocol):
    """Whoever asked, and the door."""

    @property
    def name(self) -> str: ...
    @property
    def door(self) -> str: ...


@dataclass(frozen=True, kw_only=True)
class Refusal:
    """Who lacked which right, where ("" anywhere) and for which tenant; kept when it was an act."""

    actor: Asker
    right: str
    environment: str = ""
    tenant: str = ""


class UserError(PanelError):
    """The asker can mend it."""

    status = 400
    title = "That did not work"
    refused: Refusal | None = None


class InvalidError(UserError):
    """A value is wrong; `field` in `extra` names it."""

    status = 422
    title = "A value is wrong"


class RefusedError(UserError):
    """The actor lacks the right."""

    status = 403
    title = "You may not do this"


class TooLargeError(UserError):
    """Nothing was read of what was sent."""

    status = 413
    title = "Too large"


class AbsentError(UserError):
    """Not there, or not the actor's to see: both read the same."""

    status = 404
    title = "Not found, or not yours to see"


class ConflictError(UserError):
    """The state has moved on, or a gate blocks."""

    status = 409
    title = "Not now"


class CannotActError(UserError):
    """The database takes no writing at the moment, such as while its standby takes over."""

    status = 503
    title = "The panel can show but not act right now"

    def __init__(self) -> None:
        super().__init__("Running promotions wait safely.", "Nothing was recorded. Try again in a minute.")


class FaultError(PanelError):
    """Our side broke."""
