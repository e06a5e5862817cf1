"""The project's own rules find what they forbid and leave alone what looks like it."""

from __future__ import annotations

import pytest

from script.development import rules

FORBIDDEN = [
    ("no delayed task", "task.apply_async(args, countdown=5)"),
    ("no delayed task", "app.send_task('a', eta=soon)"),
    ("no retry by Celery", "raise self.retry(exc=error)"),
    ("no chord and no result", "from celery import chord"),
    ("no chord and no result", "AsyncResult(task_id).get()"),
    ("no mark_safe", "from django.utils.safestring import mark_safe"),
    ("no mark_safe", "safestring.mark_safe(text)"),
    ("no mark_safe", "SafeString(text)"),
    ("streams are few", "StreamingHttpResponse(lines)"),
    ("no import inside a function", "def view(request):\n    from deployments.models import Release"),
]
FINE = [
    "task.apply_async(args, queue='wake')",
    "services.promotion_retry(promotion)",
    "promotion.retry(actor)",
    "def shown(text: str) -> SafeString:\n    return format_html('<b>{}</b>', text)",
    "def view(request):\n    from json import loads",
    "class Deployments(AppConfig):\n    def ready(self):\n        from deployments import gates",
]


@pytest.mark.parametrize(("rule", "source"), FORBIDDEN)
def test_what_a_rule_forbids_is_found(rule: str, source: str) -> None:
    found = list(rules.broken_rules(source, "deployments/example.py"))
    assert found
    assert all(f": {rule} (" in text for text in found)


@pytest.mark.parametrize("source", FINE)
def test_what_only_looks_like_it_is_left_alone(source: str) -> None:
    assert list(rules.broken_rules(source, "deployments/example.py")) == []


def test_a_file_where_it_is_allowed_may_stream() -> None:
    assert list(rules.broken_rules("StreamingHttpResponse(lines)", "controlpanel/core/views/events.py")) == []


def test_this_repository_keeps_the_rules() -> None:
    assert rules.main() == 0
