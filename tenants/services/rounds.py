"""Looks that workers take again and again: which there are, when the next one is, and whose turn comes first."""

from __future__ import annotations

from collections.abc import Callable, Iterable, Iterator, Mapping
from typing import Any

import structlog
from django.db import transaction

from controlpanel.catalog import hub_connections
from controlpanel.catalog.models import Environment
from controlpanel.core import doorbell, lease
from controlpanel.core.lease import Lease, StatementTime
from tenants.choices import RoundKind
from tenants.models import Round
from tenants.services import hub_states, reference_looks
from tenants.services.looked import Looked

log = structlog.get_logger(__name__)
AFTER_FAILURE_SECONDS = 30.0
LOOKS: Mapping[str, Callable[[Round], Looked]] = {
    RoundKind.REFERENCES: reference_looks.look,
    RoundKind.HUB: hub_states.look,
}


def round_look(pk: Any) -> bool:
    """Take one due look (called by a worker or by `watch`); False where another process has it."""
    return lease.run_claimed(Round, pk, _look)


def rounds_tidy() -> int:
    """Make the rounds that the catalog and the configuration ask for, and drop the others; returns how many there are
    (`watch` calls it now and then)."""
    wanted = {key for environment in Environment.objects.filter(is_retired=False) for key in _wanted(environment)}
    known = set(Round.objects.values_list("kind", "environment", "shard"))
    Round.objects.bulk_create(
        [Round(kind=kind, environment_id=place, shard=shard, next_run_at=StatementTime()) for kind, place, shard in sorted(wanted - known)],
        ignore_conflicts=True,
    )  # fmt: skip
    for kind, place, shard in known - wanted:
        Round.objects.filter(kind=kind, environment=place, shard=shard, lease_until=None).delete()
    reference_looks.wake_unseen()
    return len(wanted)


def _wanted(environment: Environment) -> Iterator[tuple[str, int, str]]:
    if hub_connections.is_watched(environment):
        yield RoundKind.HUB.value, environment.pk, ""
    for shard in reference_looks.shards(environment):
        yield RoundKind.REFERENCES.value, environment.pk, shard


def _look(row: Round, held: Lease) -> float | None:
    """One look. What fails is kept with the round and tried again; what it found is written by the look itself."""
    if row.attempts > 3:
        log.warning("round_ends_early", round=str(row), attempts=row.attempts)  # such as killed each time
    looked = LOOKS[row.kind](row)
    with lease.held(row, held):
        left = [slug for slug in Round.objects.values_list("asked", flat=True).get(pk=row.pk) if slug not in row.asked]
        Round.objects.filter(pk=row.pk).update(
            cursor=looked.cursor, asked=left, error=looked.error, attempts=0,
            **({} if looked.error else {"looked_at": StatementTime()}),
        )  # fmt: skip
    return AFTER_FAILURE_SECONDS if looked.error else looked.again_in


@transaction.atomic
def rounds_wake(environment: Environment, kind: RoundKind, slugs: Iterable[str] = (), shard: str = "") -> None:
    """Let the next look come now, at these tenants first."""
    row = Round.objects.select_for_update().filter(kind=kind, environment=environment, shard=shard).first()
    if row is None:
        return
    Round.objects.filter(pk=row.pk).update(asked=sorted({*row.asked, *slugs}))
    lease.wake(Round.objects.filter(pk=row.pk))
    doorbell.ring("look_round", row.pk)
