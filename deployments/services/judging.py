"""Have the policies judge what an environment would hold."""

from __future__ import annotations

import dataclasses
from collections.abc import Mapping

import yaml

from controlpanel.catalog.models import Variable
from deployments.policies import Manifests, judge
from tenants.models import Tenant

MOST = 200
"""Findings that are kept; whoever mends them looks again."""
Facts = list[dict[str, str]]


def findings(files: Mapping[str, bytes]) -> Facts:
    """Policy, object, rule, fix and component of each finding, by the path of the files."""
    keys = Variable.objects.filter(scope="environment").order_by("pk").values_list("key", flat=True)
    manifests = Manifests(_objects(files), tuple(keys), tuple(Tenant.objects.values_list("slug", flat=True)))
    return [dataclasses.asdict(found) for found in judge(manifests)[:MOST]]


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
