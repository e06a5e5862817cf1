"""Review requests: asking a tenant's owners and reviewers to look and sign, by page and mail."""

from __future__ import annotations

from controlpanel.accounts.actors import Actor
from controlpanel.catalog.models import Environment
from tenants.models import ReviewRequest, Tenant


def review_request(*, actor: Actor, tenant: Tenant, environment: Environment, note: str = "") -> ReviewRequest:
    """Ask; mails go to the tenant's owners and reviewers by the outbox. An open request is answered as it is."""
    raise NotImplementedError


def review_close(*, actor: Actor, review: ReviewRequest, outcome: str = "closed") -> ReviewRequest:
    """Close a request; one closes by itself as `signed` when every item is signed. Closing twice changes nothing."""
    raise NotImplementedError
