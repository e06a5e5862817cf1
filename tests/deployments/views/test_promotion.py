"""One promotion: follow, decide, prove."""

from __future__ import annotations

import re
from datetime import timedelta

import pytest
from django.test import Client
from django.utils import timezone
from pytest_django import DjangoAssertNumQueries

from controlpanel.core import audit, live, sharing
from controlpanel.core.permissions import Role
from deployments import lifecycle
from deployments.choices import State
from deployments.models import Application, Promotion, PromotionComponent
from tests import fixtures_deployments as make
from tests.deployments.views.conftest import Stage


def text(client: Client, row: Promotion, query: str = "", **headers: str) -> str:
    response = client.get(f"/promotions/{row.number}{query}", headers=headers)
    assert response.status_code == 200
    return response.content.decode()


@pytest.fixture
def running(stage: Stage) -> Promotion:
    return make.rolling_out_backend(make.promotion(stage.new, stage.staging, by=stage.elif_))


@pytest.fixture
def stuck(stage: Stage) -> Promotion:
    return make.paused(make.promotion(stage.new, stage.staging, by=stage.elif_))


def test_whoever_comes_too_late_reads_who_was_faster_and_when(client: Client, stage: Stage) -> None:
    row = make.promotion(stage.new, stage.staging, by=stage.elif_)
    stage.client(stage.stan).post(f"/promotions/{row.number}/abort")
    words = client.post(f"/promotions/{row.number}/abort", follow=True).content.decode()
    assert "Someone was faster." in words
    assert re.search(r"is canceled\. Stan, (now|\d s ago): Aborted before it started\.", words)


def test_it_follows_the_rollout_and_names_what_is_waited_for(client: Client, running: Promotion) -> None:
    page = text(client, running)
    assert "Rolling out, wave 3 of 4" in page
    assert "Waiting for Pod backend-new-a" in page
    assert "Readiness probe failed: HTTP 503" in page
    assert "1 old pod still serving" in page
    assert "no estimate yet" in page
    assert f'data-live="promotion.{running.pk} environment.staging"' in page
    assert "<noscript><meta" in page


def test_while_it_rolls_out_the_way_back_stands_beside_abort(client: Client, stage: Stage, running: Promotion) -> None:
    dock = text(client, running).split('class="dock"')[1].split("</div>")[0]
    assert "Abort after commit…" in dock
    assert 'data-key-shortcut="b" href="/environments/staging/rollback"' in dock
    assert "/rollback" not in text(stage.client(stage.vera), running)
    uncommitted = make.promotion(stage.new, stage.production, by=stage.elif_)
    assert "/rollback" not in text(client, uncommitted)


def test_it_says_what_pods_needed_that_became_ready_before(client: Client, stage: Stage, running: Promotion) -> None:
    assert "before it needed" not in text(client, running)
    row = Application.objects.get(name="backend-staging")
    for pod, seconds in zip(row.pods, (None, 91, 30), strict=True):
        created = timezone.now() - timedelta(minutes=3)
        pod |= {
            "created_at": created.isoformat(),
            "ready_at": seconds and (created + timedelta(seconds=seconds)).isoformat(),
        }
    row.save()
    assert "Readiness probe failed: HTTP 503 · One pod before it needed about 1 m 31 s." in text(client, running)


def test_what_is_announced_is_a_sentence_at_each_step(client: Client, stage: Stage) -> None:
    row = make.started(make.promotion(stage.new, stage.staging, by=stage.elif_))
    PromotionComponent.objects.filter(promotion=row, wave=1).update(is_changed=True)
    assert 'data-announce="Wave 1 started: monitoring."' in text(client, row)
    other = make.rolling_out_backend(make.promotion(stage.new, stage.production, by=stage.elif_))
    assert 'data-announce="Waiting for Pod backend-new-a: readiness probe failed."' in text(client, other)
    waiting = make.promotion(stage.old, stage.staging, by=stage.elif_)
    assert 'data-announce="Queued: Gates."' in text(client, waiting)


def test_its_id_leads_to_its_number(client: Client, running: Promotion) -> None:
    response = client.get(f"/promotions/{running.pk}")
    assert (response.status_code, response["Location"]) == (303, f"/promotions/{running.number}")


@pytest.mark.parametrize("part", ["promotion", "dialogs"])
def test_a_part_can_be_read_alone(client: Client, running: Promotion, part: str) -> None:
    page = text(client, running, **{"HX-Request": "true", "HX-Target": part})
    assert f'id="{part}"' in page
    assert "<html" not in page


def test_a_pause_says_cause_effect_and_choices(client: Client, stuck: Promotion) -> None:
    page = text(client, stuck)
    assert "Deployment backend does not start: Pod backend-new-a is in ImagePullBackOff." in page
    assert "later waves have not started" in page
    assert "manifest unknown" in page
    assert "Push the image, then retry." in page
    for label in ("Retry step", "Abort after commit", "Ignore and go on", "Assign to me"):
        assert label in page
    assert "✕ Paused: backend-production" in page


def test_a_viewer_sees_the_choices_shut_with_the_reason(stage: Stage, stuck: Promotion) -> None:
    browser = stage.client(stage.vera)
    page = text(browser, stuck)
    assert "It needs the role operator or release manager here." in page
    assert "<form method=" not in page.split('id="promotion"')[1].split("</main>")[0]
    for act in ("abort", "retry", "claim", "ignore"):
        assert browser.post(f"/promotions/{stuck.number}/{act}").status_code == 403
    stuck.refresh_from_db()
    assert (stuck.state, stuck.claimed_by) == (State.PAUSED, "")


@pytest.mark.parametrize(
    ("act", "state"), [("retry", State.ROLLING_OUT), ("abort", State.CANCELING), ("claim", State.PAUSED)]
)
def test_an_act_moves_it_and_comes_back(client: Client, stuck: Promotion, act: str, state: State) -> None:
    response = client.post(f"/promotions/{stuck.number}/{act}", {"reason": "It is known."})
    assert (response.status_code, response["Location"]) == (303, f"/promotions/{stuck.number}")
    stuck.refresh_from_db()
    assert stuck.state == state
    if act == "claim":
        assert "You are on it since" in text(client, stuck)


def test_who_took_the_decision_is_told_to_others(stage: Stage, client: Client, stuck: Promotion) -> None:
    client.post(f"/promotions/{stuck.number}/claim")
    assert "Elif Kaya is on it since" in text(stage.client(stage.vera), stuck)


def test_whoever_is_not_on_it_is_asked_before_acting(stage: Stage, client: Client, stuck: Promotion) -> None:
    assert 'id="retry-dialog"' not in text(client, stuck)
    client.post(f"/promotions/{stuck.number}/claim")
    assert 'id="retry-dialog"' not in text(client, stuck)
    page = text(stage.client(make.person("rita", Role.RELEASE_MANAGER)), stuck)
    dialogs = page.split('id="dialogs"')[1]
    assert "Retry step…" in page
    for dialog in ("abort", "retry", "ignore"):
        body = dialogs.split(f'id="{dialog}-dialog"')[1].split("</dialog>")[0]
        assert "Elif Kaya is on it since" in body.split("<p>")[0]


def test_a_pause_says_what_was_checked_and_its_cause_in_plain_words(client: Client, stuck: Promotion) -> None:
    checked = [{"what": "Pods from before serve", "evidence": "1 of <b>1</b> ready.", "is_fine": True}]
    Promotion.objects.filter(pk=stuck.pk).update(issue={**(stuck.issue or {}), "cause": "odd_one", "checked": checked})
    page = text(client, stuck)
    assert "What the panel checked" in page and "1 of &lt;b&gt;1&lt;/b&gt; ready." in page
    assert "Cause not recognised" in page and "odd_one" not in page


def test_choices_say_what_they_touch_and_how_long_it_took_before(client: Client, stage: Stage) -> None:
    for version in ("2026.10.1", "2026.10.2", "2026.10.3"):
        row = make.paused(make.promotion(make.release(version), stage.staging, by=stage.elif_))
        client.post(f"/promotions/{row.number}/retry")
        row.refresh_from_db()
        lifecycle.move(row, State.VERIFYING, actor=audit.SYSTEM, message="Done.")
        lifecycle.end(row, State.SUCCEEDED, actor=audit.SYSTEM, message="Live.", confidence="observed")
    page = text(client, make.paused(make.promotion(stage.new, stage.staging, by=stage.elif_)))
    assert "Earlier retries took about 0." in page
    assert "Touches backend." in page
    assert "Wave 4 starts although this component is not proved." in page


def test_ignoring_without_a_reason_is_refused_in_words(client: Client, stuck: Promotion) -> None:
    response = client.post(f"/promotions/{stuck.number}/ignore", {"reason": "no"}, follow=True)
    assert "Ignoring needs a reason of at least 10 characters." in response.content.decode()


def test_an_act_that_comes_too_late_says_so(client: Client, stage: Stage) -> None:
    row = make.live(stage.new, stage.staging, by=stage.elif_)
    response = client.post(f"/promotions/{row.number}/abort", follow=True)
    assert f"Promotion {row.number} is succeeded." in response.content.decode()


def test_an_end_says_what_is_live_and_how_sure_and_stops_listening(client: Client, stage: Stage) -> None:
    row = make.live(stage.new, stage.staging, by=stage.elif_)
    page = text(client, row)
    assert "2026.11.3 is live in staging." in page
    assert "Live revision <code>ccccccc</code>, observed." in page
    assert "data-live" not in page
    assert "abort-dialog" not in page


def test_the_commit_tab_shows_the_trailers(client: Client, running: Promotion) -> None:
    page = text(client, running, "?tab=commit")
    for word in (make.COMMIT, str(running.pk), make.DIGEST, "env/staging", "Audit-Head"):
        assert word in page


def test_the_audit_tab_shows_every_entry_with_its_hash(client: Client, running: Promotion) -> None:
    assert "promotion.rolling_out" in text(client, running, "?tab=audit")


def test_steps_are_estimated_after_three_successes(client: Client, stage: Stage) -> None:
    for version in ("2026.10.1", "2026.10.2", "2026.10.3"):
        make.live(make.release(version), stage.staging, by=stage.elif_)
    row = make.started(make.promotion(stage.new, stage.staging, by=stage.elif_))
    assert "no estimate yet" not in text(client, row)


@pytest.mark.parametrize("identifier", ["1", "nonsense", "018f0000-0000-7000-8000-000000000000", "9" * 30, "٣"])
def test_what_does_not_exist_is_not_found(client: Client, identifier: str) -> None:
    assert client.get(f"/promotions/{identifier}").status_code == 404
    assert client.post(f"/promotions/{identifier}/abort").status_code == 404


def test_a_promotion_to_an_environment_that_is_not_mine_is_not_found(stage: Stage) -> None:
    row = make.promotion(stage.new, stage.production, by=stage.elif_)
    browser = stage.client(stage.stan)
    assert browser.get(f"/promotions/{row.number}").status_code == 404
    assert browser.post(f"/promotions/{row.number}/abort").status_code == 404
    assert str(row.number) not in browser.get("/promotions").content.decode()


@pytest.mark.parametrize("before", [3, 12])
@pytest.mark.parametrize("state", ["moving", "paused", "ended"])
def test_its_queries_do_not_grow(
    client: Client, stage: Stage, before: int, state: str, django_assert_max_num_queries: DjangoAssertNumQueries
) -> None:
    for number in range(before):
        row = make.live(make.release(f"2026.10.{number}"), stage.staging, by=stage.elif_)
    if state != "ended":
        asked = make.promotion(stage.new, stage.staging, by=stage.elif_)
        row = make.paused(asked) if state == "paused" else make.rolling_out_backend(asked)
    for tab in ("cause", "events", "log", "commit", "audit"):
        text(client, row, f"?tab={tab}")
        with django_assert_max_num_queries(12, info=tab):
            text(client, row, f"?tab={tab}")


def test_a_sync_that_landed_late_is_said_on_both_pages_until_the_next_success(
    client: Client, stage: Stage, running: Promotion
) -> None:
    landed = running.rollouts.filter(component="backend")
    landed.update(late_operation="2026-11-23 12:00:00+00:00", late_at=timezone.now())
    places = "/environments/staging", "/environments/production"
    assert "A sync of backend-staging landed late." in text(client, running)
    staging, production = (client.get(place).content.decode() for place in places)
    assert "A sync of backend-staging landed late" in staging
    assert "landed late" not in production
    ended = make.live(stage.old, stage.production, by=stage.elif_)
    ended.rollouts.filter(component="backend").update(late_at=timezone.now() - timedelta(days=1))
    assert "landed late" not in client.get(places[1]).content.decode()


def test_the_neighbours_here_are_reached_by_link_and_key(client: Client, stage: Stage) -> None:
    first = make.live(stage.old, stage.staging, by=stage.elif_)
    make.live(stage.old, stage.production, by=stage.elif_)
    last = make.live(stage.new, stage.staging, by=stage.elif_)
    page = client.get(f"/promotions/{last.number}").content.decode()
    assert f'href="/promotions/{first.number}" data-key-shortcut="["' in page
    assert 'data-key-shortcut="]"' not in page


def test_the_decision_stands_first_and_why_it_stopped_is_the_first_tab(client: Client, stage: Stage) -> None:
    row = make.paused(make.promotion(stage.old, stage.staging, by=stage.elif_))
    page = client.get(f"/promotions/{row.number}").content.decode()
    assert page.index("Choose what to do") < page.index('id="steps"') < page.index("Why it stopped</h2>")
    assert page.count('id="now"') == 1
    other = client.get(f"/promotions/{row.number}?tab=events").content.decode()
    assert "Why it stopped</h2>" not in other


@pytest.mark.parametrize("headers", [{"HX-Target": "promotion"}, {"HX-Request": "true", "HX-Target": "nothing"}])
def test_the_frame_of_one_reader_is_never_given_to_another(
    stage: Stage, monkeypatch: pytest.MonkeyPatch, headers: dict[str, str]
) -> None:
    row = make.rolling_out_backend(make.promotion(stage.old, stage.staging, by=stage.elif_))
    live.Hub().hand_out(f"promotion.{row.pk}", 4711)
    monkeypatch.setattr(sharing, "_made", {})
    ceren = make.person("ceren", Role.OPERATOR, display_name="Ceren Demir")
    asked = {"Live-Sequence": "4711"}
    whole = stage.client(ceren).get(f"/promotions/{row.number}", headers=asked | headers)
    other = stage.client(stage.elif_).get(f"/promotions/{row.number}", headers=asked | headers)
    part = stage.client(stage.elif_).get(
        f"/promotions/{row.number}", headers=asked | {"HX-Request": "true", "HX-Target": "promotion"}
    )
    assert "Ceren Demir" in whole.content.decode()
    assert "Ceren Demir" not in other.content.decode()
    assert "<html" not in part.content.decode()


def test_only_what_was_opened_stopped_or_ended_takes_its_full_height(client: Client, stage: Stage) -> None:
    """A panel that grew when a promotion ends would push the steps down under the eyes of whoever follows it."""
    row = make.rolling_out_backend(make.promotion(stage.new, stage.staging, by=stage.elif_))
    assert "data-whole" not in client.get(f"/promotions/{row.number}").content.decode()
    ended = make.live(stage.old, stage.production, by=stage.elif_)
    assert "data-whole" in client.get(f"/promotions/{ended.number}").content.decode()


def test_findings_about_tenants_are_listed_with_what_the_operator_said(client: Client, running: Promotion) -> None:
    running.findings = [
        {
            "tenant": "nova", "kind": "ExternalSecret", "name": "tenant-nova", "namespace": "hub-staging",
            "message": "could not get <secret>", "shard": "03",
        }
    ]  # fmt: skip
    running.save(update_fields=["findings"])

    page = text(client, running)

    assert 'href="/tenants/nova?environment=staging"' in page
    assert "could not get &lt;secret&gt;" in page
