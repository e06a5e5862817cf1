"""Secrets from stores outside the cluster: merged into a shared Secret, missing ones, one failing beside others."""

from __future__ import annotations

import json
from collections.abc import Callable

import pytest

from sandbox.kubernetes_routes import METADATA_ONLY
from sandbox.world import World
from tests.sandbox.conftest import Argo, DeployRepository, Json, Running, manifest

NAME = "tenant-credentials-03-staging"
SHARD: Json = {"apiVersion": "v1", "kind": "Secret", "metadata": {"name": "tenant-credentials-03"}}
STORE = "vault-staging"
DOKTOR365, ONLYCHANNEL = "DOKTOR365_SECRET", "ONLYCHANNEL_ACCOUNT_TOKEN"
VALUES = {"doktor365": {"hmac": "first-value"}, "onlychannel": {"token": "second-value"}}


def external_secret(slug: str, *keys: tuple[str, str, str], store: str = STORE) -> Json:
    """One tenant's ExternalSecret; keys are (key, remote key, property)."""
    data = [
        {"secretKey": f"{slug}.{key}", "remoteRef": {"key": remote, "property": name}} for key, remote, name in keys
    ]
    target = {"name": "tenant-credentials-03", "creationPolicy": "Merge", "deletionPolicy": "Retain"}
    spec = {"refreshInterval": "1h", "secretStoreRef": {"kind": "ClusterSecretStore", "name": store}, "target": target, "data": data}  # fmt: skip
    return {"apiVersion": "external-secrets.io/v1", "kind": "ExternalSecret", "metadata": {"name": f"tenant-{slug}"}, "spec": spec}  # fmt: skip


def of(slug: str, *, remote: str = "doktor365") -> Json:
    return external_secret(slug, (DOKTOR365, f"{slug}/{remote}", "hmac"), (ONLYCHANNEL, f"{slug}/onlychannel", "token"))


def fill(argo: Argo, *slugs: str, store: str = STORE) -> None:
    body = {f"{slug}/{key}": properties for slug in slugs for key, properties in VALUES.items()}
    assert argo.send("PUT", f"/sandbox/secret-stores/{store}", body).status_code == 200


@pytest.fixture
def world(running: Running) -> World:
    found: World = running.app.state.world
    return found


@pytest.fixture
def deploy(deployer: Argo, repository: DeployRepository) -> Callable[..., str]:
    """Commit these objects and sync them."""

    def run(*objects: Json) -> str:
        commit = repository.commit("tenants", SHARD, *objects, path="03")
        wanted = manifest(NAME, repository)
        wanted["spec"]["source"]["path"] = "03"
        if deployer.get(f"/api/v1/applications/{NAME}", project="hub").status_code == 404:
            assert deployer.post("/api/v1/applications", wanted).status_code == 200
        assert deployer.sync(NAME, commit, prune=True).status_code == 200
        return commit

    return run


def live(argo: Argo, slug: str) -> Json:
    query = {
        "project": "hub",
        "group": "external-secrets.io",
        "version": "v1",
        "kind": "ExternalSecret",
        "namespace": NAME,
    }
    answer = argo.get(f"/api/v1/applications/{NAME}/resource", resourceName=f"tenant-{slug}", **query)
    return dict(json.loads(answer.json()["manifest"])) if answer.status_code == 200 else {}


def ready(argo: Argo, slug: str) -> Json:
    return next(iter(live(argo, slug).get("status", {}).get("conditions", [])), {})


def wait(argo: Argo, slug: str, status: str) -> Json:
    argo.wait(NAME, lambda _: ready(argo, slug).get("status") == status)
    return ready(argo, slug)


def keys(world: World) -> dict[str, str]:
    found = [item for item in world.cluster.all() if item["metadata"]["name"] == "tenant-credentials-03"]
    return dict(found[0].get("data", {})) if found else {}


def test_tenants_share_a_secret_that_each_merges_its_own_keys_into(
    deployer: Argo, deploy: Callable[..., str], world: World
) -> None:
    fill(deployer, "chat365", "nova-fertility")
    deploy(of("chat365"), of("nova-fertility"))
    for slug in ("chat365", "nova-fertility"):
        assert wait(deployer, slug, "True")["message"] == "secret synced"
    expected = [f"{slug}.{key}" for slug in ("chat365", "nova-fertility") for key in (DOKTOR365, ONLYCHANNEL)]
    assert sorted(keys(world)) == expected
    assert live(deployer, "chat365")["status"]["syncedResourceVersion"].startswith("1-")


def test_a_missing_remote_key_fails_its_own_tenant_alone(
    deployer: Argo, deploy: Callable[..., str], world: World
) -> None:
    fill(deployer, "chat365", "nova-fertility")
    deploy(of("chat365"), of("nova-fertility", remote="never-stored"))
    failing = wait(deployer, "nova-fertility", "False")
    assert (failing["reason"], failing["message"]) == ("SecretSyncedError", "could not get secret data from provider")
    assert wait(deployer, "chat365", "True")
    assert sorted(keys(world)) == [f"chat365.{DOKTOR365}", f"chat365.{ONLYCHANNEL}"]
    uid = live(deployer, "nova-fertility")["metadata"]["uid"]
    query = {"resourceName": "tenant-nova-fertility", "resourceNamespace": NAME, "resourceUID": uid}
    events = deployer.get(f"/api/v1/applications/{NAME}/events", **query).json()["items"]
    told = "error retrieving secret at .data[0], key: nova-fertility/never-stored, err: Secret does not exist"
    assert [(event["reason"], event["message"]) for event in events] == [("UpdateFailed", told)]
    application = deployer.application(NAME)
    assert application["status"]["health"]["status"] == "Degraded"
    assert "tenant-nova-fertility" in application["status"]["health"]["message"]


def test_what_is_put_into_the_store_is_found_without_a_new_commit(
    deployer: Argo, deploy: Callable[..., str], world: World
) -> None:
    fill(deployer, "chat365")
    deploy(of("chat365"), of("nova-fertility"))
    wait(deployer, "nova-fertility", "False")
    fill(deployer, "nova-fertility")
    wait(deployer, "nova-fertility", "True")
    assert f"nova-fertility.{DOKTOR365}" in keys(world)


def test_a_missing_property_is_named(deployer: Argo, deploy: Callable[..., str]) -> None:
    fill(deployer, "chat365")
    deploy(external_secret("chat365", (DOKTOR365, "chat365/doktor365", "password")))
    wait(deployer, "chat365", "False")


def test_a_key_that_leaves_the_reference_leaves_the_secret_and_its_neighbours_stay(
    deployer: Argo, deploy: Callable[..., str], world: World
) -> None:
    fill(deployer, "chat365", "nova-fertility")
    deploy(of("chat365"), of("nova-fertility"))
    wait(deployer, "nova-fertility", "True")
    deploy(external_secret("chat365", (ONLYCHANNEL, "chat365/onlychannel", "token")), of("nova-fertility"))
    deployer.wait(NAME, lambda _: f"chat365.{DOKTOR365}" not in keys(world))
    assert len(keys(world)) == 3


def test_the_keys_of_a_deleted_reference_stay(deployer: Argo, deploy: Callable[..., str], world: World) -> None:
    fill(deployer, "chat365")
    deploy(of("chat365"))
    wait(deployer, "chat365", "True")
    deploy()
    deployer.wait(NAME, lambda _: not live(deployer, "chat365"))
    assert sorted(keys(world)) == [f"chat365.{DOKTOR365}", f"chat365.{ONLYCHANNEL}"]


def test_one_that_may_drop_what_is_missing_gives_its_keys_up_and_its_neighbours_keep_theirs(
    deployer: Argo, deploy: Callable[..., str], world: World
) -> None:
    fill(deployer, "chat365", "nova-fertility")
    deploy(of("chat365"), of("nova-fertility"))
    wait(deployer, "chat365", "True")
    leaving = external_secret("chat365", ("OFFBOARDED", "nobody/has-this", ""))
    leaving["spec"]["target"]["deletionPolicy"] = "Merge"
    deploy(leaving, of("nova-fertility"))
    deployer.wait(
        NAME, lambda _: sorted(keys(world)) == [f"nova-fertility.{DOKTOR365}", f"nova-fertility.{ONLYCHANNEL}"]
    )
    assert ready(deployer, "chat365")["message"] == "secret synced"


def test_a_reference_may_have_a_store_of_its_own(deployer: Argo, deploy: Callable[..., str], world: World) -> None:
    fill(deployer, "chat365")
    fill(deployer, "elsewhere", store="vault-elsewhere")
    wanted = of("chat365")
    wanted["spec"]["data"][0]["sourceRef"] = {"storeRef": {"kind": "ClusterSecretStore", "name": "vault-elsewhere"}}
    wanted["spec"]["data"][0]["remoteRef"]["key"] = "elsewhere/doktor365"
    deploy(wanted)
    wait(deployer, "chat365", "True")
    assert len(keys(world)) == 2


def test_without_its_shard_a_merge_waits_and_says_so(
    deployer: Argo, repository: DeployRepository, world: World
) -> None:
    fill(deployer, "chat365")
    commit = repository.commit("no shard", of("chat365"), path="03")
    wanted = manifest(NAME, repository)
    wanted["spec"]["source"]["path"] = "03"
    assert deployer.post("/api/v1/applications", wanted).status_code == 200
    assert deployer.sync(NAME, commit).status_code == 200
    assert wait(deployer, "chat365", "True")["reason"] == "SecretMissing"
    assert keys(world) == {}


def test_a_store_that_cannot_be_reached_fails_all_of_its_references(deployer: Argo, deploy: Callable[..., str]) -> None:
    fill(deployer, "chat365")
    deployer.send("PUT", "/sandbox/faults", {"rules": [{"effect": "unreachable-store"}]})
    deploy(of("chat365"))
    wait(deployer, "chat365", "False")
    deployer.send("DELETE", "/sandbox/faults")
    wait(deployer, "chat365", "True")


def test_the_metadata_of_a_secret_names_its_keys_and_no_value(
    deployer: Argo, deploy: Callable[..., str], running: Running
) -> None:
    fill(deployer, "chat365")
    deploy(of("chat365"))
    wait(deployer, "chat365", "True")
    tokens = running.app.state.world.tokens
    tokens.create_account("kubernetes", [])
    headers = {
        "Authorization": f"Bearer {tokens.account_token('kubernetes')}",
        "Accept": f"application/json;as={METADATA_ONLY};g=meta.k8s.io;v=v1",
    }
    path = f"/k8s/api/v1/namespaces/{NAME}/secrets/tenant-credentials-03"
    answer = deployer.http.get(path, headers=headers)
    (entry,) = answer.json()["metadata"]["managedFields"]
    assert entry["manager"] == "externalsecrets.external-secrets.io/tenant-chat365"
    assert set(entry["fieldsV1"]["f:data"]) == {".", f"f:chat365.{DOKTOR365}", f"f:chat365.{ONLYCHANNEL}"}
    assert "value" not in answer.text


def test_values_go_into_a_store_and_never_come_out(deployer: Argo, deploy: Callable[..., str]) -> None:
    fill(deployer, "chat365")
    deploy(of("chat365"))
    wait(deployer, "chat365", "True")
    texts = [deployer.get("/sandbox/secret-stores").text]
    for part in ("managed-resources", "resource-tree", "manifests"):
        texts.append(deployer.get(f"/api/v1/applications/{NAME}/{part}", project="hub").text)
    assert "chat365/doktor365" in texts[0]
    assert not any(value in text for text in texts for value in ("first-value", "second-value", "Zmlyc3QtdmFsdWU"))


@pytest.mark.parametrize("body", [{"a": "b"}, {"a": {"b": 7}}, {"a": ["b"]}])
def test_secrets_of_another_shape_are_refused(anonymous: Argo, body: Json) -> None:
    assert anonymous.send("PUT", f"/sandbox/secret-stores/{STORE}", body).status_code == 400


def test_a_store_can_forget(anonymous: Argo) -> None:
    fill(anonymous, "chat365")
    assert anonymous.send("DELETE", f"/sandbox/secret-stores/{STORE}/chat365/doktor365").status_code == 200
    assert anonymous.send("DELETE", f"/sandbox/secret-stores/{STORE}/chat365/doktor365").status_code == 404
    assert anonymous.get("/sandbox/secret-stores").json() == {STORE: {"chat365/onlychannel": ["token"]}}


def sealed(name: str, **encrypted: str) -> Json:
    """A SealedSecret; kubeseal's texts begin with “Ag”."""
    return {"apiVersion": "bitnami.com/v1alpha1", "kind": "SealedSecret", "metadata": {"name": name}, "spec": {"encryptedData": encrypted}}  # fmt: skip


def test_a_sealed_secret_patches_a_secret_that_allows_it(
    deployer: Argo, repository: DeployRepository, world: World
) -> None:
    shard = {**SHARD, "metadata": {**SHARD["metadata"], "annotations": {"sealedsecrets.bitnami.com/patch": "true"}}}
    objects = (shard, sealed("tenant-credentials-03", **{"chat365.DOKTOR365_SECRET": "AgSealedText"}))
    commit = repository.commit("sealed", *objects)
    assert deployer.post("/api/v1/applications", manifest(NAME, repository)).status_code == 200
    deployer.sync(NAME, commit)
    deployer.wait(NAME, lambda found: found["status"]["health"].get("status") == "Healthy")
    assert list(keys(world)) == ["chat365.DOKTOR365_SECRET"]


@pytest.mark.parametrize(
    ("text", "words"),
    [("plain", "no key could decrypt secret (chat365.KEY)"), ("AgSealedText", "is not managed by SealedSecret")],
)
def test_what_cannot_be_unsealed_is_degraded_and_says_why(
    deployer: Argo, repository: DeployRepository, world: World, text: str, words: str
) -> None:
    commit = repository.commit("sealed", SHARD, sealed("tenant-credentials-03", **{"chat365.KEY": text}))
    assert deployer.post("/api/v1/applications", manifest(NAME, repository)).status_code == 200
    deployer.sync(NAME, commit)
    deployer.wait(NAME, lambda found: found["status"]["health"].get("status") == "Degraded")
    tree = deployer.get(f"/api/v1/applications/{NAME}/resource-tree", project="hub").json()["nodes"]
    assert any(words in node.get("health", {}).get("message", "") for node in tree if node["kind"] == "SealedSecret")
