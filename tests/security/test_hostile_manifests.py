"""Manifests of a hostile commit: refused with a sentence that repeats no secret, or shown as exactly what they are."""

from __future__ import annotations

from typing import Any

import pytest

from controlpanel.catalog.yaml_text import canonical
from controlpanel.core.presentation.diff import rows_of
from deployments.renderers.difference import MAXIMUM_LENGTH, changes
from deployments.renderers.objects import LAST_APPLIED, ObjectRefused, files_of, objects_of

SECRET = "hunter2"
PATH = "backend/hub/ConfigMap-settings.yaml"


def _config(**data: str) -> bytes:
    return canonical({"apiVersion": "v1", "kind": "ConfigMap", "metadata": {"name": "settings"}, "data": data})


def _diff(before: bytes, after: bytes) -> str:
    return changes({PATH: before}, {PATH: after})[0].diff


@pytest.mark.parametrize(
    "held",
    [
        {"data": {"password": SECRET}}, {"stringData": {"password": SECRET}}, {"data": SECRET}, {"stringData": SECRET},
        {"data": [SECRET]}, {"data": [{"password": SECRET}]}, {"data": 7},
        {"metadata": {"name": "s", "annotations": {LAST_APPLIED: f'{{"data":{{"password":"{SECRET}"}}}}'}}},
    ],
)  # fmt: skip
def test_a_secret_with_values_in_any_form_is_refused_and_its_values_are_not_repeated(held: dict[str, Any]) -> None:
    item = {"apiVersion": "v1", "kind": "Secret", "metadata": {"name": "s"}, **held}
    for wrapped in (item, {"apiVersion": "v1", "kind": "List", "items": [item]}):
        with pytest.raises(ObjectRefused) as refused:
            files_of("backend", objects_of(canonical(wrapped)))
        said = str(refused.value)
        assert "Secret s holds values" in said and SECRET not in said and ", h," not in said


@pytest.mark.parametrize(
    ("text", "named"),
    [
        ("ad\u202enimda", "ad⟨U+202E⟩nimda"), ("\u2066x\u2069", "⟨U+2066⟩x⟨U+2069⟩"), ("ad\u200bmin", "ad⟨U+200B⟩min"),
        ("\u200eleft", "⟨U+200E⟩left"), ("so\u00adft", "so⟨U+00AD⟩ft"),
    ],
)  # fmt: skip
def test_characters_that_hide_or_turn_text_around_are_named_in_the_diff(text: str, named: str) -> None:
    diff = _diff(_config(user="admin"), _config(user=text))
    assert named in diff and text not in diff


def test_two_values_that_look_alike_differ_in_the_diff() -> None:
    rows = rows_of(_diff(_config(user="admin"), _config(user="ad\u200bmin")))
    removed, added = (next(row.text for row in rows if row.kind == kind) for kind in ("removed", "added"))
    assert removed != added and added.isprintable()


def test_control_characters_reach_neither_the_diff_nor_the_page() -> None:
    every = "".join(map(chr, range(0x20))) + "\x7f\x85\x9b\u2028\u2029"
    rows = rows_of(_diff(_config(a="b"), _config(a=every, c="d")))
    assert all(row.text.isprintable() for row in rows)


def test_a_line_of_any_length_is_cut_and_says_how_much_is_missing() -> None:
    diff = _diff(_config(a="b"), _config(a="x" * 3_000_000))
    assert len(diff) < MAXIMUM_LENGTH + 500
    assert "more characters)" in diff


def test_words_of_markup_in_a_manifest_stay_words() -> None:
    rows = rows_of(_diff(_config(a="b"), _config(a="<script>alert(1)</script>")))
    assert any(
        "<script>alert(1)</script>" in row.text for row in rows
    )  # the template escapes them, see test_hostile_words
