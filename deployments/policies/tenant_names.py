"""Manifests are the same for all tenants: adding one changes no Deployment."""

from __future__ import annotations

import re
from collections.abc import Iterator
from typing import Any

from deployments.policies.base import Manifests, Object, policy

_SHORTEST = 4
"""A shorter name is a part of too many words."""
_RUN = re.compile(r"[a-z0-9]+(?:-[a-z0-9]+)*")
_MOST_PARTS = 12


@policy("tenant-names", about="No object holds the name of a tenant.")
def tenant_names(manifests: Manifests) -> Iterator[tuple[Object, str, str]]:
    """Names that are also words of the platform (a component, a part of a namespace's name) cannot be told from it."""
    words = {path.split("/")[0] for path in manifests.objects}
    words |= {part for namespace in manifests.namespaces for part in _parts(namespace)}
    names = {name for name in manifests.tenants if len(name) >= _SHORTEST} - words
    if not names:
        return
    for item in manifests.objects.values():
        for path, text in _texts(item, ""):
            for name in sorted(_parts(text.lower()) & names):
                rule = f"{path.lstrip('.')}: The tenant {name} is named here."
                yield item, rule, "Keep what belongs to one tenant in tenant-credentials."


def _parts(text: str) -> set[str]:
    """Every word and every run of words that hyphens join: thousands of names cost no more than one."""
    found: set[str] = set()
    for run in _RUN.finditer(text):
        parts = run[0].split("-")[:_MOST_PARTS]
        found |= {"-".join(parts[start:end]) for start in range(len(parts)) for end in range(start + 1, len(parts) + 1)}
    return found


def _texts(value: Any, path: str) -> Iterator[tuple[str, str]]:
    if isinstance(value, dict):
        for key, entry in value.items():
            yield f"{path}.{key}", str(key)
            yield from _texts(entry, f"{path}.{key}")
    elif isinstance(value, list):
        for index, entry in enumerate(value):
            yield from _texts(entry, f"{path}[{index}]")
    elif isinstance(value, str):
        yield path, value
