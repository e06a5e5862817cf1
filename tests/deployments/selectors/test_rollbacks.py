"""What was there before a promotion is what was committed before it, whoever asked first."""

from __future__ import annotations

from dataclasses import dataclass

import pytest

from controlpanel.accounts.actors import Actor
from controlpanel.core.permissions import Role
from deployments.models import Promotion
from deployments.selectors.promotions import follow
from deployments.selectors.rollbacks import before, success_before, taken_back
from deployments.selectors.rollouts import rollouts_of
from deployments.services.rollbacks import rollback_targets
from tests import fixtures_deployments as make


@dataclass
class Overtaken:
    """The fix was asked for first and committed last: the way back from the bad release was quicker."""

    bad: Promotion
    back: Promotion
    fix: Promotion
    elif_: Actor


@pytest.fixture
def overtaken(db: None) -> Overtaken:
    staging, _ = make.platform()
    elif_ = make.person("elif", Role.OPERATOR)
    bad = make.live(make.release("2026.11.4"), staging, by=elif_)
    fix = make.promotion(make.release("2026.11.5"), staging, by=elif_)
    back = make.live(make.release("2026.11.3"), staging, by=elif_)
    assert fix.number < back.number
    return Overtaken(bad, back, make.succeeded(fix), Actor(name="elif", door="page", user=elif_))


def test_the_way_back_leads_to_what_was_there_and_not_to_what_people_had_just_left(overtaken: Overtaken) -> None:
    assert success_before(overtaken.fix) == overtaken.back
    assert before(overtaken.fix) == overtaken.back.number
    assert success_before(overtaken.back) == overtaken.bad


def test_going_back_takes_back_what_was_committed_since(overtaken: Overtaken) -> None:
    assert taken_back(overtaken.back) == [overtaken.fix]
    assert taken_back(overtaken.bad) == [overtaken.fix, overtaken.back]


def test_targets_come_in_the_order_of_their_commits(overtaken: Overtaken) -> None:
    assert list(rollback_targets(actor=overtaken.elif_, environment="staging")) == [overtaken.back, overtaken.bad]


def test_components_run_what_was_committed_last(overtaken: Overtaken) -> None:
    versions, _ = rollouts_of([overtaken.fix.environment_id], [])
    assert versions[overtaken.fix.environment_id, "backend"] == "2026.11.5"
    assert {card.before for wave in follow(overtaken.fix).waves for card in wave.cards} == {"2026.11.3"}
