"""The style sheets hold the table of colours, and the pairs that are used can be read."""

from __future__ import annotations

import gzip
import re
from pathlib import Path

import django_htmx
import pytest

STATIC = Path(__file__).parents[2] / "controlpanel" / "core" / "static" / "panel"
SHEETS = ("tokens.css", "base.css", "layout.css", "components.css", "pages.css")
OURS = ("panel.js", "shortcuts.js", "comforts.js")
SCRIPTS = ("morph.js", "live.js", *OURS)
CSS_LIMIT, SCRIPT_LIMIT, SPRITE_LIMIT = 20_000, 8_000, 6_000
ALL_SCRIPT_LIMIT = 45_000
HTMX = Path(django_htmx.__file__).parent / "static" / "django_htmx" / "htmx-2.min.js"

# The table of the design: light, dark.
TABLE = {
    "canvas": ("#fafafa", "#0e0e11"),
    "surface": ("#ffffff", "#151519"),
    "sunken": ("#f4f4f5", "#1b1b20"),
    "hover": ("#f4f4f6", "#1d1d23"),
    "selected": ("#eef1fd", "#1c2342"),
    "line": ("#e6e6ea", "#27272e"),
    "line-2": ("#d3d3da", "#383842"),
    "line-input": ("#8a8a95", "#72727e"),
    "ink": ("#17171a", "#ededf0"),
    "ink-2": ("#4a4a53", "#b6b6c0"),
    "ink-3": ("#66666f", "#9595a1"),
    "primary": ("#1b1b1f", "#ededf0"),
    "primary-ink": ("#ffffff", "#141417"),
    "accent": ("#2f4bd0", "#9aacff"),
    "focus": ("#2f4bd0", "#9aacff"),
    "ok": ("#15803d", "#4ac27b"),
    "ok-ink": ("#14632f", "#74d69a"),
    "ok-soft": ("#ecf8f0", "#11271a"),
    "ok-line": ("#bfe3cb", "#1f4a30"),
    "run": ("#2f4bd0", "#8ea2ff"),
    "run-ink": ("#2840b4", "#aab9ff"),
    "run-soft": ("#eef1fd", "#1a2040"),
    "run-line": ("#c6cff6", "#2f3a72"),
    "warn": ("#b45309", "#e5a33d"),
    "warn-ink": ("#8a4207", "#f0bb66"),
    "warn-soft": ("#fdf5e6", "#2a1f0d"),
    "warn-line": ("#f0d9ac", "#553f17"),
    "bad": ("#c81e1e", "#f47272"),
    "bad-ink": ("#a51919", "#f89a9a"),
    "bad-soft": ("#fdf0f0", "#301517"),
    "bad-line": ("#f3c6c6", "#63282b"),
    "odd": ("#7c3aad", "#c793ee"),
    "odd-ink": ("#6a2f97", "#d6b0f3"),
    "odd-soft": ("#f7f0fc", "#261733"),
    "odd-line": ("#dfcbee", "#4a2e63"),
    "mute": ("#66666f", "#9595a1"),
    "mute-ink": ("#4a4a53", "#b6b6c0"),
    "mute-soft": ("#f1f1f3", "#212127"),
    "mute-line": ("#dcdce1", "#34343d"),
}
TONES = ("ok", "run", "warn", "bad", "odd", "mute")
TEXT_PAIRS = [
    *(("ink", ground) for ground in ("canvas", "surface", "sunken", "hover", "selected", "mark-added", "mark-removed")),
    *(("ink-2", ground) for ground in ("canvas", "surface", "sunken", "hover", "selected", "ok-soft", "bad-soft")),
    *(("ink-3", ground) for ground in ("canvas", "surface", "sunken", "hover", "selected")),
    *(
        (f"{tone}-ink", ground)
        for tone in TONES
        for ground in ("canvas", "surface", f"{tone}-soft", "hover", "selected")
    ),
    *(("ink", f"{tone}-soft") for tone in TONES),
    *(("ink-2", f"{tone}-soft") for tone in TONES),
    *(("accent", ground) for ground in ("canvas", "surface", "hover", "selected")),
    ("primary-ink", "primary"),
    ("bad-ink", "run-soft"),
]
ICON_PAIRS = [
    *((tone, ground) for tone in TONES for ground in ("canvas", "surface", f"{tone}-soft", "hover", "selected")),
    ("line-input", "surface"),
    ("line-input", "canvas"),
    ("focus", "canvas"),
    ("focus", "surface"),
    ("ink-3", "surface"),
]


def tokens() -> dict[str, tuple[str, str]]:
    """The colours as the style sheet says them: name to (light, dark)."""
    text = (STATIC / "tokens.css").read_text()
    found = re.findall(r"--([a-z0-9-]+): light-dark\((#[0-9a-f]{6}), (#[0-9a-f]{6})\);", text)
    return {name: (light, dark) for name, light, dark in found}


def contrast(first: str, second: str) -> float:
    """WCAG's ratio of two colours."""
    light, dark = sorted((_luminance(first), _luminance(second)), reverse=True)
    return (light + 0.05) / (dark + 0.05)


def _luminance(colour: str) -> float:
    channels = (int(colour[place : place + 2], 16) / 255 for place in (1, 3, 5))
    red, green, blue = (value / 12.92 if value <= 0.04045 else ((value + 0.055) / 1.055) ** 2.4 for value in channels)
    return 0.2126 * red + 0.7152 * green + 0.0722 * blue


def test_the_style_sheet_says_the_table_of_colours() -> None:
    said = tokens()
    assert {name: said.get(name) for name in TABLE} == TABLE


def test_black_on_white_has_the_greatest_contrast() -> None:
    assert contrast("#000000", "#ffffff") == pytest.approx(21)


@pytest.mark.parametrize(("text", "ground"), TEXT_PAIRS)
@pytest.mark.parametrize("theme", [0, 1], ids=["light", "dark"])
def test_text_can_be_read_on_its_ground(text: str, ground: str, theme: int) -> None:
    said = tokens()
    assert contrast(said[text][theme], said[ground][theme]) >= 4.5


@pytest.mark.parametrize(("icon", "ground"), ICON_PAIRS)
@pytest.mark.parametrize("theme", [0, 1], ids=["light", "dark"])
def test_icons_and_field_borders_stand_out(icon: str, ground: str, theme: int) -> None:
    said = tokens()
    assert contrast(said[icon][theme], said[ground][theme]) >= 3


def test_colours_are_written_in_the_tokens_only() -> None:
    for sheet in SHEETS[1:]:
        text = (STATIC / sheet).read_text()
        outside = re.sub(r"light-dark\([^)]*\)", "", text)
        assert not re.findall(r"#[0-9a-fA-F]{3,8}\b", outside), sheet


def test_every_name_of_a_token_is_defined() -> None:
    text = "".join((STATIC / sheet).read_text() for sheet in SHEETS)
    defined = set(re.findall(r"(--[a-z0-9-]+):", text))
    used = set(re.findall(r"var\((--[a-z0-9-]+)", text))
    assert used <= defined


@pytest.mark.parametrize(
    ("names", "limit"),
    [(SHEETS, CSS_LIMIT), (OURS, SCRIPT_LIMIT), ((*SCRIPTS, HTMX), ALL_SCRIPT_LIMIT)],
    ids=["style", "script", "script with htmx, stream and morph"],
)
def test_assets_stay_small(names: tuple[str | Path, ...], limit: int) -> None:
    assert sum(len(gzip.compress((STATIC / name).read_bytes())) for name in names) <= limit


def test_every_script_and_sheet_that_pages_load_is_counted() -> None:
    head = (Path(__file__).parents[2] / "templates" / "components" / "head.html").read_text()
    assert set(re.findall(r"'panel/([a-z]+\.(?:js|css))'", head)) == {*SCRIPTS, *SHEETS}


def test_the_sprite_stays_small() -> None:
    sprite = Path(__file__).parents[2] / "templates" / "components" / "sprite.html"
    assert len(sprite.read_bytes()) <= SPRITE_LIMIT
