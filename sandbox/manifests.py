"""From files of a Git tree to the objects an Application wants: parsed, placed in a namespace, marked as tracked."""

from __future__ import annotations

import hashlib
import json
import re
from collections import OrderedDict
from collections.abc import Mapping
from dataclasses import dataclass
from typing import Any

import yaml

from sandbox.documents import Document, canonical, copied, look
from sandbox.repositories import Repositories, RepositoryError

TRACKING = "argocd.argoproj.io/tracking-id"
CLUSTER_SCOPED = frozenset(
    "Namespace ClusterRole ClusterRoleBinding CustomResourceDefinition PersistentVolume StorageClass PriorityClass "
    "IngressClass RuntimeClass ValidatingWebhookConfiguration MutatingWebhookConfiguration APIService "
    "ClusterSecretStore ClusterIssuer ClusterExternalSecret".split()
)
APPLY_ORDER = (
    "Namespace NetworkPolicy ResourceQuota LimitRange PodSecurityPolicy PodDisruptionBudget ServiceAccount Secret "
    "SecretList ConfigMap StorageClass PersistentVolume PersistentVolumeClaim CustomResourceDefinition ClusterRole "
    "ClusterRoleList ClusterRoleBinding ClusterRoleBindingList Role RoleList RoleBinding RoleBindingList Service "
    "DaemonSet Pod ReplicationController ReplicaSet Deployment HorizontalPodAutoscaler StatefulSet Job CronJob "
    "IngressClass Ingress APIService"
).split()
CACHED_TREES = 512
Loader = getattr(yaml, "CSafeLoader", yaml.SafeLoader)


@dataclass(frozen=True, order=True)
class Key:
    """What names an object in the cluster; ordered as Argo CD lists resources."""

    group: str
    kind: str
    namespace: str
    name: str

    @property
    def text(self) -> str:
        """One line, the key in the store and the tracking form."""
        return f"{self.group}/{self.kind}:{self.namespace}/{self.name}"


def parse_key(text: str) -> Key:
    """The inverse of `Key.text`."""
    kind, _, name = text.partition(":")
    return Key(*kind.split("/", 1), *name.split("/", 1))


def key_of(manifest: Mapping[str, Any]) -> Key:
    """The key of a manifest."""
    group = str(manifest.get("apiVersion", "")).rpartition("/")[0]
    metadata = manifest.get("metadata")
    if not isinstance(metadata, dict):
        metadata = {}
    return Key(group, str(manifest.get("kind", "")), metadata.get("namespace") or "", metadata.get("name") or "")


def version_of(manifest: Document) -> str:
    """The version part of apiVersion."""
    return str(manifest.get("apiVersion", "")).rpartition("/")[2]


def tracked_by(manifest: Document) -> str:
    """The Application that an object's tracking id names, or an empty text."""
    tracking = look(manifest, "metadata", "annotations", TRACKING, default="")
    application, _, rest = tracking.partition(":")
    return application if rest == key_of(manifest).text else ""


def images_of(manifest: Document) -> list[str]:
    """The images of a workload's pod template or of a Pod."""
    spec = look(manifest, "spec", "template", "spec")
    if manifest.get("kind") == "Pod":
        spec = manifest.get("spec")
    if manifest.get("kind") == "CronJob":
        spec = look(manifest, "spec", "jobTemplate", "spec", "template", "spec")
    containers = look(spec, "initContainers", default=[]) + look(spec, "containers", default=[])
    return [container["image"] for container in containers if container.get("image")]


def external_urls(ingress: Document) -> list[str]:
    """The addresses that an Ingress serves, each once, sorted."""
    scheme = "https" if look(ingress, "spec", "tls") else "http"
    urls = set()
    for rule in look(ingress, "spec", "rules", default=[]):
        for path in look(rule, "http", "paths", default=[]) if rule.get("host") else []:
            shown = path.get("path", "") if path.get("path") != "/" else ""
            urls.add(f"{scheme}://{rule['host']}{shown}")
    return sorted(urls)


@dataclass(frozen=True)
class Target:
    """What one Application wants at one commit. `objects` are placed and marked; never change them."""

    revision: str
    digest: str
    objects: tuple[Document, ...]

    @property
    def keys(self) -> tuple[Key, ...]:
        """The keys of the objects, in the order of the files."""
        return tuple(key_of(item) for item in self.objects)


def parse_files(files: Mapping[str, bytes]) -> list[Document]:
    """The objects of these files. RepositoryError for a file that looks like a manifest and cannot be read."""
    found: list[Document] = []
    for path in sorted(files):
        found += _parse_file(path, files[path])
    return found


def _parse_file(path: str, raw: bytes) -> list[Document]:
    try:
        documents = list(yaml.load_all(raw.decode("utf-8"), Loader=Loader))
        objects = json.loads(json.dumps([item for item in documents if item], default=str))
    except (ValueError, yaml.YAMLError) as error:
        if all(word in raw for word in (b"apiVersion:", b"kind:", b"metadata:")):
            reason = " ".join(str(error).split())
            raise RepositoryError(f'Failed to unmarshal "{path.rpartition("/")[2]}": {reason}') from error
        return []  # an unrelated file, ignored as Argo CD does
    flat: list[Document] = []
    for item in objects:
        if isinstance(item, dict) and item.get("apiVersion") and item.get("kind"):
            flat += item.get("items", []) if str(item["kind"]).endswith("List") and "items" in item else [item]
    return flat


def place(manifest: Document, application: str, namespace: str, *, with_namespace: bool = True) -> Document:
    """The manifest as Argo CD applies it: in the destination's namespace and with the tracking id."""
    placed: Document = copied(manifest)
    metadata = placed.setdefault("metadata", {})
    scoped = placed["kind"] not in CLUSTER_SCOPED
    own = metadata.get("namespace")
    if scoped and not own:
        metadata["namespace"] = namespace
    if not scoped:
        metadata.pop("namespace", None)
    annotations = dict(metadata.get("annotations") or {})
    annotations[TRACKING] = f"{application}:{key_of(placed).text}"
    metadata["annotations"] = annotations
    if not with_namespace and scoped and not own:
        del metadata["namespace"]
    return placed


class Manifests:
    """Targets of Applications, cached by what the files contain."""

    def __init__(self, repositories: Repositories) -> None:
        self.repositories = repositories
        self._parsed: OrderedDict[str, list[Document]] = OrderedDict()
        self._targets: OrderedDict[str, Target] = OrderedDict()

    async def raw(self, source: Document, commit: str) -> tuple[str, list[Document]]:
        """A digest of the files and the objects in them. RepositoryError when the path is not there."""
        repository = self.repositories.at(source["repoURL"])
        path = source.get("path", "")
        blobs = await repository.blobs(commit, path)
        if not blobs:
            raise RepositoryError(f"{path}: app path does not exist")
        recurse = bool(look(source, "directory", "recurse", default=False))
        wanted = {name: blob for name, blob in sorted(blobs.items()) if self._is_manifest(name, recurse)}
        digest = hashlib.sha256(canonical(wanted).encode()).hexdigest()
        if digest not in self._parsed:
            contents = await repository.contents(list(wanted.values()))
            self._parsed[digest] = parse_files(dict(zip(wanted, contents, strict=True)))
        _keep_newest(self._parsed, digest)
        return digest, self._parsed[digest]

    @staticmethod
    def _is_manifest(name: str, recurse: bool) -> bool:
        return re.search(r"\.(ya?ml|json)$", name) is not None and (recurse or "/" not in name)

    async def target(self, application: Document, source: Document, commit: str) -> Target:
        """What the Application wants at this commit."""
        digest, objects = await self.raw(source, commit)
        name = application["metadata"]["name"]
        namespace = look(application, "spec", "destination", "namespace", default="default")
        key = f"{name}/{namespace}/{digest}"
        if key not in self._targets:
            placed = {key_of(item): item for item in (place(item, name, namespace) for item in objects)}
            self._targets[key] = Target(commit, digest, tuple(placed.values()))
        _keep_newest(self._targets, key)
        found = self._targets[key]
        return found if found.revision == commit else Target(commit, digest, found.objects)


def _keep_newest(cache: OrderedDict[str, Any], key: str) -> None:
    cache.move_to_end(key)
    while len(cache) > CACHED_TREES * 4:
        cache.popitem(last=False)


def apply_rank(key: Key) -> tuple[int, str]:
    """Where a kind comes when objects are applied; kinds that Argo CD does not know come last."""
    rank = APPLY_ORDER.index(key.kind) if key.kind in APPLY_ORDER else len(APPLY_ORDER)
    return rank, key.name


def load_failure(revision: str, error: RepositoryError) -> str:
    """A commit or path that cannot be read, as a comparison or an operation reports it."""
    reason = str(error)
    if reason.startswith("Failed to load live state"):
        return f"ComparisonError: {reason}"
    if not_ours := re.search(r"upload-pack: not our ref \S+", reason):
        reason = f"fatal: remote error: {not_ours[0]}"
    if "not our ref" in reason or "unadvertised object" in reason or "couldn't find remote ref" in reason:
        reason = (
            f"failed to initialize repository resources: rpc error: code = Internal desc = Failed to checkout revision "
            f"{revision}: `git fetch origin {revision} --tags --force --prune` failed exit status 128: {reason}"
        )
    return (
        "ComparisonError: Failed to load target state: failed to generate manifest for source 1 of 1: "
        f"rpc error: code = Unknown desc = {reason}"
    )
