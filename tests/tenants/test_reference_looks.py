"""A shard is looked at with one question to Argo CD; what it says is kept with each reference, and nothing is computed in vain."""

from __future__ import annotations

import json
from dataclasses import dataclass, field
from typing import Any

import pytest
from django.db import connection
from django.test.utils import CaptureQueriesContext

from controlpanel.catalog import connections
from controlpanel.catalog.shards import shard_of
from controlpanel.clients.errors import Ambiguous, ClientError, NotFound, PermissionRefused
from controlpanel.core.lease import StatementTime
from controlpanel.core.models import AuditEvent
from tenants.choices import RoundKind, Standing
from tenants.models import CredentialReference, Readiness, Round
from tenants.services import reference_looks, rounds
from tests import fixtures_tenants as make
from tests.tenants.conftest import World

TOKEN = "ak_" + "0f" * 16 + "_" + "ab" * 4
FAILED = "could not get secret data from provider"


@dataclass
class Cluster:
    """An Argo CD whose shards hold what a test says; it counts what it is asked."""

    objects: dict[str, list[dict[str, Any]]] = field(default_factory=dict)
    keys: set[str] = field(default_factory=set)
    events_of: dict[str, list[dict[str, Any]]] = field(default_factory=dict)
    error: ClientError | None = None
    asked: list[str] = field(default_factory=list)

    def hold(self, world: World, *, ready: bool = True, generation: int = 1, without: tuple[str, ...] = ()) -> None:
        """What was promoted in staging has reached the cluster."""
        for row in CredentialReference.objects.filter(environment=world.staging, promoted__is_removed=False).select_related("tenant", "promoted"):  # fmt: skip
            assert row.promoted is not None
            name = f"tenant-{row.tenant.slug}"
            shard = self.objects.setdefault(shard_of(row.tenant.slug, 16), [])
            live = next((one for one in shard if one["metadata"]["name"] == name), None)
            if live is None:
                condition = {"type": "Ready", "status": "True" if ready else "False", "reason": "SecretSynced", "message": "secret synced" if ready else FAILED}  # fmt: skip
                live = {
                    "kind": "ExternalSecret", "metadata": {"name": name, "generation": generation, "uid": name},
                    "spec": {"data": [], "secretStoreRef": {"name": "vault"}},
                    "status": {"conditions": [condition], "syncedResourceVersion": f"{generation}-abc"},
                }  # fmt: skip
                shard.append(live)
            remote = {"key": row.promoted.remote_key, "property": row.promoted.remote_property}
            live["spec"]["data"].append({"secretKey": row.promoted.target_key, "remoteRef": remote})
            if row.key not in without:
                self.keys.add(row.promoted.target_key)

    def get_application(self, name: str, project: str, refresh: str | None = None) -> None:
        self.asked.append(f"refresh {name}")
        self._fail()

    def managed_resources(self, name: str, project: str) -> list[dict[str, Any]]:
        self.asked.append(f"managed {name}")
        self._fail()
        shard = name.split("-")[2]
        secret = {"data": {key: "++++++++" for key in self.keys if shard_of(key.split(".")[0], 16) == shard}}
        found = [{"kind": "Secret", "name": f"tenant-credentials-{shard}", "liveState": json.dumps(secret)}]
        return [*found, *({"kind": "ExternalSecret", "name": one["metadata"]["name"], "liveState": json.dumps(one)} for one in self.objects.get(shard, []))]  # fmt: skip

    def events(self, application: str, project: str, *, namespace: str, name: str, uid: str) -> list[dict[str, Any]]:
        self.asked.append(f"events {name} in {namespace}")
        return self.events_of.get(uid, [])

    def _fail(self) -> None:
        if self.error is not None:
            raise self.error


@pytest.fixture
def cluster(monkeypatch: pytest.MonkeyPatch) -> Cluster:
    made = Cluster()
    monkeypatch.setattr(connections, "argocd_for", lambda _: made)
    monkeypatch.setattr(connections, "kubernetes", lambda: None)
    return made


def look(world: World, slug: str = "nova") -> Round:
    """One round of the tenant's shard."""
    rounds.rounds_tidy()
    row = Round.objects.get(kind=RoundKind.REFERENCES, environment=world.staging, shard=shard_of(slug, 16))
    Round.objects.filter(pk=row.pk).update(next_run_at=StatementTime())
    assert rounds.round_look(row.pk)
    row.refresh_from_db()
    return row


def standings(slug: str = "nova") -> dict[str, str]:
    rows = CredentialReference.objects.filter(tenant__slug=slug, environment__name="staging")
    return dict(rows.values_list("key", "standing"))


def promoted(world: World, *slugs: str) -> None:
    """These tenants (or nova) have their references in Git."""
    for slug in slugs or ("nova",):
        make.put(make.tenant(slug, by=world.olga), world.staging, by=world.olga)
    make.promote(world.staging)


def test_what_the_operator_synced_is_verified_at_its_generation(world: World, cluster: Cluster) -> None:
    promoted(world)
    cluster.hold(world, generation=3)
    row = look(world)
    assert standings() == dict.fromkeys(make.SECRETS, Standing.VERIFIED)
    reference = CredentialReference.objects.filter(tenant__slug="nova", environment=world.staging).first()
    assert reference is not None
    assert (reference.verified_generation, reference.verified_version_id) == (3, reference.promoted_id)
    assert row.error == ""
    actions = AuditEvent.objects.filter(action="tenant.verification").count()
    assert actions == 2


def test_one_question_serves_a_whole_shard(world: World, cluster: Cluster) -> None:
    names = [f"clinic-{number}" for number in range(90)]
    own = [slug for slug in names if shard_of(slug, 16) == shard_of("clinic-0", 16)][:3]
    promoted(world, *own, *[slug for slug in names if slug not in own][:3])
    cluster.hold(world)
    look(world, "clinic-0")
    application = f"tenant-credentials-{shard_of('clinic-0', 16)}-staging"
    assert cluster.asked == [f"refresh {application}", f"managed {application}"]
    verified = CredentialReference.objects.filter(standing=Standing.VERIFIED).values_list("tenant__slug", flat=True)
    assert set(verified) == set(own)


def test_a_failing_key_is_told_in_the_operators_words_and_its_neighbour_is_not_blamed(
    world: World, cluster: Cluster
) -> None:
    promoted(world)
    cluster.hold(world, ready=False, without=("DOKTOR365_SECRET",))
    said = "error retrieving secret at .data[0], key: nova/doktor365-secret, err: Secret does not exist"
    cluster.events_of["tenant-nova"] = [
        {"type": "Normal", "message": "fine", "lastTimestamp": "2026-11-23T12:00:09Z"},
        {"type": "Warning", "message": "older words", "lastTimestamp": "2026-11-23T12:00:00Z"},
        {"type": "Warning", "message": said, "lastTimestamp": "2026-11-23T12:00:05Z"},
    ]
    row = look(world)
    assert standings() == {"DOKTOR365_SECRET": Standing.FAILING, "ONLYCHANNEL_ACCOUNT_TOKEN": Standing.VERIFIED}
    failing = CredentialReference.objects.get(tenant__slug="nova", key="DOKTOR365_SECRET", environment=world.staging)
    assert failing.message == f"{FAILED}: {said}"
    assert "events tenant-nova in hub-staging" in cluster.asked
    assert row.next_run_at is not None


def test_a_credential_in_the_operators_words_is_not_kept(world: World, cluster: Cluster) -> None:
    promoted(world)
    cluster.hold(world, ready=False)
    cluster.events_of["tenant-nova"] = [{"type": "Warning", "message": f"store says {TOKEN}", "lastTimestamp": "x"}]
    look(world)
    texts = [str(list(model.objects.values())) for model in (CredentialReference, Round, AuditEvent)]
    assert not any(TOKEN in text for text in texts)


def test_the_same_again_computes_nothing_and_moves_the_time(
    world: World, cluster: Cluster, monkeypatch: pytest.MonkeyPatch
) -> None:
    promoted(world)
    cluster.hold(world)
    look(world)
    before = CredentialReference.objects.get(tenant__slug="nova", key="DOKTOR365_SECRET", environment=world.staging)
    readiness = Readiness.objects.get(slug="nova", environment=world.staging).changed_at

    def never(*_: object, **__: object) -> None:
        pytest.fail("nothing new is to be recorded")

    monkeypatch.setattr(reference_looks, "verifications_record", never)
    cluster.asked.clear()
    look(world)
    after = CredentialReference.objects.get(pk=before.pk)
    assert after.checked_at is not None
    assert before.checked_at is not None
    assert after.checked_at > before.checked_at
    assert after.verified_at == after.checked_at or (after.verified_at or before.checked_at) > before.checked_at
    assert Readiness.objects.get(slug="nova", environment=world.staging).changed_at == readiness
    assert not any(one.startswith("refresh") for one in cluster.asked), "only what is new is compared again"


@pytest.mark.parametrize(
    ("error", "standing", "words"),
    [
        (PermissionRefused("permission denied", status=403), Standing.UNCHECKED, "permission denied"),
        (connections.NotConfigured("ARGOCD_TOKEN is not set."), Standing.UNCHECKED, "ARGOCD_TOKEN is not set."),
        (NotFound("not found", status=404), Standing.UNVERIFIED, "is not there yet"),
    ],
)
def test_where_nobody_can_look_that_is_said(
    world: World, cluster: Cluster, error: ClientError, standing: Standing, words: str
) -> None:
    promoted(world)
    cluster.error = error
    look(world)
    row = CredentialReference.objects.get(tenant__slug="nova", key="DOKTOR365_SECRET", environment=world.staging)
    assert (row.standing, words in row.message) == (standing, True)


def test_when_argo_cd_is_away_what_was_known_stays(world: World, cluster: Cluster) -> None:
    promoted(world)
    cluster.hold(world)
    look(world)
    cluster.error = Ambiguous("Argo CD did not answer in time.")
    row = look(world)
    assert standings() == dict.fromkeys(make.SECRETS, Standing.VERIFIED)
    assert row.error == "Argo CD did not answer in time."


def test_what_was_never_looked_at_is_woken(world: World, cluster: Cluster) -> None:
    promoted(world)
    cluster.hold(world)
    look(world)
    row = Round.objects.get(kind=RoundKind.REFERENCES, environment=world.staging, shard=shard_of("nova", 16))
    assert reference_looks.wake_unseen() == 0
    CredentialReference.objects.filter(tenant__slug="nova", environment=world.staging).update(checked_at=None)
    assert reference_looks.wake_unseen() == 1
    row.refresh_from_db()
    assert Round.objects.filter(pk=row.pk, next_run_at__lte=StatementTime()).exists()


def test_keys_come_from_kubernetes_metadata_where_a_kubeconfig_is_given(
    world: World, cluster: Cluster, monkeypatch: pytest.MonkeyPatch
) -> None:
    promoted(world)
    cluster.hold(world)

    class Kubernetes:
        def secret_keys(self, namespace: str, name: str) -> frozenset[str]:
            assert (namespace, name) == ("hub-staging", f"tenant-credentials-{shard_of('nova', 16)}")
            return frozenset({"nova.ONLYCHANNEL_ACCOUNT_TOKEN"})

    monkeypatch.setattr(connections, "kubernetes", Kubernetes)
    look(world)
    assert standings() == {"DOKTOR365_SECRET": Standing.FAILING, "ONLYCHANNEL_ACCOUNT_TOKEN": Standing.VERIFIED}


def test_shards_without_references_ask_nobody(world: World, cluster: Cluster) -> None:
    promoted(world)
    other = next(f"x-{number}" for number in range(99) if shard_of(f"x-{number}", 16) != shard_of("nova", 16))
    look(world, other)
    assert cluster.asked == []


def test_more_tenants_cost_no_more_queries(world: World, cluster: Cluster) -> None:
    own = [slug for slug in (f"clinic-{number}" for number in range(400)) if shard_of(slug, 16) == "03"]

    def queries(slugs: list[str]) -> int:
        promoted(world, *slugs)
        cluster.objects.clear()
        cluster.hold(world)
        CredentialReference.objects.update(checked_at=None)
        with CaptureQueriesContext(connection) as seen:
            look(world, slugs[0])
        one_by_one = ("pg_notify", "core_auditevent", "core_auditchain")
        return len([one for one in seen if not any(word in one["sql"] for word in one_by_one)])

    look(world, own[0])
    assert queries(own[1:6]) <= queries(own[:1]) + 2
