"""What a notification channel is: one function that sends one message, or raises."""

from __future__ import annotations

from collections.abc import Callable

from controlpanel.core.models import OutboxMessage
from controlpanel.core.registry import Registry

Send = Callable[[OutboxMessage], None]
channels: Registry[Send] = Registry("notification channel")


class NotDelivered(Exception):
    """The message did not get through; `permanent` says that trying again is of no use, `again_in` (seconds) when it is,
    where that is known: part of it did get through."""

    def __init__(self, sentence: str, *, permanent: bool = False, again_in: float | None = None) -> None:
        super().__init__(sentence)
        self.permanent = permanent
        self.again_in = again_in
