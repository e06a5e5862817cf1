"""The pipeline board: what is live in each environment, what is in flight, what can go next, and where releases are."""

from __future__ import annotations

from collections.abc import Iterable, Mapping, Sequence
from dataclasses import dataclass
from datetime import datetime

from django.db.models import Q

from controlpanel.catalog.models import Environment
from controlpanel.core.presentation.vocabulary import status_of
from deployments.choices import IN_LANE, TERMINAL, Kind, State
from deployments.models import Application, Promotion, Release
from deployments.selectors.progress import Step, sentence_of, steps_of
from deployments.selectors.rollouts import ComponentRow, component_rows, rollouts_of, silent_since
from tenants.selectors.readiness import Counts

NEWEST = 12
"""Releases that the board looks at."""
OFFERED = 2
"""Next releases that an environment offers."""


@dataclass(frozen=True, kw_only=True)
class Lane:
    """One environment: what is live, what holds the lane, who waits, what was last, and what could come next."""

    environment: Environment
    live: Promotion | None
    active: Promotion | None
    waiting: tuple[Promotion, ...]
    last: Promotion | None
    rows: tuple[ComponentRow, ...]
    steps: tuple[Step, ...]
    sentence: str
    candidates: tuple[Release, ...]
    behind: int
    before: Environment | None
    committed: Promotion | None
    tenants: Counts
    usual: float | None = None
    """Seconds that a release usually takes here."""

    @property
    def unproved(self) -> Promotion | None:
        """The promotion that committed after the live one and was not proved: what is live is only partly known."""
        return None if self.active or self.committed is None or self.committed == self.live else self.committed

    @property
    def state(self) -> str:
        """The lane's word: the state of the promotion that holds it, or idle."""
        return self.active.state if self.active else "idle"

    @property
    def drifted(self) -> tuple[ComponentRow, ...]:
        """Components of releases that differ from Git although nothing is in flight."""
        return () if self.active else tuple(row for row in self.of_releases if row.sync == "OutOfSync")

    @property
    def of_releases(self) -> tuple[ComponentRow, ...]:
        """The rows without tenants' references, which no release brings."""
        return tuple(row for row in self.rows if not row.shards)

    @property
    def silent_since(self) -> datetime | None:
        """When its Argo CD was last heard, where that is too long ago to believe what was read."""
        return silent_since(row.application for row in self.of_releases)

    @property
    def is_as_git(self) -> bool:
        """Nothing is in flight or in doubt, and each component was seen to be what Git holds."""
        calm = not (self.active or self.unproved or self.waiting)
        return calm and bool(self.rows) and all(row.sync == "Synced" for row in self.of_releases)

    @property
    def progress(self) -> str:
        """Where the promotion in flight is, in words for screen readers."""
        done = sum(step.state == "done" for step in self.steps)
        return f"step {min(done + 1, len(self.steps))} of {len(self.steps)}"

    @property
    def topics(self) -> str:
        """What the column listens to."""
        return f"environment.{self.environment.name}"


@dataclass(frozen=True, kw_only=True)
class Placed:
    """A release in the strip: where it is, and what became of it (a value of the release vocabulary, and words)."""

    release: Release
    live_in: tuple[Environment, ...]
    moving_to: tuple[Environment, ...]
    outcome: str
    words: str

    @property
    def components(self) -> str:
        """The components that it changes, in words."""
        names = self.release.changed_components
        return ", ".join(names[:3]) + (f" and {len(names) - 3} more" if len(names) > 3 else "")


@dataclass(frozen=True, kw_only=True)
class Ends:
    """How promotions of releases ended: the live, the last committed and the last one by environment, the newest by (environment,
    release). Changes of the tenants' configuration leave the live release what it is, and are not among them."""

    live: Mapping[int, Promotion]
    committed: Mapping[int, Promotion]
    last: Mapping[int, Promotion]
    newest: Mapping[tuple[int, int], Promotion]


def newest_releases() -> list[Release]:
    """The releases that the board looks at, newest first."""
    return list(Release.objects.all()[:NEWEST])


def ends_of(environments: Iterable[Environment], releases: Iterable[Release]) -> Ends:
    """Read in one query how promotions to these environments ended."""
    keys = [environment.pk for environment in environments]
    ended = Promotion.objects.filter(environment__in=keys, state__in=TERMINAL).exclude(kind=Kind.TENANT_CONFIG)
    here = ended.order_by("environment_id", "-finished_at").distinct("environment_id")
    each = ended.filter(release__in=[release.pk for release in releases])
    pairs = each.order_by("environment_id", "release_id", "-finished_at").distinct("environment_id", "release_id")
    chosen = Q(pk__in=here.values("pk")) | Q(pk__in=here.filter(state=State.SUCCEEDED).values("pk"))
    written = ended.exclude(commit="").order_by("environment_id", "-committed_at").distinct("environment_id")
    chosen |= Q(pk__in=written.values("pk"))
    rows = ended.filter(chosen | Q(pk__in=pairs.values("pk"))).select_related("release", "requester")
    live: dict[int, Promotion] = {}
    committed: dict[int, Promotion] = {}
    last: dict[int, Promotion] = {}
    newest: dict[tuple[int, int], Promotion] = {}
    for row in rows.order_by("finished_at"):
        last[row.environment_id] = row
        if row.commit and _is_later(row, committed.get(row.environment_id)):
            committed[row.environment_id] = row
        if row.state == State.SUCCEEDED:
            live[row.environment_id] = row
        if row.release_id is not None:
            newest[row.environment_id, row.release_id] = row
    return Ends(live=live, committed=committed, last=last, newest=newest)


def _is_later(row: Promotion, known: Promotion | None) -> bool:
    """By the time of the commit: what a rollback has called off may end after it."""
    if known is None or known.committed_at is None or row.committed_at is None:
        return True
    return row.committed_at >= known.committed_at


def lanes(
    environments: Sequence[Environment],
    releases: Sequence[Release],
    ends: Ends,
    applications: Mapping[int, Sequence[Application]],
    open_promotions: Mapping[str, Sequence[Promotion]],
    succeeded: Mapping[tuple[str, int], object],
    tenants: Mapping[str, Counts],
    usual: Mapping[int, float | None] | None = None,
) -> list[Lane]:
    """The columns of the board in the order of the pipeline; one query for the rollouts of all of them. `usual` are the seconds
    that a release takes, by environment."""
    holders = {one.pk: _holder(open_promotions.get(one.name, ())) for one in environments}
    active = [promotion for promotion in holders.values() if promotion is not None]
    versions, rollouts = rollouts_of([one.pk for one in environments], active)
    by_name = {one.name: one for one in environments}
    shown = []
    for one in environments:
        holder, before = holders[one.pk], by_name.get(one.after)
        own = rollouts.get(holder.pk, []) if holder else []
        live = ends.live.get(one.pk)
        open_here = open_promotions.get(one.name, ())
        shown.append(
            Lane(
                environment=one, live=live, active=holder, last=ends.last.get(one.pk), before=before, committed=ends.committed.get(one.pk),
                waiting=tuple(row for row in open_here if row is not holder),
                rows=component_rows(applications.get(one.pk, ()), versions, holder, own),
                steps=tuple(steps_of(holder, own)) if holder else (),
                sentence=sentence_of(holder, own) if holder else "",
                candidates=_candidates(one, releases, live, open_here, succeeded, open_promotions),
                tenants=tenants.get(one.name, Counts()), usual=(usual or {}).get(one.pk),
                behind=_behind(releases, live, ends.live.get(before.pk) if before else None),
            )
        )  # fmt: skip
    return shown


def strip(releases: Sequence[Release], shown: Sequence[Lane], ends: Ends, wanted: str) -> list[Placed]:
    """The releases strip: all, those that wait, or those in use; newest first."""
    placed = [_placed(release, shown, ends) for release in releases]
    if wanted == "waiting":
        placed = [one for one in placed if one.outcome == "waiting" or one.moving_to]
    elif wanted == "used":
        placed = [one for one in placed if one.live_in]
    return placed[:7]


def _holder(promotions: Sequence[Promotion]) -> Promotion | None:
    holding = (*IN_LANE, State.CANCELING)
    return next((row for row in promotions if row.state in holding), None)


def _candidates(
    environment: Environment,
    releases: Sequence[Release],
    live: Promotion | None,
    open_here: Sequence[Promotion],
    succeeded: Mapping[tuple[str, int], object],
    open_promotions: Mapping[str, Sequence[Promotion]],
) -> tuple[Release, ...]:
    """Releases newer than what is live, those that have passed the environment before first."""
    taken = {row.release_id for row in open_here}
    newer = [one for one in releases if one.pk not in taken and (live is None or one.pk > (live.release_id or 0))]
    deciding = {row.release_id for row in open_promotions.get(environment.after, ())}

    def order(release: Release) -> tuple[bool, bool, int]:
        passed = not environment.after or (environment.after, release.pk) in succeeded
        return (not passed, release.pk not in deciding, -release.pk)

    return tuple(sorted(newer, key=order)[:OFFERED])


def _behind(releases: Sequence[Release], live: Promotion | None, before: Promotion | None) -> int:
    """How many releases the environment before is ahead."""
    if live is None or before is None or not live.release_id or not before.release_id:
        return 0
    return sum(live.release_id < release.pk <= before.release_id for release in releases)


def _placed(release: Release, shown: Sequence[Lane], ends: Ends) -> Placed:
    live_in = tuple(lane.environment for lane in shown if lane.live and lane.live.release_id == release.pk)
    moving = [(lane, row) for lane in shown for row in _open(lane) if row.release_id == release.pk]
    outcome, words = _outcome(release, shown, ends, live_in, moving)
    places = tuple(lane.environment for lane, _ in moving)
    return Placed(release=release, live_in=live_in, moving_to=places, outcome=outcome, words=words)


def _open(lane: Lane) -> Iterable[Promotion]:
    return (*((lane.active,) if lane.active else ()), *lane.waiting)


def _outcome(
    release: Release,
    shown: Sequence[Lane],
    ends: Ends,
    live_in: Sequence[Environment],
    moving: Sequence[tuple[Lane, Promotion]],
) -> tuple[str, str]:
    if moving:
        lane, row = moving[-1]
        paused = row.state == State.PAUSED
        return ("paused" if paused else "in_flight"), f"{_word(row)} in {lane.environment.name}"
    if live_in:
        last = live_in[-1]
        is_end = last.pk == shown[-1].environment.pk
        return "live", f"In {last.name}" if is_end else f"Verified in {last.name}"
    ended = [end for lane in shown if (end := ends.newest.get((lane.environment.pk, release.pk)))]
    if not ended:
        return "waiting", "Not promoted yet"
    if ended[-1].state == State.SUCCEEDED:
        return "replaced", "Replaced"
    place = next(lane.environment.name for lane in shown if lane.environment.pk == ended[-1].environment_id)
    has_failed = ended[-1].state in (State.FAILED, State.REJECTED)
    return ("failed" if has_failed else "replaced"), f"{_word(ended[-1])} in {place}"


def _word(promotion: Promotion) -> str:
    return status_of("promotion", promotion.state).word
