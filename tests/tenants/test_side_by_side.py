"""Several at once: what they do to one tenant adds up, whoever is first."""

from __future__ import annotations

from collections.abc import Callable, Sequence
from concurrent.futures import ThreadPoolExecutor
from functools import partial
from threading import Barrier

import pytest
from django.db import connection

from controlpanel.core.permissions import Role
from tenants.choices import Standing
from tenants.models import Readiness
from tenants.services.promoting import items_for_release
from tenants.services.readiness import readiness_refresh
from tenants.services.signing import item_sign_off
from tests import fixtures_tenants as make


def together(acts: Sequence[Callable[[], object]]) -> None:
    """Run them at the same moment, each with a connection of its own; raises what one of them raised."""
    start = Barrier(len(acts))

    def run(act: Callable[[], object]) -> None:
        try:
            start.wait(timeout=30)
            act()
        finally:
            connection.close()

    with ThreadPoolExecutor(len(acts)) as pool:
        for done in [pool.submit(run, act) for act in acts]:
            done.result(timeout=60)


@pytest.mark.django_db(transaction=True)
def test_five_sign_at_once_while_references_move_and_a_release_needs_more() -> None:
    staging, _ = make.catalog()
    ada = make.actor(make.person("ada", Role.ADMINISTRATOR))
    nova = make.tenant("nova", by=ada)
    make.put(nova, staging, by=ada)
    make.promote(staging)
    make.verify(staging)
    for number in range(3):
        signs = [partial(item_sign_off, actor=ada, item=make.item(nova, staging, key)) for key in make.FIVE]
        together(
            [
                *signs,
                partial(make.put, nova, staging, by=ada, keys=(make.SECRETS[0],), remoteKey=f"nova/place-{number}"),
                partial(make.verify, staging, standing=Standing.VERIFIED),
                partial(items_for_release, staging, ["WHATSAPP_TOKEN", f"EXTRA_{number}"], f"2026.12.{number}"),
            ]
        )
        assert readiness_refresh(staging) == [], "nobody computed from what another was about to change"
    make.promote(staging)
    make.verify(staging)
    item_sign_off(actor=ada, item=make.item(nova, staging, make.SECRETS[0]))
    assert Readiness.objects.get(slug="nova", environment=staging).is_ready
