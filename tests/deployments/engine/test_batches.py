"""What a stream says is written in batches: the reading never waits, and of each Application the newest counts."""

from __future__ import annotations

import threading
from collections.abc import Collection

import pytest

from controlpanel.clients.argocd_models import Application
from deployments.watching.batches import Batches

PATIENCE = 10.0


def read(name: str, version: int) -> Application:
    return Application(name=name, resource_version=version)


class Slow:
    """A database that takes its time for the first batch."""

    def __init__(self) -> None:
        self.written: list[list[tuple[str, int]]] = []
        self.began, self.goes_on = threading.Event(), threading.Event()

    def __call__(self, reads: Collection[Application]) -> None:
        self.began.set()
        assert self.goes_on.wait(PATIENCE)
        self.written.append([(one.name, one.resource_version) for one in reads])


def test_what_comes_while_another_batch_is_written_is_written_as_one_with_the_newest_of_each() -> None:
    slow = Slow()
    with Batches(slow, "write") as batches:
        batches.put(read("a", 1))
        assert slow.began.wait(PATIENCE)
        for name, version in (("a", 2), ("b", 3), ("a", 5), ("a", 4)):  # the last two in the wrong order
            batches.put(read(name, version))
        slow.goes_on.set()
    assert slow.written == [[("a", 1)], [("a", 5), ("b", 3)]]


def test_flush_waits_for_what_is_being_written() -> None:
    slow = Slow()
    with Batches(slow, "write") as batches:
        batches.put(read("a", 1))
        assert slow.began.wait(PATIENCE)
        threading.Timer(0.05, slow.goes_on.set).start()
        batches.flush()
        assert slow.written == [[("a", 1)]]
        batches.flush()


def test_what_keeps_it_from_writing_is_raised_where_the_stream_is_read() -> None:
    def broken(reads: Collection[Application]) -> None:
        raise ConnectionError("away")

    def follow() -> None:
        with Batches(broken, "write") as batches:
            batches.put(read("a", 1))
            batches.flush()

    with pytest.raises(ConnectionError, match="away"):
        follow()


def test_a_failure_at_the_very_end_is_raised_unless_the_stream_failed_itself() -> None:
    def broken(reads: Collection[Application]) -> None:
        raise ConnectionError("away")

    with pytest.raises(ConnectionError), Batches(broken, "write") as batches:
        batches.put(read("a", 1))
    with pytest.raises(KeyError), Batches(broken, "write") as batches:
        batches.put(read("a", 1))
        raise KeyError("the stream")


def test_what_comes_soon_after_a_writing_gathers_and_what_comes_after_a_rest_does_not(
    monkeypatch: pytest.MonkeyPatch,
) -> None:
    monkeypatch.setattr("deployments.watching.batches.GATHERING_SECONDS", 60.0)
    quick = Slow()
    quick.goes_on.set()
    with Batches(quick, "write") as batches:
        batches.put(read("a", 1))
        batches.flush()
        quick.began.clear()
        batches.put(read("a", 2))
        batches.put(read("b", 1))
        assert not quick.began.wait(0.05), "the first of them did not wait for the second"
        batches.flush()
        assert quick.written == [[("a", 1)], [("a", 2), ("b", 1)]]
