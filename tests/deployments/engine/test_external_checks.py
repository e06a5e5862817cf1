"""External checks: asked when somebody looks, kept fresh while somebody waits, unknown when they grow old."""

from __future__ import annotations

from datetime import timedelta
from typing import Any

import pytest
from django.utils import timezone

from controlpanel.accounts.actors import SYSTEM, Actor
from controlpanel.catalog.models import Environment
from controlpanel.clients import external_check
from controlpanel.clients.errors import Ambiguous
from controlpanel.clients.external_check import Verdict
from controlpanel.core.models import AuditEvent
from controlpanel.core.permissions import Role
from deployments import checking
from deployments.advance import advance
from deployments.choices import Kind, State
from deployments.gates import GateAnswer, for_target
from deployments.models import ExternalCheck, Promotion, Release
from deployments.services.preflights import preflight_request
from deployments.services.promotions import promotion_request
from deployments.steps import judge
from tests import fixtures_deployments as rows

pytestmark = pytest.mark.django_db
PARAMETERS = {
    "urlFrom": {"env": "CHANGE_URL"},
    "secretFrom": {"env": "CHANGE_SECRET"},
    "title": "Change board",
    "maxAgeSeconds": 60,
}


@pytest.fixture
def staging(monkeypatch: pytest.MonkeyPatch) -> Environment:
    monkeypatch.setenv("CHANGE_URL", "https://change.example/check")
    monkeypatch.setenv("CHANGE_SECRET", "whsec_of_no_use_here")
    place = rows.platform()[0]
    place.gates = [{"name": "external-check", "parameters": PARAMETERS}]
    place.save()
    return place


@pytest.fixture
def release(staging: Environment) -> Release:
    return rows.release("2026.11.3")


@pytest.fixture
def says(monkeypatch: pytest.MonkeyPatch) -> list[Any]:
    """What the service answers, one after the other; the documents that it was sent come behind."""
    answers: list[Any] = []

    def ask(url: str, secret: str, document: Any, *, identifier: str) -> Verdict:
        answer = answers.pop(0)
        answers.append(document)
        if isinstance(answer, Exception):
            raise answer
        return answer  # type: ignore[no-any-return]

    monkeypatch.setattr(external_check, "ask", ask)
    return answers


def said(staging: Environment, release: Release) -> GateAnswer:
    answers = for_target(release=release, environment=staging)
    return next(one for one in answers if one.gate == "external-check")


def test_a_look_at_a_preview_has_it_asked_and_its_words_are_the_gates(
    staging: Environment, release: Release, says: list[Any]
) -> None:
    assert said(staging, release).verdict == "unknown"
    preflight_request(actor=SYSTEM, release=release.version, environment="staging")
    says.append(Verdict("block", "No change request is open."))
    check = ExternalCheck.objects.get()
    assert checking.is_pending(staging, release)
    assert checking.external_check_ask(check.pk)
    assert says[0]["release"]["version"] == "2026.11.3" and says[0]["environment"] == "staging"
    answer = said(staging, release)
    assert (answer.verdict, answer.reason, answer.title, answer.owner) == (
        "block", "No change request is open.", "Change board", "Change board",
    )  # fmt: skip
    assert not checking.is_pending(staging, release)
    check.refresh_from_db()
    assert check.next_run_at is not None and check.next_run_at <= timezone.now() + timedelta(seconds=21), (
        "it is asked again within its age"
    )


def test_an_outage_keeps_the_old_answer_until_that_is_too_old(
    staging: Environment, release: Release, says: list[Any]
) -> None:
    checking.want(staging, release)
    check = ExternalCheck.objects.get()
    says[:] = [Verdict("pass", "CHG-17."), Ambiguous("It did not answer.", "See its log.")]
    checking.external_check_ask(check.pk)
    ExternalCheck.objects.update(next_run_at=timezone.now())
    checking.external_check_ask(check.pk)
    assert said(staging, release).verdict == "pass"
    ExternalCheck.objects.update(answered_at=timezone.now() - timedelta(seconds=61))
    answer = said(staging, release)
    assert answer.verdict == "unknown" and "It did not answer." in answer.reason


def test_nobody_is_asked_for_what_nobody_waits_for(staging: Environment, release: Release, says: list[Any]) -> None:
    checking.want(staging, release)
    ExternalCheck.objects.update(wanted_until=timezone.now() - timedelta(minutes=1))
    assert checking.external_check_ask(ExternalCheck.objects.get().pk)
    assert ExternalCheck.objects.get().next_run_at is None
    row = rows.promotion(release, staging, by=rows.person("elif", "operator"))  # type: ignore[arg-type]
    assert Promotion.objects.get(pk=row.pk).state == State.QUEUED
    ExternalCheck.objects.update(next_run_at=timezone.now())
    says.append(Verdict("pass", "CHG-17."))
    assert checking.external_check_ask(ExternalCheck.objects.get().pk)
    assert said(staging, release).verdict == "pass"


def test_a_variable_that_is_missing_is_told_by_its_name(
    staging: Environment, release: Release, monkeypatch: pytest.MonkeyPatch
) -> None:
    monkeypatch.delenv("CHANGE_URL")
    checking.want(staging, release)
    checking.external_check_ask(ExternalCheck.objects.get().pk)
    assert "CHANGE_URL is not set." in said(staging, release).reason


def test_an_answer_from_long_ago_is_asked_anew_by_whoever_asks_for_a_promotion(
    staging: Environment, release: Release, says: list[Any]
) -> None:
    long_ago = timezone.now() - timedelta(days=3)
    ExternalCheck.objects.create(
        environment=staging, release=release, verdict="pass", answered_at=long_ago, error="Away."
    )
    row = promotion_request(actor=page(), environment="staging", release=release.version)
    Promotion.objects.filter(pk=row.pk).update(preflight=rows.preflight(release, staging))
    assert checking.is_pending(staging, release)
    advance(row.pk)
    row.refresh_from_db()
    assert (row.state, row.note) == (State.REQUESTED, "Waits for the external check.")
    says.append(Verdict("pass", "CHG-17."))
    assert checking.external_check_ask(ExternalCheck.objects.get().pk)
    assert advanced(row).state == State.QUEUED


def test_what_waits_in_the_queue_has_it_asked(staging: Environment, release: Release, says: list[Any]) -> None:
    row = rows.promotion(release, staging, by=rows.person("elif", Role.OPERATOR))
    assert advanced(row).state == State.QUEUED
    says.append(Verdict("pass", "CHG-17."))
    assert checking.external_check_ask(ExternalCheck.objects.get().pk)
    assert advanced(row).state == State.RENDERING


def test_a_preview_that_is_used_again_has_it_asked(staging: Environment, release: Release) -> None:
    preview = rows.preflight(release, staging)
    assert preflight_request(actor=SYSTEM, release=release.version, environment="staging") == preview
    assert ExternalCheck.objects.get().next_run_at is not None


def test_a_check_that_nobody_asks_for_three_minutes_holds_nothing_in_silence(
    staging: Environment, release: Release, monkeypatch: pytest.MonkeyPatch
) -> None:
    monkeypatch.setattr(judge, "PATIENCE_SECONDS", 0)
    row = promotion_request(actor=page(), environment="staging", release=release.version)
    Promotion.objects.filter(pk=row.pk).update(preflight=rows.preflight(release, staging))
    assert advanced(row).state == State.REJECTED
    assert AuditEvent.objects.get(action="promotion.rejected").message.startswith(
        "Blocked: Change board has not answered"
    )


def test_a_rollback_waits_for_no_external_check(staging: Environment, release: Release) -> None:
    checking.want(staging, release, Kind.ROLLBACK)
    assert not checking.is_pending(staging, release, Kind.ROLLBACK)
    assert not ExternalCheck.objects.exists()


def page() -> Actor:
    user = rows.person("elif", Role.OPERATOR)
    return Actor(name=user.username, door="page", user=user)


def advanced(row: Promotion) -> Promotion:
    Promotion.objects.filter(pk=row.pk).update(next_run_at=timezone.now())
    advance(row.pk)
    row.refresh_from_db()
    return row
