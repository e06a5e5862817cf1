"""The rows that a rendering makes: one for each component, and one for each shard of tenants' references that is to move."""

from __future__ import annotations

from collections import defaultdict
from collections.abc import Iterable, Iterator
from typing import Any

from controlpanel.catalog.document import application_name
from controlpanel.catalog.shards import COMPONENT, shard_application, shard_names
from controlpanel.clients.secret_operators import KINDS
from deployments.choices import Kind
from deployments.models import Promotion, PromotionComponent
from deployments.renderers.difference import Change
from deployments.renderers.tenant_credentials import slug_of
from deployments.rendering import Rendering
from deployments.selectors.applications import differing_shards


def rollouts_of(promotion: Promotion, rendering: Rendering, changes: Iterable[Change]) -> list[PromotionComponent]:
    """Unsaved rows in the order of the waves."""
    moved = [change for change in changes if change.change != "unchanged"]
    rows: list[PromotionComponent] = []
    for number, wave in enumerate(rendering.waves, 1):
        for name in wave:
            common: dict[str, Any] = {
                "promotion": promotion, "component": name, "wave": number, "deadline_seconds": rendering.deadlines[name],
            }  # fmt: skip
            rows += _shards(promotion, moved, common) if name == COMPONENT else [_component(promotion, moved, common)]
    return rows


def departed(changes: Iterable[Change]) -> list[str]:
    """Tenants whose object leaves Git."""
    gone = (one for one in changes if one.component == COMPONENT and one.kind == "ExternalSecret")
    return sorted(slug_of(one.name) for one in gone if one.change == "removed")


def _component(promotion: Promotion, moved: Iterable[Change], common: dict[str, Any]) -> PromotionComponent:
    name = common["component"]
    is_changed = any(change.component == name for change in moved)
    application = application_name(name, promotion.environment.name)
    return PromotionComponent(**common, application=application, is_changed=is_changed)


def _shards(promotion: Promotion, moved: Iterable[Change], common: dict[str, Any]) -> Iterator[PromotionComponent]:
    """Those whose files change or that differ from Git; all of them where a configuration changes nothing, which repairs."""
    environment = promotion.environment
    waits: defaultdict[str, list[str]] = defaultdict(list)
    for change in moved:
        if change.component == COMPONENT:
            is_answered = change.kind in KINDS and change.change != "removed"
            waits[change.shard] += [f"{change.kind}/{change.name}"] if is_answered else []
    chosen = waits.keys() | set(differing_shards(environment).values_list("shard", flat=True))
    if not chosen and promotion.kind == Kind.TENANT_CONFIG:
        chosen = set(shard_names(environment.tenant_shards))
    for shard in sorted(chosen):
        yield PromotionComponent(
            **common, shard=shard, application=shard_application(shard, environment.name), is_changed=shard in waits,
            waits_for=waits.get(shard, []),
        )  # fmt: skip
