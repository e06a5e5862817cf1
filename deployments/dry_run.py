"""What the cluster itself says of rendered objects: a server-side dry run of each one that is new or changed.

Nothing is stored in the cluster. An outage decides nothing: it is said, and the rest is not asked any more.
"""

from __future__ import annotations

import dataclasses
import time
from collections.abc import Mapping
from concurrent.futures import FIRST_COMPLETED, Future, ThreadPoolExecutor, wait
from dataclasses import dataclass, field
from typing import Any

import yaml

from controlpanel.clients.errors import ClientError
from controlpanel.clients.kubernetes import DryRun, Kubernetes
from deployments.renderers.objects import annotations_of

THREADS = 6
BUDGET_SECONDS = 20.0
"""For all objects together; what has not been answered by then is not known."""
MOST_PROBLEMS = 20
MOST_CHARACTERS = 600
UNASKED, ASKED, UNKNOWN = "unasked", "asked", "unknown"
HOOK, SYNC_OPTIONS = "argocd.argoproj.io/hook", "argocd.argoproj.io/sync-options"
IMMUTABLE = "field is immutable"
"""How the API server ends its words on a change of what may only be set at the beginning, such as a Job's template."""


@dataclass(kw_only=True)
class Findings:
    """`problems` by path. `standing` is asked, unasked (no access to a cluster) or unknown, which `sentence` explains."""

    standing: str = ASKED
    sentence: str = ""
    remedy: str = ""
    asked: int = 0
    skipped: list[str] = field(default_factory=list)
    problems: dict[str, list[str]] = field(default_factory=dict)

    def facts(self) -> dict[str, Any]:
        """As a preflight keeps them; the problems go to their changes."""
        return {
            "standing": self.standing, "sentence": self.sentence, "remedy": self.remedy, "asked": self.asked,
            "skipped": self.skipped[:MOST_PROBLEMS],
        }  # fmt: skip


def ask(kubernetes: Kubernetes | None, files: Mapping[str, bytes], *, budget: float = BUDGET_SECONDS) -> Findings:
    """Ask for each file, a few at a time; never longer than `budget` seconds. Raises nothing of the cluster's."""
    if kubernetes is None:
        return Findings(standing=UNASKED)
    manifests = {path: yaml.load(content, Loader=yaml.CSafeLoader) for path, content in files.items()}
    found = Findings()
    _leave_out_what_is_being_defined(manifests, found)
    pool = ThreadPoolExecutor(THREADS, thread_name_prefix="dry-run")
    try:
        asked = {pool.submit(_asked, kubernetes, manifest): path for path, manifest in manifests.items()}
        _collect(asked, found, time.monotonic() + budget)
    finally:
        pool.shutdown(wait=False, cancel_futures=True)  # each call has a time limit of its own
    return found


def _asked(kubernetes: Kubernetes, manifest: Mapping[str, Any]) -> DryRun:
    """A hook's last run may still be there, and the API server judges the new one as a change of it."""
    answer = kubernetes.dry_run(manifest)
    if not _is_made_anew(manifest):
        return answer
    return dataclasses.replace(answer, problems=tuple(one for one in answer.problems if IMMUTABLE not in one))


def _is_made_anew(manifest: Mapping[str, Any]) -> bool:
    """Whether Argo CD deletes the object that is there and creates it, instead of changing it."""
    annotations = annotations_of(dict(manifest))
    options = {option.strip() for option in str(annotations.get(SYNC_OPTIONS, "")).split(",")}
    return HOOK in annotations or {"Force=true", "Replace=true"} <= options


def _collect(asked: Mapping[Future[DryRun], str], found: Findings, deadline: float) -> None:
    pending = set(asked)
    while pending and found.standing == ASKED:
        done, pending = wait(pending, max(0.0, deadline - time.monotonic()), return_when=FIRST_COMPLETED)
        if not done:
            found.standing, found.remedy = UNKNOWN, "Ask for a new preview when it answers again."
            found.sentence = f"The cluster has not answered for {len(pending)} of {len(asked)} objects in time."
        for future in done:
            _note(future, asked[future], found)


def _note(future: Future[DryRun], path: str, found: Findings) -> None:
    try:
        answer = future.result()
    except ClientError as error:
        found.standing, found.sentence, found.remedy = UNKNOWN, error.sentence, error.remedy
        return
    found.asked += not answer.skipped
    if answer.skipped:
        found.skipped.append(answer.skipped)
    if answer.problems:
        found.problems[path] = [problem[:MOST_CHARACTERS] for problem in answer.problems[:MOST_PROBLEMS]]


def _leave_out_what_is_being_defined(manifests: dict[str, Any], found: Findings) -> None:
    """An object whose definition comes with the same promotion cannot be known to the cluster yet."""
    defined = {
        (manifest["spec"]["group"], manifest["spec"]["names"]["kind"])
        for manifest in manifests.values()
        if manifest["kind"] == "CustomResourceDefinition"
    }
    for path, manifest in list(manifests.items()):
        group = str(manifest["apiVersion"]).rpartition("/")[0]
        if (group, manifest["kind"]) in defined:
            del manifests[path]
            found.skipped.append(f"The kind {manifest['kind']} is defined by the same promotion.")
