"""Looking at the references of one shard: one question to Argo CD for all of its tenants, and what it says kept with each."""

from __future__ import annotations

from collections.abc import Iterable, Mapping, Sequence
from dataclasses import replace

from django.db.models import F

from controlpanel.catalog import connections
from controlpanel.catalog.current import current_document
from controlpanel.catalog.document import CatalogDocument
from controlpanel.catalog.models import Environment
from controlpanel.catalog.shards import object_name, shard_application, shard_names, shard_of
from controlpanel.clients.argocd import ArgoCD
from controlpanel.clients.argocd_json import message, text
from controlpanel.clients.errors import ClientError, NotFound, PermissionRefused
from controlpanel.core import doorbell, lease
from controlpanel.core.lease import StatementTime
from tenants.choices import ReferenceKind, RoundKind, Standing
from tenants.live_references import Judgement, Shard, failing, judge, shard_of_items
from tenants.models import CredentialReference, Round
from tenants.parts import Reference
from tenants.services.looked import Looked
from tenants.services.verification import Verified, said_safely, verifications_record

PERIOD_SECONDS = 300.0
RESTLESS_SECONDS = 20.0
"""While something of a shard is neither verified nor still, as after a promotion."""
MOST_EVENTS = 20
"""Failing objects whose events are asked for in one look; the others are judged by their condition."""
FIELDS = ("kind", "store", "remote_key", "remote_property", "sealed_name", "sealed_key", "sealed_text", "target_key")


def shards(environment: Environment) -> tuple[str, ...]:
    """The shards of an environment; none where the catalog keeps no references."""
    return shard_names(environment.tenant_shards) if environment.tenant_shards else ()


def look(row: Round) -> Looked:
    """Look at every promoted reference of the shard."""
    environment = row.environment
    rows = _rows(environment, row.shard)
    if not rows:
        return Looked(again_in=PERIOD_SECONDS)
    is_asked = bool(row.asked) or any(one.checked_at is None for one in rows)
    try:
        shard = _seen(environment, row.shard, is_asked=is_asked)
    except (connections.NotConfigured, PermissionRefused) as error:
        _record(environment, rows, [_unchecked(one, error) for one in rows])
        return Looked(again_in=PERIOD_SECONDS)
    except NotFound:
        words = f"The Application {shard_application(row.shard, environment.name)} is not there yet."
        shard, missing = Shard(name=object_name(row.shard)), words
    except ClientError as error:
        return Looked(again_in=RESTLESS_SECONDS, error=error.sentence)
    else:
        missing = ""
    looks = [_verified(one, shard, missing) for one in rows]
    _record(environment, rows, looks)
    is_still = all(one.standing == Standing.VERIFIED for one in looks)
    return Looked(again_in=PERIOD_SECONDS if is_still else RESTLESS_SECONDS)


def wake_unseen() -> int:
    """Wake the rounds of references that were never looked at since they changed; returns how many are woken."""
    woken = 0
    for environment in Environment.objects.filter(is_retired=False, tenant_shards__gt=0):
        rows = CredentialReference.objects.filter(environment=environment, checked_at=None, promoted__is_removed=False)
        rows = rows.exclude(promoted__kind=ReferenceKind.VALUE)
        parts = {shard_of(slug, environment.tenant_shards) for slug in rows.values_list("tenant__slug", flat=True)}
        due = Round.objects.filter(
            kind=RoundKind.REFERENCES, environment=environment, shard__in=parts, lease_until=None
        )
        for pk in due.exclude(next_run_at__lte=StatementTime()).values_list("pk", flat=True):
            woken += lease.wake(Round.objects.filter(pk=pk))
            doorbell.ring("look_round", pk)
    return woken


def wake(environment: Environment, slugs: Iterable[str] = ()) -> None:
    """Let the shards of these tenants (of everybody where none is named) be looked at now."""
    parts = {shard_of(slug, environment.tenant_shards) for slug in slugs} or set(shards(environment))
    rows = Round.objects.filter(kind=RoundKind.REFERENCES, environment=environment, shard__in=parts)
    for pk in rows.order_by("pk").values_list("pk", flat=True):
        lease.wake(Round.objects.filter(pk=pk))
        doorbell.ring("look_round", pk)


def _rows(environment: Environment, shard: str) -> list[CredentialReference]:
    """Promoted references to secrets of the shard's tenants."""
    rows = CredentialReference.objects.filter(environment=environment, promoted__is_removed=False)
    rows = rows.exclude(promoted__kind=ReferenceKind.VALUE)
    slugs = set(rows.order_by().values_list("tenant__slug", flat=True).distinct())
    own = [slug for slug in slugs if shard_of(slug, environment.tenant_shards) == shard]
    return list(rows.filter(tenant__slug__in=own).select_related("tenant", "promoted").order_by("pk"))


def _seen(environment: Environment, shard: str, *, is_asked: bool) -> Shard:
    """What the cluster holds, by Argo CD and, where a kubeconfig is given, the keys by Kubernetes itself."""
    argocd, application = connections.argocd_for(environment), shard_application(shard, environment.name)
    if is_asked:  # what Argo CD keeps may be from before the change
        argocd.get_application(application, environment.project, refresh="normal")
    found = shard_of_items(object_name(shard), argocd.managed_resources(application, environment.project))
    namespace = _namespace(environment)
    return replace(
        found, keys=_keys_by_kubernetes(namespace, found), said=_said(argocd, application, environment, namespace, found)
    )  # fmt: skip


def _keys_by_kubernetes(namespace: str, found: Shard) -> frozenset[str] | None:
    """Names of keys out of the Secret's metadata; what Argo CD shows, masked, where Kubernetes is not asked or does not tell."""
    try:
        cluster = connections.kubernetes()
        keys = cluster.secret_keys(namespace, found.name) if cluster is not None else None
    except ClientError:
        keys = None
    return found.keys if keys is None else keys


def _said(argocd: ArgoCD, application: str, environment: Environment, namespace: str, found: Shard) -> dict[str, str]:
    """The newest warning about each failing object, which names the remote key that its condition leaves out."""
    told = {}
    for name, uid in failing(found)[:MOST_EVENTS]:
        try:
            events = argocd.events(application, environment.project, namespace=namespace, name=name, uid=uid)
        except ClientError:
            continue  # the condition says enough to go on
        warnings = [one for one in events if text(one, "type") == "Warning"]
        newest = max(warnings, key=lambda one: text(one, "lastTimestamp"), default=None)
        if newest is not None:
            told[name] = said_safely(message(newest))
    return told


def _namespace(environment: Environment) -> str:
    document: CatalogDocument = current_document()
    spec, credentials = document.environment(environment.name), document.tenant_credentials
    return "-".join(filter(None, (spec.destination.namespace, credentials.namespace if credentials else "")))


def _verified(row: CredentialReference, shard: Shard, missing: str) -> Verified:
    judgement = judge(_place(row), f"tenant-{row.tenant.slug}", shard)
    if missing:
        judgement = Judgement(verdict="unverified", message=missing)
    return Verified(
        reference=row.pk, version=row.promoted_id, standing=Standing(judgement.verdict), generation=judgement.generation,
        message=judgement.message,
    )  # fmt: skip


def _unchecked(row: CredentialReference, error: ClientError) -> Verified:
    return Verified(reference=row.pk, version=row.promoted_id, standing=Standing.UNCHECKED, message=error.sentence)


def _place(row: CredentialReference) -> Reference:
    assert row.promoted is not None
    return Reference(key=row.key, **{name: getattr(row.promoted, name) for name in FIELDS})


def _record(environment: Environment, rows: Sequence[CredentialReference], looks: Sequence[Verified]) -> None:
    """Readiness is computed again only for those whose look says something new; of the others the time is kept."""
    known: Mapping[int, CredentialReference] = {row.pk: row for row in rows}
    new = [one for one in looks if _is_news(known[one.reference], one)]
    same = [one.reference for one in looks if not _is_news(known[one.reference], one)]
    if new:
        verifications_record(environment, new)
    still = CredentialReference.objects.filter(pk__in=same)
    still.update(checked_at=StatementTime())
    still.filter(standing=Standing.VERIFIED, verified_version=F("promoted")).update(verified_at=StatementTime())


def _is_news(row: CredentialReference, look: Verified) -> bool:
    is_other = (row.standing, row.message) != (look.standing, said_safely(look.message))
    is_newer = look.standing == Standing.VERIFIED and (row.verified_version_id, row.verified_generation) != (
        row.promoted_id,
        look.generation,
    )
    return is_other or is_newer or row.checked_at is None
