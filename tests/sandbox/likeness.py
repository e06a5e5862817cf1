"""Two answers side by side: what differs once everything that was generated has the same name in both."""

from __future__ import annotations

import functools
import json
import re
from collections.abc import Iterator, Mapping
from typing import Any

TIME = re.compile(r"\d{4}-\d\d-\d\dT\d\d:\d\d:\d\d(\.\d+)?Z")
IDENTIFIER = re.compile(r"[0-9a-f]{8}-[0-9a-f]{4}-[0-9a-f]{4}-[0-9a-f]{4}-[0-9a-f]{12}")
LETTERS = "[bcdfghjklmnpqrstvwxz2456789]"
POD = re.compile(rf"\b(backend|frontend|migrate|redis)-[0-9a-z]{{7,10}}-{LETTERS}{{5}}\b")
REPLICA_SET = re.compile(r"\b(backend|frontend|redis)-(?=[a-z]*\d)[0-9a-z]{7,10}\b")
EVENT = re.compile(r"\.1[0-9a-f]{15}\b")
TOKEN = re.compile(r"eyJ[\w-]+\.[\w-]+\.[\w-]+|<(admin|project)-jwt>")
TRANSPORT = re.compile(r"failed to list refs: .*")
NODE = re.compile(r"\bnode-\d\b")
NUMBERS = frozenset({"resourceVersion", "generation", "observedGeneration", "iat", "exp", "id"})
HASHES = frozenset({"pod-template-hash", "controller-revision-hash"})
UNORDERED = frozenset({"nodes", "hosts", "parentRefs"})
PASSING = frozenset({"message", "count"})
"""Of events: how often a comparison was written is chance, and which change it told."""
LEFT_OUT = frozenset({"managedFields", "requestedByNeighbors"})
"""Who wrote which field, and what else ran on the recorded nodes."""
Difference = tuple[str, Any, Any]
ABSENT = "(absent)"


def plain(value: Any, names: Mapping[str, str], key: str = "") -> Any:
    """The value with one word for each kind of generated text, JSON inside texts read, lists without an order sorted."""
    if isinstance(value, dict):
        return {name: plain(item, names, name) for name, item in value.items() if name not in LEFT_OUT}
    if isinstance(value, list):
        items = [plain(item, names) for item in value]
        return _by_name(items) if key in UNORDERED or _are_events(items) else items
    if key in NUMBERS and isinstance(value, (int, str)) and str(value).isdigit() and len(str(value)) > 1:
        return "<number>"
    if isinstance(value, int) and key in NUMBERS - {"id"}:
        return "<number>"
    if isinstance(value, str):
        return _plain_text(value, names, key)
    return value


def _are_events(items: list[Any]) -> bool:
    return bool(items) and all(isinstance(item, dict) and "involvedObject" in item for item in items)


def _by_name(items: list[Any]) -> dict[str, list[Any]]:
    found: dict[str, dict[str, Any]] = {}
    for item in items:
        named = f"{item.get('kind', '')}/{item.get('name', '')}"
        lasting = item
        if "reason" in item:
            named, lasting = item["reason"], {key: value for key, value in item.items() if key not in PASSING}
        found.setdefault(named, {})[json.dumps(lasting, sort_keys=True)] = lasting
    return {name: [variants[text] for text in sorted(variants)] for name, variants in found.items()}


@functools.cache
def _one_of(texts: tuple[str, ...]) -> re.Pattern[str]:
    return re.compile("|".join(re.escape(text) for text in sorted(texts, key=len, reverse=True)))


def _plain_text(text: str, names: Mapping[str, str], key: str) -> Any:
    if text.startswith(("{", "[")) and len(text) > 2:
        try:
            return plain(json.loads(text), names)
        except ValueError:
            pass
    if key in HASHES:
        return "<hash>"
    text = TRANSPORT.sub("failed to list refs: <words of the transport>", text)
    if names:
        text = _one_of(tuple(names)).sub(lambda found: names[found[0]], text)
    text = TOKEN.sub("<token>", text)
    text = POD.sub(r"\1-<hash>-<pod>", TIME.sub("<time>", IDENTIFIER.sub("<uid>", text)))
    return NODE.sub("<node>", EVENT.sub(".<event>", REPLICA_SET.sub(r"\1-<hash>", text)))


def differences(recorded: Any, found: Any, path: str = "") -> Iterator[Difference]:
    """Every place where two plain values differ: path, what was recorded, what was found."""
    if isinstance(recorded, dict) and isinstance(found, dict):
        for key in sorted({*recorded, *found}):
            yield from differences(recorded.get(key, ABSENT), found.get(key, ABSENT), f"{path}.{key}")
    elif isinstance(recorded, list) and isinstance(found, list) and len(recorded) == len(found):
        for place, (one, other) in enumerate(zip(recorded, found, strict=True)):
            yield from differences(one, other, f"{path}[{place}]")
    elif recorded != found:
        yield path, recorded, found
