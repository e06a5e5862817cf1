"""What External Secrets and Sealed Secrets say of the objects that they work on. Pure: one live manifest in, one answer out.

External Secrets repeats a failure without touching its condition, so a failure that was there before says nothing of a
later change; a success names the generation that it is of.
"""

from __future__ import annotations

from dataclasses import dataclass
from datetime import datetime
from typing import Literal

from controlpanel.clients.argocd_json import Json, integer, mapping, mappings, moment, text

KINDS = frozenset({"ExternalSecret", "SealedSecret"})


@dataclass(frozen=True)
class Answer:
    """`pending`: nothing is said of this `generation` yet. `repeated`: fails in the words of before, maybe of before.

    `message` is the operator's own; `at` is when it last began to say so, by the cluster's clock.
    """

    standing: Literal["pending", "ready", "failing", "repeated"]
    message: str = ""
    generation: int = 0
    at: datetime | None = None


def answer_of(manifest: Json, *, since: datetime | None = None) -> Answer:
    """The answer to the object as it stands; `since` is when it last changed, None where that does not matter."""
    metadata, status = mapping(manifest, "metadata"), mapping(manifest, "status")
    generation = integer(metadata, "generation")
    kind = "Ready" if manifest.get("kind") == "ExternalSecret" else "Synced"
    found = next((one for one in mappings(status, "conditions") if one.get("type") == kind), None)
    if found is None:
        return Answer("pending", generation=generation)
    message, at = text(found, "message"), moment(found, "lastTransitionTime")
    if kind == "Synced":
        if integer(status, "observedGeneration") < generation:
            return Answer("pending", message, generation, at)
        return Answer("ready" if found.get("status") == "True" else "failing", message, generation, at)
    return _external(manifest, found, message, generation, at, since)


def _external(
    manifest: Json, found: Json, message: str, generation: int, at: datetime | None, since: datetime | None
) -> Answer:
    is_ready = found.get("status") == "True" and found.get("reason") not in ("SecretMissing", "SecretDeleted")
    if is_ready:
        synced = text(mapping(manifest, "status"), "syncedResourceVersion").partition("-")[0]
        return Answer("ready" if synced == str(generation) else "pending", message, generation, at)
    is_new = since is None or (at is not None and at >= since)
    return Answer("failing" if is_new else "repeated", message, generation, at)
