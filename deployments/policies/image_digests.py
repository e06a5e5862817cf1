"""What runs is what was tested: an image is named by its content."""

from __future__ import annotations

from collections.abc import Iterator

from deployments.policies.base import Manifests, Object, policy
from deployments.renderers.objects import PINNED


@policy("image-digests", about="Every image is named by its digest.")
def image_digests(manifests: Manifests) -> Iterator[tuple[Object, str, str]]:
    """A tag may mean another image tomorrow."""
    for workload in manifests.workloads:
        for container in workload.every_container:
            if not PINNED.match(str(container.get("image"))):
                rule = f"Container {container.get('name')}: The image “{container.get('image')}” has no digest."
                yield workload.object, rule, "List it under the component's images, or pin it by @sha256:…."
