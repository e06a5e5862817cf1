"""Freezes at pages: set, listed, on the board, on the promote page, lifted."""

from __future__ import annotations

import pytest
from django.test import Client

from controlpanel.accounts.actors import SYSTEM
from controlpanel.core.permissions import Role
from deployments.models import Freeze
from deployments.services.freezing import Wanted, freeze_set
from tests import fixtures_deployments as make
from tests.deployments.views.conftest import Stage


@pytest.fixture
def rita(stage: Stage) -> Client:
    return stage.client(make.person("rita", Role.RELEASE_MANAGER))


def text(client: Client, address: str) -> str:
    response = client.get(address)
    assert response.status_code == 200
    return str(response.content.decode())


def test_one_click_with_a_reason_freezes_everything_and_the_board_says_so(
    rita: Client, client: Client, stage: Stage
) -> None:
    assert "Nothing is frozen." in text(rita, "/freezes")
    assert rita.post("/freezes/everything", {"reason": "<i>Attack</i> on the registry."}).status_code == 303
    board = text(client, "/")
    assert board.count("Everything is frozen until it is lifted: &lt;i&gt;Attack&lt;/i&gt; on the registry.") >= 2
    make.preflight(stage.new, stage.staging)
    page = text(client, "/environments/staging/promote?release=2026.11.3")
    assert 'id="promote" aria-disabled="true"' in page and "Blocked: Everything is frozen" in page
    assert 'data-live="environment.staging"' in page
    rita.post(f"/freezes/{Freeze.objects.get().pk}/lift")
    assert "Nothing is frozen." in text(rita, "/freezes")


def test_a_recurring_one_is_set_by_the_form_and_told_in_its_zone(rita: Client, stage: Stage) -> None:
    typed = {"reason": "Weekends.", "cron": "0 18 * * fri", "lasts_minutes": "3720", "time_zone": "Europe/Istanbul"}
    assert rita.post("/freezes", typed).status_code == 303
    assert "0 18 * * fri for 62 h, Europe/Istanbul" in text(rita, "/freezes")
    wrong = rita.post("/freezes", {**typed, "time_zone": "Mars/Base"})
    assert wrong.status_code == 422
    assert "There is no time zone" in wrong.content.decode() and "Weekends." in wrong.content.decode()


def test_an_operator_sees_why_the_button_is_closed(client: Client) -> None:
    page = text(client, "/freezes")
    assert "It needs the role release manager." in page and 'id="set-freeze"' not in page
    assert client.post("/freezes/everything", {"reason": "For fun, really."}).status_code == 403


def test_a_freeze_of_a_place_that_somebody_may_not_see_is_not_told(stage: Stage) -> None:
    freeze_set(actor=SYSTEM, wanted=Wanted(reason="Audit of the year.", environment="production"))
    assert "Audit of the year." not in text(stage.client(stage.stan), "/freezes")
