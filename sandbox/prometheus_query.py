"""As much of PromQL as gates and plots of a small platform ask: selectors, rates, sums by labels, quantiles, arithmetic."""

from __future__ import annotations

import math
import operator
import re
from collections import defaultdict
from collections.abc import Callable, Iterable, Sequence
from dataclasses import dataclass, field
from typing import Any

from sandbox.clock import go_duration
from sandbox.hub_metrics import Series

TOKEN = re.compile(
    r'\s*(?:(?P<number>\d+(?:\.\d+)?)(?![\w.])|(?P<word>[A-Za-z_:][\w:]*)|(?P<text>"(?:[^"\\]|\\.)*"|\'[^\']*\')'
    r"|(?P<range>\[[\w.]+\])|(?P<sign>=~|!~|!=|>=|<=|==|[-+*/(){},=<>]))"
)
AGGREGATIONS: dict[str, Callable[[Sequence[float]], float]] = {
    "sum": sum, "avg": lambda values: sum(values) / len(values), "max": max, "min": min, "count": len,
}  # fmt: skip
ARITHMETIC: dict[str, Callable[[float, float], float]] = {
    "+": operator.add, "-": operator.sub, "*": operator.mul, "/": lambda a, b: a / b if b else math.nan,
}  # fmt: skip
COMPARISONS: dict[str, Callable[[float, float], bool]] = {
    ">": operator.gt, "<": operator.lt, ">=": operator.ge, "<=": operator.le, "==": operator.eq, "!=": operator.ne,
}  # fmt: skip
OPERATORS = (("==", "!=", ">", "<", ">=", "<="), ("+", "-"), ("*", "/"))


class QueryError(Exception):
    """The query cannot be read, or is beyond what is understood here."""


@dataclass
class Sample:
    """One series on the way: labels, value, growth a second, and the width of its range in seconds."""

    labels: dict[str, str]
    value: float
    rate: float = 0.0
    width: float = 0.0


@dataclass
class Vector:
    """A set of samples; a scalar is one without labels."""

    samples: list[Sample] = field(default_factory=list)
    is_scalar: bool = False


Source = Callable[[str], Iterable[Series]]


def evaluate(text: str, source: Source, now: float) -> tuple[str, Any]:
    """Type and result as Prometheus' API gives them. Raises QueryError."""
    parser = _Parser(_tokens(text), source)
    found = parser.expression()
    if parser.rest:
        raise QueryError(f'1:1: parse error: unexpected "{parser.rest[0][1]}"')
    if found.is_scalar:
        return "scalar", [now, _written(found.samples[0].value)]
    return "vector", [{"metric": one.labels, "value": [now, _written(one.value)]} for one in found.samples]


def _written(value: float) -> str:
    return "NaN" if math.isnan(value) else f"{value:g}" if math.isfinite(value) else f"{'+' if value > 0 else '-'}Inf"


def _tokens(text: str) -> list[tuple[str, str]]:
    found, place = [], 0
    while place < len(text.rstrip()):
        match = TOKEN.match(text, place)
        if match is None:
            raise QueryError(f'1:{place + 1}: parse error: unexpected character: "{text[place]}"')
        found.append((str(match.lastgroup), match[str(match.lastgroup)]))
        place = match.end()
    if not found:
        raise QueryError("unknown position: parse error: no expression found in input")
    return found


class _Parser:
    def __init__(self, tokens: list[tuple[str, str]], source: Source) -> None:
        self.rest = tokens
        self._source = source

    def expression(self, level: int = 0) -> Vector:
        """One level of operators, weakest first."""
        if level == len(OPERATORS):
            return self._operand()
        left = self.expression(level + 1)
        while self.rest and self.rest[0][1] in OPERATORS[level]:
            sign = self._take()[1]
            left = _combined(sign, left, self.expression(level + 1))
        return left

    def _operand(self) -> Vector:
        kind, word = self._take()
        if kind == "number":
            return Vector([Sample({}, float(word))], is_scalar=True)
        if word == "(":
            found = self.expression()
            self._expect(")")
            return found
        if kind != "word":
            raise QueryError(f'1:1: parse error: unexpected "{word}"')
        if word in AGGREGATIONS:
            return self._aggregation(word)
        return self._function(word) if self._next_is("(") else self._selector(word)

    def _aggregation(self, word: str) -> Vector:
        labels = self._labels()
        self._expect("(")
        inner = self.expression()
        self._expect(")")
        labels = self._labels() if labels is None else labels
        groups: defaultdict[tuple[tuple[str, str], ...], list[float]] = defaultdict(list)
        for one in inner.samples:
            groups[tuple((name, one.labels.get(name, "")) for name in labels or ())].append(one.value)
        return Vector([Sample(dict(key), float(AGGREGATIONS[word](values))) for key, values in groups.items()])

    def _labels(self) -> list[str] | None:
        if not self._next_is("by"):
            return None
        self._take()
        self._expect("(")
        found = []
        while not self._next_is(")"):
            found.append(self._take()[1])
            if self._next_is(","):
                self._take()
        self._expect(")")
        return found

    def _function(self, word: str) -> Vector:
        self._expect("(")
        first = self.expression()
        second = None
        if self._next_is(","):
            self._take()
            second = self.expression()
        self._expect(")")
        return _applied(word, first, second)

    def _selector(self, name: str) -> Vector:
        matchers = self._matchers() if self._next_is("{") else []
        width = go_duration(self._take()[1][1:-1]) if self.rest and self.rest[0][0] == "range" else 0.0
        chosen = [one for one in self._source(name) if all(match(one.labels) for match in matchers)]
        naming = {} if width else {"__name__": name}
        return Vector([Sample(naming | one.labels, one.value, one.rate, width) for one in chosen])

    def _matchers(self) -> list[Callable[[dict[str, str]], bool]]:
        self._expect("{")
        found = []
        while not self._next_is("}"):
            name, sign, text = self._take()[1], self._take()[1], self._take()[1][1:-1]
            if sign not in ("=", "!=", "=~", "!~"):
                raise QueryError(f'1:1: parse error: unexpected "{sign}" in label matching')
            found.append(_matcher(name, sign, text))
            if self._next_is(","):
                self._take()
        self._expect("}")
        return found

    def _next_is(self, text: str) -> bool:
        return bool(self.rest) and self.rest[0][1] == text

    def _take(self) -> tuple[str, str]:
        if not self.rest:
            raise QueryError("1:1: parse error: unexpected end of input")
        return self.rest.pop(0)

    def _expect(self, text: str) -> None:
        if self._take()[1] != text:
            raise QueryError(f'1:1: parse error: expected "{text}"')


def _matcher(name: str, sign: str, text: str) -> Callable[[dict[str, str]], bool]:
    try:
        pattern = re.compile(text if "~" in sign else re.escape(text))
    except re.error as error:
        raise QueryError(f"1:1: parse error: error parsing regexp: {error}") from error
    wanted = not sign.startswith("!")
    return lambda labels: (pattern.fullmatch(labels.get(name, "")) is not None) is wanted


def _applied(word: str, first: Vector, second: Vector | None) -> Vector:
    if word in ("rate", "irate", "increase"):
        if any(not one.width for one in first.samples):
            raise QueryError(f'1:1: parse error: expected type range vector in call to function "{word}"')
        factor = (lambda one: one.width) if word == "increase" else (lambda _: 1.0)
        return Vector([Sample(one.labels, one.rate * factor(one)) for one in first.samples])
    if word == "histogram_quantile" and second is not None:
        return _quantile(first.samples[0].value, second)
    if word == "vector":
        return Vector(first.samples)
    if word == "scalar":
        return Vector([Sample({}, first.samples[0].value if len(first.samples) == 1 else math.nan)], is_scalar=True)
    raise QueryError(f'1:1: parse error: unknown function with name "{word}"')


def _quantile(wanted: float, buckets: Vector) -> Vector:
    groups: defaultdict[tuple[tuple[str, str], ...], list[tuple[float, float]]] = defaultdict(list)
    for one in buckets.samples:
        labels = tuple(sorted((name, value) for name, value in one.labels.items() if name not in ("le", "__name__")))
        groups[labels].append((float(one.labels.get("le", "inf")), one.value))
    return Vector([Sample(dict(labels), _between(wanted, sorted(pairs))) for labels, pairs in groups.items()])


def _between(wanted: float, pairs: list[tuple[float, float]]) -> float:
    rank, below, lower = wanted * pairs[-1][1], 0.0, 0.0
    for bound, count in pairs:
        if count >= rank:
            if math.isinf(bound) or count == below:
                return lower
            return lower + (bound - lower) * (rank - below) / (count - below)
        below, lower = count, bound
    return lower


def _combined(sign: str, left: Vector, right: Vector) -> Vector:
    if left.is_scalar and right.is_scalar:
        a, b = left.samples[0].value, right.samples[0].value
        value = float(COMPARISONS[sign](a, b)) if sign in COMPARISONS else ARITHMETIC[sign](a, b)
        return Vector([Sample({}, value)], is_scalar=True)
    pairs = [(one, other) for one in left.samples for other in right.samples
             if left.is_scalar or right.is_scalar or _bare(one) == _bare(other)]  # fmt: skip
    found = []
    for one, other in pairs:
        labels = (other if left.is_scalar else one).labels
        if sign not in COMPARISONS:
            found.append(
                Sample({k: v for k, v in labels.items() if k != "__name__"}, ARITHMETIC[sign](one.value, other.value))
            )
        elif COMPARISONS[sign](one.value, other.value):
            found.append(Sample(labels, one.value))
    return Vector(found)


def _bare(one: Sample) -> dict[str, str]:
    return {name: value for name, value in one.labels.items() if name != "__name__"}
