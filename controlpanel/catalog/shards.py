"""Where tenants' references to credentials go: a fixed number of shards, each a directory, an Application and two objects.

A tenant's shard follows from its slug alone, so that nothing but the number of shards moves a tenant. Knows no Django.
"""

from __future__ import annotations

import hashlib
from collections.abc import Mapping
from dataclasses import dataclass
from typing import Any

COMPONENT = "tenant-credentials"
"""The component that they are, the directory of the deploy repository, and the first part of every name."""
VOLUME = "tenant-credentials"
"""The name of the volume that mounts every shard."""


@dataclass(frozen=True)
class TenantCredentialsSpec:
    """`namespace` is the last part of the namespace, as of components. `volume` is the generated patch that mounts all
    shards, a path in the platform repository; "" where none is generated."""

    shards: int = 16
    namespace: str = ""
    volume: str = ""
    deadline_seconds: int = 600


def shard_names(count: int) -> tuple[str, ...]:
    """ "00", "01", … in order."""
    return tuple(f"{number:02d}" for number in range(count))


def shard_of(slug: str, count: int) -> str:
    """The shard of a tenant, even over all of them, the same on every machine."""
    return f"{int.from_bytes(hashlib.sha256(slug.encode()).digest()[:8], 'big') % count:02d}"


def object_name(shard: str) -> str:
    """The name of the shard's Secret and of its ConfigMap."""
    return f"{COMPONENT}-{shard}"


def directory_of(shard: str) -> str:
    """The shard's directory in the deploy repository."""
    return f"{COMPONENT}/{shard}"


def shard_application(shard: str, environment: str) -> str:
    """The name of the shard's Application in an environment."""
    return f"{COMPONENT}-{shard}-{environment}"


def shard_applications_of(spec: TenantCredentialsSpec | None, environment: str) -> list[str]:
    """The names of all of them in an environment; none where the catalog keeps no references."""
    return [] if spec is None else [shard_application(shard, environment) for shard in shard_names(spec.shards)]


def volume(count: int) -> Mapping[str, Any]:
    """One volume with every shard's Secret and ConfigMap, each optional: a tenant that comes or goes edits no pod."""
    sources = [
        {kind: {"name": object_name(shard), "optional": True}}
        for shard in shard_names(count)
        for kind in ("secret", "configMap")
    ]
    return {"name": VOLUME, "projected": {"sources": sources}}


def volume_patch(count: int) -> list[dict[str, Any]]:
    """A JSON patch that adds the volume to a Deployment."""
    return [{"op": "add", "path": "/spec/template/spec/volumes/-", "value": volume(count)}]
