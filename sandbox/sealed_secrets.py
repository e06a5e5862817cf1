"""Sealed Secrets' controller: unseals each SealedSecret into the Secret of the same name, or patches that Secret."""

from __future__ import annotations

import secrets

from sandbox.cluster import PRIVATE, Cluster
from sandbox.documents import Document, look
from sandbox.pods import is_alive
from sandbox.shared_secrets import HANDS, make_secret, merge_keys, secret_at

ANSWER_SECONDS = 0.5
SEALED = "Ag"
"""How everything that kubeseal made begins."""
PATCH, MANAGED = "sealedsecrets.bitnami.com/patch", "sealedsecrets.bitnami.com/managed"


class SealedSecrets:
    """Steps of all SealedSecrets: once after each change."""

    def __init__(self, cluster: Cluster) -> None:
        self.cluster = cluster

    def step(self, manifest: Document) -> float | None:
        """Unseal where it is due; when to come again."""
        private, generation = manifest[PRIVATE], manifest["metadata"]["generation"]
        if not is_alive(manifest) or look(manifest, "status", "observedGeneration") == generation:
            return None
        if private.get("due_for") != generation:
            private |= {"due_for": generation, "due": self.cluster.clock.due(ANSWER_SECONDS)}
        if private["due"] > self.cluster.clock.epoch():
            return float(private["due"])
        self._say(manifest, self._unseal(manifest))
        return None

    def _unseal(self, manifest: Document) -> str:
        """Write the Secret; what went wrong in the controller's words, or nothing."""
        namespace, name = manifest["metadata"]["namespace"], manifest["metadata"]["name"]
        sealed = look(manifest, "spec", "encryptedData", default={})
        for key, text in sealed.items():
            if not str(text).startswith(SEALED):
                return f"no key could decrypt secret ({key})"
        values = {key: secrets.token_urlsafe(9) for key in sealed}
        live = secret_at(self.cluster, namespace, name)
        if live is None:
            make_secret(self.cluster, namespace, name, f"sealed-secrets/{name}", values)
        elif f"sealed-secrets/{name}" in live[PRIVATE].get(HANDS, {}) or _may_be_patched(live):
            merge_keys(self.cluster, live, f"sealed-secrets/{name}", values)
        else:
            return f'failed update: Resource "{name}" already exists and is not managed by SealedSecret'
        return ""

    def _say(self, manifest: Document, problem: str) -> None:
        now = self.cluster.clock.stamp()
        condition = {
            "type": "Synced",
            "status": "False" if problem else "True",
            "lastTransitionTime": now,
            "lastUpdateTime": now,
        }
        condition |= {"message": problem} if problem else {}
        manifest["status"] = {"conditions": [condition], "observedGeneration": manifest["metadata"]["generation"]}
        self.cluster.put(manifest)


def _may_be_patched(secret: Document) -> bool:
    annotations = look(secret, "metadata", "annotations", default={})
    return "true" in (annotations.get(PATCH), annotations.get(MANAGED))
