"""A shard of tenants' references rolls out: Synced at our commit, and every object that changed has answered since.

One failing ExternalSecret makes Argo CD call the shard's Application Degraded. That is a finding about a tenant: it is
told, and keeps neither its neighbours nor the promotion from their end.
"""

from __future__ import annotations

import json
from collections.abc import Iterable, Mapping, Sequence
from dataclasses import dataclass
from datetime import datetime, timedelta
from typing import Any

from controlpanel.clients.argocd import ArgoCD, Refresh
from controlpanel.clients.argocd_json import Json, mapping, text
from controlpanel.clients.argocd_models import Application as Read
from controlpanel.clients.argocd_rollout import Verdict
from controlpanel.clients.secret_operators import KINDS, Answer, answer_of
from deployments.choices import Rollout
from deployments.models import Application, Promotion, PromotionComponent
from deployments.renderers.tenant_credentials import NOWHERE, slug_of
from deployments.steps.base import Context, Outcome, pause, wait
from deployments.steps.causes import failed_operation, foreign_operation
from deployments.steps.equivalence import equivalent
from deployments.steps.sync import learn
from tenants.services.promoting import departures_cleared

LOOK_SECONDS = 30.0
ASK_SECONDS = (1.0, 2.0, 4.0, 8.0, 15.0)
"""Between looks at objects whose operator has not answered; `watch` wakes the promotion when the Application changes."""
MOST_FINDINGS = 200
Key = tuple[str, str]


@dataclass(frozen=True)
class Answers:
    """What operators said of a shard's objects, by kind and name."""

    found: Mapping[Key, Answer]
    namespaces: Mapping[Key, str]
    leaving: frozenset[str]


def follow(context: Context, argocd: ArgoCD, rollout: PromotionComponent, seen: Application | None) -> Outcome:
    """Look when it may be over; done when it is."""
    if seen is not None and seen.operation_running and seen.operation_marker == context.marker:
        return _late(context, rollout) or wait(LOOK_SECONDS)
    refresh: Refresh | None = "normal" if rollout.good_since else None
    read = argocd.get_application(rollout.application, context.project, refresh=refresh)
    verdict = _verdict(context, rollout, read)
    if verdict.standing == "stale" and refresh is None:
        context.guard()
        read = argocd.get_application(rollout.application, context.project, refresh="normal")
        verdict = _verdict(context, rollout, read)
    learn(context, read, rollout)
    if verdict:
        return _synced(context, argocd, rollout, read)
    if verdict.standing == "failed":
        return failed_operation(context, rollout, read, verdict.reason)
    if verdict.standing == "superseded" and read.deployed(context.promotion.commit) is None:
        return foreign_operation(context, rollout, read)
    context.save(rollout, good_since=None, message=verdict.reason)
    return _late(context, rollout) or wait(_patience(context, rollout))


def _verdict(context: Context, rollout: PromotionComponent, read: Read) -> Verdict:
    """Whether it is Synced at our commit; what is healthy there is another question."""
    commit, marker = context.promotion.commit, None if read.automated else context.marker
    verdict = read.synced_at(commit, marker)
    if verdict.standing == "superseded" and read.deployed(commit):
        marker = None
        verdict = read.synced_at(commit, marker)
    if verdict.standing == "stale" and (same := equivalent(context, read, rollout.directory)):
        verdict = read.synced_at(commit, marker, equivalent=same)
    return verdict


def _synced(context: Context, argocd: ArgoCD, rollout: PromotionComponent, read: Read) -> Outcome:
    """Twice with a settle time between, as every rollout; then the operators' answers."""
    settle = context.timings.settle_seconds
    if rollout.good_since is None and settle > 0:
        context.save(rollout, good_since=context.now(), message="Synced, settling")
        return wait(settle)
    context.guard()
    answers = _answers(argocd, rollout, context.project, _began(rollout, read))
    waiting = [key for key in _wanted(rollout) if not _has_answered(context, rollout, answers.found.get(key))]
    if waiting:
        context.save(
            rollout, message=f"Synced; {_listed(waiting)} {'has' if len(waiting) == 1 else 'have'} not answered yet"
        )
        return _late(context, rollout, waiting) or wait(_patience(context, rollout))
    return _done(context, rollout, answers)


def _done(context: Context, rollout: PromotionComponent, answers: Answers) -> Outcome:
    wanted = _wanted(rollout)
    failing = {key: answers.found[key] for key in wanted if key in answers.found and _fails(answers.found[key])}
    cleared = [
        slug_of(name) for _, name in wanted if name in answers.leaving and (("ExternalSecret", name) not in failing)
    ]
    if cleared:
        departures_cleared(context.promotion.environment, cleared)
    words = f"Synced, {len(wanted) - len(failing)} answered" + (f", {len(failing)} fail" if failing else "")
    with context.held():
        _keep_findings(context.promotion, rollout, failing, answers)
        context.save(rollout, state=Rollout.DONE, finished_at=context.now(), message=words)
    context.tell(
        "component_done", f"{rollout.title} is Synced at {context.promotion.commit[:7]}{_failing_words(failing)}.",
        component=rollout.component, shard=rollout.shard,
    )  # fmt: skip
    return wait(0.0)


def _keep_findings(
    promotion: Promotion, rollout: PromotionComponent, failing: Mapping[Key, Answer], answers: Answers
) -> None:
    """Beside those of other shards; a shard that is looked at again replaces its own."""
    row = Promotion.objects.get(pk=promotion.pk)
    others = [one for one in row.findings if one.get("shard") != rollout.shard]
    own = [
        {
            "tenant": slug_of(name) if kind == "ExternalSecret" else "", "kind": kind, "name": name,
            "namespace": answers.namespaces.get((kind, name), ""), "message": answer.message, "shard": rollout.shard,
        }
        for (kind, name), answer in sorted(failing.items())
    ]  # fmt: skip
    promotion.findings = (others + own)[:MOST_FINDINGS]
    Promotion.objects.filter(pk=promotion.pk).update(findings=promotion.findings)


def told(findings: Sequence[Mapping[str, Any]]) -> str:
    """Findings in one sentence."""
    names = [str(one.get("tenant") or one.get("name")) for one in findings]
    more = f" and {len(names) - 5} more" if len(names) > 5 else ""
    verb = "is" if len(names) == 1 else "are"
    return f"{len(names)} {verb} failing: {', '.join(names[:5])}{more}." if names else ""


def _answers(argocd: ArgoCD, rollout: PromotionComponent, project: str, since: datetime | None) -> Answers:
    """One read for all objects of the shard."""
    found: dict[Key, Answer] = {}
    namespaces: dict[Key, str] = {}
    leaving: set[str] = set()
    if rollout.waits_for:
        for key, namespace, live in _live(argocd.managed_resources(rollout.application, project)):
            found[key], namespaces[key] = answer_of(live, since=since), namespace
            if NOWHERE in json.dumps(mapping(live, "spec")):
                leaving.add(key[1])
    return Answers(found, namespaces, frozenset(leaving))


def _live(items: Iterable[Json]) -> Iterable[tuple[Key, str, Json]]:
    for item in items:
        kind, state = text(item, "kind"), text(item, "liveState")
        if kind in KINDS and state and state != "null":
            live = json.loads(state)
            if isinstance(live, dict):
                yield (kind, text(item, "name")), text(item, "namespace"), live


def _has_answered(context: Context, rollout: PromotionComponent, answer: Answer | None) -> bool:
    """A failure in the words of before is believed after the grace time: the operator would not have repeated it aloud."""
    if answer is None or answer.standing == "pending":
        return False
    since = rollout.started_at or context.now()
    is_late = (context.now() - since).total_seconds() >= context.timings.degraded_grace_seconds
    return answer.standing != "repeated" or is_late


def _fails(answer: Answer) -> bool:
    return answer.standing in ("failing", "repeated")


def _began(rollout: PromotionComponent, read: Read) -> datetime | None:
    """When our operation began, by the cluster's clock; a second less, since that clock tells whole ones."""
    began = read.operation_started_at
    return began - timedelta(seconds=1) if began and rollout.is_changed else None


def _late(context: Context, rollout: PromotionComponent, waiting: Sequence[Key] = ()) -> Outcome | None:
    since = rollout.started_at
    if since is None or (context.now() - since).total_seconds() < rollout.deadline_seconds:
        return None
    what = f"{_listed(waiting)} did not answer" if waiting else f"{rollout.title} was not Synced"
    first = {"kind": waiting[0][0], "name": waiting[0][1]} if waiting else {}
    return pause(
        "timed_out", f"{what} within {rollout.deadline_seconds // 60} min.", application=rollout.application, raw=rollout.message,
        advice="See that the operator runs and reaches its store. Retry gives it the same time again.",
        effect="Git holds the commit; tenants whose objects have answered are not affected.", **first,
    )  # fmt: skip


def _patience(context: Context, rollout: PromotionComponent) -> float:
    context.note(rollout, busy_looks=rollout.busy_looks + 1)
    return ASK_SECONDS[min(rollout.busy_looks, len(ASK_SECONDS)) - 1]


def _wanted(rollout: PromotionComponent) -> list[Key]:
    parts = (one.partition("/") for one in rollout.waits_for)
    return [(kind, name) for kind, _, name in parts]


def _listed(keys: Sequence[Key]) -> str:
    names = [f"{kind} {name}" for kind, name in keys]
    return names[0] if len(names) == 1 else f"{names[0]} and {len(names) - 1} more"


def _failing_words(failing: Mapping[Key, Answer]) -> str:
    if not failing:
        return ""
    names = ", ".join(name for _, name in list(failing)[:5])
    return f"; failing: {names}"
