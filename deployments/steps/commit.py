"""committing: one deterministic commit on the environment's branch, pushed with its claim, so that it lands once."""

from __future__ import annotations

from controlpanel.catalog import connections
from controlpanel.clients.git import Author, Claimed, GitRepository, Moved
from controlpanel.core import audit
from controlpanel.core.crashpoints import crashpoint
from controlpanel.core.lease import StatementTime
from deployments import lifecycle
from deployments.choices import Kind, State
from deployments.models import Promotion
from deployments.rendering import stored
from deployments.steps import freezes
from deployments.steps.base import Context, Outcome, pause, wait
from tenants.services.promoting import departures_done, references_promoted

AUTHOR = Author("Control panel", "control-panel@localhost")
MOST_TRIES = 10


def run(context: Context) -> Outcome:
    """Adopt a commit that landed before a crash; else intend, push, record."""
    promotion = context.promotion
    repository = connections.deploy_repository()
    context.guard()
    landed = repository.claim(context.claim)
    if landed is not None:
        return _adopt(context, repository, landed)
    if (frozen := _caught(context)) is not None:
        return frozen
    files = stored(context.plan["parts"])
    for _ in range(MOST_TRIES):
        context.guard()
        tip = repository.tip(promotion.environment.branch)
        if (edited := _edited(context, repository, tip)) and tip != promotion.accepted_base:
            return _foreign(promotion, tip or "", edited)
        commit = _intend(context, repository, tip, files)
        context.guard()
        crashpoint("commit.before_push")
        result = repository.push(branch=promotion.environment.branch, expected=tip, commit=commit, claim=context.claim)
        crashpoint("commit.after_push")
        if not isinstance(result, Moved):
            return (
                _adopt(context, repository, result.commit) if isinstance(result, Claimed) else _landed(context, commit)
            )
    return wait(1.0, "The branch moves faster than we can commit; trying again.")


def _caught(context: Context) -> Outcome | None:
    """A freeze that was set since the start holds what was not committed; what may be on its way to Git goes on."""
    return None if context.promotion.intended_commit else freezes.caught(context)


def _edited(context: Context, repository: GitRepository, tip: str | None) -> list[str]:
    """Our paths that someone changed since the plan was made."""
    promotion = context.promotion
    base = promotion.commit if promotion.is_by_wave and promotion.commit else context.plan["base"]
    if tip is None or not base or tip == base or is_made_by_us(context.promotion, tip, parent=base):
        return []
    repository.fetch()
    return [path for name in _directories(context) for path in repository.changed_paths(base, tip, name)]


def _directories(context: Context) -> list[str]:
    """What the commit replaces: each component's own directory, of the wave alone where waves commit one by one."""
    names = list(dict.fromkeys(part.split("/", 1)[0] for part in context.plan["parts"]))
    promotion = context.promotion
    if not promotion.is_by_wave:
        return names
    wave = context.plan["waves"][promotion.wave - 1]
    return [name for name in names if name in wave]


def is_made_by_us(promotion: Promotion, tip: str, parent: str | None = None) -> bool:
    """Whether the tip is a commit of another promotion here, perhaps one that was called off while its push was on its way."""
    rows = Promotion.objects.filter(environment=promotion.environment, intended_commit=tip)
    return (rows if parent is None else rows.filter(commit_parent=parent)).exists()


def _foreign(promotion: Promotion, tip: str, edited: list[str]) -> Outcome:
    return pause(
        "foreign_change", f"Someone else changed {edited[0]} on {promotion.environment.branch} while this promotion was about to commit.",
        advice="Look at the commits of that branch. Retry puts the release's files over the edit.",
        effect=f"{promotion.environment.title} is as it was: nothing was committed.", raw="\n".join(edited[:50]), base=tip,
    )  # fmt: skip


def _intend(context: Context, repository: GitRepository, tip: str | None, files: dict[str, bytes]) -> str:
    """Make the commit locally and keep what is about to be pushed. The same intent gives the same commit id."""
    promotion = context.promotion
    crashpoint("commit.before_intent")
    head = promotion.audit_head or audit.head()
    replace = {name: _below(files, name) for name in _directories(context)}
    commit = repository.commit(
        parent=tip, replace=replace, message=_message(promotion, head),
        at=promotion.created_at, author=AUTHOR,
    )  # fmt: skip
    with context.held():
        Promotion.objects.filter(pk=promotion.pk).update(
            audit_head=head, commit_parent=tip or "", intended_commit=commit
        )
    promotion.audit_head = head
    return commit


def _below(files: dict[str, bytes], component: str) -> dict[str, bytes]:
    return {path: content for path, content in files.items() if path.split("/", 1)[0] == component}


def _message(promotion: Promotion, head: str) -> str:
    reason = f"\n{promotion.reason}\n" if promotion.reason else ""
    trailers = {
        "Promotion-Id": promotion.pk,
        **({"Release": promotion.release} if promotion.release else {}),
        "Render-Digest": promotion.render_digest,
        "Requested-By": promotion.requested_by,
        "Audit-Head": head,
    }
    lines = "\n".join(f"{key}: {value}" for key, value in trailers.items())
    place = promotion.environment.name
    what = f"{promotion.title} to {place}"
    if promotion.restores:
        what = f"Roll {place} back to {promotion.release}"
    which = f", wave {promotion.wave}" if promotion.is_by_wave else ""
    return f"{what} (promotion {promotion.number}{which})\n{reason}\n{lines}\n"


def _adopt(context: Context, repository: GitRepository, landed: str) -> Outcome:
    """The claim exists: our push landed (its message names us), or the claim was taken to call the promotion off."""
    repository.fetch()
    if is_of(context.promotion, repository, landed):
        return _landed(context, landed)
    return pause(
        "claim_taken", "The claim of this promotion is taken by a commit that is not its own.",
        advice="Abort it and ask again: a promotion whose claim was taken never commits.", effect="Nothing was committed.", raw=landed,
    )  # fmt: skip


def is_of(promotion: Promotion, repository: GitRepository, commit: str) -> bool:
    """Whether the commit names this promotion in its last trailers."""
    trailers = repository.message(commit).rstrip().rpartition("\n\n")[2]
    return f"Promotion-Id: {promotion.pk}" in trailers.splitlines()


def _landed(context: Context, commit: str) -> Outcome:
    promotion = context.promotion
    crashpoint("commit.after_move")
    with context.held():
        if promotion.wave == 1:  # which holds the tenants' part, as it needs nobody
            references_in_git(promotion)
        if promotion.is_by_wave:
            promotion.rollouts.filter(wave=promotion.wave).update(commit=commit)
        lifecycle.move(
            promotion, State.SYNCING, actor=audit.SYSTEM, lease=context.lease, commit=commit, git_revision=commit,
            committed_at=StatementTime(), message=f"Committed {commit[:7]} on {promotion.environment.branch}.",
        )  # fmt: skip
    return Outcome(again=0.0)


def references_in_git(promotion: Promotion) -> None:
    """Tell that the references which it brought are the promoted ones now: within the transaction that records the commit."""
    preview = promotion.preflight
    if preview is None or preview.versions is None or promotion.kind == Kind.RELEASE:
        return
    references_promoted(promotion.environment, preview.versions)
    if gone := (promotion.plan or {}).get("departed"):
        departures_done(promotion.environment, gone)
