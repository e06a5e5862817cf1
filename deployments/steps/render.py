"""rendering: render again, hold it against the digest that was judged, and plan what changes."""

from __future__ import annotations

from controlpanel.catalog import connections
from controlpanel.catalog.shards import COMPONENT
from controlpanel.clients.git import GitRepository
from controlpanel.core import audit
from deployments import lifecycle
from deployments.choices import Kind, State
from deployments.models import Application, Promotion, PromotionComponent
from deployments.renderers import difference
from deployments.rendering import NotRenderable, Rendering
from deployments.restoring import rendering_of
from deployments.selectors.approvals import policy_of
from deployments.steps.base import Context, Outcome, pause
from deployments.steps.commit import is_made_by_us
from deployments.steps.rollouts import departed, rollouts_of


def run(context: Context) -> Outcome:
    """Leave a plan and one row for each component, or pause: other digest, or someone else changed our paths."""
    promotion = context.promotion
    context.guard()
    try:
        rendering = rendering_of(promotion)
    except NotRenderable as error:
        return pause("not_renderable", error.sentence, advice=error.remedy, effect=_unchanged(promotion))
    if not _is_as_judged(promotion, rendering):
        return pause(
            "digest_changed", "The same release renders differently now than when it was judged.",
            advice=_advice(promotion), effect=_unchanged(promotion), raw=rendering.digest,
        )  # fmt: skip
    context.guard()
    repository = connections.deploy_repository()
    repository.fetch()
    tip = repository.tip(promotion.environment.branch)
    foreign = _foreign_change(repository, promotion, rendering, tip)
    return foreign or _plan(context, repository, rendering, tip)


def _advice(promotion: Promotion) -> str:
    if policy_of(promotion.environment) is None:
        return "Abort, and ask again with a new preview."
    return "Retry renders it anew and asks for the approvals again; or abort."


def _is_as_judged(promotion: Promotion, rendering: Rendering) -> bool:
    """By the digest that was judged; a rollback that keeps the tenants' part is judged by its components, since that part
    may have moved on and stays as it is."""
    if promotion.keeps_tenants and promotion.preflight is not None:
        return bool(rendering.digests.get("components") == promotion.preflight.digests.get("components"))
    return rendering.digest == promotion.render_digest


def _unchanged(promotion: Promotion) -> str:
    return f"{promotion.environment.title} is as it was: nothing was committed."


def _foreign_change(
    repository: GitRepository, promotion: Promotion, rendering: Rendering, tip: str | None
) -> Outcome | None:
    """Another writer's edit of our paths that the requester has not seen in the preview."""
    if tip is None or tip == promotion.accepted_base or (promotion.preflight and promotion.preflight.base == tip):
        return None
    last = (
        Promotion.objects.filter(environment=promotion.environment).exclude(commit="").order_by("-committed_at").first()
    )
    known = last.commit if last else (promotion.preflight.base if promotion.preflight else "")
    if not known or known == tip or is_made_by_us(promotion, tip):
        return None
    edited = [path for name in rendering.components for path in repository.changed_paths(known, tip, name)]
    if not edited:
        return None
    return pause(
        "foreign_change", f"Someone else changed {edited[0]} on {promotion.environment.branch} since the last promotion.",
        advice="Look at the commits of that branch. Retry takes the branch as it is and puts the release's files over the edit.",
        effect=_unchanged(promotion), raw="\n".join(edited[:50]), base=tip,
    )  # fmt: skip


def _plan(context: Context, repository: GitRepository, rendering: Rendering, tip: str | None) -> Outcome:
    before = {
        path: body
        for name in rendering.components
        for path, body in (repository.files(tip, name) if tip else {}).items()
    }
    promotion = context.promotion
    changes = difference.changes(before, rendering.files)
    rollouts = rollouts_of(promotion, rendering, changes)
    changed = {row.component for row in rollouts if row.is_changed}
    plan = {
        "base": tip or "",
        "parts": rendering.parts,
        "changed": sorted(changed),
        "waves": [list(wave) for wave in rendering.waves],
        "digests": rendering.digests,
        "departed": departed(changes),
        "by_wave": _is_by_wave(promotion, rollouts),
    }
    with context.held():
        PromotionComponent.objects.filter(promotion=promotion).delete()
        PromotionComponent.objects.bulk_create(rollouts)
        lifecycle.move(
            promotion, State.COMMITTING, actor=audit.SYSTEM, lease=context.lease, plan=plan, wave=1,
            message=_found(promotion, rendering, rollouts), render_digest=rendering.digest,
        )  # fmt: skip
    return Outcome(again=0.0)


def _is_by_wave(promotion: Promotion, rollouts: list[PromotionComponent]) -> bool:
    """Argo CD takes a commit for every component at once where one syncs by itself, so that only commits keep the order.
    A rollback commits once: nothing of it waits for another wave's health to be put back."""
    if promotion.kind == Kind.ROLLBACK:
        return False
    names = [row.application for row in rollouts if row.is_changed]
    return Application.objects.filter(name__in=names, automated=True).exists()


def _found(promotion: Promotion, rendering: Rendering, rollouts: list[PromotionComponent]) -> str:
    said = "Read" if promotion.restores else "Rendered"
    shards = [row for row in rollouts if row.shard]
    changed = {row.component for row in rollouts if row.is_changed and not row.shard}
    told = (
        []
        if promotion.kind == Kind.TENANT_CONFIG
        else [f"{said} {_count(rendering)} components; {len(changed)} change."]
    )
    if shards or promotion.kind == Kind.TENANT_CONFIG:
        moving = sum(row.is_changed for row in shards)
        told.append(f"{moving} of {promotion.environment.tenant_shards} shards of tenants' references change.")
    return " ".join(told)


def _count(rendering: Rendering) -> int:
    return sum(part != COMPONENT for part in rendering.parts)
