"""The log of the Pod that a promotion waits for."""

from __future__ import annotations

from collections.abc import Iterator
from datetime import timedelta
from typing import Any, NamedTuple

from controlpanel.accounts.actors import Actor
from controlpanel.core.permissions import Right
from deployments.selectors.cards import Card
from deployments.selectors.inquiries import Question
from deployments.selectors.promotions import Followed
from deployments.selectors.rollouts import is_ready
from deployments.services.inquiries import ask

LOG_EVERY, LOG_FRESH = 3, timedelta(seconds=2)
"""Seconds between reads of the page while the log is looked at, and how old a log may be before it is read again."""


class WatchedPod(NamedTuple):
    """A Pod and the Application that it belongs to."""

    application: str
    name: str
    namespace: str

    @property
    def resource(self) -> str:
        """As the page of the Application names it."""
        return f"Pod/{self.namespace}/{self.name}"


def log_shown(actor: Actor, followed: Followed) -> dict[str, Any]:
    """What the tab shows: the log of the Pod that is waited for, else of the newest one that is known."""
    may_log = actor.may(Right.APPLICATION_LOGS, followed.promotion.environment.name)
    pod = next(_pods(followed), None)
    if pod is None or not may_log:
        return {"may_log": may_log, "pod": pod}
    [log] = ask(Question("log", pod.application, {"name": pod.name, "namespace": pod.namespace}), fresh=LOG_FRESH)
    return {"may_log": may_log, "pod": pod, "log": log, "topics": [f"application.{pod.application}"]}


def _pods(followed: Followed) -> Iterator[WatchedPod]:
    """The one that stopped it, those of what moves, then those of everything that changed; unready ones first."""
    issue = followed.promotion.issue or {}
    if issue.get("pod"):
        yield WatchedPod(str(issue.get("application", "")), str(issue["pod"]), str(issue.get("namespace", "")))
    for card in (*followed.moving, *(card for card in reversed(followed.cards) if card.rollout.is_changed)):
        yield from (WatchedPod(card.rollout.application, pod["name"], pod["namespace"]) for pod in _newest(card))


def _newest(card: Card) -> list[dict[str, Any]]:
    return sorted(card.new_pods, key=is_ready)
