"""Times, spans, numbers and digests as people read them. `live.js` says relative times by the same rules."""

from __future__ import annotations

from datetime import datetime, timedelta
from zoneinfo import ZoneInfo

MINUTE, HOUR, DAY = 60, 3600, 86_400
RELATIVE_LIMIT = 7 * DAY
"""Older moments are said absolutely, in seconds."""


def duration(seconds: float | timedelta) -> str:
    """A span: "0.2 s", "48 s", "2 m 04 s", "3 h 05 m", "4 d 2 h"."""
    total = seconds.total_seconds() if isinstance(seconds, timedelta) else float(seconds)
    total = max(total, 0.0)
    if total < 1:
        return f"{total:.1f} s"
    whole = int(total)
    if whole < MINUTE:
        return f"{whole} s"
    if whole < HOUR:
        return f"{whole // MINUTE} m {whole % MINUTE:02d} s"
    if whole < DAY:
        return f"{whole // HOUR} h {whole % HOUR // MINUTE:02d} m"
    return f"{whole // DAY} d {whole % DAY // HOUR} h"


def relative(moment: datetime, now: datetime) -> str:
    """ "4 s ago", "5 min ago", "3 h ago", "2 d ago"; absolute beyond seven days; "in 8 min" for what is to come."""
    seconds = int((now - moment).total_seconds())
    if abs(seconds) > RELATIVE_LIMIT:
        return day(moment, now)
    text = _rounded(abs(seconds))
    if seconds < 0:
        return f"in {text}"
    return f"{text} ago" if text else "now"


def _rounded(seconds: int) -> str:
    if seconds < 1:
        return ""
    if seconds < MINUTE:
        return f"{seconds} s"
    if seconds < HOUR:
        return f"{seconds // MINUTE} min"
    return f"{seconds // HOUR} h" if seconds < DAY else f"{seconds // DAY} d"


def about(seconds: float) -> str:
    """An estimate: "about 40 s", "about 3 min"; "" for less than a second."""
    return f"about {rounded}" if (rounded := _rounded(int(seconds))) else ""


def day(moment: datetime, now: datetime) -> str:
    """ "19 Nov 14:05", with the year where it is another one."""
    year = "" if moment.year == now.year else f" {moment.year}"
    return f"{moment.day} {moment:%b}{year} {moment:%H:%M}"


def exact(moment: datetime, zone: ZoneInfo) -> str:
    """ "Mon 23 Nov 2026 18:05:30 UTC": what a title says."""
    local = moment.astimezone(zone)
    return f"{local:%a} {local.day} {local:%b %Y %H:%M:%S} {local:%Z}"


def number(value: int) -> str:
    """ "4,812"."""
    return f"{value:,}"


def short_digest(digest: str) -> str:
    """First four and last four characters of the hex; an algorithm in front is kept: "sha256:4f8a…91c2"."""
    algorithm, separator, text = digest.rpartition(":")
    return f"{algorithm}{separator}{text[:4]}…{text[-4:]}" if len(text) > 9 else digest


def short_image(image: str) -> str:
    """The digest of an image reference, short; a reference without one as it is."""
    return short_digest(image.rpartition("@")[2]) if "@" in image else image


def initials(name: str) -> str:
    """Two letters for a person or machine: "Elif Kaya" is EK, "ci-main" is CM, "deniz" is DE."""
    words = [word for word in name.replace("-", " ").replace("_", " ").replace(".", " ").split() if word]
    if len(words) >= 2:
        return (words[0][0] + words[-1][0]).upper()
    return (words[0][:2] if words else "?").upper()
