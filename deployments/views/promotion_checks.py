"""What the page of a promotion shows of its verification: the checks, and every tenant's standing with each."""

from __future__ import annotations

from typing import Any

from django.http import HttpRequest

from controlpanel.core.views.paging import pages
from deployments.choices import State
from deployments.models import AutomaticRollback, Promotion
from deployments.selectors.verifications import RANKS, checks_of, standing

TAB = "verification"


def checks_shown(request: HttpRequest, row: Promotion, tab: str) -> dict[str, Any]:
    """Nothing where nothing is verified; the tenants only on their own tab."""
    if not row.has_checks:  # type: ignore[attr-defined]  # annotated by `promotion_of_page`
        return {}
    if tab != TAB:
        return {"checks": checks_of(row)} if row.state == State.VERIFYING else {}
    checks, show = checks_of(row), request.GET.get("show", "")
    found = standing(row, checks, show=show, cursor=request.GET.get("cursor", ""))
    filters = [
        {"label": word.capitalize(), "count": found.counts[word], "current": show == ("" if word == "all" else word),
         "href": f"?tab={TAB}{'' if word == 'all' else f'&show={word}'}#evidence"}
        for word in ("all", *RANKS)
    ]  # fmt: skip
    return {"checks": checks, "standing": found, "check_filters": filters, **pages(request, found.following)}


def policy_of(row: Promotion) -> AutomaticRollback | None:
    """The way back that the environment's policy took, with the promotion that goes it."""
    return getattr(row, "automatic_rollback", None)
