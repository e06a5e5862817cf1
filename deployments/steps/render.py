"""rendering: render again, hold it against the digest that was judged, and plan what changes."""

from __future__ import annotations

from controlpanel.catalog import connections
from controlpanel.catalog.document import application_name
from controlpanel.clients.git import GitRepository
from controlpanel.core import audit
from deployments import lifecycle
from deployments.choices import State
from deployments.models import Promotion, PromotionComponent
from deployments.renderers import difference
from deployments.rendering import NotRenderable, Rendering
from deployments.restoring import rendering_of
from deployments.steps.base import Context, Outcome, pause
from deployments.steps.commit import is_made_by_us


def run(context: Context) -> Outcome:
    """Leave a plan and one row for each component, or pause: other digest, or someone else changed our paths."""
    promotion = context.promotion
    context.guard()
    try:
        rendering = rendering_of(promotion)
    except NotRenderable as error:
        return pause("not_renderable", error.sentence, advice=error.remedy, effect=_unchanged(promotion))
    if rendering.digest != promotion.render_digest:
        return pause(
            "digest_changed", "The same release renders differently now than when it was judged.",
            advice="Abort, and ask again with a new preview.", effect=_unchanged(promotion), raw=rendering.digest,
        )  # fmt: skip
    context.guard()
    repository = connections.deploy_repository()
    repository.fetch()
    tip = repository.tip(promotion.environment.branch)
    foreign = _foreign_change(repository, promotion, rendering, tip)
    return foreign or _plan(context, repository, rendering, tip)


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
    changed = {
        change.component for change in difference.changes(before, rendering.files) if change.change != "unchanged"
    }
    promotion = context.promotion
    plan = {
        "base": tip or "",
        "parts": rendering.parts,
        "changed": sorted(changed),
        "waves": [list(wave) for wave in rendering.waves],
    }
    with context.held():
        PromotionComponent.objects.filter(promotion=promotion).delete()
        PromotionComponent.objects.bulk_create(
            PromotionComponent(
                promotion=promotion, component=name, wave=number, is_changed=name in changed,
                application=application_name(name, promotion.environment.name),
                deadline_seconds=rendering.deadlines[name],
            )
            for number, wave in enumerate(rendering.waves, 1)
            for name in wave
        )  # fmt: skip
        lifecycle.move(
            promotion, State.COMMITTING, actor=audit.SYSTEM, lease=context.lease, plan=plan, wave=1,
            message=f"{'Read' if promotion.restores else 'Rendered'} {len(rendering.parts)} components; {len(changed)} change.",
        )  # fmt: skip
    return Outcome(again=0.0)
