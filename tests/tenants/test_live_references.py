"""Whether the cluster holds what was promoted: every answer of the operators, and what follows for each key."""

from __future__ import annotations

import json
from dataclasses import replace
from pathlib import Path
from typing import Any

import pytest

from tenants.live_references import Judgement, Shard, failing, judge, shard_of_items
from tenants.parts import Reference

RECORDED = json.loads((Path(__file__).parent.parent / "contract/transcripts/day-two.json").read_text())["exchanges"]
TOKEN = Reference(
    key="ONLYCHANNEL_ACCOUNT_TOKEN", kind="ExternalSecret", store="hub-store", remote_key="hub/chat365/onlychannel",
    remote_property="token", target_key="chat365.ONLYCHANNEL_ACCOUNT_TOKEN", version=7,
)  # fmt: skip
HMAC = Reference(
    key="DOKTOR365_SECRET", kind="ExternalSecret", store="hub-store", remote_key="hub/chat365/doktor365",
    remote_property="hmac", target_key="chat365.DOKTOR365_SECRET", version=8,
)  # fmt: skip
BOTH = frozenset({TOKEN.target_key, HMAC.target_key})
SAID = "error retrieving secret at .data[1], key: hub/chat365/doktor365, err: Secret does not exist"


def recorded(number: int) -> dict[str, Any]:
    """An ExternalSecret as a real Argo CD gave it."""
    return dict(json.loads(RECORDED[number]["response"]["body"]["manifest"]))


def external(
    status: str = "True", reason: str = "SecretSynced", message: str = "secret synced", **changed: Any
) -> dict[str, Any]:
    """The recorded one, saying something else."""
    live = recorded(4)
    live["status"]["conditions"] = [{"type": "Ready", "status": status, "reason": reason, "message": message}]
    live["metadata"] |= changed.get("metadata", {})
    live["status"] |= changed.get("status", {})
    live["spec"] |= changed.get("spec", {})
    return live


def look(
    live: dict[str, Any] | None, reference: Reference = TOKEN, keys: frozenset[str] | None = BOTH, said: str = ""
) -> Judgement:
    name = "tenant-chat365"
    shard = Shard(
        name="tenant-credentials-03",
        external={name: live} if live else {},
        keys=keys,
        said={name: said} if said else {},
    )
    return judge(reference, name, shard)


@pytest.mark.parametrize("keys", [BOTH, None])
def test_a_synced_one_is_verified_at_its_generation(keys: frozenset[str] | None) -> None:
    assert look(recorded(4), keys=keys) == Judgement(verdict="verified", generation=1)


def test_a_failing_one_is_failing_with_the_operators_words() -> None:
    live = recorded(5)
    assert look(live) == Judgement(verdict="failing", generation=1, message="could not get secret data from provider")


@pytest.mark.parametrize(
    ("live", "words"),
    [
        (None, "is not in the cluster"),
        (external() | {"status": {}}, "has not answered since it changed"),
        (external(metadata={"generation": 2}), "has not answered since it changed"),
        (external(spec={"data": []}), "does not ask for this place yet"),
        (external(spec={"secretStoreRef": {"name": "other-store"}}), "does not ask for this place yet"),
    ],
)
def test_what_nobody_answered_yet_is_neither_verified_nor_failing(live: dict[str, Any] | None, words: str) -> None:
    judgement = look(live)
    assert (judgement.verdict, words in judgement.message) == ("unverified", True)


@pytest.mark.parametrize("field", ["remote_key", "remote_property", "store"])
def test_an_older_version_in_the_cluster_proves_nothing(field: str) -> None:
    older: dict[str, Any] = {field: "something/else"}
    assert look(recorded(4), replace(TOKEN, **older)).verdict == "unverified"


def test_ready_without_a_secret_is_failing() -> None:
    words = "secret will not be created due to CreationPolicy=Merge"
    assert look(external(reason="SecretMissing", message=words)) == Judgement(
        verdict="failing", generation=1, message=words
    )


def test_a_key_that_the_secret_lacks_is_failing() -> None:
    judgement = look(recorded(4), keys=frozenset({HMAC.target_key}))
    assert (judgement.verdict, TOKEN.target_key in judgement.message) == ("failing", True)


def test_of_two_keys_only_the_one_that_the_operator_means_is_failing() -> None:
    live = external("False", "SecretSyncedError", "could not get secret data from provider")
    missing = look(live, HMAC, said=SAID)
    assert missing.verdict == "failing"
    assert missing.message == f"could not get secret data from provider: {SAID}"
    beside = look(live, TOKEN, said=SAID)
    assert (beside.verdict, beside.generation) == ("verified", 1)
    assert "hub/chat365/doktor365" in beside.message


def test_a_key_that_was_never_written_is_not_verified_by_a_neighbours_failure() -> None:
    live = external("False", "SecretSyncedError", "could not get secret data from provider")
    for keys in (frozenset[str](), None):
        assert look(live, TOKEN, keys=keys, said=SAID).verdict == "unverified"


def test_where_the_operator_names_no_key_all_are_failing() -> None:
    live = external("False", "SecretSyncedError", "could not get secret data from provider")
    assert [look(live, one).verdict for one in (TOKEN, HMAC)] == ["failing", "failing"]


def test_a_store_of_ones_own_is_compared() -> None:
    data = recorded(4)["spec"]["data"]
    data[0] |= {"sourceRef": {"storeRef": {"kind": "SecretStore", "name": "own"}}}
    live = external(spec={"data": data})
    assert look(live, TOKEN).verdict == "unverified"
    assert look(live, replace(TOKEN, store="SecretStore/own")).verdict == "verified"


SEALED = Reference(
    key="DOKTOR365_SECRET", kind="SealedSecret", sealed_name="tenant-credentials-03", sealed_key="chat365.DOKTOR365_SECRET",
    sealed_text="AgBy3i4OJSWK", target_key="chat365.DOKTOR365_SECRET",
)  # fmt: skip


def sealed_secret(
    status: str = "True", text: str = "AgBy3i4OJSWK", observed: int = 2, message: str = ""
) -> dict[str, Any]:
    condition = {"type": "Synced", "status": status, "message": message}
    return {
        "metadata": {"generation": 2}, "spec": {"encryptedData": {SEALED.target_key: text}},
        "status": {"conditions": [condition], "observedGeneration": observed},
    }  # fmt: skip


@pytest.mark.parametrize(
    ("live", "verdict"),
    [
        (sealed_secret(), "verified"),
        (None, "unverified"),
        (sealed_secret(text="AgOther"), "unverified"),
        (sealed_secret(observed=1), "unverified"),
        (sealed_secret("False", message="no key could decrypt secret"), "failing"),
    ],
)
def test_a_sealed_secret_is_verified_once_it_was_unsealed(live: dict[str, Any] | None, verdict: str) -> None:
    shard = Shard(name="tenant-credentials-03", sealed=live, keys=BOTH)
    assert judge(SEALED, "tenant-chat365", shard).verdict == verdict


def test_of_a_sealed_secret_elsewhere_only_the_key_can_be_seen() -> None:
    elsewhere = replace(SEALED, sealed_text="")
    verdicts = [judge(elsewhere, "", Shard(name="a", keys=keys)).verdict for keys in (BOTH, frozenset[str](), None)]
    assert verdicts == ["verified", "failing", "unverified"]


def item(kind: str, name: str, live: Any) -> dict[str, Any]:
    return {"kind": kind, "name": name, "liveState": json.dumps(live)}


def test_of_a_secret_nothing_but_the_names_of_its_keys_is_taken() -> None:
    shard = shard_of_items(
        "tenant-credentials-03",
        [
            item("Secret", "tenant-credentials-03", {"data": {"chat365.A": "++++++++", "nova.B": "++++"}}),
            item("Secret", "another", {"data": {"chat365.C": "++++"}}),
            item("ExternalSecret", "tenant-chat365", recorded(4)),
            item("ExternalSecret", "tenant-gone", None),
            {"kind": "ExternalSecret", "name": "tenant-broken", "liveState": "{"},
            {"kind": "ConfigMap"},
        ],
    )
    assert shard.keys == frozenset({"chat365.A", "nova.B"})
    assert "+" not in repr(shard)
    assert list(shard.external) == ["tenant-chat365"]


def test_failing_objects_are_listed_with_their_uid() -> None:
    shard = Shard(name="a", external={"good": recorded(4), "bad": recorded(5)})
    assert failing(shard) == [("bad", recorded(5)["metadata"]["uid"])]


@pytest.mark.parametrize("live", [{}, {"metadata": None, "spec": 7, "status": []}, {"status": {"conditions": [7, {}]}}])
def test_objects_of_any_shape_do_no_harm(live: dict[str, Any]) -> None:
    assert look(live or None).verdict == "unverified"
    assert judge(SEALED, "x", Shard(name="a", sealed=live, keys=BOTH)).verdict == "unverified"
