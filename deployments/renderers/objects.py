"""What a tool printed, as Kubernetes objects: read safely, checked, and named by file."""

from __future__ import annotations

import re
from collections.abc import Iterator, Mapping
from typing import Any

from controlpanel.catalog.yaml_text import UNREAD_BY_ARGO_CD, canonical
from controlpanel.core.literal_secrets import REMEDY
from controlpanel.core.literal_secrets_in_files import scan_object
from deployments.renderers.tree import SourceRefused
from deployments.renderers.yaml_guard import read

Object = dict[str, Any]

CLUSTER = "_cluster"
LAST_APPLIED = "kubectl.kubernetes.io/last-applied-configuration"
"""The annotation in which kubectl keeps a copy of the whole object."""
MAXIMUM_OBJECTS = 2_000
"""Of one component."""
PINNED = re.compile(r"[a-z0-9][a-zA-Z0-9._:/-]*@sha256:[0-9a-f]{64}\Z")

_NAME = re.compile(r"[A-Za-z0-9]([A-Za-z0-9._:-]{0,251}[A-Za-z0-9])?\Z")
_NAMESPACE = re.compile(r"[a-z0-9]([a-z0-9-]{0,61}[a-z0-9])?\Z")
_KIND = re.compile(r"[A-Z][A-Za-z0-9]{0,62}\Z")
_NO_VALUES = "Name the secret in an ExternalSecret or SealedSecret; values do not belong in Git."
_UNREAD = "Argo CD would not read its file and delete what it had."
_LONGEST_FILE_NAME = 255
_CONTAINERS = ("containers", "initContainers", "ephemeralContainers")


class ObjectRefused(Exception):
    """An object that is not committed; the message names it, the remedy says what to change in its manifest."""

    def __init__(self, message: str, remedy: str) -> None:
        self.message = message
        self.remedy = remedy
        super().__init__(f"{message} {remedy}")


def objects_of(output: bytes) -> list[Object]:
    """The objects in a stream of YAML documents, lists taken apart; raises ObjectRefused for what is none.

    Go's YAML, which printed it, quotes all text that could be another type, and leaves `12:30`, `2026-01-01` and `=` bare.
    """
    try:
        documents = read(output, "The rendered text", strict=False, most=MAXIMUM_OBJECTS)
    except SourceRefused as error:
        raise ObjectRefused(error.message, error.remedy) from error
    return [item for document in documents for item in flattened(document)]


def files_of(component: str, objects: list[Object]) -> dict[str, bytes]:
    """Path -> content for objects that may be committed; raises ObjectRefused for those that may not."""
    files: dict[str, bytes] = {}
    for item in objects:
        _refuse_secret_values(item)
        _refuse_literal_secrets(item)
        path = f"{component}/{_file_of(item)}"
        if path in files:
            raise ObjectRefused(f"{title(item)} is there twice.", "Remove one, or give it another name or namespace.")
        files[path] = canonical(item)
        if b"kind: Secret" in files[path]:
            _refuse_secrets_within(item)
        if UNREAD_BY_ARGO_CD.encode() in files[path]:
            raise ObjectRefused(f"{title(item)} holds “{UNREAD_BY_ARGO_CD}”: {_UNREAD}", "Write it in other words.")
    if not files:  # committed, it would take everything of the component away
        raise ObjectRefused(f"{component} gives no object at all.", "Look at conditions and values, or retire it.")
    return files


def images_of(objects: list[Object]) -> set[str]:
    """The images of all containers; raises ObjectRefused for one that is not pinned by its digest."""
    found: set[str] = set()
    for item in objects:
        for container in containers_of(item):
            image = container.get("image")
            if not isinstance(image, str) or not PINNED.match(image):
                message = f"{title(item)}: container {container.get('name')} has the image “{image}” without a digest."
                raise ObjectRefused(message, "List it under the component's images, or pin it by @sha256:….")
            found.add(image)
        for volume in _entries_of(item, "volumes"):
            found |= _image_of_volume(item, volume)
    return found


def _image_of_volume(item: Object, volume: Mapping[str, Any]) -> set[str]:
    source = volume.get("image")
    if not isinstance(source, Mapping):
        return set()
    image = source.get("reference")
    if not isinstance(image, str) or not PINNED.match(image):
        message = f"{title(item)}: volume {volume.get('name')} has the image “{image}” without a digest."
        raise ObjectRefused(message, "Pin it by @sha256:….")
    return {image}


def title(item: Mapping[str, Any]) -> str:
    """Kind, namespace and name of an object for people."""
    metadata = item.get("metadata")
    metadata = metadata if isinstance(metadata, Mapping) else {}
    place = f"{metadata['namespace']}/" if metadata.get("namespace") else ""
    return f"{item.get('kind')} {place}{metadata.get('name')}"


def flattened(document: Any) -> Iterator[Object]:
    """The objects in one document, lists taken apart; raises ObjectRefused for what is none."""
    if not isinstance(document, dict):
        raise ObjectRefused("A rendered document is not an object.", "Give it apiVersion, kind and metadata.")
    kind = document.get("kind")
    if isinstance(kind, str) and kind.endswith("List") and isinstance(document.get("items"), list):
        for item in document["items"]:
            yield from flattened(item)
        return
    if isinstance(kind, str) and kind.endswith("List") and _is_of_kubernetes(document):
        raise ObjectRefused(f"{title(document)} has no list of items.", "Write its objects under items.")
    metadata = document.get("metadata")
    if isinstance(metadata, dict) and metadata.get("namespace", "") is None:
        del metadata["namespace"]  # as Kubernetes reads null, and what a template without a value prints
    yield document


def _is_of_kubernetes(document: Object) -> bool:
    """Whether a kind is one of its own: others may call what is no list so, such as a ManagedPrefixList."""
    group = str(document.get("apiVersion")).rpartition("/")[0]
    return "." not in group or group.endswith(".k8s.io")


def _file_of(item: Object) -> str:
    kind, metadata = item.get("kind"), item.get("metadata")
    if not isinstance(metadata, Mapping) or not isinstance(item.get("apiVersion"), str):
        raise ObjectRefused(f"{title(item)} has no apiVersion or no metadata.", "Add them.")
    name, namespace = metadata.get("name"), metadata.get("namespace")
    if not isinstance(kind, str) or not _KIND.match(kind):
        raise ObjectRefused(f"The kind “{kind}” is not allowed.", "Write a kind such as Deployment.")
    if not isinstance(name, str) or not _NAME.match(name) or ".." in name:
        raise ObjectRefused(
            f"A {kind} has the name “{name}”, which is not allowed.", "Use letters, digits and hyphens."
        )
    if namespace is not None and (not isinstance(namespace, str) or not _NAMESPACE.match(namespace)):
        raise ObjectRefused(f"{kind} {name} has the namespace “{namespace}”.", "Use small letters, digits and hyphens.")
    file = f"{kind}-{name}.yaml"
    if len(file) > _LONGEST_FILE_NAME:  # no file system would hold it, so that the branch could not be checked out
        raise ObjectRefused(f"{kind} {name[:40]}… has a name of {len(name)} letters.", "Give it a shorter name.")
    return f"{namespace or CLUSTER}/{file}"


def _refuse_secret_values(item: Mapping[str, Any]) -> None:
    if item.get("kind") != "Secret":
        return
    held = [item[field] for field in ("data", "stringData") if item.get(field)]
    if held:
        keys = sorted(str(key) for values in held if isinstance(values, Mapping) for key in values)
        named = f" ({', '.join(keys)})" if keys else ""
        raise ObjectRefused(f"{title(item)} holds values{named}.", _NO_VALUES)
    if LAST_APPLIED in annotations_of(item):
        raise ObjectRefused(f"{title(item)} holds values in its annotation {LAST_APPLIED}.", _NO_VALUES)


def _refuse_secrets_within(node: Any) -> None:
    """Other objects carry whole ones inside, such as a ManifestWork."""
    if isinstance(node, Mapping):
        _refuse_secret_values(node)
    for child in node.values() if isinstance(node, Mapping) else node if isinstance(node, list) else ():
        _refuse_secrets_within(child)


def _refuse_literal_secrets(item: Object) -> None:
    """A credential that stands anywhere in an object would stay in Git's history for ever."""
    for found in scan_object(item):
        raise ObjectRefused(f"{title(item)} holds a {found.kind} in {found.name}.", REMEDY)


def annotations_of(item: Mapping[str, Any]) -> Mapping[str, Any]:
    """An object's annotations; empty where it has none."""
    metadata = item.get("metadata")
    found = metadata.get("annotations") if isinstance(metadata, Mapping) else None
    return found if isinstance(found, Mapping) else {}


def containers_of(value: Any) -> Iterator[dict[str, Any]]:
    """Containers of every pod template, wherever it stands in an object."""
    return _entries_of(value, *_CONTAINERS)


def _entries_of(value: Any, *fields: str) -> Iterator[dict[str, Any]]:
    """The mappings in every list of these names, wherever it stands."""
    if isinstance(value, list):
        for item in value:
            yield from _entries_of(item, *fields)
    elif isinstance(value, Mapping):
        for key, item in value.items():
            if key in fields and isinstance(item, list):
                yield from (entry for entry in item if isinstance(entry, dict))
            else:
                yield from _entries_of(item, *fields)
