"""A run: promotions keep coming in every environment while the plan kills, freezes and disturbs; then the verdict."""

from __future__ import annotations

import os
import random
import signal
import subprocess
import time
from collections.abc import Callable
from dataclasses import dataclass, field

import httpx
from django.db import connection

from controlpanel.core.errors import ConflictError
from deployments.choices import OPEN, State
from deployments.models import Promotion
from deployments.services.promotions import promotion_abort, promotion_request, promotion_retry
from tests.chaos import fleet
from tests.chaos.oracle import verdict
from tests.chaos.plan import RUNNERS, Disturbance
from tests.world import World

CALM_SECONDS = 120.0


@dataclass
class Run:
    """The state of one run; `acknowledged` are ids that a caller was given."""

    world: World
    seed: int
    environments: list[str]
    acknowledged: list[str] = field(default_factory=list)
    runners: dict[str, subprocess.Popen[bytes]] = field(default_factory=dict)
    frozen: dict[str, float] = field(default_factory=dict)
    kills: int = 0

    def __post_init__(self) -> None:
        self.chance = random.Random(self.seed + 1)
        self.starters: Callable[[], subprocess.Popen[bytes]] = self.world.watch

    def go(self, plan: list[Disturbance]) -> list[str]:
        """Carry the plan out, wait for calm, and judge."""
        for name in RUNNERS:
            self.runners[name] = self.starters()
        for disturbance in plan:
            self._meanwhile(disturbance.after)
            self._disturb(disturbance)
        self._faults([])
        self._until_calm()
        return verdict(self.world, self.acknowledged)

    def _meanwhile(self, seconds: float) -> None:
        """Keep asking for promotions, and be the person who decides on paused ones."""
        until = time.monotonic() + seconds
        while True:
            self._thaw()
            self._decide()
            self._ask()
            if (left := until - time.monotonic()) <= 0:
                return
            time.sleep(min(left, 0.1))

    def _ask(self) -> None:
        busy = set(Promotion.objects.filter(state__in=OPEN).values_list("environment__name", flat=True))
        idle = [name for name in self.environments if name not in busy]
        for name in self.chance.sample(idle, min(2, len(idle))):
            promotion = promotion_request(actor=fleet.CI, environment=name, release=self.chance.choice(fleet.VERSIONS))
            self.acknowledged.append(str(promotion.pk))

    def _decide(self) -> None:
        for promotion in Promotion.objects.filter(state=State.PAUSED).select_related(
            "environment", "release", "requester"
        ):
            act = promotion_abort if self.chance.random() < 0.2 else promotion_retry
            try:
                act(actor=fleet.CI, promotion=promotion)
            except ConflictError:
                continue  # someone, the system here, was faster

    def _disturb(self, disturbance: Disturbance) -> None:
        if disturbance.kind == "kill":
            self._kill(disturbance.target)
        elif disturbance.kind == "freeze":
            self.frozen[disturbance.target] = time.monotonic() + disturbance.seconds
            self._signal(disturbance.target, signal.SIGSTOP)
        elif disturbance.kind == "foreign push":
            self._foreign_push(disturbance.target)
        else:
            self._faults(disturbance.rules)

    def _kill(self, name: str) -> None:
        self.world.end(self.runners[name])
        self.frozen.pop(name, None)
        self.kills += 1
        self.runners[name] = self.starters()

    def _thaw(self) -> None:
        for name in [name for name, until in self.frozen.items() if until <= time.monotonic()]:
            del self.frozen[name]
            self._signal(name, signal.SIGCONT)

    def _signal(self, name: str, number: signal.Signals) -> None:
        os.killpg(self.runners[name].pid, number)

    def _faults(self, rules: list[dict[str, object]]) -> None:
        body = {"seed": self.seed, "rules": rules}
        httpx.put(f"{self.world.server}/sandbox/faults", json=body, timeout=10).raise_for_status()

    def _foreign_push(self, environment: str) -> None:
        """Somebody else's commit on the branch, outside our paths."""
        branch = f"refs/heads/env/{environment}"
        tip = self.world.git("rev-parse", branch).strip()
        blob = subprocess.run(
            ["git", f"--git-dir={self.world.deploy}", "hash-object", "-w", "--stdin"],
            input=str(time.time()),
            text=True,
            capture_output=True,
            check=True,
        ).stdout.strip()
        tree = self.world.git("ls-tree", tip) + f"100644 blob {blob}\tNOTES\n"
        lines = {line.split("\t")[1]: line for line in tree.splitlines()}
        made = subprocess.run(
            ["git", f"--git-dir={self.world.deploy}", "mktree"],
            input="\n".join(lines.values()) + "\n",
            text=True,
            capture_output=True,
            check=True,
        ).stdout.strip()
        identity = ["-c", "user.name=Someone", "-c", "user.email=someone@example.com"]
        commit = self.world.git(*identity, "commit-tree", made, "-p", tip, "-m", "Notes").strip()
        subprocess.run(
            ["git", f"--git-dir={self.world.deploy}", "update-ref", branch, commit, tip],
            capture_output=True,
            check=False,
        )

    def _until_calm(self) -> None:
        deadline = time.monotonic() + CALM_SECONDS
        while time.monotonic() < deadline:
            self._thaw()
            self._decide()
            if not Promotion.objects.filter(state__in=OPEN).exists():
                break
            time.sleep(0.2)
        connection.close()
