"""What a notification channel is: one function that sends one message, or raises."""

from __future__ import annotations

from collections.abc import Callable

from controlpanel.core.models import OutboxMessage
from controlpanel.core.registry import Registry

Send = Callable[[OutboxMessage], None]
channels: Registry[Send] = Registry("notification channel")


class NotDelivered(Exception):
    """The message did not get through; `permanent` says that trying again is of no use."""

    def __init__(self, sentence: str, *, permanent: bool = False) -> None:
        super().__init__(sentence)
        self.permanent = permanent
