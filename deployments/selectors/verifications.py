"""What was verified of a promotion: its checks, who failed them, and every tenant's standing with each."""

from __future__ import annotations

from collections import defaultdict
from collections.abc import Iterable, Sequence
from dataclasses import dataclass
from typing import Any

from django.db.models import Case, Count, IntegerField, Max, OuterRef, Prefetch, Q, QuerySet, Subquery, Value, When

from deployments.choices import Check, Proof
from deployments.models import Evidence, Promotion, Verification

LOST = (Proof.FAILED, Proof.UNKNOWN)
NAMED = 5
ON_A_PAGE = 50
RANKS: dict[str, tuple[int, tuple[Proof, ...]]] = {
    "failed": (4, (Proof.FAILED, Proof.UNKNOWN, Proof.IGNORED)),
    "running": (3, (Proof.FAILING, Proof.PASSING)),
    "waiting": (2, (Proof.WAITING,)),
    "done": (1, (Proof.PASSED,)),
}
"""What a tenant's worst check makes of it, worst first, by the words of the filter."""


def newest_runs(promotion: Promotion) -> list[Verification]:
    """The newest run of each check, in the catalog's order; one query, none where they were read already."""
    found: dict[str, Verification] = {}
    for row in sorted(promotion.verifications.all(), key=lambda row: row.pk):
        found[row.name] = row
    return list(found.values())


def lost_in(rows: Sequence[Verification]) -> list[Evidence]:
    """What did not pass in these runs, by check and tenant; `unknown` counts, as nothing is proved by it."""
    found = Evidence.objects.filter(verification__in=[row.pk for row in rows], proof__in=LOST)
    return list(found.select_related("verification").order_by("verification", "subject"))


def named(evidence: Sequence[Evidence]) -> str:
    """Up to five tenants by name, the rest by number."""
    slugs = [one.subject for one in evidence if one.subject]
    more = f" and {len(slugs) - NAMED} more" if len(slugs) > NAMED else ""
    return f"{', '.join(slugs[:NAMED])}{more}"


@dataclass(frozen=True, kw_only=True)
class Checked:
    """The newest run of a check with how many subjects stand where."""

    row: Verification
    total: int
    well: int
    lost: int

    @property
    def words(self) -> str:
        """How far it is, in one line."""
        if self.row.state == Check.SKIPPED:
            return self.row.note
        if self.row.state == Check.IGNORED:
            return f"{self.lost} failed, ignored by {self.row.ignored_by}: {self.row.ignored_reason}"
        if not self.total:
            return "Nobody is served here yet." if self.row.rounds else "Not asked yet."
        return f"{self.well} of {self.total} pass, {self.lost} failed, {self.row.rounds} rounds"


@dataclass(frozen=True, kw_only=True)
class Subject:
    """One tenant ("" stands for the whole environment) with what each check found of it, in the order of the checks."""

    name: str
    cells: tuple[tuple[str, Evidence | None], ...]
    """The title of each check, and what it found."""

    @property
    def lost(self) -> list[Evidence]:
        """What failed once or for good: shown with request and answer."""
        return [one for _, one in self.cells if one and one.failures]


@dataclass(frozen=True, kw_only=True)
class Standing:
    """A page of tenants, worst first, with how many stand where."""

    subjects: tuple[Subject, ...]
    counts: dict[str, int]
    following: str | None


@dataclass(frozen=True, kw_only=True)
class Shown:
    """The newest run of a check with those that did not pass, for programs."""

    row: Verification
    total: int
    well: int
    lost: tuple[Evidence, ...]


def with_counts(rows: QuerySet[Verification]) -> QuerySet[Verification]:
    """Verifications annotated with `total`, `well` and `lost` subjects."""
    return rows.annotate(
        total=Count("evidence"),
        well=Count("evidence", filter=Q(evidence__proof__in=(Proof.PASSED, Proof.PASSING))),
        lost=Count("evidence", filter=Q(evidence__proof__in=(*LOST, Proof.IGNORED))),
    )


def shown_of(promotion: Promotion) -> list[Shown]:
    """The newest runs as `prefetch` has read them: no query."""
    rows: dict[str, Any] = {row.name: row for row in sorted(promotion.verifications.all(), key=lambda row: row.pk)}
    return [Shown(row=row, total=row.total, well=row.well, lost=tuple(row.lost_evidence)) for row in rows.values()]


def prefetch() -> Prefetch[str]:
    """What `shown_of` needs of many promotions: two queries for all of them."""
    lost = Evidence.objects.filter(proof__in=(*LOST, Proof.IGNORED)).order_by("subject")
    rows = with_counts(Verification.objects.all()).prefetch_related(Prefetch("evidence", lost, to_attr="lost_evidence"))
    return Prefetch("verifications", rows)


def checks_of(promotion: Promotion) -> list[Checked]:
    """The newest run of each check; one query."""
    rows: dict[str, Any] = {row.name: row for row in with_counts(promotion.verifications.all()).order_by("pk")}
    return [Checked(row=row, total=row.total, well=row.well, lost=row.lost) for row in rows.values()]


def standing(promotion: Promotion, checks: Iterable[Checked], *, show: str = "", cursor: str = "") -> Standing:
    """Fifty tenants behind the cursor, failed first; `show` keeps one word of `RANKS`. Three queries."""
    grouped = _newest_of(promotion).values("subject").annotate(rank=Max(_rank()))
    counts = grouped.aggregate(**{word: Count("subject", filter=Q(rank=rank)) for word, (rank, _) in RANKS.items()})
    chosen = grouped.filter(rank=RANKS[show][0]) if show in RANKS else grouped
    if (behind := _position(cursor)) is not None:
        rank, subject = behind
        chosen = chosen.filter(Q(rank__lt=rank) | Q(rank=rank, subject__gt=subject))
    found = list(chosen.order_by("-rank", "subject").values_list("rank", "subject")[: ON_A_PAGE + 1])
    last = found[ON_A_PAGE - 1] if len(found) > ON_A_PAGE else None
    return Standing(
        subjects=_subjects(promotion, [name for _, name in found[:ON_A_PAGE]], list(checks)),
        counts={"all": sum(counts.values()), **counts},
        following=f"{last[0]}.{last[1]}" if last else None,
    )


def _newest_of(promotion: Promotion) -> QuerySet[Evidence]:
    """The evidence of the newest run that asked about a subject: a retry asks about some of them only."""
    same = Evidence.objects.filter(
        verification__promotion=promotion.pk, verification__name=OuterRef("verification__name"), subject=OuterRef("subject")
    )  # fmt: skip
    newest = same.order_by("-verification__run").values("pk")[:1]
    return Evidence.objects.filter(verification__promotion=promotion.pk, pk=Subquery(newest)).order_by()


def _rank() -> Case:
    whens = [When(proof__in=proofs, then=Value(rank)) for rank, proofs in RANKS.values()]
    return Case(*whens, default=Value(0), output_field=IntegerField())


def _subjects(promotion: Promotion, names: Sequence[str], checks: Sequence[Checked]) -> tuple[Subject, ...]:
    by_subject: defaultdict[str, dict[str, Evidence]] = defaultdict(dict)
    for one in _newest_of(promotion).filter(subject__in=names).select_related("verification"):
        by_subject[one.subject][one.verification.name] = one
    order = [(check.row.title, check.row.name) for check in checks]
    return tuple(
        Subject(name=name, cells=tuple((title, by_subject[name].get(check)) for title, check in order))
        for name in names
    )


def _position(cursor: str) -> tuple[int, str] | None:
    """What a cursor names; None for none and for one that no page gave."""
    rank, dot, subject = cursor.partition(".")
    return (int(rank), subject[:63]) if dot and rank in ("1", "2", "3", "4") else None
