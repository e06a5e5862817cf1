"""No credential stands in Git."""

from __future__ import annotations

from collections.abc import Iterator

from controlpanel.core.literal_secrets import REMEDY
from controlpanel.core.literal_secrets_in_files import scan_object
from deployments.policies.base import Manifests, Object, policy


@policy("literal-secrets", about="No object holds a credential; it names where one is kept.")
def literal_secrets(manifests: Manifests) -> Iterator[tuple[Object, str, str]]:
    """The field is named, never its value."""
    for item in manifests.objects.values():
        for found in scan_object(item):
            yield item, f"{found.name}: A {found.kind} stands here.", REMEDY
