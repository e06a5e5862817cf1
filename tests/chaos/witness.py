"""A witness of ends: each component that the panel calls done is held against what really lived at that moment."""

from __future__ import annotations

from dataclasses import dataclass, field

import httpx
from django.db.models import QuerySet

from deployments.choices import OPEN, Rollout
from deployments.models import Promotion, PromotionComponent
from deployments.services.promotions import promotion_request
from tests.chaos import fleet
from tests.world import World, until


@dataclass
class Witness:
    """`done` counts the components that were called done while it looked; `early` tells of those that were not.

    What was done before it began is `known` and not judged.
    """

    world: World
    environments: list[str]
    components: int
    seen: set[int] = field(default_factory=set)
    early: list[str] = field(default_factory=list)
    asked: dict[str, int] = field(default_factory=dict)

    def __post_init__(self) -> None:
        self.known = set(self._all_done().values_list("pk", flat=True))

    @property
    def done(self) -> int:
        """So many were called done."""
        return len(self.seen)

    def until_done(self, syncs: int, seconds: float) -> None:
        """Keep every environment busy until so many components are done and none is under way. Fails when it takes too long."""
        with httpx.Client(base_url=self.world.server, timeout=10) as sandbox:

            def is_over() -> bool:
                is_busy = self._ask(syncs)
                self._look(sandbox)
                return self.done >= syncs and not is_busy

            until(is_over, f"{syncs} components are done", seconds)
            self._look(sandbox)

    def _ask(self, syncs: int) -> bool:
        """Ask for the next release where nothing runs; whether anything runs."""
        busy = set(Promotion.objects.filter(state__in=OPEN).values_list("environment__name", flat=True))
        rounds = -(-syncs // (len(self.environments) * self.components))
        for name in set(self.environments) - busy:
            number = self.asked.get(name, 0)
            if number < rounds:
                self.asked[name] = number + 1
                version = fleet.VERSIONS[number % len(fleet.VERSIONS)]
                promotion_request(actor=fleet.CI, environment=name, release=version)
        return bool(busy)

    def _look(self, sandbox: httpx.Client) -> None:
        new = set(self._all_done().values_list("pk", flat=True)) - self.known - self.seen
        for rollout in PromotionComponent.objects.filter(pk__in=new).select_related("promotion"):
            self.seen.add(rollout.pk)
            if fault := self._fault(sandbox, rollout):
                self.early.append(f"{rollout.application} of {rollout.promotion}: {fault}")

    @staticmethod
    def _all_done() -> QuerySet[PromotionComponent]:
        return PromotionComponent.objects.filter(state=Rollout.DONE, is_changed=True)

    def _fault(self, sandbox: httpx.Client, rollout: PromotionComponent) -> str:
        """What was wrong when it was called done: another commit, not healthy, or healthy only later."""
        path = f"/sandbox/applications/{rollout.application}"
        truth = sandbox.get(path, params={"revision": rollout.promotion.commit}).json()
        assert rollout.finished_at is not None
        too_soon = truth["since"] - rollout.finished_at.timestamp()
        if (truth["sync"], truth["health"]["status"]) != ("Synced", "Healthy"):
            return f"not live yet: {truth}"
        return f"live only {too_soon:.1f} s later" if too_soon > 0 else ""
