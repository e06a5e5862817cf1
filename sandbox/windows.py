"""Sync windows: cron schedules with a duration that allow or deny syncs of a project's Applications."""

from __future__ import annotations

from datetime import UTC, datetime, timedelta
from fnmatch import fnmatchcase
from zoneinfo import ZoneInfo

from sandbox.applications import IN_CLUSTER
from sandbox.clock import Clock, go_duration
from sandbox.documents import Document, look
from sandbox.projects import Projects

LONGEST = timedelta(days=31)


def _field(text: str, value: int, low: int, high: int) -> bool:
    for part in text.split(","):
        span, _, step = part.partition("/")
        first, _, last = span.partition("-")
        start = low if first == "*" else int(first)
        end = high if first == "*" or (step and not last) else int(last or first)
        if start <= value <= end and (value - start) % int(step or 1) == 0:
            return True
    return False


def _starts(schedule: str, at: datetime) -> bool:
    minute, hour, day, month, weekday = schedule.split()
    fits = _field(minute, at.minute, 0, 59) and _field(hour, at.hour, 0, 23) and _field(month, at.month, 1, 12)
    by_day, by_weekday = _field(day, at.day, 1, 31), _field(weekday.replace("7", "0"), at.isoweekday() % 7, 0, 6)
    either = by_day or by_weekday if "*" not in (day, weekday) else by_day and by_weekday
    return fits and either


def is_active(window: Document, now: datetime) -> bool:
    """Whether the window has started within its duration."""
    local = now.astimezone(ZoneInfo(window.get("timeZone") or "UTC")).replace(second=0, microsecond=0)
    length = min(timedelta(seconds=go_duration(window.get("duration", "0s"))), LONGEST)
    minutes = int(length.total_seconds() // 60)
    return any(_starts(window["schedule"], local - timedelta(minutes=back)) for back in range(minutes + 1)
               if timedelta(minutes=back) < length)  # fmt: skip


class Windows:
    """Which windows bind an Application now."""

    def __init__(self, projects: Projects, clock: Clock) -> None:
        self.projects = projects
        self.clock = clock

    def assigned(self, application: Document) -> list[Document]:
        """The project's windows that name this Application, its namespace or its cluster."""
        project = self.projects.find(application["spec"]["project"])
        destination = application["spec"]["destination"]
        values = {
            "applications": application["metadata"]["name"], "namespaces": destination.get("namespace", ""),
            "clusters": destination.get("server") or destination.get("name") or IN_CLUSTER,
        }  # fmt: skip
        found = []
        for window in look(project, "spec", "syncWindows", default=[]):
            if any(fnmatchcase(value, pattern) for key, value in values.items() for pattern in window.get(key) or []):
                found.append(window)
        return found

    def active(self, windows: list[Document]) -> list[Document]:
        """Those of them that are open now."""
        now = datetime.fromtimestamp(self.clock.epoch(), UTC)
        return [window for window in windows if is_active(window, now)]

    def permits(self, application: Document, *, manual: bool) -> bool:
        """Whether a sync may start: deny beats allow, and allow windows that exist must be open."""
        assigned = self.assigned(application)
        active = self.active(assigned)
        denying = [window for window in active if window.get("kind") == "deny"]
        allowing = [window for window in assigned if window.get("kind") == "allow"]
        if denying:
            return manual and all(window.get("manualSync") for window in denying)
        if allowing and not any(window.get("kind") == "allow" for window in active):
            return manual and all(window.get("manualSync") for window in allowing)
        return True

    def shown(self, application: Document) -> Document:
        """What the API answers about them; `canSync` is for a manual sync."""
        assigned = self.assigned(application)
        result: Document = {"canSync": self.permits(application, manual=True)}
        for name, windows in (("activeWindows", self.active(assigned)), ("assignedWindows", assigned)):
            if windows:
                result[name] = [_shown(window) for window in windows]
        return result


def _shown(window: Document) -> Document:
    keys = ("kind", "schedule", "duration")
    return {key: window.get(key, "") for key in keys} | {"manualSync": bool(window.get("manualSync"))}
