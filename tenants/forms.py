"""What people type into the pages of tenants. Rules stand in the services; forms only read and name fields."""

from __future__ import annotations

import re
from collections.abc import Mapping
from typing import Any

from django import forms

from controlpanel.core.errors import InvalidError
from tenants.choices import TenantState
from tenants.models import Tenant
from tenants.selectors.listing import READINESS
from tenants.services.inputs import VALUE_REFUSED, refuse_secrets
from tenants.services.places import encrypted

MOST_TEXT = 900_000
"""Characters of an import."""


class TenantFilter(forms.Form):
    """What the list is narrowed to; what the list does not know narrows nothing."""

    q = forms.CharField(required=False)
    readiness = forms.ChoiceField(required=False, choices=[(one, one) for one in READINESS])
    environment = forms.SlugField(required=False, max_length=63)
    missing = forms.CharField(required=False, max_length=100)
    state = forms.ChoiceField(required=False, choices=[(one.value, one.value) for one in TenantState])

    def clean(self) -> dict[str, object]:
        """The members of `Wanted`."""
        found = dict(super().clean() or {})
        text = str(found.pop("q", "")).strip()[:100]
        return {**found, "text": "" if is_credential(text) else text}


KINDS = [("ExternalSecret", "External secret"), ("SealedSecret", "Sealed secret")]
MEMBERS = {
    "store": "store", "remoteKey": "remote_key", "property": "remote_property", "name": "sealed_name", "key": "sealed_key",
    "encrypted": "sealed_text", "value": "value", "kind": "kind",
}  # fmt: skip
"""What the API calls each member of a place → what the form calls its field."""


def is_credential(text: str) -> bool:
    """Whether a text is, or holds, what looks like a credential: it must never be shown again."""
    try:
        refuse_secrets(text, "")
    except InvalidError:
        return True
    return False


class ReferenceForm(forms.Form):
    """One key of the form of references; its prefix is the key. `is_secret` decides between a place and a value.

    What looks like a credential is taken out of the form before anything shows it again.
    """

    kind = forms.ChoiceField(required=False, choices=KINDS)
    store = forms.CharField(required=False, max_length=253)
    remote_key = forms.CharField(required=False, max_length=500)
    remote_property = forms.CharField(required=False, max_length=253)
    sealed_name = forms.CharField(required=False, max_length=253)
    sealed_key = forms.CharField(required=False, max_length=253)
    sealed_text = forms.CharField(required=False, max_length=100_000)
    value = forms.CharField(required=False, max_length=500)
    remove = forms.BooleanField(required=False)

    def __init__(self, data: Any, *, key: str, is_secret: bool, initial: Mapping[str, str]) -> None:
        super().__init__(data, prefix=key, initial=dict(initial))
        self.key, self.is_secret = key, is_secret

    def clean(self) -> dict[str, Any]:
        """The fields, without what looks like a credential."""
        found = dict(super().clean() or {})
        for name in MEMBERS.values():
            typed = str(self.data.get(self.add_prefix(name), ""))
            if name != "sealed_text" and is_credential(typed):
                self.refuse(name, VALUE_REFUSED)
        try:
            encrypted(str(self.data.get(self.add_prefix("sealed_text"), "")).strip())
        except InvalidError as error:
            self.refuse("sealed_text", str(error))
        return found

    def refuse(self, name: str, sentence: str) -> None:
        """Say what is wrong with a field; what was typed there is forgotten where it looked like a credential."""
        self.add_error(name if name in self.fields else None, sentence)
        if sentence == VALUE_REFUSED or name == "sealed_text":
            self.data = {**dict(self.data.items()), self.add_prefix(name): ""}

    @property
    def place(self) -> dict[str, str] | None:
        """The place as the service takes it, {} where nothing was entered, None where the reference is to be taken away."""
        if self.cleaned_data.get("remove"):
            return None
        names = ("value",) if not self.is_secret else self._members
        found = {member: self._text(MEMBERS[member]) for member in names}
        entered = {member: text for member, text in found.items() if text}
        return {"kind": self._kind, **entered} if entered and self.is_secret else entered

    @property
    def _kind(self) -> str:
        return str(self.cleaned_data.get("kind") or KINDS[0][0])

    @property
    def _members(self) -> tuple[str, ...]:
        return ("store", "remoteKey", "property") if self._kind == KINDS[0][0] else ("name", "key", "encrypted")

    def _text(self, name: str) -> str:
        return str(self.cleaned_data.get(name, "")).strip()


CONTACT = re.compile(r"(?P<name>[^<>,;]{0,150}?)\s*(?:<(?P<email>[^<>\s]{0,200})>)?\s*(?:[,;]\s*(?P<role>.{1,150}))?")


class TenantForm(forms.Form):
    """A tenant as people type it: contacts as lines `Name <address>, role`, labels as lines `name=text`."""

    slug = forms.CharField(
        label="Slug", max_length=63, help_text="As in the header X-Tenant. It never changes.",
        widget=forms.TextInput(attrs={"class": "input code", "autocomplete": "off", "spellcheck": "false"}),
    )  # fmt: skip
    display_name = forms.CharField(
        label="Name",
        max_length=150,
        required=False,
        widget=forms.TextInput(attrs={"class": "input", "autocomplete": "off"}),
    )
    owner = forms.CharField(
        label="Owner", max_length=150, required=False, help_text="The account that answers for its references.",
        widget=forms.TextInput(attrs={"class": "input code", "autocomplete": "off", "spellcheck": "false"}),
    )  # fmt: skip
    contacts = forms.CharField(
        label="Contacts", max_length=4000, required=False, help_text="One on each line: Selin Aydın <selin@example.com>, owner",
        widget=forms.Textarea(attrs={"class": "input", "rows": 3}),
    )  # fmt: skip
    labels = forms.CharField(
        label="Labels", max_length=4000, required=False, help_text="One on each line: region=eu",
        widget=forms.Textarea(attrs={"class": "input code", "rows": 2, "spellcheck": "false"}),
    )  # fmt: skip

    def __init__(self, *args: Any, with_slug: bool = True, **named: Any) -> None:
        super().__init__(*args, **named)
        if not with_slug:
            del self.fields["slug"]

    def clean_contacts(self) -> list[dict[str, str]]:
        """Contacts by line; a line that is none is named."""
        return [self._contact(number, line) for number, line in _lines(str(self.cleaned_data["contacts"]))]

    def clean_labels(self) -> dict[str, str]:
        """Labels by name; a line that is none is named."""
        found: dict[str, str] = {}
        for number, line in _lines(str(self.cleaned_data["labels"])):
            name, separator, text = (part.strip() for part in line.partition("="))
            if not separator or not name or not text:
                raise forms.ValidationError(f"Line {number} is not name=text.")
            found[name] = text
        return found

    def clean(self) -> dict[str, Any]:
        """The members that the services take; what looks like a credential is not shown again."""
        found = dict(super().clean() or {})
        for name in self.fields:
            if is_credential(str(self.data.get(name, ""))):
                self.refuse(name, VALUE_REFUSED)
        return found

    def refuse(self, field: str, sentence: str) -> None:
        """Show a refusal of the service at the field that it names."""
        name = re.split(r"[.\[]", field, maxsplit=1)[0]
        self.add_error(name if name in self.fields else None, sentence)
        if name in self.fields and is_credential(str(self.data.get(name, ""))):
            self.data = {**dict(self.data.items()), name: ""}

    @staticmethod
    def of(tenant: Tenant) -> dict[str, str]:
        """The tenant as the form shows it."""
        contacts = [
            f"{one['name']} <{one['email']}>{', ' if one.get('role') else ''}{one.get('role', '')}"
            for one in tenant.contacts
        ]
        labels = [f"{name}={text}" for name, text in tenant.labels.items()]
        return {
            "display_name": tenant.display_name, "owner": tenant.owner, "contacts": "\n".join(contacts), "labels": "\n".join(labels),
        }  # fmt: skip

    def _contact(self, number: int, line: str) -> dict[str, str]:
        match = CONTACT.fullmatch(line.strip())
        if match is None:
            raise forms.ValidationError(f"Line {number} is not Name <address>, role.")
        return {part: (match[part] or "").strip() for part in ("name", "email", "role")}


class ReasonForm(forms.Form):
    """Why a tenant is suspended or leaves; `expected` is the slug to type, "" where none is asked for."""

    reason = forms.CharField(
        label="Reason", required=False, max_length=2000, help_text="Kept in the audit log.",
        widget=forms.Textarea(attrs={"class": "input", "rows": 2}),
    )  # fmt: skip
    confirm = forms.CharField(required=False, max_length=100)

    def __init__(self, *args: Any, expected: str = "", **named: Any) -> None:
        super().__init__(*args, **named)
        self.expected = expected

    def clean_confirm(self) -> str:
        """The slug, exactly."""
        typed = str(self.cleaned_data["confirm"]).strip()
        if self.expected and typed != self.expected:
            raise forms.ValidationError(f"Type {self.expected} to continue.")
        return typed


class ImportForm(forms.Form):
    """Many tenants as text, typed or from a file."""

    format = forms.ChoiceField(choices=[("csv", "CSV"), ("yaml", "YAML")])
    text = forms.CharField(required=False, max_length=MOST_TEXT)
    file = forms.FileField(required=False, max_length=200)

    def clean(self) -> dict[str, Any]:
        """`text`, from the file where one was given. A file that is no text, or too long, is said at its field."""
        found = dict(super().clean() or {})
        given = found.pop("file", None)
        if given is not None:
            found["text"] = self._read(given)
        if not self.errors and not str(found.get("text", "")).strip():
            self.add_error("text", "Paste the tenants, or choose a file.")
        return found

    def _read(self, given: Any) -> str:
        if given.size > MOST_TEXT:
            self.add_error("file", "The file is larger than 900 KB. Import it in parts.")
            return ""
        try:
            return str(given.read().decode("utf-8-sig"))
        except UnicodeDecodeError:
            self.add_error("file", "The file is not text in UTF-8.")
            return ""


def _as_line(contact: Mapping[str, str]) -> str:
    """A contact as the form takes it."""
    name = " ".join(filter(None, [contact.get("name"), f"<{contact['email']}>" if contact.get("email") else ""]))
    return ", ".join(filter(None, [name, contact.get("role")]))


def _lines(text: str) -> list[tuple[int, str]]:
    return [(number, line) for number, line in enumerate(text.splitlines(), start=1) if line.strip()]
