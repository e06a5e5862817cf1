"""Canonical YAML: every value survives, is written in one way only, and Kubernetes reads it as it was meant."""

from __future__ import annotations

import subprocess
import sys
from pathlib import Path
from typing import Any

import pytest
import yaml
from hypothesis import example, given
from hypothesis import strategies as values

from controlpanel.catalog.yaml_text import canonical
from deployments.renderers.objects import ObjectRefused, objects_of

TEXTS = values.text(values.characters(exclude_categories=["Cs"]), max_size=40)
TREES = values.recursive(
    values.none() | values.booleans() | values.integers(-(2**63), 2**63 - 1) | TEXTS,
    lambda inner: values.lists(inner, max_size=4) | values.dictionaries(TEXTS, inner, max_size=4),
    max_leaves=12,
)
TRICKY = [
    "", " ", "~", "null", "true", "Yes", "on", "y", "N", "0", "007", "0o17", "0x1f", "0b1", "1_000", "1e3", "1.", ".5", "-",
    "12:30", "1:2:3", "2026-01-01", "2026-01-01T00:00:00Z", "=", "<<", "!", "!tag", "&a", "*a", "#", "a #b", "a: b", "a:",
    "- a", "? a", "[", "{", "]", "}", ",", "|", ">", "%", "@", "`", "'", '"', "\\", "a\nb", "a\n", "\na", "  a\nb", "a \nb",
    "a\n\n", "\n", "\t", "a\tb", "a\tb\nc", "\x00", "\x07", "\x7f", "\r", "a\r\nb", "\x85", "a\x85b\nc", "\u2028", "\ufeff",
    "\u202e", "ı", "İstanbul", "日本", "😀", ".inf", "-.inf", ".nan", "NaN", "inf", "---", "...", "--- a", "a\n---\nb", "x" * 300,
]  # fmt: skip


@given(TREES)
@example("\x85")
@example({"a": "x\u2028y\nz"})
def test_every_value_survives(tree: Any) -> None:
    assert objects_of(canonical({"value": tree})) == [{"value": tree}]


@given(TREES)
def test_a_value_is_written_in_one_way(tree: Any) -> None:
    text = canonical({"value": tree})

    assert canonical(objects_of(text)[0]) == text
    assert text.endswith(b"\n")


def test_keys_are_sorted_and_equal_parts_are_repeated() -> None:
    part = {"b": 1, "a": [True, None]}

    assert canonical({"two": part, "one": part}) == (
        b"one:\n  a:\n  - true\n  - null\n  b: 1\ntwo:\n  a:\n  - true\n  - null\n  b: 1\n"
    )


def test_a_long_line_is_not_folded() -> None:
    assert len(canonical({"a": "word " * 200 + "end"}).splitlines()) == 1


def test_kubernetes_reads_tricky_text_as_text(tmp_path: Path) -> None:
    # kubectl cannot print DEL, and folds the line break NEL when it prints it: its own limits, on its own output.
    texts = [text for text in TRICKY if "\x7f" not in text and "\x85" not in text]
    data = {f"key{number:03}": text for number, text in enumerate(texts)}
    item = {"apiVersion": "v1", "kind": "ConfigMap", "metadata": {"name": "tricky"}, "data": data}
    (tmp_path / "object.yaml").write_bytes(canonical(item))
    (tmp_path / "kustomization.yaml").write_text("resources: [object.yaml]\n", "utf-8")
    kubectl = str(Path(sys.executable).with_name("kubectl"))

    output = subprocess.run([kubectl, "kustomize", str(tmp_path)], capture_output=True, check=True).stdout

    assert objects_of(output)[0]["data"] == data


def test_pyyaml_reads_tricky_text_as_text() -> None:
    assert yaml.safe_load(canonical(TRICKY)) == TRICKY


@pytest.mark.parametrize(
    ("text", "words"),
    [
        (b"a: &x 1\nb: *x\n", "anchor"),
        (b"[" * 200 + b"]" * 200, "nested"),
        (b"a: [", "cannot be read"),
        (b"text", "not an object"),
        (b"!!python/object:os.system {}", "tag .* is set"),
        (b"\xff", "not UTF-8"),
    ],
)
def test_what_is_no_object_is_refused(text: bytes, words: str) -> None:
    with pytest.raises(ObjectRefused, match=words):
        objects_of(text)
