"""What an environment would hold is judged with the catalog's variables and the tenants that there are."""

from __future__ import annotations

import pytest

from controlpanel.catalog.models import Component, Variable
from controlpanel.catalog.yaml_text import canonical
from deployments.services.judging import MOST, findings
from tenants.models import Tenant

pytestmark = pytest.mark.django_db


def config_map(name: str, **data: str) -> bytes:
    return canonical(
        {"apiVersion": "v1", "kind": "ConfigMap", "metadata": {"name": name, "namespace": "hub"}, "data": data}
    )


def test_variables_and_tenants_come_from_our_rows() -> None:
    Variable.objects.create(key="KAFKA_BROKERS", scope="environment")
    Variable.objects.create(key="ONLYCHANNEL_BASE_URL", scope="tenant")
    Tenant.objects.create(slug="clinic7", display_name="Clinic 7", created_by="elif")

    found = findings({"backend/hub/ConfigMap-a.yaml": config_map("a", GREETING="hello clinic7")})

    assert sorted((one["policy"], one["object"], one["component"]) for one in found) == [
        ("tenant-names", "ConfigMap hub/a", "backend"),
        ("variables", "Variable KAFKA_BROKERS", ""),
    ]


def test_what_is_no_object_is_left_aside_and_findings_are_bounded() -> None:
    files = {
        f"web/hub/ConfigMap-{number}.yaml": config_map(f"a-{number}", URL="redis://redis") for number in range(MOST + 9)
    }

    found = findings({"web/odd.yaml": b"a: [", "web/text.yaml": b"only text", **files})

    assert len(found) == MOST
    assert {one["policy"] for one in found} == {"tls"}


def test_a_finding_in_an_environment_without_some_components_says_which_may_be_all_that_is_wrong() -> None:
    for position, name in enumerate(("redis", "ai", "web")):
        Component.objects.create(name=name, position=position, path=name, renderer="kustomize")
    Component.objects.create(name="old", position=3, path="old", renderer="kustomize", is_retired=True)
    plain = {"web/hub/ConfigMap-a.yaml": config_map("a", URL="redis://redis")}

    [part] = findings(plain)
    [whole] = findings(
        {**plain, "redis/hub/ConfigMap-b.yaml": config_map("b"), "ai/hub/ConfigMap-c.yaml": config_map("c")}
    )

    assert part["fix"] == "Promote along what is not there yet (redis, ai). Otherwise: Use rediss://."
    assert whole["fix"] == "Use rediss://."
