"""`/environments`: where releases go, and what was last seen there."""

from __future__ import annotations

from typing import Any

from django.http import HttpRequest
from ninja import Router

from controlpanel.accounts.bearer import Bearer, actor_of
from controlpanel.core.permissions import Right
from controlpanel.core.problems import PROBLEMS
from controlpanel.core.words import Word
from deployments.api import shapes
from deployments.api.answers import ApplicationList, EnvironmentList
from deployments.models import Application
from deployments.selectors.interface import environments_seen_by, places
from deployments.services.preflights import find_environment

router = Router(tags=["environments"])


@router.get("", auth=Bearer(Right.VIEW), response={200: EnvironmentList, **PROBLEMS}, summary="List environments")
def environment_list(request: HttpRequest) -> Any:
    """In the order of the pipeline, all at once."""
    found = places(environments_seen_by(actor_of(request)))
    return {"items": [shapes.environment(place) for place in found], "next": None}


@router.get(
    "/{name}/applications",
    auth=Bearer(Right.VIEW),
    response={200: ApplicationList, **PROBLEMS},
    summary="List an environment's Applications",
)
def application_list(request: HttpRequest, name: Word) -> Any:
    """As last observed, by name, all at once."""
    environment = find_environment(name, actor=actor_of(request))
    rows = Application.objects.filter(environment=environment).order_by("name")
    return {"items": [shapes.application_detail(row) for row in rows], "next": None}
