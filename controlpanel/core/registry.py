"""A typed registry: one file for each member, one decorator; a duplicate name fails at start."""

from __future__ import annotations

from collections.abc import Callable, Iterator
from typing import Generic, TypeVar

Member = TypeVar("Member")


class Registry(Generic[Member]):
    """Members by name, in the order of their registration."""

    def __init__(self, kind: str) -> None:
        self._kind = kind
        self._members: dict[str, Member] = {}

    def register(self, name: str) -> Callable[[Member], Member]:
        """Return a decorator that adds a member. Raises `ValueError` where the name is taken."""

        def add(member: Member) -> Member:
            if name in self._members:
                raise ValueError(f"{self._kind} {name} is registered twice.")
            self._members[name] = member
            return member

        return add

    def __getitem__(self, name: str) -> Member:
        try:
            return self._members[name]
        except KeyError:
            known = ", ".join(sorted(self._members)) or "none"
            raise KeyError(f"There is no {self._kind} called {name}. Known: {known}.") from None

    def __contains__(self, name: str) -> bool:
        return name in self._members

    def __iter__(self) -> Iterator[str]:
        return iter(self._members)
