"""Where a release is: tenants' configuration that succeeds after it replaces nothing."""

from __future__ import annotations

import pytest
from django.utils import timezone

from controlpanel.accounts.actors import Actor
from controlpanel.core.permissions import Role
from deployments.choices import Kind
from deployments.selectors.releases import story_of
from tests import fixtures_deployments as make


@pytest.mark.django_db
def test_a_release_is_live_until_another_release_is() -> None:
    staging, _ = make.platform()
    elif_ = make.person("elif", Role.OPERATOR)
    release = make.release("2026.11.3")
    live = make.live(release, staging, by=elif_)
    make.long_ago([None], staging, asked=[timezone.now()], kind=Kind.TENANT_CONFIG)
    story = story_of(release, Actor(name="elif", door="page", user=elif_))
    assert story.live == {staging.pk: live}
    assert story.promotions == (live,)
