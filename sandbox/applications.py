"""Applications as the API keeps and shows them."""

from __future__ import annotations

import json
import logging
import re
import uuid
from collections.abc import Callable, Iterable

from sandbox.clock import Clock, nanosecond_stamp
from sandbox.documents import Document, copied, look
from sandbox.envelope import INVALID, ApiError
from sandbox.events import add_event
from sandbox.health import Health
from sandbox.manifests import Key
from sandbox.store import Store
from sandbox.streams import Hub

logger = logging.getLogger(__name__)
IN_CLUSTER = "https://kubernetes.default.svc"
NAME = re.compile(r"[a-z0-9]([-a-z0-9]*[a-z0-9])?(\.[a-z0-9]([-a-z0-9]*[a-z0-9])?)*")


def new_status() -> Document:
    """The status of an Application that was never compared."""
    compared = {"source": {"repoURL": ""}, "destination": {}}
    return {"sync": {"status": "", "comparedTo": compared}, "health": {}, "summary": {}, "sourceHydrator": {}}


def normalised(spec: Document) -> Document:
    """The spec without empty parts, and in the project `default` when it names none."""
    result = {key: copied(value) for key, value in spec.items() if value not in (None, "", [], {})}
    result["project"] = spec.get("project") or "default"
    for part in ("source", "destination"):
        result[part] = {key: value for key, value in (result.get(part) or {}).items() if value not in (None, "", {})}
    if look(result, "source", "directory") is not None and not any(result["source"]["directory"].values()):
        del result["source"]["directory"]
    policy = {key: value for key, value in (result.get("syncPolicy") or {}).items() if value not in (None, [])}
    result["syncPolicy"] = policy
    if not policy:
        del result["syncPolicy"]
    return result


def automated(application: Document) -> Document | None:
    """The automated policy when it is on, else None."""
    policy = look(application, "spec", "syncPolicy", "automated")
    return policy if policy is not None and policy.get("enabled", True) is not False else None


def resource_key(resource: Document) -> Key:
    """The key of an entry of `status.resources`."""
    return Key(resource.get("group", ""), resource["kind"], resource.get("namespace", ""), resource["name"])


class Applications:
    """All Applications; every change goes through `save`, which numbers and publishes it."""

    def __init__(self, store: Store, clock: Clock, hub: Hub) -> None:
        self.store = store
        self.clock = clock
        self.hub = hub
        self.operations_log = store.directory / "operations.jsonl"
        self.health_of: Callable[[str], dict[Key, Health | None]] = lambda name: {}

    def all(self) -> list[Document]:
        """Every Application, sorted by name."""
        found = self.store.all("application")
        return [found[name] for name in sorted(found)]

    def find(self, name: str) -> Document | None:
        """An Application, or None. Change it only together with `save`."""
        return self.store.get("application", name)

    def create(self, wanted: Document, spec: Document, username: str) -> Document:
        """Add a new Application with this normalised spec."""
        given = wanted.get("metadata") or {}
        metadata = {"name": given["name"], "namespace": "argocd", "uid": str(uuid.uuid4()), "generation": 0,
                    "creationTimestamp": self.clock.stamp()}  # fmt: skip
        metadata |= {key: copied(given[key]) for key in ("labels", "annotations", "finalizers") if given.get(key)}
        application = {"metadata": metadata, "spec": spec, "status": new_status()}
        self._store(application, content=True)
        self.hub.publish("ADDED", self.shown(application))
        self.event(application, "ResourceCreated", f"{username} created application", username)
        return application

    def save(self, application: Document, *, content: bool = True) -> Document:
        """Store a change and tell the readers. `content`: more than metadata changed, so the generation grows."""
        name = application["metadata"]["name"]
        if self.find(name) is not application:
            return application  # deleted while somebody still worked on it
        self._store(application, content)
        if self.hub.watched:
            self.hub.publish("MODIFIED", self.shown(application))
        return application

    def _store(self, application: Document, content: bool) -> None:
        metadata = application["metadata"]
        metadata["resourceVersion"] = self.store.next_version()
        metadata["generation"] += int(content)
        self.store.put("application", metadata["name"], application)

    def remove(self, application: Document) -> None:
        """The Application is gone."""
        self.store.delete("application", application["metadata"]["name"])
        self.store.delete("event", application["metadata"]["uid"])
        self.hub.publish("DELETED", self.shown(application))

    def shown(self, application: Document) -> Document:
        """As a read and the stream show it: the health of each resource comes from the tree."""
        result: Document = copied(application)
        resources = result["status"].get("resources", [])
        known = self.health_of(application["metadata"]["name"]) if resources else {}
        for resource in resources:
            found = known.get(resource_key(resource))
            if found:
                resource["health"] = dict(found)
        return result

    def log_operation(self, application: Document, operation: Document, kind: str = "sync") -> None:
        """Append an accepted operation (or its termination) to the log that people and tests read."""
        metadata = application["metadata"]
        line = {
            "at": nanosecond_stamp(), "type": kind, "application": metadata["name"],
            "project": application["spec"]["project"], "revision": look(operation, "sync", "revision", default=""),
            "infos": operation.get("info", []), "initiatedBy": operation.get("initiatedBy", {}),
            "dryRun": bool(look(operation, "sync", "dryRun", default=False)),
        }  # fmt: skip
        with self.operations_log.open("a", encoding="utf-8") as log:
            log.write(json.dumps(line) + "\n")
        logger.info("operation accepted %s", json.dumps(line))

    def operations(self) -> list[Document]:
        """The log, oldest first."""
        if not self.operations_log.exists():
            return []
        return [json.loads(line) for line in self.operations_log.read_text("utf-8").splitlines() if line]

    def event(self, application: Document, reason: str, message: str, username: str = "") -> None:
        """Record an event about the Application; of the server when somebody asked, else of the controller."""
        metadata, destination = application["metadata"], application["spec"]["destination"]
        involved = {"kind": "Application", "apiVersion": "argoproj.io/v1alpha1"} | {
            key: metadata[key] for key in ("namespace", "name", "uid", "resourceVersion")
        }
        notes = {"dest-namespace": destination.get("namespace", ""), "dest-server": destination.get("server", "")}
        component = "argocd-server" if username else "argocd-application-controller"
        annotations = notes | ({"user": username} if username else {})
        add_event(self.store, involved, self.clock.stamp(), reason, message, component, annotations=annotations)


def check_name(name: str) -> None:
    """Refuse a name that Kubernetes would refuse."""
    if NAME.fullmatch(name) and len(name) <= 253:
        return
    raise ApiError(
        INVALID,
        f'error creating application: Application.argoproj.io "{name}" is invalid: metadata.name: Invalid value: "{name}": '
        "a lowercase RFC 1123 subdomain must consist of lower case alphanumeric characters, '-' or '.', and must start and "
        "end with an alphanumeric character (e.g. 'example.com', regex used for validation is "
        r"'[a-z0-9]([-a-z0-9]*[a-z0-9])?(\.[a-z0-9]([-a-z0-9]*[a-z0-9])?)*')",
    )


LIST_FIELDS = frozenset(
    "metadata.name metadata.namespace metadata.annotations metadata.labels metadata.creationTimestamp "
    "metadata.deletionTimestamp spec spec.destination spec.project spec.source spec.sources spec.sourceHydrator "
    "spec.syncPolicy operation.sync status.sourceHydrator status.summary status.health status.resources "
    "status.sync.status status.sync.revision status.operationState.phase status.operationState.startedAt "
    "status.operationState.finishedAt status.operationState.operation.sync".split()
)


def selected_fields(application: Document, fields: str) -> Document:
    """The Application reduced to the `items.…` fields that Argo CD knows; all of these without the named ones for `-`."""
    excluded = fields.startswith("-")
    named = {name.removeprefix("items.") for name in fields.removeprefix("-").split(",")}
    wanted = LIST_FIELDS - named if excluded else LIST_FIELDS & named
    result: Document = {}
    for field in sorted(wanted):
        path = field.split(".")
        source = ["status", "operationState", "syncResult"] if path[-2:] == ["operation", "sync"] else path
        value = look(application, *source)
        if value is not None:
            _set(result, path, copied(value))
    return result


def _set(result: Document, path: Iterable[str], value: object) -> None:
    *parents, last = path
    for key in parents:
        result = result.setdefault(key, {})
    result[last] = value
