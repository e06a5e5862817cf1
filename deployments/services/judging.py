"""Have the policies judge what an environment would hold."""

from __future__ import annotations

import dataclasses
from collections.abc import Mapping

import yaml

from controlpanel.catalog.models import Component, Variable
from deployments.policies import Manifests, judge
from tenants.models import Tenant

MOST = 200
"""Findings that are kept; whoever mends them looks again."""
Facts = list[dict[str, str]]


def findings(files: Mapping[str, bytes]) -> Facts:
    """Policy, object, rule, fix and component of each finding, by the path of the files."""
    keys = Variable.objects.filter(scope="environment").order_by("pk").values_list("key", flat=True)
    manifests = Manifests(_objects(files), tuple(keys), tuple(Tenant.objects.values_list("slug", flat=True)))
    found = [dataclasses.asdict(one) for one in judge(manifests)[:MOST]]
    return [{**one, "fix": f"{_absent(files)}{one['fix']}"} for one in found] if found else []


def _absent(files: Mapping[str, bytes]) -> str:
    """A part of a platform leans on parts that an environment may not have yet: then nothing is wrong with its manifests."""
    there = {path.split("/")[0] for path in files}
    names = Component.objects.filter(is_retired=False).values_list("name", flat=True)
    missing = [name for name in names if name not in there]
    return f"Promote along what is not there yet ({', '.join(missing)}). Otherwise: " if missing else ""


def _objects(files: Mapping[str, bytes]) -> dict[str, dict[str, object]]:
    """What other writers left in the repository and is no object is not judged."""
    found = {}
    for path, content in sorted(files.items()):
        try:
            item = yaml.load(content, Loader=yaml.CSafeLoader)
        except yaml.YAMLError:
            continue
        if isinstance(item, dict):
            found[path] = item
    return found
