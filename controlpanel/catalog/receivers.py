"""Receivers of the catalog in force, and the values that they name: read by workers, at the moment of sending."""

from __future__ import annotations

from pathlib import Path

from controlpanel.catalog.connections import NotConfigured
from controlpanel.catalog.current import current_document, current_version
from controlpanel.catalog.notifications import NOBODY, NotificationsSpec, ReceiverSpec, Reference
from controlpanel.configuration import named_variable

MOST_BYTES = 4096


def notifications_in_force() -> NotificationsSpec:
    """Receivers and routes; none where no catalog was loaded yet."""
    return current_document().notifications if current_version() else NOBODY


def receiver_in_force(name: str) -> ReceiverSpec:
    """The receiver. Raises `NotConfigured` where the catalog has none of that name any more."""
    try:
        return notifications_in_force().receivers[name]
    except KeyError:
        raise NotConfigured(f"The catalog has no receiver {name} any more.", "Name it there again.") from None


def value_of(reference: Reference) -> str:
    """What the variable or the file holds, without blanks around it. Raises `NotConfigured`, which never repeats it."""
    if reference.env:
        value = named_variable(reference.env).strip()
        if value:
            return value
        raise NotConfigured(f"{reference.env} is not set.", f"Set {reference.env} for the panel's worker.")
    try:
        with Path(reference.file).open(encoding="utf-8") as file:
            value = file.read(MOST_BYTES).strip()
    except (OSError, ValueError) as error:
        raise NotConfigured(
            f"{reference.file} cannot be read: {type(error).__name__}.", "Mount the file for the panel's worker."
        ) from None
    if not value:
        raise NotConfigured(f"{reference.file} is empty.", "Write the value into it.")
    return value
