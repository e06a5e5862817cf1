"""The component sheet: every part of the interface on one page, in development only."""

from __future__ import annotations

from datetime import timedelta
from typing import Any

from django.conf import settings
from django.http import Http404, HttpRequest, HttpResponse
from django.shortcuts import render
from django.utils import timezone
from django.views.decorators.http import require_GET

from controlpanel.core.permissions import Right, declares
from controlpanel.core.presentation.plots import Bar, Dot, Plot, Scale, Tick, points, shown
from controlpanel.core.presentation.vocabulary import VOCABULARIES

ROLES = ("canvas", "surface", "ink", "ink-2", "ink-3", "accent", "ok", "run", "warn", "bad", "odd", "mute")
SHOWN = ("sync", "health", "operation", "gate", "tenant", "reference", "change", "release", "pod")
DIFF = """--- a
+++ b
@@ -41,2 +41,2 @@ spec.template.spec.containers[backend]
       - name: backend
-        image: registry.example/backend@sha256:a20d77fe
+        image: registry.example/backend@sha256:4f8a91c2
@@ -58,1 +58,1 @@
       - {name: REDIS_URL, valueFrom: secretKeyRef backend-env/REDIS_URL}
"""


@declares(Right.SIGNED_IN)
@require_GET
def components(request: HttpRequest) -> HttpResponse:
    """Show the sheet. Raises 404 outside development."""
    if not settings.DEBUG and not getattr(settings, "COMPONENT_SHEET", False):
        raise Http404
    return render(request, "settings/components.html", {"roles": ROLES, **_statuses(), **_examples()})


def _statuses() -> dict[str, Any]:
    vocabularies = [(name, [(name, value) for value in VOCABULARIES[name]]) for name in SHOWN]
    return {"vocabularies": vocabularies, "promotion_states": list(VOCABULARIES["promotion"])}


def _examples() -> dict[str, Any]:
    now = timezone.now()
    return {
        "now_example": now - timedelta(minutes=5),
        "running_since": now - timedelta(minutes=2, seconds=4),
        "changes": [
            {"component": "backend", "kind": "Deployment", "namespace": "hub", "name": "backend", "change": "changed", "diff": DIFF},
            {"component": "backend", "kind": "ConfigMap", "namespace": "hub", "name": "backend", "change": "added", "diff": "+a: b\n"},
        ],
        "steps": _steps(),
        "entries": [
            {"at": now, "tone": "warn", "text": "Pod x2kqm: Readiness probe failed: HTTP 503", "times": 7},
            {"at": now - timedelta(minutes=2), "tone": "ok", "shape": "ring-check", "text": "backend synced to f2a6b81"},
            {"at": now - timedelta(minutes=3), "tone": "run", "text": "Wave 3 started: backend"},
            {"at": now - timedelta(minutes=5), "tone": "mute", "shape": "person", "text": "Requested by Elif Kaya"},
        ],
        "gates": [
            {"verdict": "block", "name": "Pipeline order", "reason": "Not verified in staging yet.", "owner": "panel"},
            {"verdict": "pass", "name": "Lane free", "reason": "Nothing is in flight.", "owner": "panel"},
        ],
        "segments": [
            {"label": "All", "count": 6, "href": "?filter=all", "current": True},
            {"label": "Waiting", "count": 1, "href": "?filter=waiting"},
            {"label": "Running", "count": 1, "href": "?filter=running"},
            {"label": "Done", "count": 4, "href": "?filter=done"},
        ],
        "clears": [{"label": "readiness", "href": "#"}, {"label": "missing key", "href": "#"}],
        "search": {"name": "q", "value": "", "placeholder": "Search version, title or commit"},
        "selects": [{"name": "state", "label": "State", "value": "", "choices": [("", "all"), ("open", "open")]}],
        "fields": [
            {"name": "since", "label": "From", "type": "date", "value": "2026-11-01", "error": ""},
            {"name": "until", "label": "To", "type": "text", "value": "tomorrow", "error": "Write the day as 2026-11-23."},
        ],
        "plot": _plot(),
        "expiries": [("30", "In 30 days"), ("90", "In 90 days")],
    }  # fmt: skip


def _steps() -> list[dict[str, Any]]:
    start = timezone.now() - timedelta(minutes=2, seconds=4)
    return [
        {"name": "Render", "state": "done", "took": "3 s", "detail": "digest 8e41…c7d0, as reviewed"},
        {"name": "Commit", "state": "done", "took": "1 s", "commit": "f2a6b81c", "detail": "on env/production"},
        {"name": "Wave 1: ai", "state": "failed", "took": "3 m 20 s", "error": "ImagePullBackOff, attempt 1"},
        {
            "name": "Wave 2: backend",
            "state": "running",
            "started_at": start,
            "estimate": "of about 2 m 30 s",
            "detail": "3 of 6",
        },
        {"name": "Wave 3: frontend", "state": "waiting", "detail": "after backend is healthy", "estimate": "about 1 m"},
        {"name": "Verify", "state": "waiting", "detail": "48 tenants, 3 queries", "estimate": "about 1 m 15 s"},
    ]


def _plot() -> Plot:
    """Every mark that a plot can have."""
    scale = Scale(20)
    heights = (9, 11, 8, 15, 12)
    bars = tuple(
        Bar(x=shown(scale.middle(index, 5) - 12), y=shown(scale.y(height)), width="24", height=shown(scale.y(0) - scale.y(height)),
            tone="own" if index % 2 else "other", label=f"Week {index + 1}: {height}", href="#plot")
        for index, height in enumerate(heights)
    )  # fmt: skip
    line = [(scale.middle(index, 5), scale.y(value)) for index, value in enumerate((16, 14, 17, 12, 13))]
    band = [*((x, y - 8) for x, y in line), *((x, y + 8) for x, y in reversed(line))]
    dot = Dot(
        x=shown(line[3][0]),
        y=shown(scale.y(18)),
        text="1247: 26 m",
        text_x=shown(line[3][0] + 7),
        is_worst=True,
        label="Promotion 1247",
        href="#plot",
    )
    return Plot(
        rows=tuple(Tick(shown(scale.y(value)), str(value)) for value in (0, 10, 20)),
        columns=tuple(Tick(shown(scale.middle(index, 5)), f"{index + 1} Nov") for index in range(5)),
        bars=bars, line=points(line), band=points(band), dots=(dot,), goal=Tick(shown(scale.y(15)), "goal: under 15"),
    )  # fmt: skip
