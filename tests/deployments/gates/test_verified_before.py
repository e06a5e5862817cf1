"""What was proved in the environment before opens the next one; what was ignored or not asked does not."""

from __future__ import annotations

import pytest

from controlpanel.core.permissions import Role
from deployments.choices import Kind, Verdict
from deployments.gates import facts_of
from deployments.gates.base import Proven, gates
from deployments.models import Promotion
from tests import fixtures_deployments as rows
from tests.deployments.gates.situations import STAGING, ask, promotion

PLACE = ("staging", 3)


def test_every_check_passed() -> None:
    found = {PLACE: Proven(number=1285, checks=(("Health", "passed"), ("Hub event", "passed")))}
    answer = ask("verified-before", proven=found)
    assert (answer.verdict, answer.reason) == (Verdict.PASS, "Health, Hub event passed in promotion 1285.")


@pytest.mark.parametrize(
    ("checks", "reason"),
    [
        ((("Health", "passed"), ("Errors", "skipped")), "Errors was not checked."),
        ((("Health", "ignored"), ("Errors", "passed")), "Health failed and was ignored."),
        ((("Health", "failed"),), "Health has not passed."),
        ((), "nothing was asked."),
    ],
)
def test_what_is_not_proved_blocks_and_is_named(checks: tuple[tuple[str, str], ...], reason: str) -> None:
    answer = ask("verified-before", proven={PLACE: Proven(number=1285, checks=checks)})
    assert answer.blocks
    assert answer.reason == f"Not proved in staging by promotion 1285: {reason}"
    assert answer.remedy == "Promote 2026.11.3 to staging again, or override this gate with a reason."


def test_a_promotion_that_is_deciding_it_is_named() -> None:
    answer = ask("verified-before", open={"staging": (promotion(1285, environment=STAGING),)})
    assert answer.reason == "Not verified in staging yet. Promotion 1285 will decide."


def test_it_is_asked_of_releases_alone_and_a_named_role_may_override_it() -> None:
    assert ask("verified-before", environment=STAGING).verdict == Verdict.PASS
    assert gates["verified-before"].kinds == {Kind.RELEASE}
    assert gates["verified-before"].is_overridable


@pytest.mark.django_db
def test_the_newest_success_of_each_place_is_what_counts() -> None:
    staging, production = rows.platform()
    staging.gates = [{"name": "verified-before"}]
    release, elif_ = rows.release("2026.11.3"), rows.person("elif", Role.OPERATOR)
    for place in (staging, staging, production):
        newest = rows.succeeded(rows.promotion(release, place, by=elif_))
    before = Promotion.objects.filter(environment=staging).latest("number")

    proven = facts_of([staging], [release]).proven

    assert {place: one.number for (place, _), one in proven.items()} == {
        "staging": before.number,
        "production": newest.number,
    }
