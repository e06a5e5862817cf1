"""An Argo CD that has been silent for too long: browsers are told once, so that what they show turns into unknown."""

from __future__ import annotations

import structlog
from django.conf import settings

from controlpanel.catalog.models import Environment
from controlpanel.core import live
from deployments.choices import OPEN
from deployments.models import Observer, Promotion

log = structlog.get_logger(__name__)


class Silence:
    """Of one Argo CD, asked by the leader now and then."""

    def __init__(self, server_from: str) -> None:
        self.server_from = server_from
        self.is_told = False

    def tell(self) -> None:
        """Wake the pages when the silence begins and when it ends."""
        is_silent = Observer.is_silent(self.server_from, settings.TIMINGS.silence_seconds)
        if is_silent == self.is_told:
            return
        self.is_told = is_silent
        log.warning("argocd_silent" if is_silent else "argocd_heard_again", server_from=self.server_from)
        places = Environment.objects.filter(server_from=self.server_from, is_retired=False)
        for place in places:
            live.publish(f"environment.{place.name}")
        for pk in Promotion.objects.filter(environment__in=places, state__in=OPEN).values_list("pk", flat=True):
            live.publish(f"promotion.{pk}")
