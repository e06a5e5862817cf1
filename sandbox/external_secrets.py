"""External Secrets' operator: reads each ExternalSecret's remote keys and merges them into its Secret, in its own words."""

from __future__ import annotations

import re
import secrets
from collections.abc import Iterator

from sandbox.cluster import PRIVATE, Cluster
from sandbox.deployments import template_hash
from sandbox.documents import Document, look
from sandbox.events import record_event
from sandbox.faults import Faults
from sandbox.manifests import key_of
from sandbox.pods import is_alive
from sandbox.secret_stores import SecretMissing, SecretStores
from sandbox.shared_secrets import HANDS, make_secret, merge_keys, secret_at

ANSWER_SECONDS = 0.5
RETRY_SECONDS = 5.0
"""At speed 1; the real one waits from 1 s up to 7 minutes."""
HOUR = 3600.0
UNITS = {"h": 3600.0, "m": 60.0, "s": 1.0}
FAILED = "could not get secret data from provider"
MERGE_ONLY = "secret will not be created due to CreationPolicy=Merge"
COMPONENT = "external-secrets"


class ProviderError(Exception):
    """What the store said; the text goes into an event."""


class ExternalSecrets:
    """Steps of all ExternalSecrets: at once after a change, again after a failure, and as often as each asks for."""

    def __init__(self, cluster: Cluster, stores: SecretStores, faults: Faults) -> None:
        self.cluster = cluster
        self.stores = stores
        self.faults = faults

    def step(self, manifest: Document) -> float | None:
        """Reconcile where it is due; when to come again."""
        if not is_alive(manifest):
            return None
        private, generation = manifest[PRIVATE], manifest["metadata"]["generation"]
        if private.get("due_for") != generation:
            private |= {"due_for": generation, "due": self.cluster.clock.due(ANSWER_SECONDS)}
        if private["due"] > self.cluster.clock.epoch():
            return float(private["due"])
        seconds = self._reconcile(manifest)
        private["due"] = self.cluster.clock.due(seconds)
        self.cluster.store.put("object", key_of(manifest).text, manifest)
        return float(private["due"])

    def wake(self, store: str) -> None:
        """Let every ExternalSecret of this store look again now."""
        for manifest in self.cluster.all():
            if manifest["kind"] == "ExternalSecret" and store in _stores(manifest):
                manifest[PRIVATE]["due"] = self.cluster.clock.epoch()
                self.cluster.scheduler.wake("object", key_of(manifest).text)

    def _reconcile(self, manifest: Document) -> float:
        """Read and write; after how many seconds again."""
        try:
            values = dict(self._values(manifest))
        except ProviderError as error:
            record_event(self.cluster, manifest, "UpdateFailed", str(error), COMPONENT, "Warning")
            self._say(manifest, "False", "SecretSyncedError", FAILED)
            return RETRY_SECONDS
        if not self._write(manifest, values):
            self._say(manifest, "True", "SecretMissing", MERGE_ONLY)
            return RETRY_SECONDS
        self._say(manifest, "True", "SecretSynced", "secret synced", **self._synced(manifest))
        return _seconds(look(manifest, "spec", "refreshInterval", default="1h"))

    def _values(self, manifest: Document) -> Iterator[tuple[str, str]]:
        """Key and value of each reference; one that the store lacks is left out where the deletion policy allows it."""
        keeps = look(manifest, "spec", "target", "deletionPolicy", default="Retain") == "Retain"
        for place, item in enumerate(look(manifest, "spec", "data", default=[])):
            key = look(item, "remoteRef", "key", default="")
            try:
                yield look(item, "secretKey", default=""), self._value(manifest, item)
            except SecretMissing as error:
                if keeps:
                    raise ProviderError(_at(place, key, str(error))) from error
                message = f"secret does not exist at provider using .data[{place}] key={key}"
                record_event(self.cluster, manifest, "Deleted", message, COMPONENT)
            except ProviderError as error:
                raise ProviderError(_at(place, key, str(error))) from error

    def _value(self, manifest: Document, item: Document) -> str:
        store, key = _store(manifest, item), look(item, "remoteRef", "key", default="")
        is_filled = self.stores.is_known(store)
        away = self.faults.standing("unreachable-store", look(manifest, PRIVATE, "application", default=""))
        if away or (not is_filled and "unreachable" in key):
            raise ProviderError(f'Get "https://{store}.example.test/v1/{key}": dial tcp: i/o timeout')
        if is_filled:
            return self.stores.value(store, key, look(item, "remoteRef", "property", default=""))
        if "does-not-exist" in key:
            raise SecretMissing("Secret does not exist")
        return secrets.token_urlsafe(9)

    def _write(self, manifest: Document, values: dict[str, str]) -> bool:
        """Merge into the target; False where there is none and none may be made."""
        namespace, name = manifest["metadata"]["namespace"], _target(manifest)
        hand = f"externalsecrets.external-secrets.io/{manifest['metadata']['name']}"
        live = secret_at(self.cluster, namespace, name)
        if live is not None:
            # Made-up values change with each reading; they are written once.
            if self._is_filled(manifest) or live[PRIVATE].get(HANDS, {}).get(hand) != sorted(values):
                merge_keys(self.cluster, live, hand, values)
        elif look(manifest, "spec", "target", "creationPolicy", default="Owner") == "Owner":
            make_secret(self.cluster, namespace, name, hand, values)
        else:
            return False
        return True

    def _is_filled(self, manifest: Document) -> bool:
        """Whether any value comes from a store and is not made up."""
        return any(self.stores.is_known(_store(manifest, item)) for item in look(manifest, "spec", "data", default=[]))

    def _synced(self, manifest: Document) -> Document:
        version = f"{manifest['metadata']['generation']}-{template_hash(manifest['spec'])}"
        stamp = self.cluster.clock.stamp()
        return {"binding": {"name": _target(manifest)}, "refreshTime": stamp, "syncedResourceVersion": version}

    def _say(self, manifest: Document, status: str, reason: str, message: str, **more: object) -> None:
        """Write the condition; its time moves only when something in it does, and nobody is told of equal words."""
        before = manifest.get("status", {})
        known: Document = next(iter(before.get("conditions", [])), {})
        same = (known.get("status"), known.get("reason"), known.get("message")) == (status, reason, message)
        turned = known["lastTransitionTime"] if same else self.cluster.clock.stamp()
        condition = {
            "type": "Ready",
            "status": status,
            "reason": reason,
            "message": message,
            "lastTransitionTime": turned,
        }
        manifest["status"] = {**before, **more, "conditions": [condition]}
        if not same or before.get("syncedResourceVersion") != manifest["status"].get("syncedResourceVersion"):
            self.cluster.put(manifest)


def _store(manifest: Document, item: Document) -> str:
    """The store of one reference: its own, or that of all."""
    own = look(item, "sourceRef", "storeRef", "name", default="")
    return str(own or look(manifest, "spec", "secretStoreRef", "name", default=""))


def _stores(manifest: Document) -> set[str]:
    return {_store(manifest, item) for item in look(manifest, "spec", "data", default=[])}


def _at(place: int, key: str, reason: str) -> str:
    return f"error retrieving secret at .data[{place}], key: {key}, err: {reason}"


def _target(manifest: Document) -> str:
    return str(look(manifest, "spec", "target", "name", default=manifest["metadata"]["name"]))


def _seconds(interval: str) -> float:
    """`1h`, `10m30s`; never (0) is a day here."""
    found = sum(float(number) * UNITS[unit] for number, unit in re.findall(r"(\d+(?:\.\d+)?)([hms])", str(interval)))
    return found or 24 * HOUR
