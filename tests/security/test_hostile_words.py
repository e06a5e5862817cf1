"""Words of strangers (people, containers, clusters, repositories) break nothing, and are shown as the words they are."""

from __future__ import annotations

import json
from dataclasses import asdict
from typing import Any

import pytest
from django.db import connection
from django.test import Client

from controlpanel.clients.argocd_envelope import json_object
from controlpanel.clients.argocd_models import Application
from controlpanel.clients.argocd_tree import Tree
from controlpanel.core.audit import SYSTEM
from controlpanel.core.permissions import Role
from controlpanel.core.words import is_fit
from deployments import lifecycle
from deployments.choices import Rollout
from deployments.models import Promotion
from deployments.steps.trees import facts
from tests.contract.transcripts import applications, exchanges
from tests.fixtures_deployments import person, platform, pod, preflight, promotion, release, started

HOSTILE = "\x00\ud800 last words"
MARKUP = "<script>alert(1)</script><img src=x onerror=alert(2)>'\"{{ 7|add:7 }}{% now 'Y' %}"


def _with_last_words(value: Any) -> Any:
    """Every message of a document with bytes behind it that a container may have written."""
    if isinstance(value, dict):
        words = ("message", "value", "reason", "error", "username")
        return {
            key: entry + HOSTILE if key in words and isinstance(entry, str) else _with_last_words(entry)
            for key, entry in value.items()
        }
    return [_with_last_words(entry) for entry in value] if isinstance(value, list) else value


def _storable(facts: Any) -> bool:
    with connection.cursor() as cursor:
        cursor.execute("SELECT %s::jsonb", [json.dumps(facts, default=str)])
    return True


@pytest.mark.django_db
def test_bytes_that_no_row_can_hold_are_replaced_in_everything_read_of_argo_cd() -> None:
    for _, document in list(applications())[::40]:
        sent = json_object(json.dumps(_with_last_words(document)), "read")
        assert _storable(asdict(Application.parse(sent)))


@pytest.mark.django_db
def test_bytes_that_no_row_can_hold_are_replaced_in_trees() -> None:
    trees = [one.answer for one in exchanges() if one.path.endswith("/resource-tree") and isinstance(one.answer, dict)]
    assert trees
    for document in trees:
        tree = Tree.parse(json_object(json.dumps(_with_last_words(document)), "read"))
        assert _storable(facts(tree))


@pytest.mark.parametrize("character", ["\x00", "\x07", "\x1b", "\x7f", "\x9b", "\u202e", "\u2066", "\ud800"])
def test_characters_that_break_rows_terminals_or_reading_are_unfit(character: str) -> None:
    assert not is_fit(f"a{character}b")


@pytest.mark.parametrize("text", ["Türkçe, ελληνικά, 日本語", "עברית \u200f!", "a\tb\nc\r\nd", "👩‍🚒", "नमस्ते क्‍ष"])
def test_words_of_every_language_are_fit(text: str) -> None:
    assert is_fit(text)


@pytest.mark.django_db
def test_markup_in_anything_that_people_or_systems_say_is_shown_as_text() -> None:
    staging, _ = platform()
    staging.title = MARKUP
    staging.save()
    deniz = person("deniz", Role.ADMINISTRATOR, display_name=MARKUP)
    made = release("2026.11.3", title=MARKUP[:100])
    row = started(promotion(made, staging, by=deniz, reason=MARKUP))
    row.rollouts.update(message=MARKUP, state=Rollout.STUCK)
    Promotion.objects.filter(pk=row.pk).update(note=MARKUP)
    staging.applications.update(
        health_message=MARKUP, operation_message=MARKUP, pods=[pod(MARKUP, MARKUP, ready=0, status=MARKUP)]
    )
    names = (
        "cause",
        "sentence",
        "effect",
        "advice",
        "application",
        "kind",
        "namespace",
        "name",
        "raw",
        "pod",
        "reason",
    )
    lifecycle.pause(row, actor=SYSTEM, lease=None, issue=dict.fromkeys(names, MARKUP))
    preflight(made, staging, changes=[{
        "component": "backend", "kind": "ConfigMap", "namespace": "hub", "name": "x", "change": "changed", "added": 1, "removed": 1,
        "diff": f"@@ -1 +1 @@ {MARKUP}\n-a: {MARKUP}\n+b: {MARKUP}\n",
    }])  # fmt: skip
    client = Client()
    client.force_login(deniz, backend="django.contrib.auth.backends.ModelBackend")
    pages = ["/", "/environments/staging", "/environments/staging/promote?release=2026.11.3", f"/promotions/{row.number}",
             f"/promotions/{row.number}?tab=commit", f"/promotions/{row.number}?tab=audit", "/promotions", "/releases",
             "/releases/2026.11.3", "/audit", "/releases?q=<script>alert(1)</script>", "/audit?who=<script>alert(1)</script>"]  # fmt: skip
    shown = {address: client.get(address).content.decode() for address in pages}
    assert [page for page in shown if "<script>alert" in shown[page] or "<img src=x" in shown[page]] == []
    assert all("&lt;script&gt;alert" in page for page in shown.values()), "each shows the words"
