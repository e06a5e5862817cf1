"""What the API is asked: bodies of requests. A member that is not described is refused, so that no typo is lost."""

from __future__ import annotations

from typing import Annotated, Literal

from pydantic import AwareDatetime, Field

from controlpanel.core.words import Body, Text, Word

Image = Annotated[Text, Field(examples=["registry.example.com/backend@sha256:" + 64 * "0"])]


class SourceIn(Body):
    """Where the release's manifests are."""

    commit: Word = Field(description="The full SHA in the platform repository.")


class ReleaseIn(Body):
    """A release; images that are not given are copied from the newest one."""

    version: Word
    source: SourceIn
    images: dict[Word, Image] = Field(default_factory=dict, max_length=200)
    notes: Text = ""
    title: Word = ""


class PreflightIn(Body):
    """Which release to look at where; `tenant_config` names none."""

    release: Word | None = None
    kind: Literal["release", "tenant_config"] = "release"
    environment: Word
    components: list[Word] = Field(default_factory=list, max_length=200)


class OverrideIn(Body):
    """A gate to pass over, and why; `until` is a day from now unless given."""

    gate: Word
    reason: Text
    until: AwareDatetime | None = None


class PromotionIn(Body):
    """What to promote where; with the `render_digest` of a preflight it is judged at once."""

    environment: Word
    release: Word | None = None
    reason: Text = ""
    render_digest: Word = ""
    components: list[Word] = Field(default_factory=list, max_length=200)
    kind: Literal["release", "rollback", "tenant_config"] = "release"
    override: list[OverrideIn] = Field(default_factory=list, max_length=50)


class RollbackIn(Body):
    """Why, and what was looked at; with a `render_digest` it is judged at once."""

    reason: Text = ""
    render_digest: Word = ""
    emergency: bool = Field(
        False,
        description="Waits for no approval and no freeze; needs gate.override and a reason, and a second person confirms it.",
    )
    tenants: Literal["", "keep", "restore"] = Field(
        "", description="Today's tenants' part or that of then; has to be said where tenants would lose references."
    )


class ActIn(Body):
    """What a person has to say to an act on a promotion."""

    reason: Text = ""


class DecisionIn(Body):
    """An approver's word; rejecting needs a comment."""

    comment: Text = ""
    reason: Text = Field("", description="The same by the name that the other acts use.")
    render_digest: Word = Field("", description="What was looked at; 409 where it is another by now.")


class FreezeIn(Body):
    """Once (`starts_at`, now unless given, to `ends_at`, open unless given) or again and again (`cron`, `lasts_minutes`, `time_zone`)."""

    reason: Text
    environment: Word = ""
    component: Word = ""
    tenant: Word = ""
    starts_at: AwareDatetime | None = None
    ends_at: AwareDatetime | None = None
    cron: Word = ""
    lasts_minutes: int | None = None
    time_zone: Word = "UTC"


class PlanIn(Body):
    """A promotion that is asked for later, by the rules and with the rights of then."""

    environment: Word
    release: Word | None = None
    at: AwareDatetime
    reason: Text = ""
    components: list[Word] = Field(default_factory=list, max_length=200)
    kind: Literal["release", "tenant_config"] = "release"


class HoldIn(Body):
    """Why a release goes nowhere, or not to one environment."""

    reason: Text = ""
    environment: Word = ""


class PassIn(Body):
    """The gate to pass over for this promotion, and why; a person's mistake is told after their right was looked at."""

    gate: Word = ""
    reason: Text = ""
    until: AwareDatetime | None = None
