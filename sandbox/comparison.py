"""Comparing what an Application wants with what lives: sync status, health, resources. No side effects."""

from __future__ import annotations

from dataclasses import dataclass

from sandbox.cluster import ApplyError, Cluster
from sandbox.documents import Document, look
from sandbox.health import Health, health, health_of, worst
from sandbox.manifests import Key, Target, external_urls, images_of, key_of, version_of

HOOK, WAVE, SYNC_OPTIONS = "argocd.argoproj.io/hook", "argocd.argoproj.io/sync-wave", "argocd.argoproj.io/sync-options"
IGNORE_HEALTH = "argocd.argoproj.io/ignore-healthcheck"
NAMED_CAUSES = 3


def annotation(manifest: Document, name: str) -> str:
    """The value of an annotation, or an empty text."""
    return str(look(manifest, "metadata", "annotations", name, default=""))


def wave_of(manifest: Document) -> int:
    """The sync wave (0 unless the annotation says otherwise)."""
    text = annotation(manifest, WAVE)
    return int(text) if text.lstrip("-").isdigit() else 0


def has_option(manifest: Document, option: str) -> bool:
    """Whether the manifest carries this sync option."""
    return option in [part.strip() for part in annotation(manifest, SYNC_OPTIONS).split(",")]


@dataclass(frozen=True)
class Comparison:
    """The outcome: what goes into `status` of the Application."""

    sync: str
    health: Health
    resources: list[Document]
    images: list[str]
    urls: list[str]
    needs_more_than_pruning: bool
    would_remove_all: bool


def resource_health(cluster: Cluster, name: str, target: Target | None) -> dict[Key, Health | None]:
    """The health of every managed resource; Missing for wanted ones that do not live."""
    found = {key: health_of(manifest) for key, manifest in cluster.managed(name).items()}
    for manifest in target.objects if target else ():
        if not annotation(manifest, HOOK):
            found.setdefault(key_of(manifest), health("Missing"))
    return found


def _in_sync(cluster: Cluster, wanted: Document) -> bool:
    try:
        return cluster.would_apply(wanted)[0] == "unchanged"
    except ApplyError:
        return False


def _resource(key: Key, version: str, status: str) -> Document:
    entry: Document = {"group": key.group} if key.group else {}
    entry |= {"version": version, "kind": key.kind}
    if key.namespace:
        entry["namespace"] = key.namespace
    entry["name"] = key.name
    if status:
        entry["status"] = status
    return entry


def compare(cluster: Cluster, name: str, target: Target) -> Comparison:
    """Compare the target with the live objects that carry the Application's tracking id."""
    live = cluster.managed(name)
    wanted = {key_of(item): item for item in target.objects if not annotation(item, HOOK)}
    resources: list[Document] = []
    for key in sorted({*wanted, *live}):
        resources.append(_compare_one(cluster, key, wanted.get(key), live.get(key)))
    stale = [item for item in resources if item.get("status") == "OutOfSync"]
    return Comparison(
        sync="OutOfSync" if stale else "Synced",
        health=_application_health(wanted, live),
        resources=resources,
        images=_pod_images(cluster, name),
        urls=sorted({url for item in live.values() if item["kind"] == "Ingress" for url in external_urls(item)}),
        needs_more_than_pruning=any(not item.get("requiresPruning") for item in stale),
        would_remove_all=not wanted and bool(live),
    )


def _compare_one(cluster: Cluster, key: Key, wanted: Document | None, live: Document | None) -> Document:
    either = wanted or live or {}
    if wanted is None and annotation(either, HOOK):
        return _resource(key, version_of(either), "") | {"hook": True, "requiresPruning": True}
    same = wanted is not None and live is not None and _in_sync(cluster, wanted)
    entry = _resource(key, version_of(either), "Synced" if same else "OutOfSync")
    if wave_of(either):
        entry["syncWave"] = wave_of(either)
    if wanted is None:
        entry["requiresPruning"] = True
    return entry


def _application_health(wanted: dict[Key, Document], live: dict[Key, Document]) -> Health:
    counted = {key: item for key, item in live.items() if not annotation(item, HOOK)}
    if not counted and wanted:
        return health("Missing")
    states = {key: found for key, item in counted.items()
              if annotation(item, IGNORE_HEALTH) != "true" and (found := health_of(item))}  # fmt: skip
    status = worst([found["status"] for found in states.values()])
    if status == "Healthy":
        return health(status)
    causes = [f"{key.group}/{key.kind}:{key.namespace}/{key.name}" for key, found in sorted(states.items())
              if found["status"] == status]  # fmt: skip
    more = f" and {len(causes) - NAMED_CAUSES} more" if len(causes) > NAMED_CAUSES else ""
    return health(status, f"Caused by {', '.join(causes[:NAMED_CAUSES])}{more}")


def _pod_images(cluster: Cluster, name: str) -> list[str]:
    pods = [item for item in cluster.of_application(name) if item["kind"] == "Pod"]
    return sorted({image for pod in pods for image in images_of(pod)})
