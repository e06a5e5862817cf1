"""What helps those who look after a promotion: the log, ways out, what was seen before, and words to pass on."""

from __future__ import annotations

import html
import json
import re
import shlex
from datetime import timedelta
from typing import Any

import pytest
from django.test import Client
from django.utils import timezone

from controlpanel.core import audit
from deployments import lifecycle
from deployments.choices import State
from deployments.models import Inquiry, Promotion
from deployments.selectors.inquiries import Question
from deployments.views.incident import plain
from tests import fixtures_deployments as make
from tests.deployments.views.conftest import Stage

POD = Question("log", "backend-staging", {"name": "backend-new-a", "namespace": "hub"})


@pytest.fixture
def running(stage: Stage) -> Promotion:
    return make.rolling_out_backend(make.promotion(stage.new, stage.staging, by=stage.elif_))


def stuck(stage: Stage, **issue: str) -> Promotion:
    row = make.rolling_out_backend(make.promotion(stage.new, stage.staging, by=stage.elif_))
    facts = {
        "cause": "ImagePullBackOff",
        "application": "backend-staging",
        "kind": "Deployment",
        "namespace": "hub",
        "name": "backend",
    }
    said = {
        "sentence": "Deployment backend does not start.",
        "effect": "",
        "advice": "Push it.",
        "pod": "backend-new-a",
    }
    lifecycle.pause(row, actor=audit.SYSTEM, lease=None, issue={**facts, **said, **issue})
    row.refresh_from_db()
    return row


def called_off(row: Promotion) -> Promotion:
    lifecycle.move(row, State.CANCELING, actor=audit.SYSTEM, message="Stop.")
    lifecycle.end(row, State.CANCELED, actor=audit.SYSTEM, message="Stopped.")
    return row


def text(client: Client, row: Promotion, query: str = "") -> str:
    response = client.get(f"/promotions/{row.number}{query}")
    assert response.status_code == 200
    return html.unescape(response.content.decode())


def copied(client: Client, address: str, label: str) -> list[str]:
    """What the buttons with this label copy."""
    page = client.get(address).content.decode()
    buttons = re.findall(r'<button[^>]*data-copy="([^"]*)"([^>]*>.*?)</button>', page, re.DOTALL)
    return [html.unescape(value) for value, rest in buttons if label in rest]


def words_of(command: str) -> list[str]:
    """The command as a shell splits it."""
    return shlex.split(command.replace("\\\n", ""))


def test_the_log_of_the_pod_that_is_waited_for_is_asked_of_a_worker_and_shown(
    client: Client, running: Promotion
) -> None:
    page = text(client, running, "?tab=log")
    assert "backend-new-a" in page and "A worker asks Argo CD" in page
    asked = Inquiry.objects.get(question=str(POD))
    answer = {"lines": ["listening on :4000", "<b>ready</b>"]}
    Inquiry.objects.filter(pk=asked.pk).update(answer=answer, answered_at=timezone.now())
    page = client.get(f"/promotions/{running.number}?tab=log").content.decode()
    assert "listening on :4000\n&lt;b&gt;ready&lt;/b&gt;" in page
    assert f'data-live="promotion.{running.pk} environment.staging application.backend-staging"' in page


def test_whoever_may_not_read_logs_is_told_and_nothing_is_asked(stage: Stage, running: Promotion) -> None:
    assert "You may not read logs." in text(stage.client(stage.vera), running, "?tab=log")
    assert not Inquiry.objects.exists()


def test_before_anything_rolls_out_there_is_no_log(client: Client, stage: Stage) -> None:
    row = make.promotion(stage.new, stage.staging, by=stage.elif_)
    assert "No Pod is known yet." in text(client, row, "?tab=log")


def test_a_stopped_promotion_leads_to_log_events_manifest_and_argo_cd(
    client: Client, stage: Stage, monkeypatch: pytest.MonkeyPatch
) -> None:
    monkeypatch.setenv("ARGOCD_SERVER", "https://argocd.example.com/")
    page = text(client, stuck(stage))
    assert 'href="?tab=log#evidence"' in page
    for tab in ("events", "manifest"):
        assert f'href="/applications/backend-staging?resource=Pod%2Fhub%2Fbackend-new-a&tab={tab}"' in page
    assert 'href="https://argocd.example.com/applications/backend-staging"' in page


@pytest.mark.parametrize("server", ["", "javascript:alert(1)"])
def test_no_way_to_argo_cd_where_its_address_is_none(
    client: Client, running: Promotion, monkeypatch: pytest.MonkeyPatch, server: str
) -> None:
    monkeypatch.setenv("ARGOCD_SERVER", server)
    page = text(client, running)
    assert "Argo CD <svg" not in page and "javascript:" not in page


def test_the_commit_leads_to_its_tab_or_to_the_git_server(client: Client, running: Promotion, settings: Any) -> None:
    assert 'href="?tab=commit#evidence"' in text(client, running)
    known = {"deploy_repo_commit_url": "https://git.example.com/deploy/commit/{commit}"}
    settings.CONFIGURATION = settings.CONFIGURATION.model_copy(update=known)
    page = text(client, running, "?tab=commit")
    assert page.count(f'href="https://git.example.com/deploy/commit/{make.COMMIT}"') == 3
    assert 'href="?tab=commit#evidence"' not in page


def test_the_same_cause_before_is_named_and_another_is_not(client: Client, stage: Stage) -> None:
    assert "Seen " not in text(client, stuck(stage))
    first = called_off(Promotion.objects.get(state=State.PAUSED))
    other = called_off(stuck(stage, cause="CrashLoopBackOff"))
    elsewhere = called_off(stuck(stage, application="ai-staging"))
    second = stuck(stage)
    page = text(client, second)
    assert "Seen once before" in page
    assert f'href="/promotions/{first.number}">promotion {first.number}' in page
    called_off(second)
    third = stuck(stage)
    page = text(client, third)
    assert "Seen twice before" in page
    assert not any(f">promotion {one.number}<" in page for one in (other, elsewhere, third))


def test_a_promotion_is_passed_on_as_markdown(client: Client, stage: Stage, settings: Any) -> None:
    row = stuck(stage)
    Promotion.objects.filter(pk=row.pk).update(reason="*See* @here\n# OPS-1")
    [markdown] = copied(client, f"/promotions/{row.number}", "Copy as Markdown")
    lines = markdown.splitlines()
    address = f"{settings.CONFIGURATION.public_url}/promotions/{row.number}"
    assert lines[0] == f"**2026.11.3 to staging: Paused, needs a person** ([promotion {row.number}]({address}))"
    assert lines[1].startswith("Asked for by Elif Kaya, started ") and lines[1].endswith(" UTC.")
    assert lines[2] == "> \\*See\\* @\u200bhere \\# OPS-1"
    assert lines[3] == "**Deployment backend does not start.**"
    assert [line for line in lines if line.startswith("- ✓ Wave 1: monitoring")]
    assert [line for line in lines if line.startswith("- ✕ Wave 3: backend")]
    assert lines[-1].startswith(f"Commit `{make.COMMIT}` on `env/staging`")


def test_markdown_of_what_people_wrote_means_nothing() -> None:
    assert plain("a\n`b` [c](d) <e> *f* _g_ @all") == "a \\`b\\` \\[c\\](d) \\<e\\> \\*f\\* \\_g\\_ @\u200ball"


@pytest.mark.parametrize(("label", "act"), [("as curl", "retry"), ("Copy as curl", "abort")])
def test_what_can_be_done_can_be_copied_as_a_command_without_a_secret(
    client: Client, stage: Stage, label: str, act: str
) -> None:
    row = stuck(stage)
    [command] = [one for one in copied(client, f"/promotions/{row.number}", label) if f"/{act}" in one]
    words = words_of(command)
    assert words[:2] == ["curl", "--fail-with-body"]
    assert words[2].endswith(f"/api/v1/promotions/{row.number}/{act}")
    assert "Authorization: Bearer $CONTROL_PANEL_TOKEN" in words


def test_the_promote_page_can_be_copied_as_a_command(client: Client, stage: Stage) -> None:
    make.preflight(stage.new, stage.staging)
    command, plan = copied(client, "/environments/staging/promote?release=2026.11.3", "Copy as curl")
    assert words_of(plan)[2].endswith("/api/v1/plans")
    words = words_of(command)
    body = json.loads(words[words.index("--data") + 1])
    assert body == {"release": "2026.11.3", "environment": "staging", "reason": "…", "render_digest": make.DIGEST}
    assert words[2].endswith("/api/v1/promotions")


def test_the_rollback_page_can_be_copied_as_a_command(client: Client, stage: Stage) -> None:
    old = make.live(stage.old, stage.staging, by=stage.elif_)
    make.live(stage.new, stage.staging, by=stage.elif_)
    make.preflight(stage.old, stage.staging, restores=old)
    [command] = copied(client, "/environments/staging/rollback", "Copy as curl")
    words = words_of(command)
    assert words[2].endswith(f"/api/v1/promotions/{old.number}/rollback")
    assert json.loads(words[-1]) == {"reason": "…", "render_digest": make.DIGEST}


def test_how_long_a_promotion_takes_is_said_with_its_spread_from_three_successes_on(
    client: Client, stage: Stage
) -> None:
    make.preflight(stage.new, stage.production)
    address = "/environments/production/promote?release=2026.11.3"
    for seconds in (60, 120, 240):
        assert "no estimate yet" in client.get(address).content.decode()
        row = make.promotion(make.release(f"1.0.{seconds}"), stage.production, by=stage.elif_)
        row.started_at = timezone.now() - timedelta(seconds=seconds)
        row.save(update_fields=["started_at"])
        make.succeeded(row)
        make.preflight(stage.new, stage.production)
    assert "about 2 m 00 s (last 3: 1 m 00 s to 4 m 00 s)" in client.get(address).content.decode()


def test_an_unsent_reason_is_kept_by_its_person_and_page(client: Client, stage: Stage) -> None:
    make.preflight(stage.new, stage.staging)
    page = html.unescape(client.get("/environments/staging/promote?release=2026.11.3").content.decode())
    assert 'data-keep="elif /environments/staging/promote?release=2026.11.3"' in page
