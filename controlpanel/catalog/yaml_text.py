"""Values as canonical YAML: sorted keys, no folding, and quotes wherever any YAML version might read another type."""

from __future__ import annotations

import re
from functools import lru_cache
from typing import Any

import yaml

# Go's YAML reads `1e3`, `0o7` or `y` as no text where PyYAML would write them bare: only what is surely a word stays bare.
_BARE = re.compile(r"[A-Za-z_/][A-Za-z0-9_./@%+=-]*(?: [A-Za-z0-9_./@%+=-]+)*(?::[A-Za-z0-9_./@%+=-]+)*\Z")
# Line breaks for YAML 1.1 and none for 1.2: escaped, every reader agrees on them.
_ODD_BREAKS = re.compile("[\r\x85\u2028\u2029\ufeff]")
_OTHER_TYPES = frozenset({"y", "n", "yes", "no", "on", "off", "true", "false", "null", "nan", "inf"})
_WITHOUT_LIMIT = 2**31 - 1
UNREAD_BY_ARGO_CD = "+argocd:skip-file-rendering"
"""Argo CD takes a file with this anywhere in it for no manifest, so that it would delete the objects in it."""


class _CanonicalDumper(yaml.CSafeDumper):
    """Repeats equal values instead of pointing at them: Kubernetes objects have no aliases."""

    def ignore_aliases(self, data: Any) -> bool:
        return True


def _text(dumper: _CanonicalDumper, value: str) -> yaml.ScalarNode:
    if _ODD_BREAKS.search(value):
        style: str | None = '"'
    elif "\n" in value:
        style = "|"
    elif _BARE.match(value) and value.lower() not in _OTHER_TYPES:
        style = None
    else:
        style = "'"
    return dumper.represent_scalar("tag:yaml.org,2002:str", value, style=style)


_CanonicalDumper.add_representer(str, _text)


@lru_cache(maxsize=4096)
def scalar(value: str) -> str:
    """The same text of one line as `canonical` writes it, for who builds many equal objects and cannot wait for a dumper."""
    if not (value.isascii() and value.isprintable()):
        text: str = yaml.dump([value], Dumper=_CanonicalDumper, allow_unicode=True, width=_WITHOUT_LIMIT)
        return text.removeprefix("- ").rstrip("\n")
    bare = _BARE.match(value) and value.lower() not in _OTHER_TYPES
    return value if bare else "'" + value.replace("'", "''") + "'"


def canonical(value: Any) -> bytes:
    """The one YAML text of a value made of mappings, lists, text, numbers, booleans and null; UTF-8, newline at the end."""
    text: str = yaml.dump(
        value,
        Dumper=_CanonicalDumper,
        sort_keys=True,
        allow_unicode=True,
        default_flow_style=False,
        width=_WITHOUT_LIMIT,
    )
    return text.encode("utf-8")
