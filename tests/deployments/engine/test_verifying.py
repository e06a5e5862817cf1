"""What rolled out is asked about until it is proved or has failed: sampled in rounds, safe to run twice, bounded, and kept."""

from __future__ import annotations

import secrets
from collections import Counter
from collections.abc import Callable
from datetime import timedelta

import httpx
import pytest
from django.db import DatabaseError, connection, transaction
from django.test.utils import CaptureQueriesContext
from django.utils import timezone

from controlpanel.accounts.actors import Actor
from controlpanel.accounts.models import User
from controlpanel.catalog import hub_connections
from controlpanel.catalog.connections import NotConfigured
from controlpanel.catalog.models import Environment
from controlpanel.clients.hub import Hub
from controlpanel.core.lease import Lease, StatementTime
from controlpanel.core.models import AuditEvent
from deployments.choices import Check, Confidence, Kind, Proof, State, Verdict
from deployments.gates import GateAnswer, for_target
from deployments.models import AutomaticRollback, Evidence, Promotion, Verification
from deployments.services.automatic import rollback_by_policy
from deployments.services.promotions import promotion_abort, promotion_ignore, promotion_retry
from deployments.steps import Context, Outcome, proving, verify
from tests import fixtures_deployments as rows
from tests import fixtures_verification as make
from tests.deployments.engine.conftest import FakeGit

pytestmark = pytest.mark.django_db
HEALTH = "/api/health"


@pytest.fixture
def beside(monkeypatch: pytest.MonkeyPatch) -> make.Beside:
    made = make.Beside()
    made.install(monkeypatch)
    return made


@pytest.fixture(autouse=True)
def _nothing_needs_git(git: FakeGit, monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setattr(verify, "live_now", lambda context: None)


@pytest.fixture
def rolled_out(promoted: Callable[[], Promotion]) -> Promotion:
    return make.verifying(promoted())


def step(promotion: Promotion) -> Outcome:
    """Run the step as the holder of the promotion's row; every round that is not over is due."""
    Verification.objects.filter(promotion=promotion, state=Check.RUNNING).update(next_round_at=timezone.now())
    Promotion.objects.filter(pk=promotion.pk).update(fencing=77)
    row = Promotion.objects.select_related("environment", "release", "preflight", "requester").get(pk=promotion.pk)
    outcome = verify.run(Context(promotion=row, lease=Lease(fencing=77, ends_at=float("inf"))))
    promotion.refresh_from_db()
    return outcome


def until_decided(promotion: Promotion) -> Outcome:
    for _ in range(30):
        outcome = step(promotion)
        if outcome.to or promotion.state != State.VERIFYING:
            return outcome
    raise AssertionError(list(promotion.verifications.values()))


def proofs(promotion: Promotion, check: str = "health") -> Counter[str]:
    """How many tenants stand where in the newest run of a check."""
    run = promotion.verifications.filter(name=check).latest("run")
    return Counter(run.evidence.values_list("proof", flat=True))


def acting(user: User) -> Actor:
    return Actor(name=user.username, door="page", user=user)


def test_without_checks_in_the_catalog_nothing_is_asked(rolled_out: Promotion) -> None:
    assert until_decided(rolled_out).to == State.SUCCEEDED
    assert not Verification.objects.exists()


def test_every_tenant_is_asked_under_its_own_header_and_a_trace_of_its_own(
    rolled_out: Promotion, beside: make.Beside
) -> None:
    make.catalog(make.HEALTH)
    slugs = make.tenants(20)
    outcome = until_decided(rolled_out)
    assert outcome.to == State.SUCCEEDED
    assert "Verified: Health (20 tenants)." in outcome.message
    assert sorted(beside.asked(HEALTH)) == slugs
    sent = {one.headers["traceparent"].split("-")[1] for one in beside.requests}
    assert sent == set(Evidence.objects.values_list("trace_id", flat=True))
    assert len(sent) == 20


def test_fifty_tenants_of_which_three_fail_pause_and_name_the_three_with_request_answer_and_trace(
    rolled_out: Promotion, beside: make.Beside
) -> None:
    make.catalog(make.HEALTH, limit=1)
    slugs = make.tenants(50)
    beside.statuses = dict.fromkeys(slugs[7:10], 503)
    until_decided(rolled_out)
    assert rolled_out.state == State.PAUSED
    assert rolled_out.issue is not None
    assert rolled_out.issue["sentence"] == f"3 of 50 tenants failed Health: {', '.join(slugs[7:10])}."
    assert rolled_out.issue["cause"] == "verification_failed"
    assert "Tempo" in rolled_out.issue["advice"]
    failed = Evidence.objects.filter(proof=Proof.FAILED)
    assert sorted(failed.values_list("subject", flat=True)) == slugs[7:10]
    for one in failed:
        assert one.request == f"GET /api/health, X-Tenant: {one.subject}"
        assert one.answer.startswith("503 in ")
        assert '{"status":"error"}' in one.answer
        assert one.trace_id in rolled_out.issue["raw"]
        assert (one.samples, one.failures) == (2, 2)
    event = AuditEvent.objects.get(action="promotion.verification_failed")
    assert event.details == {"failed": {"health": slugs[7:10]}, "count": 3}


def test_one_failed_sample_is_let_pass_and_the_tenant_is_asked_until_it_passes(
    rolled_out: Promotion, beside: make.Beside
) -> None:
    make.catalog(make.HEALTH, limit=1)
    make.tenants(3)
    beside.statuses = {"clinic-001": 503}
    step(rolled_out)
    assert proofs(rolled_out) == {"passing": 2, "failing": 1}
    beside.statuses = {}
    assert until_decided(rolled_out).to == State.SUCCEEDED
    kept = Evidence.objects.get(subject="clinic-001")
    assert (kept.proof, kept.failures) == (Proof.PASSED, 1)
    assert kept.answer.startswith("503"), "what failed stays to be seen"


def test_samples_are_taken_for_as_long_as_the_catalog_says(rolled_out: Promotion, beside: make.Beside) -> None:
    make.catalog(make.HEALTH, observe=60)
    make.tenants(2)
    for _ in range(4):
        assert step(rolled_out).to is None
    assert len(beside.requests) == 8
    Verification.objects.update(began_at=timezone.now() - timedelta(seconds=61))
    assert until_decided(rolled_out).to == State.SUCCEEDED


def test_between_two_rounds_nothing_is_asked_and_no_worker_waits(rolled_out: Promotion, beside: make.Beside) -> None:
    make.catalog(make.HEALTH, observe=60)
    make.tenants(2)
    step(rolled_out)
    Verification.objects.update(next_round_at=timezone.now() + timedelta(seconds=15))
    row = Promotion.objects.select_related("environment", "release").get(pk=rolled_out.pk)
    outcome = verify.run(Context(promotion=row, lease=Lease(fencing=77, ends_at=float("inf"))))
    assert len(beside.requests) == 2
    assert outcome.again is not None
    assert 10 < outcome.again <= 15


def test_a_sample_that_is_taken_again_after_a_crash_counts_once_and_posts_the_same_event(
    rolled_out: Promotion, beside: make.Beside, monkeypatch: pytest.MonkeyPatch
) -> None:
    make.catalog(make.EVENT)
    make.tenants(3)

    class Killed(BaseException):
        """The process ends here."""

    def die(name: str) -> None:
        if name == "verify.after_ask":
            raise Killed

    with monkeypatch.context() as patch:
        patch.setattr(proving, "crashpoint", die)
        with pytest.raises(Killed):
            step(rolled_out)
    assert until_decided(rolled_out).to == State.SUCCEEDED
    ids = Counter(event["id"] for event in beside.posted())
    assert sorted(ids.values()) == [2, 2, 2], "offered twice, under one id each"
    assert set(Evidence.objects.values_list("samples", flat=True)) == {1}
    assert {event["type"] for event in beside.posted()} == {"panel.test"}


def test_an_event_that_was_taken_is_not_offered_again(rolled_out: Promotion, beside: make.Beside) -> None:
    make.catalog(make.EVENT, limit=1)
    make.tenants(3)
    beside.refuses = {"clinic-002": 400}
    step(rolled_out)
    step(rolled_out)
    assert Counter(event["tenantId"] for event in beside.posted()) == {
        "clinic-000": 1,
        "clinic-001": 1,
        "clinic-002": 2,
    }


@pytest.mark.parametrize(
    ("now", "before", "fails"),
    [
        ({"a": 0.5}, {"a": 0.3}, []),
        ({"a": 0.8}, {"a": 0.3}, ["a"]),
        ({"a": 0.05}, {}, []),
        ({"a": 0.5, "b": 0.1}, {}, ["a"]),
        ({"a": 0.1, "b": 9.0}, {"b": 5.0}, []),
    ],
    ids=["less than twice", "more than twice", "within the slack", "new", "was bad before"],
)
def test_errors_are_compared_with_before_the_promotion(
    now: dict[str, float], before: dict[str, float], fails: list[str], rolled_out: Promotion, beside: make.Beside
) -> None:
    make.catalog(make.ERRORS)
    beside.values, beside.before = now, before
    until_decided(rolled_out)
    failed = Evidence.objects.filter(proof=Proof.FAILED).values_list("subject", flat=True)
    assert list(failed) == fails
    assert (rolled_out.state == State.PAUSED) is bool(fails)


@pytest.mark.parametrize(
    ("when_empty", "proves"), [("", False), (", whenEmpty: unknown", False), (", whenEmpty: pass", True)]
)
def test_a_prometheus_without_a_value_proves_nothing_unless_none_is_expected(
    when_empty: str, proves: bool, rolled_out: Promotion, beside: make.Beside
) -> None:
    make.catalog(f"{{name: errors, type: prometheus_query, parameters: {{query: errors, atMost: 1{when_empty}}}}}")
    outcome = until_decided(rolled_out)
    assert (outcome.to == State.SUCCEEDED) is proves
    assert proves or (rolled_out.issue or {})["cause"] == "verification_unanswered"


def test_a_prometheus_that_is_away_is_an_unknown_sample_and_holds_nobody_up(
    rolled_out: Promotion, beside: make.Beside
) -> None:
    make.catalog(make.ERRORS)
    beside.is_away = True
    until_decided(rolled_out)
    assert (rolled_out.issue or {})["cause"] == "verification_unanswered"
    found = Evidence.objects.get()
    assert (found.subject, found.proof) == ("", Proof.UNKNOWN)
    assert "Prometheus" in found.answer


def test_a_prometheus_that_comes_back_within_the_limit_proves_all_the_same(
    rolled_out: Promotion, beside: make.Beside
) -> None:
    make.catalog(make.ERRORS, limit=1)
    beside.is_away = True
    step(rolled_out)
    beside.is_away, beside.values = False, {"a": 0.1}
    Verification.objects.update(next_round_at=timezone.now())
    assert until_decided(rolled_out).to == State.SUCCEEDED


def test_where_nobody_can_be_asked_it_is_said_and_not_called_verified(
    rolled_out: Promotion, monkeypatch: pytest.MonkeyPatch
) -> None:
    make.catalog(make.HEALTH)
    make.tenants(1)

    def no_hub(environment: Environment) -> None:
        raise NotConfigured("STAGING_HUB_URL is not set.", "Set it.")

    monkeypatch.setattr(hub_connections, "hub_for", no_hub)
    outcome = until_decided(rolled_out)
    assert outcome.to == State.SUCCEEDED
    assert "Not checked: Health." in outcome.message
    assert Verification.objects.get().note == "STAGING_HUB_URL is not set. Set it."


def test_many_tenants_are_asked_in_portions_and_each_once_a_round(
    rolled_out: Promotion, beside: make.Beside, monkeypatch: pytest.MonkeyPatch
) -> None:
    monkeypatch.setattr(proving, "PORTION", 30)
    make.catalog(make.HEALTH)
    slugs = make.tenants(70)
    portions = 0
    while (outcome := step(rolled_out)).to is None:
        portions += 1
        assert len(beside.requests) <= 30 * portions
    assert outcome.to == State.SUCCEEDED
    assert sorted(beside.asked(HEALTH)) == slugs


def test_a_step_costs_as_many_queries_for_five_tenants_as_for_fifty(rolled_out: Promotion, beside: make.Beside) -> None:
    make.catalog(make.HEALTH, observe=60)
    make.tenants(5)
    step(rolled_out)
    with CaptureQueriesContext(
        connection,
    ) as few:
        step(rolled_out)
    Evidence.objects.bulk_create(
        Evidence(verification=Verification.objects.get(), subject=f"more-{number}") for number in range(45)
    )
    with CaptureQueriesContext(connection) as many:
        step(rolled_out)
    assert len(beside.requests) == 5 + 5 + 50
    assert len(many) == len(few)


def test_a_retry_asks_those_again_that_failed_and_keeps_the_evidence(
    rolled_out: Promotion, beside: make.Beside, elif_: User
) -> None:
    make.catalog(make.HEALTH)
    make.tenants(5)
    beside.statuses = {"clinic-001": 503}
    until_decided(rolled_out)
    promotion_retry(actor=acting(elif_), promotion=rolled_out)
    beside.statuses = {}
    beside.requests.clear()
    assert until_decided(rolled_out).to == State.SUCCEEDED
    assert beside.asked(HEALTH) == ["clinic-001"]
    assert list(rolled_out.verifications.values_list("run", "state")) == [(1, Check.FAILED), (2, Check.PASSED)]
    assert Evidence.objects.get(subject="clinic-001", verification__run=1).answer.startswith("503")


def test_what_failed_is_ignored_with_a_reason_and_that_is_said(
    rolled_out: Promotion, beside: make.Beside, elif_: User
) -> None:
    make.catalog(make.HEALTH)
    make.tenants(5)
    beside.statuses = {"clinic-001": 503}
    until_decided(rolled_out)
    promotion_ignore(actor=acting(elif_), promotion=rolled_out, reason="That clinic is closed today.")
    outcome = until_decided(rolled_out)
    assert outcome.to == State.SUCCEEDED
    assert "Failed and ignored by a person: Health" in outcome.message
    assert outcome.fields["confidence"] == Confidence.OBSERVED, "what is live was observed; the check was not passed"
    row = Verification.objects.get()
    assert (row.state, row.ignored_by, row.ignored_reason) == (Check.IGNORED, "elif", "That clinic is closed today.")
    assert proofs(rolled_out) == {"passing": 4, "ignored": 1}


def test_a_paused_verification_is_aborted_like_any_other(
    rolled_out: Promotion, beside: make.Beside, elif_: User
) -> None:
    make.catalog(make.HEALTH)
    make.tenants(2)
    beside.statuses = {"clinic-001": 503}
    until_decided(rolled_out)
    assert promotion_abort(actor=acting(elif_), promotion=rolled_out).state == State.CANCELING


def with_a_way_back(promoted: Callable[[], Promotion], elif_: User) -> tuple[Promotion, Promotion]:
    """What was live, and a promotion of other files that was rolled out over it."""
    before = rows.succeeded(promoted())
    after = make.verifying(promoted())
    Promotion.objects.filter(pk=after.pk).update(render_digest="e" * 64, committed_at=StatementTime())
    after.refresh_from_db()
    return before, after


def failed_by_policy(promoted: Callable[[], Promotion], beside: make.Beside, elif_: User) -> Promotion:
    """One whose only tenant failed, so that the policy is about to go back."""
    make.catalog(make.HEALTH, on_failure="rollback")
    make.tenants(1)
    _, after = with_a_way_back(promoted, elif_)
    beside.statuses = {"clinic-000": 503}
    until_decided(after)
    return after


def test_by_policy_the_promotion_is_called_off_and_the_way_back_asked_for_once(
    promoted: Callable[[], Promotion], beside: make.Beside, elif_: User
) -> None:
    make.catalog(make.HEALTH, on_failure="rollback")
    make.tenants(3)
    before, after = with_a_way_back(promoted, elif_)
    beside.statuses = {"clinic-001": 503}
    until_decided(after)
    assert after.state == State.CANCELING
    wanted = AutomaticRollback.objects.get()
    assert (wanted.target, wanted.finished_at) == (before, None)
    assert rollback_by_policy(wanted.pk)
    assert not rollback_by_policy(wanted.pk)
    rollback = Promotion.objects.get(kind=Kind.ROLLBACK)
    assert (rollback.restores, rollback.requested_door, rollback.keeps_tenants) == (before, "policy", True)
    assert "1 of 3 tenants failed Health: clinic-001." in rollback.reason
    assert AuditEvent.objects.filter(action="promotion.rolled_back_by_policy").count() == 1


def test_a_rollback_by_policy_that_was_asked_for_before_a_crash_is_not_asked_for_again(
    promoted: Callable[[], Promotion], beside: make.Beside, elif_: User, monkeypatch: pytest.MonkeyPatch
) -> None:
    failed_by_policy(promoted, beside, elif_)
    wanted = AutomaticRollback.objects.get()
    with monkeypatch.context() as patch:
        patch.setattr("deployments.services.automatic._finish", lambda *_, **__: 1 / 0)
        with pytest.raises(ZeroDivisionError):
            rollback_by_policy(wanted.pk)
    AutomaticRollback.objects.update(next_run_at=StatementTime(), lease_until=None)
    assert rollback_by_policy(wanted.pk)
    assert Promotion.objects.filter(kind=Kind.ROLLBACK).count() == 1


def test_the_policy_does_not_undo_a_release_that_was_committed_meanwhile(
    promoted: Callable[[], Promotion], beside: make.Beside, elif_: User
) -> None:
    after = failed_by_policy(promoted, beside, elif_)
    Promotion.objects.filter(pk=after.pk).update(state=State.CANCELED, confidence=Confidence.OBSERVED)
    mended = rows.succeeded(promoted())
    Promotion.objects.filter(pk=mended.pk).update(committed_at=StatementTime())
    assert rollback_by_policy(AutomaticRollback.objects.get().pk)
    assert not Promotion.objects.filter(kind=Kind.ROLLBACK).exists()
    said = f"Promotion {mended.number} was committed over promotion {after.number} meanwhile."
    assert said in AutomaticRollback.objects.get().error
    assert said in AuditEvent.objects.get(action="promotion.rollback_refused").message


def test_nothing_starts_between_a_failure_and_the_rollback_by_policy(
    promoted: Callable[[], Promotion], beside: make.Beside, elif_: User
) -> None:
    after = failed_by_policy(promoted, beside, elif_)
    Promotion.objects.filter(pk=after.pk).update(state=State.CANCELED, confidence=Confidence.OBSERVED)
    waiting = promoted()

    def lane() -> GateAnswer:
        answers = for_target(release=waiting.release, environment=waiting.environment, promotion=waiting, asked="start")
        return next(one for one in answers if one.gate == "lane-free")

    assert lane().reason == "Will wait its turn: the policy of staging is about to roll it back."
    assert rollback_by_policy(AutomaticRollback.objects.get().pk)
    rollback = Promotion.objects.get(kind=Kind.ROLLBACK)
    assert lane().reason == f"Will wait its turn: promotion {rollback.number} waits before this one in staging."
    Promotion.objects.filter(pk=rollback.pk).update(state=State.CANCELED, confidence=Confidence.OBSERVED)
    assert lane().verdict == Verdict.PASS


@pytest.mark.parametrize("why", ["nothing was live before", "the same files were live before", "nobody answered"])
def test_the_policy_leaves_to_a_person_what_going_back_would_not_mend(
    why: str, promoted: Callable[[], Promotion], beside: make.Beside, elif_: User
) -> None:
    make.catalog(make.HEALTH, on_failure="rollback")
    make.tenants(2)
    if why == "nothing was live before":
        after = make.verifying(promoted())
    else:
        before, after = with_a_way_back(promoted, elif_)
        if why == "the same files were live before":
            Promotion.objects.filter(pk=after.pk).update(render_digest=before.render_digest)
    beside.statuses = {"clinic-001": httpx.ConnectError("refused") if why == "nobody answered" else 503}
    until_decided(after)
    assert after.state == State.PAUSED
    assert not AutomaticRollback.objects.exists()


def test_evidence_of_an_ended_promotion_never_changes_and_none_is_deleted(
    rolled_out: Promotion, beside: make.Beside
) -> None:
    make.catalog(make.HEALTH)
    make.tenants(1)
    until_decided(rolled_out)
    Promotion.objects.filter(pk=rolled_out.pk).update(state=State.SUCCEEDED, confidence=Confidence.OBSERVED)
    for change in (
        lambda: Evidence.objects.update(proof=Proof.FAILED),
        lambda: Verification.objects.update(title="Other"),
        lambda: Evidence.objects.all().delete(),
    ):
        with pytest.raises(DatabaseError), transaction.atomic():
            change()


def test_a_credential_in_an_answer_is_not_kept(rolled_out: Promotion, monkeypatch: pytest.MonkeyPatch) -> None:
    secret = f"ak_{secrets.token_hex(16)}_{secrets.token_hex(4)}"
    transport = httpx.MockTransport(lambda request: httpx.Response(500, text=f"refused for {secret}"))
    monkeypatch.setattr(hub_connections, "hub_for", lambda _: Hub("http://hub.test", transport=transport))
    make.catalog(make.HEALTH)
    make.tenants(1)
    until_decided(rolled_out)
    assert "(hidden)" in Evidence.objects.get().answer
    assert secret not in f"{Evidence.objects.get().answer} {rolled_out.issue}"
