"""The line under a button that promotes: what it says of each answer, and to whom it is open."""

from __future__ import annotations

import pytest

from deployments.choices import Verdict
from deployments.gates import GateAnswer
from deployments.models import Release
from deployments.views.outlook import MAY_NOT, Offer, main_of, outlook
from tests.deployments.gates.situations import PRODUCTION, STAGING


def answer(title: str, verdict: Verdict = Verdict.PASS, reason: str = "") -> GateAnswer:
    return GateAnswer(gate=title.lower(), title=title, verdict=verdict, reason=reason)


LANE, TENANTS, SOAK = (
    answer("Lane"), answer("Tenants", Verdict.BLOCK, "2 of 50 are not ready."), answer("Soak", Verdict.UNKNOWN, "Not known."),
)  # fmt: skip
TURN = answer("Lane", Verdict.WAIT, "Will wait its turn.")


@pytest.mark.parametrize(
    ("answers", "may", "decided", "is_open", "reason"),
    [
        ([LANE], True, [], True, "1 of 2 gates pass, 1 is asked after rendering."),
        ([LANE], False, ["lane"], False, MAY_NOT),
        ([TURN], True, [], True, "Will wait its turn."),
        ([TURN, TENANTS], True, [], False, "Blocked: 2 of 50 are not ready."),
        ([LANE, TENANTS], True, ["tenants"], True, "1 of 3 gates pass. You decide about Tenants: 2 of 50 are not ready."),
        ([LANE, TENANTS, SOAK], True, ["tenants", "soak"], True, "1 of 4 gates pass. You decide about Tenants and Soak."),
        ([LANE, TENANTS, SOAK], True, ["tenants"], False, "Blocked: not known."),
        ([LANE, TENANTS], False, ["tenants"], False, MAY_NOT),
    ],
)  # fmt: skip
def test_it_is_open_where_no_gate_refuses_that_the_reader_may_not_decide(
    answers: list[GateAnswer], may: bool, decided: list[str], is_open: bool, reason: str
) -> None:
    assert outlook(answers, may=may, later=1, decided=decided)[:2] == (is_open, reason)


def test_the_one_primary_button_is_rather_a_way_that_nobody_has_to_decide_about() -> None:
    def offer(place: object, number: int, **said: bool) -> Offer:
        return Offer(release=Release(pk=number), environment=place, reason="", shape="", **said)  # type: ignore[arg-type]

    free, decided = offer(STAGING, 1, is_open=True), offer(PRODUCTION, 2, is_open=True, is_decided=True)
    shut = offer(PRODUCTION, 3, is_open=False)
    assert main_of([free, decided, shut]) == free.id
    assert main_of([decided, shut]) == decided.id
    assert main_of([shut]) == ""
