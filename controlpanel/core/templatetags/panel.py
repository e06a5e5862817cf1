"""Tags and filters of the component library. Everything they print is escaped; see docs in `templates/components/`."""

from __future__ import annotations

from collections.abc import Iterable
from datetime import datetime
from typing import Any
from urllib.parse import quote
from zoneinfo import ZoneInfo

from django import template
from django.template.loader import render_to_string
from django.utils import timezone
from django.utils.html import format_html
from django.utils.safestring import SafeString

from controlpanel.core.presentation import wording
from controlpanel.core.presentation.curl import curl
from controlpanel.core.presentation.diff import resources, unfolded
from controlpanel.core.presentation.vocabulary import Status, status_of

register = template.Library()


@register.simple_tag
def icon(shape: str, label: str = "") -> SafeString:
    """An icon of the sprite; hidden from screen readers unless `label` names it."""
    if label:
        return format_html(
            '<svg class="icon icon-{}" role="img" aria-label="{}"><use href="#i-{}"></use></svg>', shape, label, shape
        )
    return format_html('<svg class="icon icon-{}" aria-hidden="true"><use href="#i-{}"></use></svg>', shape, shape)


@register.inclusion_tag("components/status.html")
def status(
    vocabulary: str, value: object, word: str = "", detail: str = "", at: datetime | None = None
) -> dict[str, object]:
    """Shape and word of a value in a vocabulary; `word` replaces the vocabulary's, `at` is the time it ends with."""
    return _shown(status_of(vocabulary, value), word, detail, at)


@register.inclusion_tag("components/badge.html")
def badge(
    vocabulary: str, value: object, word: str = "", detail: str = "", at: datetime | None = None
) -> dict[str, object]:
    """The same as a pill, once in each header; `detail` follows after a comma."""
    return _shown(status_of(vocabulary, value), word, detail, at)


def _shown(found: Status, word: str, detail: str, at: datetime | None) -> dict[str, object]:
    return {"shape": found.shape, "tone": found.tone, "word": word or found.word, "detail": detail, "at": at}


@register.filter
def shape_of(value: object, vocabulary: str) -> str:
    """The icon's name of a value."""
    return status_of(vocabulary, value).shape


@register.filter
def tone_of(value: object, vocabulary: str) -> str:
    """The tone of a value."""
    return status_of(vocabulary, value).tone


@register.filter
def word_of(value: object, vocabulary: str) -> str:
    """The word of a value."""
    return status_of(vocabulary, value).word


@register.simple_block_tag
def panel(content: str, title: str = "", **options: Any) -> str:
    """A labelled section. Options: id, meta, end, level (2), selected, bare (no padding, for tables and parts)."""
    flat = {**options, "title": title, "content": content, "level": options.get("level", 2)}
    return render_to_string("components/panel.html", flat)


@register.simple_block_tag
def dialog(content: str, id: str, title: str) -> str:
    """A dialog that a link `<a href="#id" data-dialog="id">` opens, with script and without."""
    return render_to_string("components/dialog.html", {"id": id, "title": title, "content": content})


@register.inclusion_tag("components/diff.html")
def diff(changes: Iterable[Any], unchanged: int = 0, note: bool = True, lines: int | None = None) -> dict[str, object]:
    """The rendered diff of a list of changes; `unchanged` resources are only counted. What goes beyond `lines` lines is folded."""
    return {"resources": unfolded(resources(changes), lines), "unchanged": unchanged, "note": note}


@register.filter
def moment(text: object) -> datetime | None:
    """A moment out of its ISO form, as answers of workers keep it; None for what is none."""
    try:
        return datetime.fromisoformat(str(text or ""))
    except ValueError:
        return None


@register.simple_tag
def ago(moment: datetime | None, missing: str = "never") -> str | SafeString:
    """A moment, relative and ticking; its title says the exact time with its zone."""
    if not moment:  # a name that a template does not know arrives as an empty text
        return missing
    now = timezone.now()
    text = wording.relative(timezone.localtime(moment), timezone.localtime(now))
    is_old = abs((now - moment).total_seconds()) > wording.RELATIVE_LIMIT
    return _time(moment, text, "data-ago", has_zone=is_old)


@register.simple_tag
def clock(moment: datetime | None, missing: str = "") -> str | SafeString:
    """A moment as the time of day, with seconds; the date comes first where it is not today. In UTC, which it says,
    until the browser writes it in the zone of who looks."""
    if not moment:
        return missing
    local, now = timezone.localtime(moment), timezone.localtime()
    text = f"{local:%H:%M:%S}" if local.date() == now.date() else wording.day(local, now)
    return _time(moment, text, "data-clock", has_zone=True)


def _time(moment: datetime, text: str, mark: str, has_zone: bool) -> SafeString:
    """`has_zone`: the text is of a zone, which is named where no script writes another."""
    title = wording.exact(moment, ZoneInfo(timezone.get_current_timezone_name()))
    zone = format_html('<span class="zone"> {}</span>', timezone.get_current_timezone_name()) if has_zone else ""
    return format_html('<time datetime="{}" title="{}" {}>{}{}</time>', moment.isoformat(), title, mark, text, zone)


@register.simple_tag
def elapsed(start: datetime | None, end: datetime | None = None, missing: str = "") -> str | SafeString:
    """The span from `start` to `end`; without an end it counts on in the browser."""
    if not start:
        return missing
    text = wording.duration((end or timezone.now()) - start)
    if end:
        return text
    return format_html('<time datetime="{}" data-elapsed>{}</time>', start.isoformat(), text)


@register.filter
def duration(seconds: Any) -> str:
    """A span in seconds, or a timedelta, as people read it."""
    return "" if seconds is None or seconds == "" else wording.duration(seconds)


@register.filter
def short_digest(digest: object) -> str:
    """First and last four characters."""
    return wording.short_digest(str(digest or ""))


@register.filter
def short_image(image: object) -> str:
    """The digest of an image reference, short."""
    return wording.short_image(str(image or ""))


@register.filter
def short_commit(commit: object) -> str:
    """The first seven characters of a commit."""
    return str(commit or "")[:7]


@register.filter
def grouped(value: object) -> str:
    """A whole number with its thousands set apart: 4,812."""
    return wording.number(int(str(value or 0)))


@register.filter
def initials(name: object) -> str:
    """Two letters of a name."""
    return wording.initials(str(name or ""))


@register.inclusion_tag("components/curl.html")
def as_curl(*path: object, method: str = "POST", small: bool = False, **body: object) -> dict[str, object]:
    """ "Copy as curl" of what a form asks for: the parts of the API's path, and the members of the body. `small`: its icon alone."""
    where = quote("".join(map(str, path)), safe="/?=&")
    return {"command": curl(where, body, method=method), "small": small}


@register.simple_tag
def live(topics: str, url: str, poll: int = 10, every: int = 0) -> SafeString:
    """The attributes that keep a fragment live; put it inside the opening tag of an element that has an id.

    `topics`: names separated by spaces; `url`: where the fragment is read again (`HX-Target` is its id);
    `poll`: seconds between reads while the stream is lost (3 for a running promotion); `every`: seconds between reads
    even while it is not, for what changes without anybody telling, such as a log (0 for never).
    """
    return format_html(
        'data-live="{}" data-poll="{}" data-every="{}" hx-get="{}" hx-trigger="live" hx-target="this" hx-swap="morph" hx-push-url="false"',
        topics,
        poll,
        every,
        url,
    )
