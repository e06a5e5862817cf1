"""Databases are outside of the cluster: whoever connects checks who answers."""

from __future__ import annotations

from collections.abc import Iterator

from deployments.policies.base import Manifests, Object, Workload, entries, policy
from deployments.policies.variables import Given, given_to

URL, MODE, AUTHORITY = "DATABASE_URL", "PGSSLMODE", "PGSSLROOTCERT"


@policy(
    "database-tls",
    about="Pods with DATABASE_URL check the database's certificate against an authority that they mount.",
)
def database_tls(manifests: Manifests) -> Iterator[tuple[Object, str, str]]:
    """`verify-full` is the only mode of PostgreSQL that also compares the name."""
    for workload in manifests.workloads:
        for container in workload.every_container:
            given = given_to(container, workload, manifests)
            if URL in given:
                for rule, fix in _problems(container, workload, given):
                    yield workload.object, f"Container {container.get('name')}: {rule}", fix


def _problems(container: Object, workload: Workload, given: dict[str, Given]) -> Iterator[tuple[str, str]]:
    if MODE not in given or given[MODE].value not in ("verify-full", None):
        yield f"It has {URL} and not {MODE}=verify-full.", f"Set {MODE} to verify-full."
    place = given[AUTHORITY].value if AUTHORITY in given else None
    if not place:
        yield f"It has {URL} and no {AUTHORITY}.", f"Mount the database's authority and set {AUTHORITY} to its path."
    elif not any(place.startswith(mount.rstrip("/") + "/") for mount in _mounts(container, workload)):
        yield f"{AUTHORITY} is {place}, where nothing is mounted.", "Mount the Secret with the authority there."


def _mounts(container: Object, workload: Workload) -> Iterator[str]:
    """Where Secrets and ConfigMaps are mounted."""
    sources = {
        str(volume.get("name"))
        for volume in entries(workload.pod.get("volumes"))
        if {"secret", "configMap", "projected"} & set(volume)
    }
    return (
        str(mount.get("mountPath"))
        for mount in entries(container.get("volumeMounts"))
        if str(mount.get("name")) in sources
    )
