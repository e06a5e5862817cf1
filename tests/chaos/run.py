"""A run: promotions keep coming in every environment while the plan kills, freezes and disturbs; then the verdict."""

from __future__ import annotations

import contextlib
import math
import os
import random
import signal
import time
from collections.abc import Callable
from dataclasses import dataclass, field

import httpx
from django.db import connection, models

from controlpanel.core.errors import ConflictError
from deployments.choices import OPEN, State
from deployments.models import Promotion
from deployments.services.promotions import promotion_abort, promotion_request, promotion_retry
from deployments.services.rollbacks import promotion_rollback, rollback_targets
from tests.chaos import database, fleet, foreign
from tests.chaos.broker import Broker
from tests.chaos.oracle import verdict
from tests.chaos.plan import RUNNERS, Disturbance
from tests.world import PATIENCE_SECONDS, Process, World

CALM_SECONDS = 120.0


@dataclass
class Run:
    """The state of one run; `acknowledged` are ids that a caller was given."""

    world: World
    seed: int
    environments: list[str]
    broker: Broker
    acknowledged: list[str] = field(default_factory=list)
    runners: dict[str, Process] = field(default_factory=dict)
    later: list[tuple[float, Callable[[], None]]] = field(default_factory=list)
    kills: int = 0

    def __post_init__(self) -> None:
        self.chance = random.Random(self.seed + 1)
        database.make_durable(self.world.database_url)

    def go(self, plan: list[Disturbance]) -> list[str]:
        """Carry the plan out, wait for calm, and judge."""
        try:
            for name in RUNNERS:
                self._start(name)
            for disturbance in plan:
                self._meanwhile(disturbance.after)
                self._disturb(disturbance)
            self._faults([])
            self._until_calm()
            return verdict(self.world, self.acknowledged)
        finally:
            self.broker.kill()

    def _start(self, name: str) -> None:
        self.runners[name] = self.world.worker() if name == "worker" else self.world.watch()

    def _meanwhile(self, seconds: float) -> None:
        """Keep asking for promotions, and be the person who decides on paused ones."""
        until = time.monotonic() + seconds
        while True:
            self._what_is_due()
            self._decide()
            self._ask()
            if (left := until - time.monotonic()) <= 0:
                return
            time.sleep(min(left, 0.1))

    def _what_is_due(self, by: float | None = None) -> None:
        now = time.monotonic() if by is None else by
        due = [act for at, act in self.later if at <= now]
        self.later = [(at, act) for at, act in self.later if at > now]
        for act in due:
            act()

    def _ask(self) -> None:
        busy = set(Promotion.objects.filter(state__in=OPEN).values_list("environment__name", flat=True))
        idle = [name for name in self.environments if name not in busy]
        for name in self.chance.sample(idle, min(2, len(idle))):
            self._request(name)

    def _request(self, environment: str) -> None:
        promotion = promotion_request(
            actor=fleet.CI, environment=environment, release=self.chance.choice(fleet.VERSIONS)
        )
        self.acknowledged.append(str(promotion.pk))

    def _decide(self) -> None:
        for promotion in _of_state(State.PAUSED):
            act = promotion_abort if self.chance.random() < 0.2 else promotion_retry
            with contextlib.suppress(ConflictError):  # someone, the system here, was faster
                act(actor=fleet.CI, promotion=promotion)

    def _abort(self, environment: str) -> None:
        for promotion in _of_state(*OPEN).filter(environment__name=environment):
            with contextlib.suppress(ConflictError):
                promotion_abort(actor=fleet.CI, promotion=promotion)

    def _roll_back(self, environment: str) -> None:
        target = rollback_targets(actor=fleet.CI, environment=environment).first()
        if target is not None:
            with contextlib.suppress(ConflictError):  # something was committed since
                self.acknowledged.append(str(promotion_rollback(actor=fleet.CI, target=target).pk))

    def _disturb(self, disturbance: Disturbance) -> None:
        acts: dict[str, Callable[[], None]] = {
            "kill": lambda: self._kill(disturbance.target),
            "freeze": lambda: self._freeze(disturbance.target, disturbance.seconds),
            "foreign push": lambda: foreign.push(self.world, disturbance.target),
            "faults": lambda: self._faults(disturbance.rules),
            "no faults": lambda: self._faults([]),
            "abort": lambda: self._abort(disturbance.target),
            "request": lambda: self._request(disturbance.target),
            "rollback": lambda: self._roll_back(disturbance.target),
            "flush broker": self.broker.flush,
            "stop broker": lambda: self._stop_broker(disturbance.seconds),
            "crash database": self._crash_database,
        }
        acts[disturbance.kind]()

    def _kill(self, name: str) -> None:
        if name != "worker":  # on a busy machine it would else be killed before it has begun anything
            until = time.monotonic() + PATIENCE_SECONDS
            while "watch_started" not in self.world.log(self.runners[name]) and time.monotonic() < until:
                self._meanwhile(0.1)
        self.world.end(self.runners[name])
        self.kills += 1
        self._start(name)

    def _freeze(self, name: str, seconds: float) -> None:
        frozen = self.runners[name]
        os.killpg(frozen.pid, signal.SIGSTOP)

        def thaw() -> None:
            if frozen.poll() is None:
                os.killpg(frozen.pid, signal.SIGCONT)

        self.later.append((time.monotonic() + seconds, thaw))

    def _stop_broker(self, seconds: float) -> None:
        if self.broker.running is not None:
            self.broker.kill()
            self.later.append((time.monotonic() + seconds, self.broker.start))

    def _crash_database(self) -> None:
        if "PYTEST_XDIST_WORKER" not in os.environ:  # else the tests beside this one use the same server
            database.crash(self.world.database_url)

    def _faults(self, rules: list[dict[str, object]]) -> None:
        body = {"seed": self.seed, "rules": rules}
        httpx.put(f"{self.world.server}/sandbox/faults", json=body, timeout=10).raise_for_status()

    def _until_calm(self) -> None:
        deadline = time.monotonic() + CALM_SECONDS
        while time.monotonic() < deadline:
            self._what_is_due()
            self._decide()
            if not Promotion.objects.filter(state__in=OPEN).exists():
                break
            time.sleep(0.2)
        self._what_is_due(by=math.inf)
        connection.close()


def _of_state(*states: State) -> models.QuerySet[Promotion]:
    return Promotion.objects.filter(state__in=states).select_related("environment", "release", "requester")
