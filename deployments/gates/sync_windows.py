"""Argo CD's own sync windows allow what would be synced, as its API said when `watch` last asked.

Parameter: `maxAgeSeconds`, how old that answer may be (180 unless said); an older one makes this unknown.
"""

from __future__ import annotations

from collections.abc import Mapping
from typing import Any

from controlpanel.catalog.parameters import not_whole, unknown
from deployments.choices import Verdict
from deployments.gates.base import GateAnswer, Situation, gate
from deployments.models import Application

NAME, TITLE = "sync-windows", "Sync windows of Argo CD"
MAX_AGE, LONGEST = 180, 3600


def _wrong(parameters: Mapping[str, Any]) -> list[str]:
    found = unknown(parameters, "maxAgeSeconds")
    return found + not_whole(parameters, "maxAgeSeconds", least=30, most=LONGEST, otherwise=MAX_AGE)


@gate(NAME, title=TITLE, is_overridable=False, check=_wrong)
def sync_windows(situation: Situation) -> GateAnswer:
    """Block where Argo CD would refuse a sync; nobody overrides Argo CD from here."""
    max_age = situation.parameters.get("maxAgeSeconds", MAX_AGE)
    asked = [one for one in situation.applications if situation.changed is None or one.component in situation.changed]
    old = [one for one in asked if _age(situation, one) > max_age]
    if old:
        return _answer(
            Verdict.UNKNOWN, f"Argo CD has not said for {max_age} s whether its windows allow to sync {old[0].name}.",
            owner="administrators", remedy="See that `manage.py watch` runs, and `manage.py doctor`.",
        )  # fmt: skip
    closed = [one for one in asked if not one.sync_windows.get("canSync", True)]
    if not closed:
        return _answer(Verdict.PASS, "Argo CD allows a sync of each." if asked else "Nothing would be synced.")
    windows = (
        ", ".join(_words(one) for one in closed[0].sync_windows.get("activeWindows", [])) or "no allow window is open"
    )
    more = f" {len(closed) - 1} more are held too." if len(closed) > 1 else ""
    return _answer(
        Verdict.BLOCK, f"A sync window of Argo CD holds {closed[0].name}: {windows}.{more}", owner="administrators of Argo CD",
        remedy=f"Wait for the window, or change the sync windows of the AppProject {situation.environment.project}.",
    )  # fmt: skip


def _age(situation: Situation, one: Application) -> float:
    at = one.windows_read_at
    return float("inf") if at is None else (situation.now - at).total_seconds()


def _words(window: Mapping[str, Any]) -> str:
    return f"{window.get('kind', 'window')} {window.get('schedule', '')} for {window.get('duration', '')}".strip()


def _answer(verdict: Verdict, reason: str, remedy: str = "", owner: str = "panel") -> GateAnswer:
    return GateAnswer(gate=NAME, title=TITLE, verdict=verdict, reason=reason, remedy=remedy, owner=owner)
