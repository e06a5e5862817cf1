"""Words, times and diffs."""

from __future__ import annotations

from datetime import UTC, datetime, timedelta
from pathlib import Path
from zoneinfo import ZoneInfo

import pytest

from controlpanel.core.presentation import wording
from controlpanel.core.presentation.diff import resources, rows_of, unfolded
from controlpanel.core.presentation.vocabulary import TONES, VOCABULARIES, status_of
from deployments.choices import Rollout, State, Verdict

NOW = datetime(2026, 11, 23, 18, 5, 30, tzinfo=UTC)
SPRITE = (Path(__file__).parents[2] / "templates" / "components" / "sprite.html").read_text()


@pytest.mark.parametrize(
    ("seconds", "said"),
    [
        (0.2, "0.2 s"),
        (48, "48 s"),
        (124, "2 m 04 s"),
        (3660, "1 h 01 m"),
        (86_400 * 4 + 7200, "4 d 2 h"),
        (-5, "0.0 s"),
    ],
)
def test_a_span_is_said_shortly(seconds: float, said: str) -> None:
    assert wording.duration(seconds) == said


@pytest.mark.parametrize(
    ("age", "said"),
    [
        (timedelta(0), "now"),
        (timedelta(seconds=4), "4 s ago"),
        (timedelta(minutes=5, seconds=50), "5 min ago"),
        (timedelta(hours=3), "3 h ago"),
        (timedelta(days=6), "6 d ago"),
        (timedelta(days=8), "15 Nov 18:05"),
        (timedelta(days=400), "19 Oct 2025 18:05"),
        (-timedelta(minutes=8), "in 8 min"),
    ],
)
def test_a_moment_is_said_relative_within_a_week(age: timedelta, said: str) -> None:
    assert wording.relative(NOW - age, NOW) == said


def test_the_exact_time_names_its_zone() -> None:
    assert wording.exact(NOW, ZoneInfo("Europe/Istanbul")) == "Mon 23 Nov 2026 21:05:30 +03"


@pytest.mark.parametrize(
    ("digest", "said"),
    [
        ("8e41" + "0" * 56 + "c7d0", "8e41…c7d0"),
        ("sha256:4f8a" + "0" * 56 + "91c2", "sha256:4f8a…91c2"),
        ("short", "short"),
    ],
)
def test_a_digest_shows_its_ends(digest: str, said: str) -> None:
    assert wording.short_digest(digest) == said


@pytest.mark.parametrize(("name", "said"), [("Elif Kaya", "EK"), ("ci-main", "CM"), ("deniz", "DE"), ("", "?")])
def test_people_and_machines_have_two_letters(name: str, said: str) -> None:
    assert wording.initials(name) == said


def test_every_status_has_a_shape_of_the_sprite_and_a_tone() -> None:
    for vocabulary in VOCABULARIES.values():
        for status in vocabulary.values():
            assert f'id="i-{status.shape}"' in SPRITE
            assert status.tone in TONES


@pytest.mark.parametrize(("vocabulary", "choices"), [("promotion", State), ("gate", Verdict), ("rollout", Rollout)])
def test_every_state_of_the_rows_has_a_word(vocabulary: str, choices: type[State | Verdict | Rollout]) -> None:
    assert {str(choice.value) for choice in choices} <= set(VOCABULARIES[vocabulary])


def test_words_and_shapes_together_are_unique_within_a_vocabulary_unless_they_say_the_same() -> None:
    ended = [
        VOCABULARIES["promotion"][state]
        for state in ("succeeded", "failed", "canceled", "rejected", "expired", "superseded")
    ]
    assert len({status.shape for status in ended}) == len(ended)


def test_a_word_that_nobody_knows_is_shown_as_it_is_and_never_green() -> None:
    status = status_of("health", "Half_asleep")
    assert (status.word, status.tone, status.shape) == ("Half asleep", "odd", "ring-question")


def test_a_missing_status_is_unknown() -> None:
    assert status_of("health", None).word == "Unknown"


UNIFIED = """--- backend
+++ backend
@@ -41,3 +41,4 @@ spec.template
   - name: backend
-    image: registry.example/backend@sha256:a20d
+    image: registry.example/backend@sha256:4f8a
+    tty: true
   env:
"""


def test_a_diff_numbers_old_and_new_lines() -> None:
    rows = rows_of(UNIFIED)
    assert [(row.kind, row.old, row.new) for row in rows] == [
        ("hunk", None, None),
        ("context", 41, 41),
        ("removed", 42, None),
        ("added", None, 42),
        ("added", None, 43),
        ("context", 43, 44),
    ]


def test_a_pair_of_lines_marks_the_words_that_differ() -> None:
    removed, added = rows_of("@@ -1 +1 @@\n-image: a@sha256:1111\n+image: a@sha256:2222\n")[1:]
    assert removed.parts == (("image: a@sha256:", False), ("1111", True))
    assert added.parts == (("image: a@sha256:", False), ("2222", True))


@pytest.mark.parametrize("text", ["- a: 1", "+++x", "---", "", "\\ No newline at end of file"])
def test_lines_that_look_like_headers_inside_a_hunk_stay_lines(text: str) -> None:
    rows = rows_of(f"@@ -1 +1 @@\n-{text}\n+{text} \n")
    assert [row.text for row in rows[1:]] == [text, f"{text} "]


def test_each_line_has_an_id_that_a_link_can_name() -> None:
    change = {"component": "backend", "kind": "Deployment", "namespace": "hub", "name": "backend", "diff": UNIFIED}
    resource = resources([{**change, "change": "changed"}])[0]
    identities = [row.identity for row in resource.rows if row.identity]
    assert "backend/Deployment/backend:R42" in identities
    assert "backend/Deployment/backend:L42" in identities
    assert (resource.added, resource.removed) == (2, 1)


def test_equal_names_in_two_namespaces_get_different_ids() -> None:
    change = {"component": "a", "kind": "Role", "name": "r", "change": "added", "diff": "+x: 1\n"}
    shown = resources([{**change, "namespace": "one"}, {**change, "namespace": "two"}])
    assert [resource.identity for resource in shown] == ["a/Role/r", "a/Role/two/r"]


def test_a_long_diff_is_folded_behind_so_many_lines_but_never_a_problem() -> None:
    def change(name: str, count: int, kind: str = "changed", **more: object) -> dict[str, object]:
        lines = "".join(f"+line {number}\n" for number in range(count))
        diff = f"@@ -0,0 +1,{count} @@\n{lines}"
        return {"component": "a", "kind": "ConfigMap", "name": name, "change": kind, "diff": diff, **more}

    shown = resources(
        [
            change("a", 5),
            change("b", 50),
            change("c", 3),
            change("new", 1, "added"),
            change("bad", 90, problems=["No."]),
        ]
    )
    assert [one.name for one in unfolded(shown) if one.is_open] == ["a", "b", "c", "bad"]
    assert [one.name for one in unfolded(shown, 10) if one.is_open] == ["a", "c", "bad"]
