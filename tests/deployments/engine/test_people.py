"""What people do to a paused promotion: it goes on with its time anew, and nothing that is not stuck is given up."""

from __future__ import annotations

from collections.abc import Callable
from datetime import timedelta

import pytest
from django.utils import timezone

from controlpanel.accounts.actors import Actor
from controlpanel.accounts.models import User
from controlpanel.core import audit
from controlpanel.core.errors import ConflictError
from controlpanel.core.models import AuditEvent
from deployments import lifecycle
from deployments.choices import Rollout, State
from deployments.models import Promotion, PromotionComponent
from deployments.services.promotions import promotion_claim, promotion_ignore, promotion_retry
from tests import fixtures_deployments as rows

pytestmark = pytest.mark.django_db
LONG_AGO = timedelta(hours=3)


@pytest.fixture
def actor(elif_: User) -> Actor:
    return Actor(name="elif", door="page", user=elif_)


def with_neighbour(promotion: Promotion, state: Rollout) -> PromotionComponent:
    """A second component of the wave, started long ago."""
    return PromotionComponent.objects.create(
        promotion=promotion, component="redis", application="redis-staging", wave=promotion.wave, is_changed=True,
        state=state, started_at=timezone.now() - LONG_AGO,
    )  # fmt: skip


@pytest.fixture
def paused(promoted: Callable[[], Promotion]) -> Promotion:
    return rows.paused(promoted())


def test_ignoring_what_is_stuck_does_not_give_up_its_neighbour(paused: Promotion, actor: Actor) -> None:
    neighbour = with_neighbour(paused, Rollout.ROLLING_OUT)
    promotion_ignore(actor=actor, promotion=paused, reason="Known, harmless and short.")
    neighbour.refresh_from_db()
    assert (neighbour.state, neighbour.is_ignored) == (Rollout.ROLLING_OUT, False)
    assert paused.rollouts.get(component="backend").is_ignored


def test_nothing_is_ignored_where_nothing_is_stuck(paused: Promotion, actor: Actor) -> None:
    paused.rollouts.filter(state=Rollout.STUCK).update(state=Rollout.ROLLING_OUT)
    with pytest.raises(ConflictError):
        promotion_ignore(actor=actor, promotion=paused, reason="Known, harmless and short.")
    assert Promotion.objects.get(pk=paused.pk).state == State.PAUSED


def test_a_retry_gives_every_open_component_of_the_wave_its_time_anew(paused: Promotion, actor: Actor) -> None:
    neighbour = with_neighbour(paused, Rollout.ROLLING_OUT)
    promotion_retry(actor=actor, promotion=paused)
    neighbour.refresh_from_db()
    assert neighbour.started_at is not None
    assert timezone.now() - neighbour.started_at < timedelta(minutes=1)


def test_a_claim_that_comes_too_late_is_refused_and_leaves_no_event(paused: Promotion, actor: Actor) -> None:
    seen = Promotion.objects.select_related("environment").get(pk=paused.pk)
    lifecycle.move(paused, State.CANCELING, actor=audit.SYSTEM, message="Abort asked for.")
    with pytest.raises(ConflictError):
        promotion_claim(actor=actor, promotion=seen)
    assert not AuditEvent.objects.filter(action="promotion.claimed").exists()
