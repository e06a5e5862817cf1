"""Applications that sync by themselves: Argo CD refuses a sync to a commit there, so the controller's own operation counts."""

from __future__ import annotations

import dataclasses

from controlpanel.clients.argocd_models import Application
from deployments.models import PromotionComponent
from deployments.steps.base import Context
from deployments.steps.equivalence import equivalent

LOOKS = 3
"""Looks before a sync without a revision is sent: the controller tries each commit once, and some it leaves alone."""


def has_taken(context: Context, application: Application, rollout: PromotionComponent) -> bool:
    """Whether its last operation is at our commit, or at a later one that leaves the component alone; or none is needed."""
    is_spent = bool(rollout.spent_operation) and str(application.operation_started_at) == rollout.spent_operation
    commit, revision = context.promotion.commit, application.operation_revision
    if revision and not is_spent:
        at_that = dataclasses.replace(application, revision=revision)
        if revision == commit or equivalent(context, at_that, rollout.directory):
            return True
    same = equivalent(context, application, rollout.directory)
    return not is_spent and bool(application.synced_at(commit, None, equivalent=same))
