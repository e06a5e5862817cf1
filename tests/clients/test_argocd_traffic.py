"""How much a process asks of one Argo CD, and that it leaves one alone that keeps failing."""

from __future__ import annotations

import contextlib
import threading
from collections.abc import Callable

import httpx
import pytest

from controlpanel.clients.argocd import ArgoCD
from controlpanel.clients.argocd_traffic import AT_ONCE, FAILURES, Traffic
from controlpanel.clients.errors import Ambiguous, ClientError, NotFound, NotSent, TooBusy


class Clock:
    """Stands still until it is moved."""

    def __init__(self) -> None:
        self.now = 100.0

    def __call__(self) -> float:
        return self.now


@pytest.fixture
def clock() -> Clock:
    return Clock()


@pytest.fixture
def traffic(clock: Clock) -> Traffic:
    return Traffic(clock=clock)


def fail(traffic: Traffic, error: type[ClientError] = Ambiguous, *, counts: bool = True) -> None:
    with pytest.raises(error), traffic.passage(0, "look", counts=counts):
        raise error("It failed.")


def is_let_through(traffic: Traffic) -> bool:
    try:
        with traffic.passage(0, "look"):
            return True
    except NotSent:
        return False


@pytest.mark.parametrize("error", [Ambiguous, NotSent])
def test_after_five_failures_in_a_row_nothing_is_sent_and_the_sentence_says_why(
    traffic: Traffic, error: type[ClientError]
) -> None:
    for _ in range(FAILURES):
        fail(traffic, error)
    said = r"failed 5 times in a row, so it was not asked to look; it is tried in 5 s"
    with pytest.raises(NotSent, match=said), traffic.passage(0, "look"):
        pytest.fail("It was sent.")
    with pytest.raises(NotSent):
        traffic.require_open("follow")


@pytest.mark.parametrize("answered", [True, False])
def test_an_answer_in_between_starts_the_count_anew(traffic: Traffic, answered: bool) -> None:
    for _ in range(2):
        for _ in range(FAILURES - 1):
            fail(traffic)
        if answered:
            fail(traffic, NotFound)  # a refusal is an answer
        else:
            assert is_let_through(traffic)
    assert is_let_through(traffic)


def test_one_probe_goes_through_and_its_success_opens(traffic: Traffic, clock: Clock) -> None:
    for _ in range(FAILURES):
        fail(traffic)
    clock.now += 5.1
    with traffic.passage(0, "probe"):
        assert not is_let_through(traffic)
    assert is_let_through(traffic)


def test_failing_probes_make_the_pauses_longer_up_to_half_a_minute(traffic: Traffic, clock: Clock) -> None:
    for _ in range(FAILURES):
        fail(traffic)
    for pause in (5, 10, 20, 30, 30):
        clock.now += pause - 0.1
        assert not is_let_through(traffic)
        clock.now += 0.2
        fail(traffic)


def test_a_read_that_waits_for_the_controller_says_nothing_of_the_server(traffic: Traffic) -> None:
    for _ in range(2 * FAILURES):
        fail(traffic, counts=False)
    assert is_let_through(traffic)


def test_twenty_in_a_second(traffic: Traffic, clock: Clock) -> None:
    assert sum(is_let_through(traffic) for _ in range(30)) == 20
    clock.now += 0.5
    assert sum(is_let_through(traffic) for _ in range(30)) == 10


def test_eight_at_once_and_the_ninth_waits_for_its_place() -> None:
    traffic, inside, let_go, done = Traffic(), threading.Semaphore(0), threading.Event(), []

    def work() -> None:
        with traffic.passage(10, "look"):
            inside.release()
            let_go.wait(10)
        done.append(1)

    threads = [threading.Thread(target=work) for _ in range(AT_ONCE + 1)]
    for thread in threads:
        thread.start()
    assert all(inside.acquire(timeout=5) for _ in range(AT_ONCE))
    assert not inside.acquire(timeout=0.2)
    with pytest.raises(NotSent, match="Too many requests wait"), traffic.passage(0.01, "look"):
        pytest.fail("There was no place.")
    let_go.set()
    for thread in threads:
        thread.join(10)
    assert len(done) == AT_ONCE + 1


def _answering(status: int, seen: list[str]) -> Callable[[httpx.Request], httpx.Response]:
    def answer(request: httpx.Request) -> httpx.Response:
        seen.append(request.url.path)
        return httpx.Response(status, json={})

    return answer


def test_clients_with_different_tokens_share_what_is_known_of_their_server() -> None:
    seen: list[str] = []
    traffic = Traffic()
    transport = httpx.MockTransport(_answering(503, seen))
    first, second = (ArgoCD("https://a", token, transport=transport, traffic=traffic) for token in ("x.y.z", "u.v.w"))
    for _ in range(FAILURES):
        with pytest.raises(Ambiguous):
            first.version()
    with pytest.raises(NotSent):
        second.sync("backend-staging", "hub", "a" * 40, "id")
    with pytest.raises(NotSent):
        next(iter(second.stream_applications("hub")))
    assert len(seen) == FAILURES


def test_what_may_wait_is_left_out_while_half_of_the_requests_of_a_second_are_used(
    traffic: Traffic, clock: Clock
) -> None:
    def may_look() -> bool:
        try:
            with traffic.passage(5, "look", only_if_quiet=True):
                return True
        except TooBusy:
            return False

    looks = [may_look() for _ in range(20)]
    assert looks == [True] * 10 + [False] * 10
    assert is_let_through(traffic)
    clock.now += 0.5
    assert may_look()


def test_what_may_wait_is_left_out_while_half_of_the_places_are_taken(traffic: Traffic) -> None:
    with contextlib.ExitStack() as others:
        for _ in range(AT_ONCE // 2):
            others.enter_context(traffic.passage(0, "sync"))
        with pytest.raises(TooBusy, match="not asked to look"), traffic.passage(5, "look", only_if_quiet=True):
            pytest.fail("It was sent.")
        assert is_let_through(traffic)
