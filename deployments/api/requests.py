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
    tenants: Literal["", "keep", "restore"] = Field(
        "", description="Today's tenants' part or that of then; has to be said where tenants would lose references."
    )


class ActIn(Body):
    """What a person has to say to an act on a promotion."""

    reason: Text = ""
