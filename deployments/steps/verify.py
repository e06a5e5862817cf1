"""verifying: the end of a promotion; the registered verifications come here."""

from __future__ import annotations

from collections.abc import Sequence

from controlpanel.catalog.models import Variable
from controlpanel.catalog.shards import COMPONENT
from controlpanel.core.crashpoints import crashpoint
from deployments.choices import Confidence, Rollout, State
from deployments.models import Promotion, PromotionComponent
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
    live_now(promotion)
    return move_to(State.SUCCEEDED, words, live_revision=promotion.commit, confidence=confidence)


def _proved(rows: Sequence[PromotionComponent]) -> str:
    shards = sum(bool(row.shard) for row in rows)
    told = [f"{len(rows) - shards} Applications Synced and Healthy"] if len(rows) > shards or not shards else []
    told += [f"{shards} shard{'s' if shards > 1 else ''} of tenants' references Synced"] if shards else []
    return " and ".join(told)


def live_now(promotion: Promotion) -> None:
    """Tell tenants what is live: the values of the environment that their sign-offs bind to, and what the release needs."""
    if promotion.release is None or promotion.plan is None or not promotion.environment.tenant_shards:
        return
    parts = {part: digest for part, digest in promotion.plan["parts"].items() if part.split("/")[0] != COMPONENT}
    environment_values_record(promotion.environment, _live_values(stored(parts), is_whole=not promotion.components))
    release_is_live(promotion.environment, promotion.release.version)


def _live_values(files: dict[str, bytes], *, is_whole: bool) -> list[LiveValue]:
    """Of the environment's keys; where only some components were promoted, those alone that these files give."""
    found = variables.standing(files)
    values = variables.values(files)
    rows = Variable.objects.filter(scope="environment").order_by("pk").values_list("key", "is_secret")
    return [
        LiveValue(key=key, state=one.state, where=one.where, value="" if is_secret else values.get(key, ""))
        for key, is_secret in rows
        if (one := found.get(key, variables.NOWHERE)) is not variables.NOWHERE or is_whole
    ]
