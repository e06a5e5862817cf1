"""verifying: ask what the environment wants asked, decide on what came, and end; what rolled out is live by now."""

from __future__ import annotations

from collections.abc import Iterable, Sequence

from controlpanel.catalog import connections
from controlpanel.catalog.models import Component, Variable
from controlpanel.catalog.shards import COMPONENT
from controlpanel.core.crashpoints import crashpoint
from deployments.choices import Check, Confidence, Proof, Rollout, State
from deployments.models import PromotionComponent, Verification
from deployments.renderers import variables
from deployments.rendering import stored
from deployments.selectors.verifications import newest_runs
from deployments.steps import failing, proving
from deployments.steps.base import Context, Outcome, move_to, wait
from deployments.steps.shards import told
from tenants.services.promoting import LiveValue, environment_values_record, release_is_live


def run(context: Context) -> Outcome:
    """One portion of samples if some are due; a decision where checks have failed or all are over; else waiting."""
    proving.begin(context)
    rows = newest_runs(context.promotion)
    if (row := proving.due(context, rows)) is not None:
        proving.sample(context, row)
        return wait(0.0, _sampled(newest_runs(context.promotion)))
    running = [row for row in rows if row.state == Check.RUNNING]
    failed = [row for row in rows if row.state == Check.FAILED]
    if failed and all(row.rounds >= max(one.rounds for one in failed) for row in running):
        return failing.decide(context, failed)
    if running:
        seconds = (min(row.next_round_at for row in running) - context.now()).total_seconds()
        return wait(max(0.1, seconds), _sampled(rows))
    return _end(context, rows)


def _sampled(rows: Sequence[Verification]) -> str:
    """What stands beside the step while it goes on."""
    if all(row.state == Check.SKIPPED for row in rows):
        return "Nobody can be asked"
    return f"{sum(row.state == Check.PASSED for row in rows)} of {len(rows)} checks passed"


def _end(context: Context, checks: Sequence[Verification]) -> Outcome:
    promotion = context.promotion
    crashpoint("finish.before_move")
    rows = list(promotion.rollouts.all())
    ignored = [row.title for row in rows if row.is_ignored]
    proved = [row for row in rows if row.state == Rollout.DONE and not row.is_ignored]
    words = f"{promotion.title} is live in {promotion.environment.name}: {_proved(proved)}."
    if promotion.findings:
        words += f" {told(promotion.findings)}"
    if ignored:
        words += f" Not proved, ignored by a person: {', '.join(ignored)}."
    words += _verified(checks)
    confidence = Confidence.UNKNOWN if ignored else Confidence.OBSERVED
    live_now(context)
    return move_to(State.SUCCEEDED, words, live_revision=promotion.commit, confidence=confidence)


def _verified(checks: Iterable[Verification]) -> str:
    """What was verified, what was not, and what somebody ignored, in words; empty where nothing is asked for."""
    by_state: dict[str, list[str]] = {}
    for row in checks:
        by_state.setdefault(row.state, []).append(_named(row))
    words = {Check.PASSED: "Verified", Check.IGNORED: "Failed and ignored by a person", Check.SKIPPED: "Not checked"}
    return "".join(f" {word}: {', '.join(by_state[state])}." for state, word in words.items() if state in by_state)


def _named(row: Verification) -> str:
    count = row.evidence.filter(proof=Proof.PASSED).exclude(subject="").count()
    return f"{row.title} ({count} tenant{'s' if count != 1 else ''})" if count else row.title


def _proved(rows: Sequence[PromotionComponent]) -> str:
    shards = sum(bool(row.shard) for row in rows)
    told = [f"{len(rows) - shards} Applications Synced and Healthy"] if len(rows) > shards or not shards else []
    told += [f"{shards} shard{'s' if shards > 1 else ''} of tenants' references Synced"] if shards else []
    return " and ".join(told)


def live_now(context: Context) -> None:
    """Tell tenants what is live: the values of the environment that their sign-offs bind to, and what the release needs."""
    promotion = context.promotion
    if promotion.release is None:
        return
    environment_values_record(promotion.environment, _live_values(_files(context)))
    release_is_live(promotion.environment, promotion.release.version)


def _files(context: Context) -> dict[str, bytes]:
    """Of all components; where only some were promoted, the others as the commit has them."""
    own = {part: digest for part, digest in context.plan["parts"].items() if part.split("/")[0] != COMPONENT}
    files = stored(own)
    if context.promotion.components:
        repository, commit = connections.deploy_repository(), context.promotion.commit
        for name in Component.objects.filter(is_retired=False).exclude(name__in=own).values_list("name", flat=True):
            files |= repository.files(commit, name)
    return files


def _live_values(files: dict[str, bytes]) -> list[LiveValue]:
    found, values = variables.standing(files), variables.values(files)
    rows = Variable.objects.filter(scope="environment").order_by("pk").values_list("key", "is_secret")
    told = ((key, is_secret, found.get(key, variables.NOWHERE)) for key, is_secret in rows)
    return [
        LiveValue(key=key, state=one.state, where=one.where, value="" if is_secret else values.get(key, ""))
        for key, is_secret, one in told
    ]
