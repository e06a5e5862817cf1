"""What the API is asked about tenants: bodies of requests."""

from __future__ import annotations

from datetime import datetime
from typing import Annotated, Any, Literal

from pydantic import AfterValidator, Field

from controlpanel.core.words import Body, Text, Word, fit

Name = Annotated[Word, Field(max_length=63)]
Said = Annotated[Text, Field(max_length=2000)]
Path = Annotated[Text, Field(max_length=500)]
MOST_TEXT = 900_000


class ContactIn(Body):
    """Somebody to ask about the tenant."""

    name: Word
    email: Annotated[Text, Field(max_length=200)]
    role: Word = ""


class TenantIn(Body):
    """A tenant; `slug` is what stands in the header X-Tenant."""

    slug: Name
    display_name: Annotated[Text, Field(max_length=150)] = ""
    owner: Annotated[Text, Field(max_length=150)] = ""
    contacts: list[ContactIn] = Field(default_factory=list, max_length=50)
    labels: dict[Word, Said] = Field(default_factory=dict, max_length=50)


class TenantChangeIn(Body):
    """What is given is changed."""

    display_name: Annotated[Text, Field(max_length=150)] | None = None
    owner: Annotated[Text, Field(max_length=150)] | None = None
    contacts: list[ContactIn] | None = Field(default=None, max_length=50)
    labels: dict[Word, Said] | None = Field(default=None, max_length=50)
    state: Literal["onboarding", "active", "suspended"] | None = None
    reason: Said = ""


class ReasonIn(Body):
    """Why."""

    reason: Said = ""


class NoteIn(Body):
    """What one has to say. `seen`: the `subject`s of the items that were looked at; one that is another by now is 409."""

    note: Said = ""
    seen: list[Word] = Field(default_factory=list, max_length=500)


class WaiverIn(Body):
    """Why an item counts as met, and until when."""

    reason: Said
    until: datetime


class PlaceIn(Body):
    """Where a secret lies (`store`, `remoteKey`, `property`, or `key` of a SealedSecret), or the `value` of a key that is no
    secret. Never the secret."""

    kind: Literal["ExternalSecret", "SealedSecret"] | None = None
    store: Path | None = None
    remoteKey: Path | None = None  # noqa: N815  # as the ExternalSecret spells it
    property: Path | None = None
    name: Path | None = None
    key: Path | None = None
    encrypted: Annotated[Text, Field(max_length=100_000)] | None = None
    value: Path | None = None
    owner: Annotated[Text, Field(max_length=150)] | None = None
    rotation_days: Annotated[int, Field(ge=1, le=3650)] | None = None

    def place(self) -> dict[str, Any]:
        """What was given of the place."""
        return self.model_dump(exclude_none=True, exclude={"owner", "rotation_days"})


class ImportIn(Body):
    """Tenants as text. As a dry run it only says what would change."""

    format: Literal["csv", "yaml"]
    text: Annotated[str, Field(max_length=MOST_TEXT), AfterValidator(fit)]
    dry_run: bool = True
