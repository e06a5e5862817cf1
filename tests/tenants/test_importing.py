"""Importing tenants: the dry run shows what would change, the text twice changes nothing, a problem stops all of it."""

from __future__ import annotations

from typing import Any

import pytest

from controlpanel.core.errors import ConflictError, InvalidError, RefusedError
from controlpanel.core.models import AuditEvent
from controlpanel.core.permissions import Role
from tenants.models import CredentialReference, Readiness, ReferenceVersion, Tenant
from tenants.selectors.checklists import tenant_history
from tenants.services import importing
from tenants.services.importing import tenants_import
from tests import fixtures_tenants as make
from tests.tenants.conftest import World

CSV = """slug,displayName,owner,contacts,labels,staging.DOKTOR365_SECRET,staging.DOKTOR365_BASE_URL
nova,Nova Fertility,selin,selin@example.com;ops@example.com,tier=gold;country=TR,vault:nova/doktor365#hmac,https://nova.doktor365.example.com
mira,"Mira, Dental",,,,,
"""
YAML = """
tenants:
  - slug: nova
    displayName: Nova Fertility Group
    labels: {tier: gold}
    environments:
      staging:
        DOKTOR365_SECRET: {kind: ExternalSecret, store: vault, remoteKey: nova/doktor365, property: signing}
  - slug: atlas
"""


@pytest.fixture(autouse=True)
def _selin(world: World) -> None:
    make.person("selin", Role.TENANT_OWNER, tenant="nova")


def test_a_dry_run_says_what_would_change_and_changes_nothing(world: World) -> None:
    found = tenants_import(actor=world.olga, text=CSV, format="csv", dry_run=True)
    assert [(one.slug, one.change) for one in found.changes] == [("nova", "created"), ("mira", "created")]
    assert found.changes[0].details == (
        "staging DOKTOR365_SECRET: nova/doktor365#hmac in vault",
        "staging DOKTOR365_BASE_URL: https://nova.doktor365.example.com",
    )
    assert not Tenant.objects.exists()


def test_who_creates_one_of_them_at_the_same_moment_is_told_so(world: World, monkeypatch: pytest.MonkeyPatch) -> None:
    make.tenant("mira", by=world.olga)
    with monkeypatch.context() as patched:
        patched.setattr(importing, "_known", lambda entries, **_: {})  # as it was a moment before
        with pytest.raises(ConflictError, match="by somebody else at the same moment"):
            tenants_import(actor=world.olga, text=CSV, format="csv", dry_run=False)
    assert not Tenant.objects.filter(slug="nova").exists()
    assert not AuditEvent.objects.filter(action="tenant.import").exists()


def test_what_one_import_put_is_one_change_set(world: World) -> None:
    tenants_import(actor=world.olga, text=CSV, format="csv", dry_run=False)
    [change_set] = set(ReferenceVersion.objects.values_list("change_set", flat=True))
    assert AuditEvent.objects.get(action="tenant.import").details["change_set"] == str(change_set)


def test_a_tenants_history_tells_of_its_import(world: World) -> None:
    tenants_import(actor=world.olga, text=CSV, format="csv", dry_run=False)
    other = make.tenant("other", by=world.olga)
    nova = Tenant.objects.get(slug="nova")
    assert [event.action for event in tenant_history(world.olga, nova)] == ["tenant.import"]
    assert "tenant.import" not in {event.action for event in tenant_history(world.olga, other)}


def test_the_same_text_twice_changes_nothing(world: World) -> None:
    tenants_import(actor=world.olga, text=CSV, format="csv", dry_run=False)
    nova = Tenant.objects.get(slug="nova")
    assert (nova.owner, nova.labels, [one["email"] for one in nova.contacts]) == (
        "selin", {"country": "TR", "tier": "gold"}, ["selin@example.com", "ops@example.com"],
    )  # fmt: skip
    assert Readiness.objects.filter(slug="nova").count() == 2
    assert CredentialReference.objects.count() == 2
    again = tenants_import(actor=world.olga, text=CSV, format="csv", dry_run=False)
    assert {one.change for one in again.changes} == {"unchanged"}
    assert AuditEvent.objects.filter(action="tenant.import").count() == 1


def test_yaml_says_each_difference_in_words(world: World) -> None:
    tenants_import(actor=world.olga, text=CSV, format="csv", dry_run=False)
    found = tenants_import(actor=world.olga, text=YAML, format="yaml", dry_run=False)
    assert [(one.slug, one.change, one.details) for one in found.changes] == [
        ("nova", "changed", (
            "display name changed from Nova Fertility to Nova Fertility Group", "labels changed",
            "staging DOKTOR365_SECRET: property changed from hmac to signing",
        )),
        ("atlas", "created", ()),
    ]  # fmt: skip
    assert Tenant.objects.get(slug="nova").owner == "selin", "what the text does not name stays"


def test_a_problem_names_its_line_and_stops_everything(world: World) -> None:
    text = "slug,displayName,owner\ngood,Good,\nBad Slug,x,\nghost,Ghost,nobody\ngood,Twice,\n"
    found = tenants_import(actor=world.olga, text=text, format="csv", dry_run=False)
    assert [(one.line, one.field) for one in found.problems] == [(3, "slug"), (4, "owner"), (5, "slug")]
    assert not Tenant.objects.exists()


UNREADABLE: list[tuple[str, Any]] = [
        ("", "csv"), ("name\nx\n", "csv"), ("slug,slug\na,b\n", "csv"), ("slug,owner\na\n", "csv"), ('slug\n"a', "csv"),
        ("", "yaml"), ("tenants: 3", "yaml"), ("tenants: [&a {slug: x}, *a]", "yaml"), ("a: [", "yaml"), ("tenants: [x]", "yaml"),
]  # fmt: skip


def test_a_text_that_cannot_be_read_is_refused(world: World) -> None:
    for text, format in UNREADABLE:
        with pytest.raises(InvalidError) as refused:
            tenants_import(actor=world.olga, text=text, format=format, dry_run=True)
        assert refused.value.extra["field"] == "text", text


def test_only_who_may_edit_tenants_imports(world: World) -> None:
    with pytest.raises(RefusedError):
        tenants_import(actor=make.as_role(Role.TENANT_OWNER, tenant="nova"), text=CSV, format="csv", dry_run=True)
