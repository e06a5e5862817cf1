"""What a worker finds when a page asks how two environments, or two releases, differ. Nothing that is returned holds a secret."""

from __future__ import annotations

import dataclasses
import re
from collections import Counter, defaultdict
from collections.abc import Iterable, Mapping
from typing import Any

from controlpanel.catalog import connections
from controlpanel.catalog.models import Component, Environment, Variable
from controlpanel.core.errors import AbsentError
from deployments.models import Release
from deployments.renderers import difference, variables
from deployments.renderers.objects import CLUSTER
from deployments.rendering import render_release

MOST = 80
"""Objects whose diff is kept; more are only counted."""
Files = dict[str, bytes]


def compare(_: str, parameters: Mapping[str, Any]) -> dict[str, Any]:
    """Objects of both sides by component, each difference as a redacted diff, and where required variables stand.

    `parameters` are {"from", "to"} of environments, as their branches hold them, or of releases with the "environment"
    that both are rendered for.
    """
    before, after = _sides(parameters)
    same_place, names = _in_one_namespace(before, after)
    found = difference.changes(same_place, after)
    told = [dataclasses.asdict(change) for change in found if change.change != "unchanged"]
    return {
        "changes": difference.fitting(told[:MOST]), "left_out": max(0, len(told) - MOST), "counts": _counts(found), "namespaces": names,
        "variables": _variables(before, after),
    }  # fmt: skip


def _sides(parameters: Mapping[str, Any]) -> tuple[Files, Files]:
    one, other = str(parameters["from"]), str(parameters["to"])
    if not parameters.get("environment"):
        return _held(one), _held(other)
    place = _environment(str(parameters["environment"]))
    return render_release(_release(one), place).files, render_release(_release(other), place).files


def _held(name: str) -> Files:
    """What the environment's branch holds of the catalog's components."""
    place, repository = _environment(name), connections.deploy_repository()
    repository.fetch()
    tip = repository.tip(place.branch)
    found: Files = {}
    for component in Component.objects.filter(is_retired=False).values_list("name", flat=True):
        found |= repository.files(tip, component) if tip else {}
    return found


def _in_one_namespace(before: Files, after: Files) -> tuple[Files, list[tuple[str, str]]]:
    """The first side as if it were in the namespaces of the second: where a component has one on each side and their
    names differ, that is no difference worth telling at every object. The pairs that were taken as equal are told."""
    ours, theirs = _namespaces(before), _namespaces(after)
    moved = {
        component: (next(iter(names)), next(iter(theirs[component])))
        for component, names in ours.items()
        if len(names) == 1 and len(theirs[component]) == 1 and names != theirs[component]
    }
    files = dict(_moved(path, content, moved) for path, content in before.items())
    return files, sorted(set(moved.values()))


def _moved(path: str, content: bytes, moved: Mapping[str, tuple[str, str]]) -> tuple[str, bytes]:
    component, _, rest = path.partition("/")
    namespace, _, file = rest.partition("/")
    was, becomes = moved.get(component, ("", ""))
    if not was or namespace != was:
        return path, content
    line = re.compile(rb"^(\s*(?:- )?namespace:) " + re.escape(was.encode()) + rb"$", re.MULTILINE)
    return f"{component}/{becomes}/{file}", line.sub(rb"\1 " + becomes.encode(), content)


def _namespaces(files: Iterable[str]) -> defaultdict[str, set[str]]:
    found: defaultdict[str, set[str]] = defaultdict(set)
    for path in files:
        component, _, rest = path.partition("/")
        namespace, separator, _ = rest.partition("/")
        if separator and namespace != CLUSTER:
            found[component].add(namespace)
    return found


def _counts(found: Iterable[difference.Change]) -> dict[str, dict[str, int]]:
    counts: defaultdict[str, Counter[str]] = defaultdict(Counter)
    for change in found:
        counts[change.component][change.change] += 1
    return {component: dict(own) for component, own in counts.items()}


def _variables(before: Files, after: Files) -> list[dict[str, str]]:
    """Where each required variable of environments stands on both sides."""
    ours, theirs = variables.standing(before), variables.standing(after)
    keys = Variable.objects.filter(scope="environment").order_by("pk").values_list("key", flat=True)
    return [
        {
            "key": key,
            "before": ours.get(key, variables.NOWHERE).state,
            "after": theirs.get(key, variables.NOWHERE).state,
        }
        for key in keys
    ]


def _environment(name: str) -> Environment:
    found = Environment.objects.filter(name=name, is_retired=False).first()
    if found is None:
        raise AbsentError(f"There is no environment {name[:63]}.", "See the pipeline.")
    return found


def _release(version: str) -> Release:
    found = Release.objects.filter(version=version).first()
    if found is None:
        raise AbsentError(f"There is no release {version[:100]}.", "See the list of releases.")
    return found
