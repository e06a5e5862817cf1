"""Seeds out of real manifests and hostile ones, and changes of them at random: the same seed gives the same inputs."""

from __future__ import annotations

import random
from collections.abc import Iterator

from script.development.paths import ROOT
from tests.deployments.renderers.chart_tree import TREE
from tests.deployments.renderers.hostile_corpus import CHARTS, PLUGINS, REMOTE, TEXTS

WORDS = (
    b"&a ", b"*a", b"<<: ", b"!!python/object:x ", b"---\n", b"...\n", b"%YAML 1.2\n", b"? ", b": ", b"- ", b"[", b"]", b"{", b"}", b"'",
    b'"', b"|\n  ", b">-\n  ", b"\n===\n", b"\0", b"\xff", b"\xe2\x80\xae", b"\xe2\x80\xa8", b"\xef\xbb\xbf", b"\x85", b"0x", b"1e999", b"~",
    b"{{ ", b" }}", b"{{/* ", b" */}}", b"`", b"lookup ", b"env ", b"kind: Secret\n", b"data:\n  k: ", b"stringData: ", b"items: [", b"#",
    b"9" * 60, b"-" * 60, b" " * 60, b"[" * 120, b"{a: " * 120, b"\\", b"\t", b"\r\n", b"=", b"on", b"0440", b"2026-01-01", b"a: &x b\nc: *x\n",
    b"files: ", b"patches: [", b"helmCharts: [", b"dependencies: ", b"name: chart, ", b"1:30", b"5", b"null", b"true",
)  # fmt: skip


def seeds() -> list[bytes]:
    """Texts to begin with, none of them large."""
    hostile = [content for case in (*REMOTE, *PLUGINS, *TEXTS, *CHARTS) for content in case.files.values()]
    texts = [
        content if isinstance(content, bytes) else content.encode()
        for content in hostile
        if isinstance(content, str | bytes)
    ]
    texts += [text.encode() for text in TREE.values()]
    texts += [path.read_bytes() for path in sorted((ROOT / "kubernetes/backend").rglob("*.yaml"))]
    texts.append((ROOT / "platform.yaml").read_bytes())
    return [text for text in texts if len(text) < 20_000]


def inputs(seed: int) -> Iterator[bytes]:
    """Inputs without end."""
    chance, known = random.Random(seed), seeds()
    while True:
        data = bytearray(chance.choice(known))
        for _ in range(chance.choice((1, 1, 2, 4, 16))):
            _change(chance, data, known)
        if chance.random() < 0.3:
            data += b"\n===\n" + chance.choice(known)
        yield bytes(data[:200_000])


def _change(chance: random.Random, data: bytearray, known: list[bytes]) -> None:
    start = chance.randrange(len(data) + 1)
    end = min(len(data), start + chance.choice((0, 1, 4, 30, 200)))
    kind = chance.randrange(6)
    if kind == 0:
        data[start:start] = chance.choice(WORDS)
    elif kind == 1:
        del data[start:end]
    elif kind == 2:
        data[start:end] = bytes(chance.randrange(256) for _ in range(end - start))
    elif kind == 3:
        data[start:start] = data[start:end] * chance.choice((1, 3, 100))
    elif kind == 4:
        data[start:start] = chance.choice(WORDS) * chance.choice((2, 10, 300))
    else:
        other = chance.choice(known)
        data[start:end] = other[: chance.randrange(len(other) + 1)]
