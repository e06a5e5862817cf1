"""Tenants' references as files: one object for each tenant, shards that stay, nothing that moves a neighbour."""

from __future__ import annotations

from typing import Any

import jsonschema_rs
import pytest
import yaml
from hypothesis import given
from hypothesis import strategies as values

from controlpanel.catalog.shards import shard_names, shard_of
from controlpanel.catalog.yaml_text import UNREAD_BY_ARGO_CD, canonical, scalar
from deployments.renderers.base import RenderError
from deployments.renderers.tenant_credentials import MOST_BYTES, Place, render
from tenants.parts import Reference, TenantPart
from tests.platform.test_argo_is_generated import CRDS

PLACE = Place(namespace="hub-staging", shards=16)


def external(slug: str, key: str, *, store: str = "hub", remote_property: str = "") -> Reference:
    return Reference(
        key=key, kind="ExternalSecret", store=store, remote_key=f"tenants/{slug}", remote_property=remote_property,
        target_key=f"{slug}.{key}",
    )  # fmt: skip


def value(slug: str, key: str, text: str) -> Reference:
    return Reference(key=key, kind="value", value=text, target_key=f"{slug}.{key}")


def sealed(slug: str, key: str, text: str) -> Reference:
    return Reference(
        key=key, kind="SealedSecret", sealed_name="x", sealed_key=key, sealed_text=text, target_key=f"{slug}.{key}"
    )


def part(slug: str, *references: Reference, is_leaving: bool = False) -> TenantPart:
    return TenantPart(slug=slug, references=references or (external(slug, "DOKTOR365_SECRET"),), is_leaving=is_leaving)


def files(*parts: TenantPart, place: Place = PLACE) -> dict[str, bytes]:
    return {path: content for shard in render(parts, place).values() for path, content in shard.items()}


def objects(*parts: TenantPart) -> dict[str, Any]:
    return {path: yaml.safe_load(content) for path, content in files(*parts).items()}


def path_of(slug: str, kind: str = "ExternalSecret") -> str:
    shard = shard_of(slug, PLACE.shards)
    name = f"tenant-{slug}" if kind == "ExternalSecret" else f"tenant-credentials-{shard}"
    return f"tenant-credentials/{shard}/hub-staging/{kind}-{name}.yaml"


def test_every_shard_has_its_empty_secret_and_its_config_map_before_it_has_a_tenant() -> None:
    made = objects()

    assert len(made) == 32
    secret = made["tenant-credentials/00/hub-staging/Secret-tenant-credentials-00.yaml"]
    assert "data" not in secret and "stringData" not in secret
    assert made["tenant-credentials/15/hub-staging/ConfigMap-tenant-credentials-15.yaml"]["data"] == {}


def test_a_tenants_keys_are_merged_into_its_shards_secret() -> None:
    made = objects(part("nova", external("nova", "DOKTOR365_SECRET", remote_property="hmac")))[path_of("nova")]

    assert made["metadata"]["name"] == "tenant-nova"
    assert made["spec"]["secretStoreRef"] == {"kind": "ClusterSecretStore", "name": "hub"}
    assert made["spec"]["target"] == {
        "name": f"tenant-credentials-{shard_of('nova', 16)}", "creationPolicy": "Merge", "deletionPolicy": "Retain",
    }  # fmt: skip
    assert made["spec"]["data"] == [
        {"secretKey": "nova.DOKTOR365_SECRET", "remoteRef": {"key": "tenants/nova", "property": "hmac"}}
    ]


def test_external_secrets_are_what_the_operator_publishes() -> None:
    definition = yaml.safe_load((CRDS / "external-secrets-externalsecret.yaml").read_text("utf-8"))
    schema = next(one for one in definition["spec"]["versions"] if one["name"] == "v1")["schema"]["openAPIV3Schema"]
    two = part("nova", external("nova", "A"), external("nova", "B", store="SecretStore/vault"))
    made = objects(two, part("gone", is_leaving=True))

    for slug in ("nova", "gone"):
        jsonschema_rs.validate(schema, {**made[path_of(slug)], "metadata": {}})
    assert made[path_of("nova")]["spec"]["data"][1]["sourceRef"] == {
        "storeRef": {"kind": "SecretStore", "name": "vault"}
    }


def test_values_are_in_the_shards_config_map() -> None:
    made = objects(part("nova", value("nova", "DOKTOR365_BASE_URL", "https://nova.example.com")))

    assert made[path_of("nova", "ConfigMap")]["data"] == {"nova.DOKTOR365_BASE_URL": "https://nova.example.com"}
    assert path_of("nova") not in made


def test_sealed_text_patches_the_shards_secret() -> None:
    made = objects(part("nova", sealed("nova", "DOKTOR365_SECRET", "AgBy")))[path_of("nova", "SealedSecret")]

    assert made["spec"]["encryptedData"] == {"nova.DOKTOR365_SECRET": "AgBy"}
    assert made["spec"]["template"]["metadata"]["annotations"] == {"sealedsecrets.bitnami.com/patch": "true"}


def test_a_tenant_that_leaves_gives_up_its_keys_before_its_object_goes() -> None:
    leaving = objects(part("nova", external("nova", "A"), value("nova", "U", "x"), is_leaving=True))

    spec = leaving[path_of("nova")]["spec"]
    assert spec["target"]["deletionPolicy"] == "Merge"
    assert spec["data"] == [{"secretKey": "nova.OFFBOARDED", "remoteRef": {"key": "control-panel/does-not-exist"}}]
    assert leaving[path_of("nova", "ConfigMap")]["data"] == {"nova.U": "x"}, "what it still has"


@pytest.mark.parametrize("kind", ["secret", "value"])
def test_one_tenant_more_changes_its_own_lines_and_nothing_else(kind: str) -> None:
    many = [part(f"t{number}", external(f"t{number}", "A"), value(f"t{number}", "U", "x")) for number in range(100)]
    new = part("nova", external("nova", "A") if kind == "secret" else value("nova", "U", "https://nova.example.com"))

    before, after = files(*many), files(*many, new)

    changed = {path for path in after if after[path] != before.get(path)}
    assert before.keys() <= after.keys()
    assert changed == {path_of("nova", "ExternalSecret" if kind == "secret" else "ConfigMap")}
    (path,) = changed
    lines = set(after[path].decode().splitlines()) - set(before.get(path, b"").decode().splitlines())
    assert kind == "secret" or lines == {"  nova.U: https://nova.example.com"}


def test_an_object_that_would_outgrow_the_cluster_is_refused_with_the_remedy() -> None:
    slug = next(f"t{number}" for number in range(100) if shard_of(f"t{number}", 16) == "00")

    with pytest.raises(RenderError, match=r"SealedSecret tenant-credentials-00 would have .* KiB") as refused:
        render([part(slug, sealed(slug, "A", "x" * MOST_BYTES))], PLACE)

    assert "tenantCredentials.shards" in refused.value.remedy


def test_a_value_for_which_argo_cd_would_not_read_the_shard_is_refused() -> None:
    with pytest.raises(RenderError, match="Argo CD would not read its file"):
        render([part("nova", value("nova", "GREETING", f"hello {UNREAD_BY_ARGO_CD}"))], PLACE)


def test_shards_are_even_and_the_same_everywhere() -> None:
    counted = [shard_of(f"tenant-{number}", 16) for number in range(10_000)]

    assert shard_of("chat365", 16) == "10"
    assert set(counted) == set(shard_names(16))
    assert max(map(counted.count, shard_names(16))) < 1.25 * 10_000 / 16


NAMES = values.text("abcXYZ019-._/#:' é", min_size=1, max_size=20)


@given(NAMES, NAMES, values.sampled_from(["hub", "vault", "SecretStore/own", "y", "007"]), values.booleans())
def test_the_lines_are_those_of_canonical_yaml(
    remote_key: str, remote_property: str, store: str, is_leaving: bool
) -> None:
    references = (
        external("nova", "A"),
        Reference(
            key="B", kind="ExternalSecret", store=store, remote_key=remote_key, remote_property=remote_property,
            target_key="nova.B",
        ),
    )  # fmt: skip
    content = files(part("nova", *references, is_leaving=is_leaving))[path_of("nova")]

    assert content == canonical(yaml.safe_load(content))
    data = yaml.safe_load(content)["spec"]["data"]
    assert is_leaving or data[1]["remoteRef"] == {"key": remote_key, "property": remote_property}


LINES = values.text(values.characters(exclude_categories=["Cs"]), max_size=30)


@given(values.dictionaries(values.text("abcXYZ019-._", min_size=1, max_size=150), LINES, max_size=4))
def test_the_lines_of_a_config_map_are_those_of_canonical_yaml(texts: dict[str, str]) -> None:
    made = files(part("nova", *(value("nova", key, text) for key, text in texts.items())))[path_of("nova", "ConfigMap")]

    assert yaml.safe_load(made)["data"] == {f"nova.{key}": text for key, text in texts.items()}
    assert made == canonical(yaml.safe_load(made))


@given(values.text(values.characters(exclude_categories=["Cs"], exclude_characters="\n"), max_size=30))
def test_a_scalar_is_written_as_in_canonical_yaml(text: str) -> None:
    assert f"a: {scalar(text)}\n".encode() == canonical({"a": text})
