"""What people type into pages. Rules stand in the services; forms only read and name fields."""

from __future__ import annotations

from collections.abc import Sequence
from typing import Any

from django import forms
from django.contrib.auth import authenticate
from django.contrib.auth.forms import PasswordChangeForm
from django.http import HttpRequest

from controlpanel.core.permissions import Scope
from deployments.services.freezing import Wanted


def _moment() -> forms.DateTimeInput:
    return forms.DateTimeInput(attrs={"class": "input code", "autocomplete": "off"})


OVERRIDE_HOURS = ((1, "1 hour"), (4, "4 hours"), (24, "1 day"), (72, "3 days"), (168, "7 days"))


class PromotionForm(forms.Form):
    """The decision on the promote page. `expected` is the name to type, "" where none is asked for; `override` names the
    gates to let pass, separated by commas, and comes from the button that does so."""

    reason = forms.CharField(
        label="Reason", required=False, max_length=2000, help_text="Kept in the audit log and the Git commit.",
        widget=forms.Textarea(attrs={"class": "input", "rows": 2}),
    )  # fmt: skip
    confirm = forms.CharField(required=False, max_length=100)
    override = forms.CharField(required=False, max_length=500)
    override_reason = forms.CharField(
        label="Reason to override", required=False, max_length=2000, help_text="At least 10 characters. Kept with the promotion and shown.",
        widget=forms.Textarea(attrs={"class": "input", "rows": 2}),
    )  # fmt: skip
    override_hours = forms.TypedChoiceField(
        label="Holds for", required=False, coerce=int, empty_value=24, initial=24, choices=OVERRIDE_HOURS,  # type: ignore[arg-type]  # any value may stand for none
        help_text="A promotion that starts later is asked again.", widget=forms.Select(attrs={"class": "input"}),
    )  # fmt: skip
    render_digest = forms.CharField(required=False, max_length=64, widget=forms.HiddenInput)
    key = forms.CharField(required=False, max_length=64, widget=forms.HiddenInput)

    def __init__(self, *args: Any, expected: str = "", **named: Any) -> None:
        super().__init__(*args, **named)
        self.expected = expected

    def clean_confirm(self) -> str:
        """The environment's name, exactly."""
        typed = str(self.cleaned_data["confirm"]).strip()
        if self.expected and typed != self.expected:
            raise forms.ValidationError(f"Type {self.expected} to continue.")
        return typed

    def clean_render_digest(self) -> str:
        """What was looked at; without it nothing is asked for."""
        digest = str(self.cleaned_data["render_digest"])
        if not digest:
            raise forms.ValidationError("Waits for the rendered diff. Reload when it is there.")
        return digest


class ReleaseForm(forms.Form):
    """A new release; images as lines `key=registry/name@sha256:…`."""

    version = forms.CharField(
        label="Version", max_length=100, help_text="Such as 2026.11.5. A release never changes.",
        widget=forms.TextInput(attrs={"class": "input code", "autocomplete": "off", "spellcheck": "false"}),
    )  # fmt: skip
    commit = forms.CharField(
        label="Commit", max_length=40, help_text="The full SHA in the platform repository that configures it.",
        widget=forms.TextInput(attrs={"class": "input code", "autocomplete": "off", "spellcheck": "false"}),
    )  # fmt: skip
    images = forms.CharField(
        label="Images", required=False, max_length=20_000,
        help_text="One for each line: backend=registry/backend@sha256:… Images that are not given are copied from the newest release.",
        widget=forms.Textarea(attrs={"class": "input code", "rows": 6, "spellcheck": "false"}),
    )  # fmt: skip
    title = forms.CharField(
        label="Title", required=False, max_length=200, widget=forms.TextInput(attrs={"class": "input"})
    )
    notes = forms.CharField(
        label="Notes", required=False, max_length=20_000, widget=forms.Textarea(attrs={"class": "input", "rows": 4})
    )

    def clean_images(self) -> dict[str, str]:
        """Images by key. A line that is no `key=reference` is named."""
        found: dict[str, str] = {}
        for number, line in enumerate(str(self.cleaned_data["images"]).splitlines(), start=1):
            if not line.strip():
                continue
            key, separator, image = (part.strip() for part in line.partition("="))
            if not separator or not key or not image:
                raise forms.ValidationError(f"Line {number} is not key=registry/name@sha256:…")
            if key in found:
                raise forms.ValidationError(f"Line {number} names {key} a second time.")
            found[key] = image
        return found

    def refuse(self, field: str, sentence: str) -> None:
        """Show a refusal of the service at the field that it names."""
        name = field.split(".", 1)[0]
        self.add_error(name if name in self.fields else None, sentence)


class ReasonForm(forms.Form):
    """Why somebody aborts or ignores."""

    reason = forms.CharField(required=False, max_length=2000)


class PromotionFilter(forms.Form):
    """What the list of promotions is narrowed to; a day that is none is said at its field and narrows nothing."""

    environment = forms.CharField(required=False, max_length=63)
    release = forms.CharField(required=False, max_length=100)
    state = forms.CharField(required=False, max_length=20)
    kind = forms.CharField(required=False, max_length=20)
    requester = forms.CharField(required=False, max_length=150)
    since = forms.DateField(required=False, error_messages={"invalid": "Write the day as 2026-11-23."})
    until = forms.DateField(required=False, error_messages={"invalid": "Write the day as 2026-11-23."})


class AuditFilter(forms.Form):
    """What the audit log is narrowed to; a day that is none is said at its field and narrows nothing."""

    text = forms.CharField(required=False, max_length=200)
    who = forms.CharField(required=False, max_length=150)
    action = forms.CharField(required=False, max_length=60)
    environment = forms.CharField(required=False, max_length=63)
    target = forms.CharField(required=False, max_length=200)
    door = forms.CharField(required=False, max_length=20)
    since = forms.DateField(required=False, error_messages={"invalid": "Write the day as 2026-11-23."})
    until = forms.DateField(required=False, error_messages={"invalid": "Write the day as 2026-11-23."})


class PasswordForm(PasswordChangeForm):
    """Django's form with our words; wrong tries count as at the login page, so that nobody guesses here either."""

    error_messages = {
        "password_mismatch": "The two new passwords differ.",
        "password_incorrect": "That is not your password.",
    }

    def __init__(self, *args: Any, request: HttpRequest, **named: Any) -> None:
        super().__init__(*args, **named)
        self.request = request
        words = {
            "old_password": ("Password now", ""),
            "new_password1": ("New password", "At least 12 characters, none that is widely known."),
            "new_password2": ("New password again", ""),
        }
        for name, (label, hint) in words.items():
            self.fields[name].label, self.fields[name].help_text = label, hint
            self.fields[name].widget.attrs |= {"class": "input"}
            self.fields[name].widget.attrs.pop("autofocus", None)

    def clean_old_password(self) -> str:
        """The password now."""
        typed = str(self.cleaned_data["old_password"])
        if authenticate(self.request, username=self.user.get_username(), password=typed) is None:
            raise forms.ValidationError(self.error_messages["password_incorrect"], code="password_incorrect")
        return typed


class TokenForm(forms.Form):
    """A new API token; `scopes` and `environments` are those that the person may choose from."""

    name = forms.CharField(
        label="Name", max_length=100, help_text="Such as deploy-staging: what uses it.",
        widget=forms.TextInput(attrs={"class": "input code", "autocomplete": "off", "spellcheck": "false"}),
    )  # fmt: skip
    scopes = forms.MultipleChoiceField(label="May", error_messages={"required": "Choose at least one."})
    environments = forms.MultipleChoiceField(label="Environments", required=False)
    expires = forms.TypedChoiceField(
        label="Expires", coerce=int, choices=[(7, ""), (30, ""), (90, ""), (180, ""), (365, "")]
    )
    whose = forms.ChoiceField(label="Acts for", choices=[("me", "me"), ("machine", "a machine")], required=False)

    def __init__(self, *args: Any, scopes: Sequence[Scope], environments: Sequence[str], **named: Any) -> None:
        super().__init__(*args, **named)
        self.fields["scopes"].choices = [(scope.value, scope.value) for scope in scopes]  # type: ignore[attr-defined]
        self.fields["environments"].choices = [(name, name) for name in environments]  # type: ignore[attr-defined]


class FreezeForm(forms.Form):
    """A freeze: of what, why, and when, once or by a schedule. Times are in UTC; a schedule has its own zone."""

    reason = forms.CharField(
        label="Reason", max_length=500, help_text="Everybody who is held reads it.", widget=forms.TextInput(attrs={"class": "input"})
    )  # fmt: skip
    environment = forms.ChoiceField(label="Environment", required=False)
    component = forms.ChoiceField(label="Component", required=False)
    tenant = forms.CharField(
        label="Tenant", required=False, max_length=63, help_text="Holds its configuration, and releases where it is served.",
        widget=forms.TextInput(attrs={"class": "input code", "autocomplete": "off", "spellcheck": "false"}),
    )  # fmt: skip
    starts_at = forms.DateTimeField(
        label="From", required=False, help_text="UTC, such as 2026-12-24 18:00. Empty: now.", widget=_moment()
    )
    ends_at = forms.DateTimeField(
        label="Until", required=False, help_text="UTC. Empty: until it is lifted.", widget=_moment()
    )
    cron = forms.CharField(
        label="Or again and again", required=False, max_length=100, help_text="Minute, hour, day, month, day of the week: 0 18 * * fri",
        widget=forms.TextInput(attrs={"class": "input code", "autocomplete": "off", "spellcheck": "false"}),
    )  # fmt: skip
    lasts_minutes = forms.IntegerField(
        label="For minutes", required=False, widget=forms.NumberInput(attrs={"class": "input"})
    )
    time_zone = forms.CharField(
        label="Time zone", required=False, max_length=64, initial="UTC", help_text="Such as Europe/Istanbul; its wall clock is meant.",
        widget=forms.TextInput(attrs={"class": "input code", "autocomplete": "off", "spellcheck": "false"}),
    )  # fmt: skip

    def __init__(self, *args: Any, environments: Sequence[str], components: Sequence[str], **named: Any) -> None:
        super().__init__(*args, **named)
        for name, values in (("environment", environments), ("component", components)):
            self.fields[name].choices = [("", "all"), *((one, one) for one in values)]  # type: ignore[attr-defined]
            self.fields[name].widget.attrs["class"] = "input"

    def wanted(self) -> Wanted:
        """What was typed, for the service."""
        said = {name: value for name, value in self.cleaned_data.items() if value not in ("", None)}
        return Wanted(**said)

    def refuse(self, field: str, sentence: str) -> None:
        """Show a refusal of the service at the field that it names."""
        self.add_error(field if field in self.fields else None, sentence)


class PlanForm(forms.Form):
    """When a promotion is asked for, in UTC, and why."""

    at = forms.DateTimeField()
    reason = forms.CharField(required=False, max_length=2000)
