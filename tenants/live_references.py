"""Whether a reference is what the cluster holds, judged from conditions, generations and names of keys. No rows, no Django.

The operators' own words decide: External Secrets' `Ready` condition with the generation it was synced for, Sealed
Secrets' `Synced` condition. A value is neither asked for nor looked at.
"""

from __future__ import annotations

import json
import re
from collections.abc import Iterable, Mapping
from dataclasses import dataclass, field
from typing import Literal

from controlpanel.clients.argocd_json import Json, mapping, mappings, text
from controlpanel.clients.secret_operators import Answer, answer_of
from tenants.parts import Reference

Verdict = Literal["verified", "unverified", "failing"]
IN_EVENT = re.compile(r"key: (?P<key>.+?), err: ")
"""How its event names the remote key that failed; the condition does not."""


@dataclass(frozen=True, kw_only=True)
class Judgement:
    """`generation` is that of the object in the cluster; `message` the operator's words, or why nothing is known."""

    verdict: Verdict
    generation: int | None = None
    message: str = ""


@dataclass(frozen=True, kw_only=True)
class Shard:
    """What the cluster holds of a shard: ExternalSecrets by name, its SealedSecret, and the names of the keys in its Secret
    (None where nobody may see them). `said` is the newest warning about an object, by name."""

    name: str
    external: Mapping[str, Json] = field(default_factory=dict)
    sealed: Json | None = None
    keys: frozenset[str] | None = None
    said: Mapping[str, str] = field(default_factory=dict)


def shard_of_items(name: str, items: Iterable[Json]) -> Shard:
    """Of what Argo CD manages of a shard (`managed-resources`); of a Secret only the names of keys are taken."""
    external: dict[str, Json] = {}
    sealed: Json | None = None
    keys: frozenset[str] | None = None
    for item in items:
        kind, live = text(item, "kind"), _live(item)
        if live is None:
            continue
        if kind == "ExternalSecret":
            external[text(item, "name")] = live
        elif kind == "SealedSecret" and text(item, "name") == name:
            sealed = live
        elif kind == "Secret" and text(item, "name") == name:
            keys = frozenset(mapping(live, "data"))
    return Shard(name=name, external=external, sealed=sealed, keys=keys)


def judge(reference: Reference, object_name: str, shard: Shard) -> Judgement:
    """One reference of the tenant whose ExternalSecret is `object_name`."""
    if reference.kind == "ExternalSecret":
        return _external(reference, object_name, shard)
    return _sealed(reference, shard)


def failing(shard: Shard) -> list[tuple[str, str]]:
    """Name and uid of every ExternalSecret that says that it failed."""
    return [
        (name, text(mapping(live, "metadata"), "uid"))
        for name, live in sorted(shard.external.items())
        if answer_of(live).standing == "failing"
    ]


def _external(reference: Reference, name: str, shard: Shard) -> Judgement:
    live = shard.external.get(name)
    if live is None:
        return _unknown(f"The ExternalSecret {name} is not in the cluster.")
    answer = answer_of(live)
    if not _asks_for(live, reference):
        return _unknown(f"The ExternalSecret {name} in the cluster does not ask for this place yet.", answer.generation)
    if answer.standing == "pending":
        return _unknown("External Secrets has not answered since it changed.", answer.generation)
    return (
        _present(reference, answer.generation, shard)
        if answer.standing == "ready"
        else _failed(reference, name, answer, shard)
    )


def _failed(reference: Reference, name: str, answer: Answer, shard: Shard) -> Judgement:
    """One missing key fails the whole object: only those are failing whom the operator means."""
    said, generation = shard.said.get(name, ""), answer.generation
    named = IN_EVENT.search(said)
    if named is None or named["key"] == reference.remote_key:
        return Judgement(
            verdict="failing", generation=generation, message=": ".join(filter(None, (answer.message, said)))
        )
    if shard.keys is not None and reference.target_key in shard.keys:
        return Judgement(
            verdict="verified", generation=generation, message=f"{named['key']} of the same ExternalSecret fails."
        )
    return _unknown(f"Not written: {named['key']} of the same ExternalSecret fails.", generation)


def _sealed(reference: Reference, shard: Shard) -> Judgement:
    """One that the panel carries is in the shard's own SealedSecret; of another one only the key can be seen."""
    if not reference.sealed_text:
        return _present(reference, None, shard)
    live = shard.sealed
    sent = mapping(mapping(live or {}, "spec"), "encryptedData").get(reference.target_key)
    if live is None or sent is None:
        return _unknown(f"The SealedSecret {shard.name} in the cluster does not have this key yet.")
    answer = answer_of(live)
    if sent != reference.sealed_text or answer.standing == "pending":
        return _unknown("Sealed Secrets has not answered since it changed.", answer.generation)
    if answer.standing != "ready":
        return Judgement(verdict="failing", generation=answer.generation, message=answer.message)
    return _present(reference, answer.generation, shard)


def _present(reference: Reference, generation: int | None, shard: Shard) -> Judgement:
    """The operator is content: the key has to be there, where that can be seen."""
    if shard.keys is None:
        if generation is None:
            return _unknown("Nobody may see the keys of the Secret.")
        return Judgement(verdict="verified", generation=generation)
    if reference.target_key not in shard.keys:
        words = f"The Secret {shard.name} has no key {reference.target_key}."
        return Judgement(verdict="failing", generation=generation, message=words)
    return Judgement(verdict="verified", generation=generation)


def _asks_for(live: Json, reference: Reference) -> bool:
    """Whether the object in the cluster is the one that was promoted."""
    spec = mapping(live, "spec")
    for datum in mappings(spec, "data"):
        if text(datum, "secretKey") == reference.target_key:
            remote = mapping(datum, "remoteRef")
            store = mapping(mapping(datum, "sourceRef"), "storeRef") or mapping(spec, "secretStoreRef")
            place = (text(remote, "key"), text(remote, "property"), text(store, "name"))
            return place == (reference.remote_key, reference.remote_property, reference.store.rpartition("/")[2])
    return False


def _unknown(words: str, generation: int | None = None) -> Judgement:
    return Judgement(verdict="unverified", generation=generation, message=words)


def _live(item: Json) -> Json | None:
    """The live object, which Argo CD gives as a JSON text; None where there is none."""
    try:
        found = json.loads(text(item, "liveState") or "null")
    except ValueError:
        return None
    return found if isinstance(found, dict) and found else None
