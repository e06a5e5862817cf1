"""Is the audit what it was? Its chain is recomputed, and compared with the heads that deploy commits carry out of the database's reach.

A chain that somebody wrote anew follows from itself, but no longer holds the heads that Git knows.
"""

from __future__ import annotations

from collections.abc import Iterable, Iterator
from dataclasses import dataclass

from controlpanel.catalog import connections
from controlpanel.catalog.models import Environment
from controlpanel.core import audit
from controlpanel.core.models import AuditEvent

TRAILER, OF_PROMOTION = "Audit-Head", "Promotion-Id"


@dataclass(frozen=True, kw_only=True)
class Anchor:
    """A deploy commit, and the head of the chain that it carries; `promotion` is its id, "" where it names none."""

    branch: str
    commit: str
    promotion: str
    head: str


@dataclass(frozen=True, kw_only=True)
class Broken:
    """The first entry that is not what it was, at the earliest, and how that is known."""

    sequence: int
    sentence: str


def broken_in_chain() -> Broken | None:
    """The first entry that does not follow from the one before."""
    sequence = audit.first_broken()
    if sequence is None:
        return None
    said = f"The audit is broken at event {sequence}: it, or one before it, was changed past the panel."
    return Broken(sequence=sequence, sentence=said)


def anchors() -> Iterator[Anchor]:
    """What the branches of all environments carry, oldest first within each. Raises `ClientError` where Git cannot be read."""
    repository = connections.deploy_repository()
    for branch in Environment.objects.order_by("position").values_list("branch", flat=True):
        tip = repository.tip(branch)
        for commit, trailers in repository.trailers(tip) if tip else ():
            if TRAILER in trailers:
                promotion = trailers.get(OF_PROMOTION, "")
                yield Anchor(branch=branch, commit=commit, promotion=promotion, head=trailers[TRAILER])


def broken_by_git(found: Iterable[Anchor]) -> Broken | None:
    """The first entry that cannot be what it was, since a commit carries a head that no entry has.

    An entry whose hash Git knows proves all entries before it, so the first that may differ is the one behind it.
    """
    carried = list(found)
    rows = AuditEvent.objects.filter(hash__in={one.head for one in carried}).values_list("hash", "sequence")
    places = {audit.GENESIS: 0, **dict(rows)}
    proved: dict[str, int] = {}
    broken: list[tuple[int, Anchor]] = []
    for one in carried:
        if one.head in places:
            proved[one.branch] = max(proved.get(one.branch, 0), places[one.head])
        else:
            broken.append((proved.get(one.branch, 0) + 1, one))
    if not broken:
        return None
    sequence, anchor = min(broken, key=lambda pair: pair[0])
    return Broken(sequence=sequence, sentence=_told(sequence, anchor))


def _told(sequence: int, anchor: Anchor) -> str:
    promotion = f" of promotion {anchor.promotion}" if anchor.promotion else ""
    known = f"Events up to {sequence - 1} are proved by Git. " if sequence > 1 else ""
    return (
        f"The audit is broken at event {sequence} at the earliest: commit {anchor.commit[:12]} on {anchor.branch}{promotion} carries "
        f"the head {anchor.head[:12]}, which no event has. {known}What follows was written anew past the panel, or is not of this database."
    )
