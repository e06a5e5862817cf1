"""The verdict on a run, from outside evidence: Git, the sandbox's own log, what callers were promised, and the ends."""

from __future__ import annotations

from collections import Counter
from typing import Any

import httpx

from controlpanel.core import audit
from controlpanel.core.models import AuditEvent
from deployments.choices import TERMINAL, State
from deployments.models import Promotion
from tests.world import World


def verdict(world: World, acknowledged: list[str]) -> list[str]:
    """Every way in which the run broke a promise; empty for a good one."""
    promotions = {str(promotion.pk): promotion for promotion in Promotion.objects.select_related("environment")}
    broken = [f"{pk} was acknowledged and is lost" for pk in acknowledged if pk not in promotions]
    broken += [
        f"{one} is {one.state}: {one.note} {one.issue}" for one in promotions.values() if one.state not in TERMINAL
    ]
    commits = _commits(world)
    sent = _syncs(world)
    for pk, promotion in promotions.items():
        broken += _of_one(promotion, commits[pk], {name: n for (marker, name), n in sent.items() if marker == pk})
    broken += [f"a commit of {pk}, which nobody asked for" for pk in commits.keys() - promotions.keys()]
    broken += _live(world, promotions.values())
    return broken + ([f"the audit chain is broken at {row}"] if (row := audit.first_broken()) is not None else [])


def _of_one(promotion: Promotion, commits: int, syncs: dict[str, int]) -> list[str]:
    name = f"{promotion} ({promotion.state} in {promotion.environment.name})"
    sends = 1 + AuditEvent.objects.filter(promotion=promotion.pk, details__retry=True).count()
    broken = [f"{name} has {commits} commits"] if commits > 1 else []
    if promotion.state == State.SUCCEEDED and commits != 1:
        broken.append(f"{name} has {commits} commits")
    broken += [f"{name} synced {application} {count} times" for application, count in syncs.items() if count > sends]
    if promotion.state == State.SUCCEEDED:
        changed = set(promotion.rollouts.filter(is_changed=True).values_list("application", flat=True))
        broken += [f"{name} never synced {application}" for application in changed - syncs.keys()]
    if not promotion.commit and (commits or syncs):
        broken.append(f"{name} says that nothing was committed, and Git or Argo CD know better")
    return broken


def _commits(world: World) -> Counter[str]:
    log = world.git("log", "--all", "--format=%(trailers:key=Promotion-Id,valueonly)")
    branches = world.git("for-each-ref", "--format=%(refname)", "refs/heads")
    assert branches, "the deploy repository has no branch"
    return Counter(line for line in log.splitlines() if line)


def _syncs(world: World) -> Counter[tuple[str, str]]:
    """Accepted operations by (marker, Application); one that a fault lost was never applied and may be sent again."""
    counts: Counter[tuple[str, str]] = Counter()
    for entry in world.operations():
        marker = next((info["value"] for info in entry.get("infos") or [] if info["name"] == "promotion"), None)
        if marker is not None:
            counts[marker, entry["application"]] += {"sync": 1, "lost": -1}.get(entry["type"], 0)
    return counts


def _live(world: World, promotions: Any) -> list[str]:
    """What the last commit of each environment, if it succeeded, claims to be live really is."""
    newest: dict[int, Promotion] = {}
    for promotion in sorted((one for one in promotions if one.commit), key=lambda one: one.committed_at):
        newest[promotion.environment_id] = promotion
    broken = []
    for promotion in newest.values():
        for rollout in promotion.rollouts.all() if promotion.state == State.SUCCEEDED else ():
            url = f"{world.server}/sandbox/applications/{rollout.application}"
            truth = httpx.get(url, params={"revision": promotion.commit}, timeout=10).json()
            if (truth["sync"], truth["health"]["status"]) != ("Synced", "Healthy"):
                broken.append(f"{promotion} says that {rollout.application} is live; the truth is {truth}")
    return broken
