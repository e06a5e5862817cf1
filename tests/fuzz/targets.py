"""What is attacked: each target takes bytes, and raises AssertionError (or anything else) where a promise is broken."""

from __future__ import annotations

import json
import time
from collections.abc import Callable
from functools import cache
from pathlib import Path
from tempfile import TemporaryDirectory

from controlpanel.catalog.document import parse
from controlpanel.catalog.errors import CatalogError
from controlpanel.catalog.yaml_text import canonical
from controlpanel.core.presentation.diff import rows_of
from deployments.renderers.difference import MAXIMUM_LENGTH, MAXIMUM_LINES, changes
from deployments.renderers.objects import ObjectRefused, files_of, objects_of
from deployments.renderers.sources import check_overlay
from deployments.renderers.template_functions import FORBIDDEN, forbidden_calls
from deployments.renderers.tree import MAXIMUM_BYTES, SourceRefused
from deployments.renderers.yaml_guard import MAXIMUM_DEPTH, read
from tests.deployments.renderers.chart_tree import DESCRIPTION, IGNORED, KUSTOMIZATION, TREE
from tests.deployments.renderers.conftest import write_tree

SECONDS = 5.0
"""A single input may take no longer, on a busy machine either."""
SECRET = "hunter2-canary"
PATH = "backend/hub/Secret-a.yaml"


def yaml_guard(data: bytes) -> None:
    """Accepts what every reader reads alike, or refuses with a sentence; what it accepts means the same when written out."""
    for strict in (True, False):
        try:
            documents = read(data, "a.yaml", strict=strict)
        except SourceRefused as refused:
            assert refused.message and refused.remedy
            continue
        assert len(data) <= MAXIMUM_BYTES * 10
        json.dumps(documents, allow_nan=False)
        if strict:
            for document in documents:
                assert _depth(document) <= MAXIMUM_DEPTH
                assert read(canonical(document), "again.yaml", strict=True) == [document]


def rendered(data: bytes) -> None:
    """What a tool printed becomes files that read back as the same objects, or is refused with a sentence."""
    try:
        files = files_of("backend", objects_of(data))
    except ObjectRefused as refused:
        assert refused.message and refused.remedy
        return
    for path, content in files.items():
        assert path.startswith("backend/") and path.count("/") == 2 and ".." not in path and path.isprintable()
        assert files_of("backend", objects_of(content)) == {path: content}


def sources(data: bytes) -> None:
    """A kustomization, a chart's description and its patterns are read, or refused with a sentence: nothing else happens."""
    root = Path(_tree().name)
    for path in (KUSTOMIZATION, DESCRIPTION, IGNORED):
        (root / path).write_bytes(data)
        try:
            check_overlay(root, str(Path(KUSTOMIZATION).parent))
        except SourceRefused as refused:
            assert refused.message and refused.remedy
        (root / path).write_text(TREE[path], "utf-8")


@cache
def _tree() -> TemporaryDirectory[str]:
    folder = TemporaryDirectory(prefix="fuzz-")
    write_tree(Path(folder.name), TREE)
    return folder


def diff(data: bytes) -> None:
    """Any two contents give a diff of bounded size without odd characters, in which no value of a Secret stands."""
    before, _, after = data.partition(b"\n===\n")
    held = canonical({"apiVersion": "v1", "kind": "Secret", "metadata": {"name": "a"}, "stringData": {"k": SECRET}})
    for old, new in ((before, after), (held, after), (before, held), (None, after), (before, None)):
        found = changes({} if old is None else {PATH: old}, {} if new is None else {PATH: new})
        for change in found:
            assert SECRET not in change.diff
            assert change.diff.count("\n") <= MAXIMUM_LINES + 1
            assert all(len(line) <= 8 * MAXIMUM_LENGTH + 100 for line in change.diff.split("\n"))
            assert all(row.text.replace("\t", "").isprintable() for row in rows_of(change.diff))
            assert (change.change == "unchanged") == (old == new)


def catalog(data: bytes) -> None:
    """A catalog is read, or each of its problems names line, cause and remedy."""
    try:
        parse(data.decode("utf-8", "replace"), filename="platform.yaml")
    except CatalogError as error:
        assert all(problem.line >= 1 and problem.cause and problem.remedy for problem in error.problems)


def template(data: bytes) -> None:
    """Calls are found by name and line, whatever surrounds them."""
    text = data.decode("utf-8", "replace")
    assert all(name in FORBIDDEN and line >= 1 for line, name in forbidden_calls(text))


TARGETS: dict[str, Callable[[bytes], None]] = {
    target.__name__: target for target in (yaml_guard, rendered, sources, diff, catalog, template)
}


def attack(name: str, data: bytes) -> None:
    """Give a target one input; it must keep its promises, and in its time."""
    began = time.process_time()
    TARGETS[name](data)
    took = time.process_time() - began
    assert took < SECONDS, f"{took:.1f} s for {len(data)} bytes"


def _depth(value: object) -> int:
    depth, level = 0, [value]
    while level:
        children = [child for node in level if isinstance(node, dict) for child in node.values()]
        children += [child for node in level if isinstance(node, list) for child in node]
        depth += bool([node for node in level if isinstance(node, dict | list)])
        level = children
    return depth
