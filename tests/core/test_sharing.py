"""A fragment that many read at once is made once, for those who were told of a change that it already shows."""

from __future__ import annotations

import threading
from concurrent.futures import ThreadPoolExecutor
from itertools import count

import pytest
from django.http import HttpRequest, HttpResponse
from django.middleware.csrf import CsrfViewMiddleware
from django.test import RequestFactory

from controlpanel.core import live, sharing

FORM = '<form><input type="hidden" name="csrfmiddlewaretoken" value="{}"></form>'
numbers = count(1)


@pytest.fixture(autouse=True)
def _forgotten(monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setattr(sharing, "_made", {})
    monkeypatch.setattr(live, "_heard", {})


class Shown:
    """A view that counts how often it was made, and who a request looks like."""

    def __init__(self, not_for: str = "", status: int = 200, *, is_fragment: bool = True) -> None:
        self.made, self.not_for, self.status, self.is_fragment = 0, not_for, status, is_fragment
        self.gate = threading.Event()
        self.gate.set()
        self.read = sharing.shared(lambda request: (request.headers["Roles"], request.headers["Name"]))(self.view)

    def view(self, request: HttpRequest) -> HttpResponse:
        self.made += 1
        mine = self.made
        assert self.gate.wait(10)
        response = HttpResponse(FORM.format("a" * 64) + f"made {mine}", status=self.status)
        response.not_shared_with = self.not_for  # type: ignore[attr-defined]
        response.is_fragment = self.is_fragment  # type: ignore[attr-defined]
        return response

    def ask(
        self, told: object, *, name: str = "elif", roles: str = "operator", target: str = "part", htmx: str = "true"
    ) -> str:
        headers = {"Live-Sequence": str(told), "HX-Target": target, "HX-Request": htmx, "Roles": roles, "Name": name}
        request = RequestFactory().get("/x", headers={key: value for key, value in headers.items() if value})
        CsrfViewMiddleware(lambda _: HttpResponse()).process_request(request)
        return self.read(request).content.decode()


def heard() -> int:
    """A change that this process has just heard of."""
    sequence = next(numbers)
    live.Hub().hand_out("promotion.1", sequence)
    return sequence


def test_readers_of_the_same_change_share_what_was_made_after_it() -> None:
    shown, change = Shown(), heard()
    assert {shown.ask(change).split("made ")[1] for _ in range(5)} == {"1"}
    assert shown.made == 1


def test_a_newer_change_is_never_answered_with_an_older_fragment() -> None:
    shown = Shown()
    for expected in (1, 2, 3):
        assert shown.ask(heard()).endswith(f"made {expected}")


@pytest.mark.parametrize(
    ("told", "target"), [("", "part"), (999_999_999, "part"), ("x", "part"), ("9" * 40, "part"), ("known", "")]
)
def test_who_was_told_of_nothing_known_reads_for_oneself(told: object, target: str) -> None:
    shown, change = Shown(), heard()
    shown.ask(change)
    shown.ask(change if told == "known" else told, target=target)
    assert shown.made == 2


@pytest.mark.parametrize("other", [{"roles": "viewer"}, {"target": "other"}])
def test_other_roles_and_other_parts_are_made_apart(other: dict[str, str]) -> None:
    shown, change = Shown(), heard()
    shown.ask(change)
    shown.ask(change, **other)
    assert shown.made == 2


def test_the_one_person_for_whom_it_looks_different_neither_gives_nor_takes() -> None:
    shown, change = Shown(not_for="mert"), heard()
    shown.ask(change, name="mert")
    shown.ask(change, name="elif")
    assert shown.made == 2


def test_the_one_person_reads_for_oneself_after_others(monkeypatch: pytest.MonkeyPatch) -> None:
    shown, change = Shown(not_for="mert"), heard()
    shown.ask(change, name="elif")
    shown.ask(change, name="can")
    shown.ask(change, name="mert")
    assert shown.made == 2


def test_each_reader_gets_a_token_of_ones_own() -> None:
    shown, change = Shown(), heard()
    shown.ask(change)
    first, second = shown.ask(change), shown.ask(change)
    assert shown.made == 1
    assert "a" * 64 not in first + second
    assert first != second


@pytest.mark.parametrize("htmx", ["", "false"])
def test_who_asks_for_a_whole_page_neither_gives_nor_takes(htmx: str) -> None:
    shown, change = Shown(), heard()
    shown.ask(change, htmx=htmx)
    shown.ask(change)
    shown.ask(change, htmx=htmx)
    assert shown.made == 3


def test_a_whole_page_is_not_shared() -> None:
    shown, change = Shown(is_fragment=False), heard()
    shown.ask(change, name="elif")
    shown.ask(change, name="can")
    assert shown.made == 2


def test_however_many_parts_are_asked_for_only_the_newest_are_kept() -> None:
    shown, change = Shown(), heard()
    for number in range(sharing.MOST + 50):
        shown.ask(change, target=f"part-{number}")
    assert len(sharing._made) == sharing.MOST


def test_an_error_is_not_shared() -> None:
    shown, change = Shown(status=404), heard()
    shown.ask(change)
    shown.ask(change)
    assert shown.made == 2


def test_who_comes_while_it_is_made_waits_for_it() -> None:
    shown, change = Shown(), heard()
    shown.gate.clear()
    with ThreadPoolExecutor(8) as readers:
        answers = [readers.submit(shown.ask, change) for _ in range(8)]
        shown.gate.set()
        assert {answer.result(10).split("made ")[1] for answer in answers} == {"1"}
