"""A thousand Applications roll out at the same time, followed by one `watch`; a worker of Celery runs the steps.

Their Pods become ready only after all have been synced, so that for a while all wait at once.
"""

from __future__ import annotations

import argparse
import os
import time
from collections import Counter, defaultdict
from dataclasses import dataclass, field
from pathlib import Path

import httpx
from django.db.models import Count

from controlpanel.core.lease import StatementTime
from deployments.choices import TERMINAL, Rollout, State
from deployments.models import Promotion, PromotionComponent
from deployments.services.promotions import promotion_request
from tests.bench import place
from tests.bench.figures import Figure
from tests.bench.lag import Lag, percentile
from tests.bench.processes import cpu_seconds, resident_megabytes
from tests.chaos import fleet
from tests.world import World, until

SPEED = 5.0
HOLD_SECONDS = 3600.0
"""Pods wait so long, unless time is made to run faster."""
END_SECONDS = 60.0
"""Within so long all become ready once they may, in the order and with the gaps (made shorter) in which they were synced."""
LOOK_SECONDS = 0.1
PATIENCE_SECONDS = 900.0
PROMISED_REQUESTS = 15


class Unhurried(World):
    """A world whose Applications are made without regard for Argo CD."""

    def manage(self, *arguments: str) -> str:
        """Run `bootstrap` faster than a panel may."""
        done = self.run("-m", "tests.bench.unhurried", *arguments)
        assert done.wait(PATIENCE_SECONDS) == 0, self.logs()
        return ""


@dataclass
class Sample:
    """What the processes of the panel and the sandbox had used at a moment."""

    at: float = field(default_factory=time.monotonic)
    cpu: dict[str, float] = field(default_factory=dict)

    def share(self, later: Sample, name: str) -> float:
        """Percent of a core between the two."""
        return 100 * (later.cpu[name] - self.cpu[name]) / (later.at - self.at)


@dataclass
class Run:
    """One run: the processes by name, and what was seen while waiting."""

    world: World
    groups: dict[str, int]
    held: list[int] = field(default_factory=list)
    at_once: int = 0

    def sample(self) -> Sample:
        return Sample(cpu={name: cpu_seconds(group) for name, group in self.groups.items()})

    def look(self) -> bool:
        """Count what waits and what is held; whether all is over."""
        states = dict(PromotionComponent.objects.values_list("state").annotate(Count("pk")))
        self.at_once = max(self.at_once, states.get(Rollout.ROLLING_OUT, 0))
        return not Promotion.objects.exclude(state__in=TERMINAL).exists()

    def follow(self, seconds: float) -> tuple[Sample, Sample]:
        """Look at the leases for so long while everything waits."""
        before, end = self.sample(), time.monotonic() + seconds
        while time.monotonic() < end:
            self.held.append(Promotion.objects.filter(lease_until__gt=StatementTime()).count())
            time.sleep(LOOK_SECONDS)
        return before, self.sample()


def run(directory: Path, database_url: str, options: argparse.Namespace) -> list[Figure]:
    """Start everything, let all roll out, follow them, wait for the end."""
    components = tuple(f"part{number}" for number in range(options.components))
    platform = fleet.Fleet(options.environments, components, delay=int(HOLD_SECONDS * SPEED), replicas=1, is_plain=True)
    variables = place.TIMES | {"CELERY_BROKER_URL": os.environ["CELERY_BROKER_URL"]}
    world = Unhurried(directory / place.WORLD, database_url, SPEED, platform=platform.write, variables=variables)
    world.directory.mkdir()
    try:
        world.start()
        return _measure(world, options, components)
    finally:
        world.stop()


def _measure(world: World, options: argparse.Namespace, components: tuple[str, ...]) -> list[Figure]:
    environments = fleet.names(options.environments)
    fleet.releases(fleet.head(world.directory / "platform"), components)
    lag = Lag(world.server, world.environment["ARGOCD_TOKEN"], "chaos")
    lag.start()
    until(lambda: _all_are_compared(world), "the sandbox has compared all once", PATIENCE_SECONDS)
    run = Run(world, _started(world))
    asked_before = _requests(world)
    began = time.monotonic()
    for name in environments:
        promotion_request(actor=fleet.CI, environment=name, release=fleet.VERSIONS[0])
    _say(began, f"{len(environments)} promotions asked for")
    until(
        lambda: _all_are_synced(run, options.environments * options.components),
        f"all are synced\n{world.logs()}",
        PATIENCE_SECONDS,
    )
    _say(began, f"{run.at_once} Applications roll out at the same time")
    since = time.time()
    before, after = run.follow(options.seconds)
    _say(began, f"followed for {options.seconds:.0f} s")
    speed = SPEED * HOLD_SECONDS / END_SECONDS
    httpx.put(f"{world.server}/sandbox/settings", json={"speed": speed}, timeout=30).raise_for_status()
    until(run.look, f"all is over\n{world.logs()}", PATIENCE_SECONDS)
    over = run.sample()
    lag.stop()
    ends = dict(Promotion.objects.values_list("state").annotate(Count("pk")))
    _say(began, f"over: {ends}")
    counts = _of_applications(_requests(world), asked_before)
    requests = sorted(counter.total() for counter in counts.values())
    _say(began, f"most was asked of {_most_asked(counts)}")
    assert ends == {State.SUCCEEDED: len(environments)}, f"{ends}\n{world.logs()}"
    return [
        Figure("rolling out at the same time", run.at_once),
        *_of_watch(run, before, after, over),
        *_of_lag(lag.seconds(since)),
        Figure("requests for an Application, mean", sum(requests) / len(requests)),
        Figure("requests for an Application, most", requests[-1], most=PROMISED_REQUESTS),
        *_of_leases(run),
    ]


def _of_watch(run: Run, before: Sample, after: Sample, over: Sample) -> list[Figure]:
    return [
        Figure("watch, of a core, while all wait", before.share(after, "watch"), "%", most=25),
        Figure("watch, of a core, while all end", after.share(over, "watch"), "%", most=25),
        Figure("watch, resident at most", resident_megabytes(run.groups["watch"], "VmHWM"), "MB", most=200),
        Figure("worker, of a core, while all wait", before.share(after, "worker"), "%"),
        Figure("worker, resident", resident_megabytes(run.groups["worker"]), "MB"),
        Figure("sandbox, of a core, while all wait", before.share(after, "sandbox"), "%"),
        Figure("sandbox, resident", resident_megabytes(run.groups["sandbox"]), "MB"),
    ]


def _of_lag(lags: list[float]) -> list[Figure]:
    return [
        Figure("lag of a state, half within", percentile(lags, 0.5), "s"),
        Figure("lag of a state, 95 % within", percentile(lags, 0.95), "s", most=2),
    ]


def _of_leases(run: Run) -> list[Figure]:
    """Steps that look at a tree take a lease for a moment; nothing else may hold one."""
    idle = 100 * sum(held == 0 for held in run.held) / len(run.held)
    return [
        Figure("leases held while all wait, mean", sum(run.held) / len(run.held)),
        Figure("looks that found no lease at all", idle, "%"),
    ]


def _started(world: World) -> dict[str, int]:
    return {"sandbox": world.processes[0].pid, "worker": world.worker().pid, "watch": world.watch().pid}


def _all_are_synced(run: Run, count: int) -> bool:
    run.look()
    moved = PromotionComponent.objects.filter(state__in=(Rollout.ROLLING_OUT, Rollout.DONE))
    return moved.count() == count


def _all_are_compared(world: World) -> bool:
    token = world.environment["ARGOCD_TOKEN"]
    answer = httpx.get(
        f"{world.server}/api/v1/applications", headers={"Authorization": f"Bearer {token}"}, timeout=60
    ).json()
    return all("reconciledAt" in item["status"] for item in answer["items"])


def _requests(world: World) -> dict[str, int]:
    counts: dict[str, int] = httpx.get(f"{world.server}/sandbox/requests", timeout=30).json()
    return counts


def _most_asked(counts: dict[str, Counter[str]]) -> str:
    name, counter = max(counts.items(), key=lambda item: item[1].total())
    return f"{name}: " + ", ".join(f"{number} x {what}" for what, number in counter.most_common())


def _of_applications(now: dict[str, int], before: dict[str, int]) -> dict[str, Counter[str]]:
    """Requests that name an Application, for each of them by what was asked."""
    counts: dict[str, Counter[str]] = defaultdict(Counter)
    for key, number in now.items():
        method, _, path = key.partition(" ")
        if path.startswith("/api/v1/applications/"):
            name, _, rest = path.removeprefix("/api/v1/applications/").partition("/")
            name, _, refresh = name.partition("?")
            counts[name][" ".join(filter(None, (method, rest, refresh)))] += number - before.get(key, 0)
    return counts


def _say(began: float, what: str) -> None:
    print(f"  {time.monotonic() - began:5.0f} s  {what}", flush=True)
