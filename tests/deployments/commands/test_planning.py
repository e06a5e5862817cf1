"""`promote --at`: planned for later in a person's name, by the rules of page and API."""

from __future__ import annotations

from datetime import UTC, datetime, timedelta
from io import StringIO

import pytest
from django.core.management import call_command
from django.core.management.base import CommandError
from django.utils import timezone

from controlpanel.core.models import AuditEvent
from controlpanel.core.permissions import Role
from deployments.models import PlannedPromotion, Promotion
from tests import fixtures_deployments as rows

pytestmark = pytest.mark.django_db
TOMORROW = timezone.now() + timedelta(days=1)


@pytest.fixture(autouse=True)
def _fleet(db: None) -> None:
    rows.platform()
    rows.release("2026.11.3")
    rows.person("elif", Role.OPERATOR)
    rows.person("vera", Role.VIEWER)


def promote(*more: str) -> str:
    out = StringIO()
    call_command("promote", "staging", "2026.11.3", *more, stdout=out)
    return out.getvalue()


def test_a_promotion_is_planned_for_later_in_a_persons_name() -> None:
    told = promote("--at", f"{TOMORROW:%Y-%m-%dT18:00}", "--person", "elif", "--reason", "After hours.")
    plan = PlannedPromotion.objects.get()
    assert plan.due_at == datetime(TOMORROW.year, TOMORROW.month, TOMORROW.day, 18, tzinfo=UTC)
    assert (plan.requester and plan.requester.username, plan.reason) == ("elif", "After hours.")
    assert f"Plan {plan.pk}: 2026.11.3 to" in told
    event = AuditEvent.objects.get(action="promotion.planned")
    assert (event.actor, event.door) == ("elif", "command")
    assert not Promotion.objects.exists()


@pytest.mark.parametrize(
    ("more", "said"),
    [
        ((), "A plan belongs to a person or a token."), (("--person", "nobody"), "There is no account nobody that may act."),
        (("--person", "vera"), "It needs the role operator"),
    ],
)  # fmt: skip
def test_what_nobody_with_the_right_asks_for_is_not_planned(more: tuple[str, ...], said: str) -> None:
    with pytest.raises(CommandError, match=said):
        promote("--at", f"{TOMORROW:%Y-%m-%dT18:00}", *more)
    assert not PlannedPromotion.objects.exists()


def test_at_once_it_is_asked_for_with_that_persons_rights() -> None:
    promote("--person", "elif")
    row = Promotion.objects.get()
    assert (row.requested_by, row.requested_door) == ("elif", "command")
    with pytest.raises(CommandError):
        promote("--person", "vera")
