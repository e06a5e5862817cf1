"""The components of a promotion as its page shows them, wave by wave."""

from __future__ import annotations

from collections.abc import Mapping
from dataclasses import dataclass
from datetime import datetime
from statistics import median
from typing import Any

from controlpanel.core.presentation.wording import duration
from deployments.choices import Rollout
from deployments.models import Application, PromotionComponent
from deployments.selectors.outside import argocd_page
from deployments.selectors.rollouts import is_ready, pods_ready


@dataclass(frozen=True, kw_only=True)
class Card:
    """One component of a promotion: its rollout, its Application as observed, and what ran before."""

    rollout: PromotionComponent
    application: Application | None
    before: str

    @property
    def is_open(self) -> bool:
        """Shown in full among the waves while it waits for a person; what runs is shown above them, in a place that
        keeps its height. Of an ended promotion nothing is shown as it is now."""
        return self.is_stuck and not self.rollout.promotion.is_terminal

    @property
    def is_stuck(self) -> bool:
        """Whether it needs a person."""
        return self.rollout.state == Rollout.STUCK

    @property
    def beside(self) -> str:
        """What stands beside its name: pods, unchanged, or what still runs."""
        if self.rollout.promotion.is_terminal:  # its state says it already
            return ""
        if not self.rollout.is_changed:
            return "unchanged"
        if self.rollout.state == Rollout.WAITING:
            return f"on {self.before}" if self.before else "not started"
        return f"{pods} pods" if (pods := pods_ready(self.application)) else ""

    @property
    def new_pods(self) -> list[dict[str, Any]]:
        """Pods of the newest generation as they came; where a person has to look, those that are not ready first."""
        pods = sorted((pod for pod in self._pods if pod["is_new"]), key=_came)
        return [{**pod, "word": _pod_word(pod)} for pod in (sorted(pods, key=is_ready) if self.is_stuck else pods)]

    @property
    def needed(self) -> str:
        """ "Two pods before it needed about 1 m 31 s.": how long those of its rollout took that were seen to become ready; else ""."""
        pods = [pod for pod in self._pods if pod["is_new"] and pod.get("ready_at") and pod.get("created_at")]
        took = [datetime.fromisoformat(pod["ready_at"]) - datetime.fromisoformat(pod["created_at"]) for pod in pods]
        if not took:
            return ""
        who = {1: "One pod", 2: "Two pods"}.get(len(took), f"{len(took)} pods")
        return f"{who} before it needed about {duration(median(one.total_seconds() for one in took))}."

    @property
    def argocd(self) -> str:
        """Where Argo CD shows its Application."""
        return argocd_page(self.rollout.promotion.environment, self.rollout.application)

    @property
    def old_pods(self) -> int:
        """How many pods from before still serve."""
        return sum(1 for pod in self._pods if not pod["is_new"])

    @property
    def wanted(self) -> str:
        """The release that it shall run; a shard of tenants' references runs none."""
        return "references" if self.rollout.shard else str(self.rollout.promotion.release or "")

    @property
    def serving(self) -> str:
        """The release that its ready pods run."""
        if self.rollout.shard:
            return "references"
        if self.rollout.state == Rollout.DONE and self.rollout.promotion.release is not None:
            return str(self.rollout.promotion.release.version)
        return self.before or "nothing"

    @property
    def words(self) -> str:
        """Where it is, for the table of what is live."""
        if self.rollout.state == Rollout.DONE:
            return f"done in wave {self.rollout.wave}" if self.rollout.is_changed else "unchanged"
        if self.rollout.state == Rollout.WAITING:
            return "not touched"
        return self.rollout.message or self.rollout.state.replace("_", " ")

    @property
    def _pods(self) -> list[dict[str, Any]]:
        return list(self.application.pods) if self.application else []


@dataclass(frozen=True, kw_only=True)
class Wave:
    """The components that roll out together."""

    number: int
    cards: tuple[Card, ...]
    took: str

    @property
    def commit(self) -> str:
        """The wave's own commit, where waves commit one by one."""
        return next((card.rollout.commit for card in self.cards if card.rollout.commit), "")

    @property
    def state(self) -> str:
        """A word of the rollout vocabulary."""
        states = {card.rollout.state for card in self.cards}
        for state in (Rollout.STUCK, Rollout.ROLLING_OUT, Rollout.SYNCING):
            if state in states:
                return str(state)
        return Rollout.DONE if states == {Rollout.DONE} else Rollout.WAITING

    @property
    def words(self) -> str:
        """What stands beside "Wave 3"."""
        if self.state == Rollout.DONE:
            return f"Done in {self.took}" if self.took else "Done"
        if self.state == Rollout.WAITING and self.cards[0].rollout.promotion.is_terminal:
            return "Not started"
        if self.state == Rollout.WAITING:
            return f"Waits for wave {self.number - 1}" if self.number > 1 else "Waits"
        return (
            "; ".join(
                card.rollout.message
                for card in self.cards
                if card.rollout.state != Rollout.DONE and card.rollout.message
            )
            or "Running"
        )


def _came(pod: Mapping[str, Any]) -> tuple[str, str]:
    """When the pod came, and its name."""
    return str(pod.get("created_at") or ""), str(pod["name"])


def _pod_word(pod: Mapping[str, Any]) -> str:
    """The pod's status in a word of the pod vocabulary."""
    if is_ready(pod):
        return "Running"
    said = str(pod.get("status") or "")
    return "Starting" if said in ("", "Progressing") else "Not ready" if said in ("Running", "Healthy") else said
