"""Literal credentials in files: what a value means depends on whether YAML, an env file, a workflow, prose or code holds it.

Where values are configuration, every literal under a secret's name is a finding; in prose and code only what looks drawn
by a machine, because there names are spoken of. Imports no Django, because hooks run it.
"""

from __future__ import annotations

import json
import re
from collections.abc import Iterable, Iterator, Mapping
from pathlib import PurePosixPath
from typing import Any

import yaml

from controlpanel.core import literal_secrets
from controlpanel.core.literal_secrets import NAMED, Finding, is_reference, looks_random, looks_secret

SEALED = "encryptedData"
_YAML = frozenset({".yaml", ".yml", ".json", ".tpl"})
_CONFIGURATION = frozenset({".env", ".conf", ".cfg", ".ini", ".properties", ".acl"})
_NAME = r"(?P<name>[A-Za-z_][\w.-]{0,80})"
_LINE = re.compile(
    rf"""(?m)^[ \t]*(?:-[ \t]+)?(?:export[ \t]+|set[ \t]+|ENV[ \t]+|ARG[ \t]+)?["']?{_NAME}["']?[ \t]*[:=][ \t]*(?P<value>[^\n]+)$"""
)
_ARGUMENT = re.compile(
    rf"""(?<![\w"'-])["']?--?{_NAME}(?:=|[ \t]+|["'],?\s+)["']?(?P<value>[^\s"',-][^\s"',]{{2,500}})"""
)
_FLAG = re.compile(rf"--?{_NAME}")
_DIRECTIVE = re.compile(r"(?m)^[ \t]*(?P<name>requirepass|masterauth|tls-key-file-pass)[ \t]+(?P<value>\S+)")
_INSTRUCTION = re.compile(rf"""(?m)^[ \t]*(?:ENV|ARG)[ \t]+{_NAME}[ \t]+(?P<value>[^\n=][^\n]*)$""")
# The value is only looked at, so that a pair inside of it (`note: password=…`) is found in its turn.
_VALUE = r"""[rbfu]?\\{0,3}["'`]?(?=(?P<value>[^\s"'`,;)}\]<>\\=|]{8,500}))"""
_BEFORE = rf"""(?<![\w.:-]){_NAME}\\{{0,3}}["'`]?\]?\s{{0,3}}"""
_SPOKEN = re.compile(rf"{_BEFORE}(?::=|=>|\?\?|\|\||[:=,|>]|is\s)\s{{0,3}}{_VALUE}")
_TYPED = re.compile(rf"{_BEFORE}:\s{{0,3}}[\w.]{{1,20}}\s{{0,3}}=\s{{0,3}}{_VALUE}")
# Begins with letters and looks back from there: nearly every place of a text is left at once.
_WORDED = re.compile(
    r"""(?P<name>[ptsPTS](?<![\w.-].)(?i:assword|asswd|assphrase|oken|ecret))[ \t]{1,3}["'`]?(?P<value>[^\s"'`,;)}\]<>\\]{12,500})"""
)
_DEFAULTS = (
    re.compile(rf"""(?<![\w-]){_NAME}\s{{0,3}}\|\s{{0,3}}default\s{{1,3}}["'`](?P<value>[^"'`]{{1,500}})["'`]"""),
    re.compile(rf"""\bdefault\s{{1,3}}["'`](?P<value>[^"'`]{{1,500}})["'`]\s{{1,3}}\.?{_NAME}"""),
)
"""What a chart's template says where no value is given."""
_DEFAULT = re.compile(r"""default\s{1,3}["'`]""")
_PAIR = re.compile(r"[A-Za-z_][\w.-]{0,80}=\S")


def scan(text: str, *, path: str) -> list[Finding]:
    """Findings in a file's text, in their order; `path` tells the format and need not exist."""
    found = {*literal_secrets.find(text), *_spoken(text)}
    suffix, stem = PurePosixPath(path).suffix.lower(), PurePosixPath(path).name.lower()
    if suffix in _YAML:
        found |= set(_in_yaml(text))
    elif suffix in _CONFIGURATION or stem.startswith(".env"):
        found |= {*_pairs(_LINE, text), *_pairs(_DIRECTIVE, text)}
    elif "dockerfile" in stem:
        found |= set(_pairs(_INSTRUCTION, text))
    return _once(found)


def scan_object(item: Mapping[str, Any], *, name: str = "") -> list[Finding]:
    """Findings in a Kubernetes object, each with the path of its field as the name and no line of use."""
    found = findings_by_field(item, name=name)
    return sorted(Finding(1, one.kind, path, 0, 0) for path, here in found.items() for one in here)


def findings_by_field(item: Mapping[str, Any], *, name: str = "") -> dict[str, list[Finding]]:
    """Findings by the path of their field, such as `spec.items[0].name`, in the characters of its text."""
    values = list(_values(item, name, ""))
    whole = "\n".join(value for _, value, _ in values)
    # Nearly every object is innocent: shapes are looked for in all of its text at once, and in each value only then.
    is_suspect = bool(literal_secrets.find(whole)) or any(True for _ in _spoken(whole))
    found = {
        path: sorted(_in_text(value, named, is_suspect=is_suspect))
        for named, value, path in values
        if is_suspect or _is_asked(value, named)
    }
    return {path: here for path, here in found.items() if here}


def _spoken(text: str) -> Iterator[Finding]:
    """Pairs in prose, code and commands whose value looks drawn by a machine."""
    for pattern in (_SPOKEN, _TYPED, _WORDED, _ARGUMENT):
        yield from (one for one in _pairs(pattern, text) if looks_random(_plain(text[one.start : one.end])))


def _pairs(pattern: re.Pattern[str], text: str) -> Iterator[Finding]:
    line, seen = 1, 0
    for match in pattern.finditer(text):
        name, start = match["name"].lstrip("-"), match.start("value")
        if looks_secret(name) and not is_reference(_plain(match["value"]), name):
            line, seen = line + text.count("\n", seen, start), start
            yield Finding(line, NAMED, name, *match.span("value"))


def _plain(value: str) -> str:
    """A value without its quotes, its closing comma and a comment behind it."""
    return re.sub(r"\s+#.*", "", value).strip().rstrip(",").strip("\"'`").rstrip("=")


def _in_yaml(text: str, *, is_inner: bool = False, is_suspect: bool = True) -> Iterator[Finding]:
    """Values of a YAML stream by their keys; a file that does not parse (a chart's template) is read line by line."""
    if is_suspect or not _is_innocent_json(text):
        yield from _in_nodes(text, is_inner, is_suspect)
    for pattern in _DEFAULTS if _DEFAULT.search(text) else ():
        yield from _pairs(pattern, text)


def _is_innocent_json(text: str) -> bool:
    """Whether a text is JSON in which no value is asked about: a dashboard of a thousand lines is read ten times as fast."""
    if not text.lstrip().startswith("{") or '"Secret"' in text:
        return False
    try:
        values = _values(json.loads(text), "", "")
        return not any(_is_asked(value, name) for name, value, _ in values)
    except (ValueError, RecursionError):
        return False


def _in_nodes(text: str, is_inner: bool, is_suspect: bool) -> Iterator[Finding]:
    try:
        for node in yaml.compose_all(text, Loader=yaml.CSafeLoader):
            yield from _in_node(node, "", is_inner, is_suspect)
    except (yaml.YAMLError, RecursionError):
        yield from _pairs(_LINE, text)


def _in_node(node: yaml.Node | None, name: str, is_inner: bool, is_suspect: bool) -> Iterator[Finding]:
    if isinstance(node, yaml.MappingNode):
        entries = {str(key.value): value for key, value in node.value if isinstance(key, yaml.ScalarNode)}
        texts = {key: _scalar(value) for key, value in entries.items()}
        is_secret = texts.get("kind") == "Secret"
        for key, value in entries.items():
            if is_secret and key in ("data", "stringData"):
                yield from _of_secret(value)
            else:
                yield from _in_node(value, _named(key, name, texts), is_inner, is_suspect)
    elif isinstance(node, yaml.SequenceNode):
        for value, named in zip(node.value, _items(map(_scalar, node.value), name), strict=True):
            yield from _in_node(value, named, is_inner, is_suspect)
    elif isinstance(node, yaml.ScalarNode) and (is_suspect or _is_asked(node.value, name)):
        start, is_block = node.start_mark, node.style in ("|", ">")
        for one in _in_text(node.value, name, is_inner=is_inner, is_suspect=is_suspect):
            line = start.line + one.line + is_block
            yield Finding(line, one.kind, one.name, start.index, node.end_mark.index)


def _is_asked(value: str, name: str) -> bool:
    """Whether a value is looked at although the text around it shows nothing: for its name, or for what it holds itself."""
    return looks_secret(name) or "\n" in value or bool(_PAIR.match(value))


def _of_secret(node: yaml.Node) -> Iterator[Finding]:
    """Any value at all of a Secret: it belongs in the store."""
    for key, value in node.value if isinstance(node, yaml.MappingNode) else ():
        if _scalar(value).strip() and not is_reference(_scalar(value)):
            mark = value.start_mark
            yield Finding(mark.line + 1, NAMED, str(key.value), mark.index, value.end_mark.index)


def _values(value: Any, name: str, path: str) -> Iterator[tuple[str, str, str]]:
    """Name, text and path of every value that is text or a number."""
    if isinstance(value, Mapping):
        for key, item in value.items():
            yield from _values(item, _named(str(key), name, value), f"{path}.{key}" if path else str(key))
    elif isinstance(value, list):
        texts = (item if isinstance(item, str) else "" for item in value)
        for index, (item, named) in enumerate(zip(value, _items(texts, name), strict=True)):
            yield from _values(item, named, f"{path}[{index}]")
    elif isinstance(value, str | int) and not isinstance(value, bool):
        yield name, str(value), path


def _in_text(value: str, name: str, *, is_inner: bool = False, is_suspect: bool = True) -> Iterator[Finding]:
    """What stands in one value: itself, or the lines of a file that it holds, but not a file inside of that.

    Where the text around it is not suspect, nothing in it shows by itself, and it is asked for names alone.
    """
    if "\n" not in value.strip() or looks_secret(name):
        yield from literal_secrets.find(value, name=name)
    elif is_suspect:
        yield from literal_secrets.find(value)
    if "\n" in value or _PAIR.match(value):
        yield from (*_pairs(_DIRECTIVE, value), *_pairs(_LINE, value))
    if "\n" in value and not is_inner:
        yield from _in_yaml(value, is_inner=True, is_suspect=is_suspect)
    if is_suspect:
        yield from _spoken(value)


def _named(key: str, parent: str, entries: Mapping[str, Any]) -> str:
    """The name of a value by its key: `value` is called by the `name` beside it, or by what it stands in.

    What ExternalSecrets call `secretKey` is the name of a key; what is sealed can be read by the cluster alone.
    """
    if parent == SEALED:
        return SEALED
    if key in ("value", "default"):
        return str(entries.get("name") or str(entries.get("path") or "").rpartition("/")[2] or parent or key)
    return "" if "remoteRef" in entries else key


def _items(texts: Iterable[str], name: str) -> Iterator[str]:
    """The name of each item of a list: what follows a flag (`--requirepass`) is called by it, everything else as the list is."""
    flag = None
    for text in texts:
        yield flag["name"] if flag else name
        flag = _FLAG.fullmatch(text)


def _scalar(node: yaml.Node | None) -> str:
    return str(node.value) if isinstance(node, yaml.ScalarNode) else ""


def _once(found: Iterable[Finding]) -> list[Finding]:
    """One finding for each line and kind; a shape says more than the name of its field."""
    kept: dict[tuple[int, str], Finding] = {}
    for one in sorted(found):
        kept.setdefault((one.line, one.kind), one)
    shaped = {one.line for one in kept.values() if one.kind != NAMED}
    return [one for one in kept.values() if one.kind != NAMED or one.line not in shaped]
