"""Finds credentials that stand literally in a text: by their shape, or as the value of a field with a secret's name.

References are no findings: `$(NAME)`, `${{ secrets.NAME }}`, `{{ .Values.x }}`, a path, the name of another variable,
a digest, a sealed value. Imports no Django, because hooks run it. A finding never holds the credential itself.
"""

from __future__ import annotations

import base64
import binascii
import re
from collections.abc import Iterable, Iterator
from dataclasses import dataclass
from functools import lru_cache

from controlpanel.core.credential_shapes import IN_ACL, IN_ADDRESS, IN_CLIENT, IN_COMMAND, IN_HEADER, SHAPES, Shape

REMEDY = (
    "Keep it in the secret store, name it by an ExternalSecret or a variable, and revoke the one that was written here."
)
NAMED = "value of a secret"
SHORTEST = 12
"""Characters of the shortest text that holds a credential by its shape: an address with a password."""


@dataclass(frozen=True, order=True)
class Finding:
    """A credential at `line` (from 1), in the characters `start` to `end` of the text; `name` is its field, or ""."""

    line: int
    kind: str
    name: str
    start: int
    end: int

    @property
    def sentence(self) -> str:
        """What was found and where, without the credential."""
        return f"line {self.line}: {self.kind}{f' in {self.name}' if self.name else ''}"


def find(text: str, *, name: str = "") -> list[Finding]:
    """Findings in a text, in their order; `name` is the field whose whole value it is, "" where it is none.

    With a secret's name any literal value is a finding; without one only what is a credential by its own shape.
    """
    found = {*_shaped(text, name), *_encoded(text, name)}
    if not found and name and looks_secret(name) and not is_reference(text, name):
        found.add(Finding(1, NAMED, name, 0, len(text)))
    return sorted(found)


def hidden(text: str) -> str:
    """The text with everything that looks like a secret by its form taken out."""
    return without(text, find(text), "(hidden)")


def without(text: str, found: Iterable[Finding], mark: str) -> str:
    """The text with the mark in place of each finding, and of a private key all that follows; findings may overlap."""
    shown, at = [], 0
    for one in sorted(found, key=lambda one: (one.start, -one.end)):
        if one.start >= at:
            shown += [text[at : one.start], mark]
        end = one.end
        if one.kind == "private key":
            closing = _END_OF_KEY.search(text, one.end)
            end = closing.end() if closing else len(text)
        at = max(at, end)
    return "".join([*shown, text[at:]])


@lru_cache(maxsize=4096)
def looks_secret(name: str) -> bool:
    """Whether a field's name says that its value is a secret: `DB_PASSWORD`, `clientSecret`, `tls.key`, not `secretName`."""
    if _FILE_OF_KEY.search(name):
        return True
    words = [word.lower() for word in _WORD.findall(name)]
    while len(words) > 1 and (words[-1] in _TRAILING or words[-1].isdigit()):
        words.pop()
    if not words or (len(words) > 1 and words[-2] in _OF_AN_OBJECT):
        return False
    ends = words[-1] in _SECRET or words[-1].endswith(("password", "passwd", "secret", "token"))
    return ends or " ".join(words[-2:]) in _KEYS or (len(words) > 1 and words[-1] == "pass")


def is_reference(value: str, name: str = "") -> bool:
    """Whether a value names a secret, or nothing, instead of being one."""
    bare = value.strip().strip("\"'`").strip()
    if _NUMBER.fullmatch(bare):
        return len(bare) < 4 or "pass" not in name.lower()
    if _EXPRESSION.fullmatch(bare):
        return not any(looks_random(part) for part in bare.split("."))
    return bool(_REFERENCE.fullmatch(bare) or _PLACEHOLDER.fullmatch(bare.strip("[]")) or is_place(bare))


def is_place(value: str) -> bool:
    """Whether a value is the path of a file, or an address without credentials."""
    path = _PATH.fullmatch(value)
    return bool(path) and not any(looks_random(part) for part in re.split(r"[/.]", value))


def looks_random(value: str) -> bool:
    """Whether a value looks drawn by a machine: letters of both cases and digits mixed, or long hexadecimal."""
    bare = value.strip()
    if _DIGEST.search(bare) or not _ONE_RUN.fullmatch(bare):
        return False
    if _HEXADECIMAL.fullmatch(bare):
        return len(set(bare)) > 6 and any(map(str.isdigit, bare)) and any(map(str.isalpha, bare))
    return len(set(bare)) >= 8 and any(_is_mixed(piece) for piece in re.split(r"[-_.:/]", bare))


def _is_mixed(piece: str) -> bool:
    """Digits stand among letters, or cases change inside: `q7Xp2vT9`, not `sandboxToken2` and not `20260101`."""
    changes = len(re.findall(r"(?<=[a-z])[A-Z0-9]|(?<=[A-Z])[0-9]|(?<=[0-9])[A-Za-z]|(?<=[^\w])\w", piece))
    return len(piece) >= 6 and changes >= max(3, len(piece) // 7)


def _shaped(text: str, name: str) -> Iterator[Finding]:
    if len(text) < SHORTEST:
        return
    for shape in SHAPES:
        yield from (one for one in _matches(shape, text, name) if not _is_example(text[one.start : one.end]))
    for shape in (IN_ADDRESS, IN_COMMAND, IN_CLIENT, IN_ACL):
        yield from (one for one in _matches(shape, text, name) if not is_reference(text[one.start : one.end], "pass"))
    for one in _matches(IN_HEADER, text, name):
        if looks_random(_bare(text[one.start : one.end])) and not is_reference(text[one.start : one.end]):
            yield one


def _matches(shape: Shape, text: str, name: str) -> Iterator[Finding]:
    for hint in shape.hints:
        if hint in text:
            break
    else:
        return
    line, seen = 1, 0  # counted on: from the beginning each time, a megabyte of findings would take minutes
    for match in shape.pattern.finditer(text):
        start, end = match.span(match.re.groups and 1)
        line, seen = line + text.count("\n", seen, start), start
        yield Finding(line, shape.kind, name, start, end)


def _encoded(text: str, name: str) -> Iterator[Finding]:
    """Credentials inside of base64, as in the data of a Secret."""
    line, seen = 1, 0
    for run in _BASE64.finditer(text):
        line, seen = line + text.count("\n", seen, run.start()), run.start()
        try:
            inner = base64.b64decode(run[0] + "=" * (-len(run[0]) % 4), validate=True).decode("ascii")
        except (binascii.Error, UnicodeDecodeError):
            continue
        for one in _shaped(inner, name):
            yield Finding(line, f"{one.kind} in base64", name, *run.span())


def _bare(value: str) -> str:
    return value.rstrip("=")


def _is_example(value: str) -> bool:
    """What documentation prints in place of a token: the same few characters again and again, or the word itself."""
    return bool(re.search(r"(?i)example|x{8}|\.{3}", value)) or len(set(value.lower())) < 8


_SECRET = frozenset(
    "password passwd pwd passphrase passcode secret token credential credentials apikey requirepass masterauth masterpass"
    " hmac pepper authtoken accesstoken refreshtoken clientsecret privatekey secretkey accesskey pat".split()
)
_KEYS = frozenset(
    f"{first} key"
    for first in "api access private signing encryption secret account shared auth master client hmac deploy ssh service"
    " webhook storage license session app application server".split()
)
_OF_AN_OBJECT = frozenset({"existing", "tls", "pull", "next", "page"})
"""`existingSecret: redis-environment` names an object, and `nextToken` a place in a list."""
_TRAILING = frozenset(
    "value base64 b64 base data new old current previous hex string text plain primary secondary production staging"
    " prod dev local raw json yaml yml txt".split()
)
_WORD = re.compile(r"[A-Z]+(?![a-z])|[A-Z]?[a-z]+(?:64)?|\d+")
_FILE_OF_KEY = re.compile(r"(?i)(?:\.(?:key|pem|p12|pfx|jks)|\bid_(?:rsa|ed25519|ecdsa|dsa))\Z")
_END_OF_KEY = re.compile(r"-----END [A-Z0-9 ]{1,40}-----")
_NUMBER = re.compile(r"-?\d{1,18}")
_DIGEST = re.compile(r"(?i)sha(?:1|224|256|384|512)[:-]")
_ONE_RUN = re.compile(r"[^|\s\"'`<>(){}\[\],;$]{12,}")
_HEXADECIMAL = re.compile(r"[0-9a-f]{16,}|[0-9A-F]{16,}")
_BASE64 = re.compile(r"(?<![A-Za-z0-9+/=_-])[A-Za-z0-9+/]{24,200000}={0,2}(?![A-Za-z0-9+/_-])")
_PATH = re.compile(r"(?:[a-z][a-z0-9+.-]{1,20}:/|\.{1,2}|~)?/[\w.@*{}$()-]{1,200}(?:[:/][\w.@*{}$()-]{0,200}){0,30}")
_EXPRESSION = re.compile(r"[a-z]\w*(?:\.[A-Za-z_]\w*)+(?:\(.*)?", re.DOTALL)
"""`secrets.TOKEN`, `os.environ.get(…)`: what code and workflows say in the place of a value."""
_REFERENCE = re.compile(
    r"""
    | \$\(.*\) | \$\{.*\}\}? | \$[A-Za-z_]\w* | \{\{.*\}\} | \{%.*%\} | \{[^{}]*\} | %\(?\w*\)?s? | %[A-Z_]+%
    | (?:secret|env|file|vault|ref|secretref|op|ssm|gcp|awssm|kubernetes|k8s)(?:\+\w+)?:.*
    | arn:[\w:/.-]+ | projects/[\w-]+/secrets/.*
    | [A-Z][A-Z0-9]*(?:_[A-Z0-9]+)+
    | (?i:sha(?:1|256|384|512)[:-]).* | Ag[A-Za-z0-9+/]{200,}=*
    | [|>][+-]? | & | \\
    """,
    re.VERBOSE | re.DOTALL,
)
_PLACEHOLDER = re.compile(
    r"(?i)<.*>|(?:[\w.-]{1,40}=)?<[^<>]*>(?:;.*)?|\[.*\]|\(.*\)|[.…*x•_-]+|none|null|nil|undefined|true|false|yes|no|required|optional|optional,.*"
    r"|(?:(?:change|replace|your|insert|put|set|example|placeholder|dummy|fake|redacted|hidden|todo|secret|password|token"
    r"|value|here|me|this|it|the|key|not|a|an|no|real|used|only|for|tests?|in|my|user|pass|goes|with|generated|wrong|bad"
    r"|other|old|new|stale|good|sandbox|local|development|admin|login|is|never|unset|empty|invalid|read|write|rotated|first|second|word|any)\d{0,2}[-_. ]?)+\d{0,2}",
    re.DOTALL,
)
