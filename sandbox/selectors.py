"""Kubernetes label selectors: `a=b,c!=d,e in (f,g),h notin (i),j,!k`."""

from __future__ import annotations

import re
from collections.abc import Callable, Mapping

from sandbox.envelope import UNKNOWN, ApiError

Labels = Mapping[str, str]
Test = Callable[[Labels], bool]
NAME = r"[A-Za-z0-9]([-A-Za-z0-9_./]*[A-Za-z0-9])?"
EQUAL = re.compile(rf"(?P<key>{NAME})\s*(?P<operator>==|=|!=)\s*(?P<value>({NAME})?)")
SET = re.compile(rf"(?P<key>{NAME})\s+(?P<operator>in|notin)\s*\((?P<values>[^()]*)\)")
PRESENT = re.compile(rf"(?P<absent>!?)\s*(?P<key>{NAME})")


def parse_selector(text: str) -> Test:
    """A test of labels; ApiError 500 (as Argo CD answers) for what is no selector."""
    tests = [_requirement(part.strip()) for part in re.split(r",(?![^(]*\))", text) if part.strip()]
    return lambda labels: all(test(labels) for test in tests)


def _requirement(text: str) -> Test:
    if found := EQUAL.fullmatch(text):
        key, value, same = found["key"], found["value"], found["operator"] != "!="
        return lambda labels: (labels.get(key) == value) is same
    if found := SET.fullmatch(text):
        key, inside = found["key"], found["operator"] == "in"
        values = {value.strip() for value in found["values"].split(",")}
        return lambda labels: (labels.get(key) in values) is inside
    if found := PRESENT.fullmatch(text):
        key, absent = found["key"], bool(found["absent"])
        return lambda labels: (key in labels) is not absent
    wrong = next((letter for letter in text if letter in "()=!"), text)
    wrong = "(" if "(" in text else wrong
    raise ApiError(
        UNKNOWN, f"error parsing the selector: unable to parse requirement: found '{wrong}', expected: identifier"
    )
