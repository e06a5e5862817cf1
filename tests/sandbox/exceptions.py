"""What an imitation on a laptop does not do as the recorded server did, and why. Anything else is a fault of the sandbox."""

from __future__ import annotations

import re

EXCEPTIONS: tuple[tuple[str, str], ...] = (
    (
        r"(manifest|State|^kubernetes-dry-run 0 \.body)\.(spec|status)\..* absent$",
        "what API server, scheduler and kubelet fill in by default",
    ),
    (r"\.systemInfo\.", "the recorded nodes were simulated by another program"),
    (r"^kubernetes-dry-run 10 \.body\.git(Version|Commit)$", "the recorded build had no version"),
    (r"^auth \d+ \.body\.(Version|KustomizeVersion)$", "the recorded build had no version and no kustomize"),
    (r"^sync-success 15 \.body\.nodes\.Pod/", "recorded old Pods took 30 s to go, here 2 s"),
    (
        r"^(sync-success 1[678]|promotion-flow \d+) \.body\.status\.summary\.images",
        "for the same reason: images of Pods that still go",
    ),
    (r"^sync-success 24 .*deployment\.kubernetes\.io/revision$", "controllers here act at once after a change"),
    (
        r"^day-two \d+ .*syncResult\.resources\[1[12]\]",
        "kinds that Argo CD does not know came in the order of a Go map",
    ),
    (r"^day-two (4 .*syncedResourceVersion|5 .*remoteRef\.key)$", "which secret fails is said by its remote key here"),
    (r"^day-two 10 .*(items\.(Created|Started)|reportingInstance)", "the recorded kubelet was simulated"),
    (r"^day-two 11 \.body$", "the recorded nodes had no logs"),
    (
        r"^day-two 21 \.body\.nodes\.(Pod/|PodDisruptionBudget/)",
        "the third Pod was ready; budgets here do not count Pods",
    ),
)
"""Patterns of `scenario index .path`, with ` absent` behind it where the sandbox lacks the field; and the reason."""


def excepted(place: str) -> bool:
    """Whether a difference is one of them."""
    return any(re.search(pattern, place) for pattern, _ in EXCEPTIONS)
