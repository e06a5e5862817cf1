"""Freezes: what they hold and what not, what becomes of promotions that they meet, and how one passes all the same."""

from __future__ import annotations

from collections.abc import Callable
from datetime import timedelta
from typing import Any

import pytest
from django.db import IntegrityError, transaction
from django.utils import timezone

from controlpanel.accounts.actors import SYSTEM, Actor
from controlpanel.accounts.models import User
from controlpanel.catalog import connections
from controlpanel.catalog.models import Environment
from controlpanel.core import audit
from controlpanel.core.errors import ConflictError, InvalidError, RefusedError
from controlpanel.core.models import AuditEvent
from controlpanel.core.permissions import Role
from deployments import lifecycle
from deployments.advance import advance
from deployments.choices import Kind, Rollout, State, Verdict
from deployments.gates import GateAnswer, for_target
from deployments.models import Freeze, Promotion, Release
from deployments.services.freezing import Wanted, freeze_everything, freeze_lift, freeze_set
from deployments.services.overriding import Override, promotion_override
from deployments.services.promotions import promotion_request
from tenants.models import Tenant
from tests import fixtures_deployments as rows

pytestmark = pytest.mark.django_db
REASON = "Stocktaking."


@pytest.fixture
def places(db: None) -> tuple[Environment, Environment]:
    staging, production = rows.platform()
    for place in (staging, production):
        place.gates = []
        place.save()
    return staging, production


@pytest.fixture
def release(places: Any) -> Release:
    return rows.release("2026.11.3")


def freeze(**wanted: Any) -> Freeze:
    return freeze_set(actor=SYSTEM, wanted=Wanted(**{"reason": REASON, **wanted}))


def said(place: Environment, release: Release, **more: Any) -> GateAnswer:
    answers = for_target(release=release, environment=place, **more)
    return next(answer for answer in answers if answer.gate == "freeze")


def page(user: User) -> Actor:
    return Actor(name=user.username, door="page", user=user)


def test_one_click_freezes_everything_until_it_is_lifted(
    places: tuple[Environment, Environment], release: Release
) -> None:
    assert said(places[0], release).reason == "Nothing is frozen, and no freeze is planned."
    made = freeze_everything(actor=SYSTEM, reason="Attack on the registry.")
    for place in places:
        answer = said(place, release)
        assert (answer.verdict, answer.reason) == (
            Verdict.BLOCK, "Everything is frozen until it is lifted: Attack on the registry.",
        )  # fmt: skip
        assert (answer.owner, answer.opens_at) == ("panel", None)
    with pytest.raises(ConflictError, match="Blocked: Everything is frozen"):
        preview = rows.preflight(release, places[0])
        promotion_request(
            actor=SYSTEM, environment="staging", release=release.version, render_digest=preview.render_digest
        )
    freeze_lift(actor=SYSTEM, freeze=made)
    freeze_lift(actor=SYSTEM, freeze=made)
    assert said(places[0], release).verdict == Verdict.PASS
    actions = AuditEvent.objects.filter(action__startswith="freeze.").order_by("sequence")
    assert list(actions.values_list("action", flat=True)) == ["freeze.set", "freeze.lifted"]


def test_each_scope_holds_its_own(places: tuple[Environment, Environment], release: Release) -> None:
    staging, production = places
    end = timezone.now() + timedelta(hours=2)
    freeze(environment="production", ends_at=end)
    answer = said(production, release)
    assert (answer.verdict, answer.opens_at) == (Verdict.BLOCK, end)
    assert answer.reason == f"Production is frozen until {end:%a %d %b %H:%M} UTC: {REASON}"
    assert said(staging, release).verdict == Verdict.PASS


@pytest.mark.parametrize(("component", "held"), [("backend", True), ("frontend", False)])
def test_a_components_freeze_holds_releases_that_change_it(
    places: tuple[Environment, Environment], release: Release, component: str, held: bool
) -> None:
    freeze(component=component)
    preview = rows.preflight(release, places[0])  # it changes the backend
    assert said(places[0], release, preflight=preview).blocks is held


def test_a_tenants_freeze_holds_its_configuration_and_releases_where_it_is_served(
    places: tuple[Environment, Environment], release: Release
) -> None:
    Tenant.objects.create(slug="nova", display_name="Nova", created_by="elif")
    freeze(tenant="nova")
    assert said(places[0], release).verdict == Verdict.PASS  # it is not active yet
    Tenant.objects.update(state="active")
    assert said(places[0], release).verdict == Verdict.BLOCK
    for name, held in (("tenant-nova", True), ("tenant-atlas", False)):
        change = {
            "component": "tenant-credentials",
            "kind": "ExternalSecret",
            "namespace": "hub",
            "name": name,
            "change": "changed",
            "diff": "",
        }
        preview = rows.preflight(release, places[0], changes=[change])
        preview.release = None
        assert said(places[0], release, preflight=preview, kind=Kind.TENANT_CONFIG).blocks is held


def test_a_recurring_one_says_when_it_comes(places: tuple[Environment, Environment], release: Release) -> None:
    tomorrow = timezone.now() + timedelta(days=1)
    made = freeze(cron=f"{tomorrow.minute} {tomorrow.hour} * * {(tomorrow.weekday() + 1) % 7}", lasts_minutes=60)
    answer = said(places[0], release)
    begins = tomorrow.replace(second=0, microsecond=0)
    assert made.next_start(timezone.now()) == begins
    assert (answer.verdict, answer.reason) == (
        Verdict.PASS, f"Nothing is frozen. The next freeze, of everything, begins {begins:%a %d %b %H:%M} UTC: {REASON}",
    )  # fmt: skip


@pytest.mark.parametrize(
    ("wanted", "field"),
    [
        ({"reason": "No"}, "reason"), ({"environment": "nowhere"}, "environment"), ({"component": "none"}, "component"),
        ({"tenant": "nobody"}, "tenant"), ({"cron": "0 18 * *", "lasts_minutes": 5}, "cron"), ({"cron": "0 0 30 2 *", "lasts_minutes": 5}, "cron"),
        ({"cron": "0 18 * * *"}, "lasts_minutes"), ({"cron": "0 18 * * *", "lasts_minutes": 50_000}, "lasts_minutes"),
        ({"cron": "0 18 * * *", "lasts_minutes": 5, "time_zone": "Mars/Base"}, "time_zone"),
        ({"ends_at": timezone.now() - timedelta(hours=1)}, "ends_at"), ({"starts_at": timezone.now() - timedelta(days=1)}, "starts_at"),
    ],
)  # fmt: skip
def test_what_is_no_freeze_is_told_by_its_field(places: Any, wanted: dict[str, Any], field: str) -> None:
    with pytest.raises(InvalidError) as refused:
        freeze(**wanted)
    assert refused.value.extra["field"] == field
    assert not Freeze.objects.exists()


def test_only_a_release_manager_there_freezes(places: Any) -> None:
    elif_, rita = rows.person("elif", Role.OPERATOR), rows.person("rita", Role.RELEASE_MANAGER, environment="staging")
    for user, wanted in ((elif_, Wanted(reason=REASON)), (rita, Wanted(reason=REASON))):
        with pytest.raises((RefusedError, Exception)) as refused:
            freeze_set(actor=page(user), wanted=wanted)
        assert refused.type.__name__ in ("RefusedError", "AbsentError")
    freeze_set(actor=page(rita), wanted=Wanted(reason=REASON, environment="staging"))


def test_postgresql_knows_no_freeze_that_is_neither_once_nor_again(places: Any) -> None:
    with pytest.raises(IntegrityError), transaction.atomic():
        Freeze.objects.create(reason="x", created_by="x", cron="0 0 * * *", starts_at=timezone.now())


@pytest.fixture
def wave_done(places: tuple[Environment, Environment], release: Release) -> Callable[[], Promotion]:
    """The first of four waves is proved; nothing else is asked of Argo CD."""

    def make() -> Promotion:
        row = rows.started(rows.promotion(release, places[0], by=rows.person("elif", Role.OPERATOR)))
        row.rollouts.filter(wave=1).update(state=Rollout.DONE)
        Promotion.objects.filter(pk=row.pk).update(next_run_at=timezone.now())
        return row

    return make


def due(row: Promotion) -> Promotion:
    Promotion.objects.filter(pk=row.pk).update(next_run_at=timezone.now())
    return row


@pytest.fixture(autouse=True)
def _no_argo_cd(monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setattr("deployments.steps.base.Context.argocd", lambda _: None)


def test_what_is_in_flight_pauses_between_two_waves_and_goes_on_by_itself(wave_done: Callable[[], Promotion]) -> None:
    row = wave_done()
    made = freeze_everything(actor=SYSTEM, reason=REASON)
    advance(row.pk)
    row.refresh_from_db()
    assert (row.state, row.issue["cause"]) == (State.PAUSED, "freeze")
    assert row.issue["sentence"] == f"Everything is frozen until it is lifted: {REASON}"
    Promotion.objects.filter(pk=row.pk).update(state_since=timezone.now() - timedelta(days=30))
    advance(due(row).pk)
    row.refresh_from_db()
    assert row.state == State.PAUSED, "a pause by a freeze has no deadline"
    freeze_lift(actor=SYSTEM, freeze=made)
    advance(due(row).pk)
    row.refresh_from_db()
    assert row.state == State.ROLLING_OUT
    advance(due(row).pk)
    row.refresh_from_db()
    assert (row.state, row.wave) == (State.SYNCING, 2)


def test_lifting_wakes_what_waits(
    wave_done: Callable[[], Promotion], django_capture_on_commit_callbacks: Callable[..., Any]
) -> None:
    row = wave_done()
    made = freeze_everything(actor=SYSTEM, reason=REASON)
    advance(row.pk)
    Promotion.objects.filter(pk=row.pk).update(next_run_at=timezone.now() + timedelta(hours=1))
    with django_capture_on_commit_callbacks(execute=True):
        freeze_lift(actor=SYSTEM, freeze=made)
    row.refresh_from_db()
    assert row.next_run_at is not None and row.next_run_at <= timezone.now() + timedelta(seconds=1)


def test_it_waits_in_the_queue_while_a_freeze_holds(places: tuple[Environment, Environment], release: Release) -> None:
    row = rows.promotion(release, places[0], by=rows.person("elif", Role.OPERATOR))
    freeze_everything(actor=SYSTEM, reason=REASON)
    advance(due(row).pk)
    row.refresh_from_db()
    assert (row.state, row.note) == (State.QUEUED, f"Everything is frozen until it is lifted: {REASON}")


def test_a_freeze_that_is_set_while_it_starts_holds_the_first_wave(
    places: tuple[Environment, Environment], release: Release, monkeypatch: pytest.MonkeyPatch
) -> None:
    monkeypatch.setattr(connections, "deploy_repository", lambda: NothingLanded())
    row = rows.promotion(release, places[0], by=rows.person("elif", Role.OPERATOR))
    lifecycle.move(row, State.RENDERING, actor=audit.SYSTEM, message="Started.")
    plan = {"base": "", "parts": {}, "changed": ["backend"], "waves": rows.WAVES}
    lifecycle.move(row, State.COMMITTING, actor=audit.SYSTEM, message="Rendered.", plan=plan, wave=1)
    made = freeze_everything(actor=SYSTEM, reason=REASON)
    advance(due(row).pk)
    row.refresh_from_db()
    assert (row.state, row.issue["cause"], row.intended_commit) == (State.PAUSED, "freeze", "")
    assert row.issue["effect"].startswith("Staging is as it was: nothing was committed.")
    freeze_lift(actor=SYSTEM, freeze=made)
    advance(due(row).pk)
    row.refresh_from_db()
    assert row.state == State.COMMITTING


class NothingLanded:
    """A deploy repository that nobody has pushed to."""

    def claim(self, name: str) -> None:
        """Nobody has it."""


def test_a_named_role_lets_one_promotion_pass_with_a_reason(wave_done: Callable[[], Promotion]) -> None:
    row = wave_done()
    freeze_everything(actor=SYSTEM, reason=REASON)
    advance(row.pk)
    rita = rows.person("rita", Role.RELEASE_MANAGER)
    with pytest.raises(RefusedError):
        promotion_override(
            actor=page(User.objects.get(username="elif")),
            promotion=row,
            override=Override("freeze", "Mends the outage."),
        )
    with pytest.raises(InvalidError):
        promotion_override(actor=page(rita), promotion=row, override=Override("freeze", "short"))
    promotion_override(actor=page(rita), promotion=row, override=Override("freeze", "Mends the outage."))
    advance(due(row).pk)
    advance(due(row).pk)
    row.refresh_from_db()
    assert (row.state, row.wave) == (State.SYNCING, 2)
    assert AuditEvent.objects.filter(action="promotion.gate_overridden", actor="rita").exists()
    with pytest.raises(ConflictError):
        promotion_override(actor=page(rita), promotion=row, override=Override("freeze", "Mends the outage."))
