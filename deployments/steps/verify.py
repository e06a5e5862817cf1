"""verifying: the end of a promotion; the registered verifications come here."""

from __future__ import annotations

from collections.abc import Sequence

from controlpanel.catalog import connections
from controlpanel.catalog.models import Component, Variable
from controlpanel.catalog.shards import COMPONENT
from controlpanel.core.crashpoints import crashpoint
from deployments.choices import Confidence, Rollout, State
from deployments.models import PromotionComponent
from deployments.renderers import variables
from deployments.rendering import stored
from deployments.steps.base import Context, Outcome, move_to
from deployments.steps.shards import told
from tenants.services.promoting import LiveValue, environment_values_record, release_is_live


def run(context: Context) -> Outcome:
    """Nothing is registered to verify yet: what rolled out and stayed healthy has succeeded."""
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
    confidence = Confidence.UNKNOWN if ignored else Confidence.OBSERVED
    live_now(context)
    return move_to(State.SUCCEEDED, words, live_revision=promotion.commit, confidence=confidence)


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
