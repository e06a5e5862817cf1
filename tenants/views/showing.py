"""A line of the checklist as its page shows it: scope, place, whether it exists, sign-off, and the one thing to do about it."""

from __future__ import annotations

import re
from collections.abc import Mapping
from dataclasses import dataclass
from datetime import timedelta
from typing import Any
from urllib.parse import urlencode

from django.urls import reverse
from django.utils import timezone

from tenants.choices import VERIFICATION_MAX_AGE, ItemSource, ItemState, ReferenceKind, Standing
from tenants.models import CredentialReference, ReferenceVersion
from tenants.selectors.checklists import Line

ABSENT = re.compile(r"not found|does not exist|could not find|no such|nosuchkey|missing", re.IGNORECASE)
"""How secret stores say that there is nothing at a place."""
SEEN = {
    ItemState.MET: "verified",
    ItemState.OPEN: "not_checked",
    ItemState.FAILING: "failing",
    ItemState.WAIVED: "not_checked",
}
"""What the panel found of an item that is no reference, in the vocabulary `reference`."""
WAIVED_DAYS = 14
"""What the dialog of a waiver offers."""


@dataclass(frozen=True, kw_only=True)
class Rights:
    """What the reader may do with the tenant in the environment."""

    edit: bool = False
    check: bool = False
    reference: bool = False
    sign: bool = False
    waive: bool = False
    ask: bool = False


def shown(
    line: Line, *, number: int, slug: str, environment: str, may: Rights, names: Mapping[str, str]
) -> dict[str, Any]:
    """What the template says of the line. `names` are people by username."""
    item = line.item
    is_waived = item.state == ItemState.WAIVED
    return {
        "key": item.key, "type": item.type, "seen": item.subject, "number": number, "scope": _scope(line),
        **_place(line), **_exists(line), **_sign(line, names), "act": _act(line, slug, environment, may),
        "waive": f"waive-{number}" if may.waive and not is_waived and item.state != ItemState.MET else "",
        "unwaive": may.waive and is_waived, "waive_title": f"Waive {item.key}?", "reason_id": f"waive-{number}-reason",
        "until_id": f"waive-{number}-until", "until": (timezone.localdate() + timedelta(days=WAIVED_DAYS)).isoformat(),
    }  # fmt: skip


def _scope(line: Line) -> str:
    if line.item.source == ItemSource.RELEASE:
        return f"this tenant, since {line.item.release_version}" if line.item.release_version else "this tenant"
    if line.variable is None:
        return "this tenant"
    kind = "secret" if line.variable.is_secret else "not secret"
    return f"this tenant, {kind}" if line.variable.scope == "tenant" else "all tenants"


def _place(line: Line) -> dict[str, str]:
    """The place as `place` and `place_detail`, or `no_place` with the reason."""
    version = _newest(line.reference)
    if version is not None:
        return _of_version(version)
    if line.value is not None and line.value.state != "missing":
        said = "value in Git, not secret" if line.value.value else "referenced, value never read"
        return {"place": line.value.value or line.value.where, "place_detail": said, "no_place": ""}
    if line.variable is not None and line.variable.scope != "tenant":
        return {
            "place": "",
            "no_place": "not set in what is live",
            "place_detail": "set it in the manifests of the environment",
        }
    return {
        "place": "",
        "no_place": "no reference yet" if _is_of_reference(line) else "asked outside",
        "place_detail": "",
    }


def _of_version(version: ReferenceVersion) -> dict[str, str]:
    if version.kind == ReferenceKind.EXTERNAL_SECRET:
        place = f"{version.remote_key}{'#' if version.remote_property else ''}{version.remote_property}"
        return {"place": place, "place_detail": f"{version.store}, to {version.target_key}", "no_place": ""}
    if version.kind == ReferenceKind.SEALED_SECRET:
        return {
            "place": f"{version.sealed_name}#{version.sealed_key}",
            "place_detail": f"sealed, to {version.target_key}",
            "no_place": "",
        }
    return {"place": version.value, "place_detail": "value in Git, not secret", "no_place": ""}


def _exists(line: Line) -> dict[str, Any]:
    """`exists` of the vocabulary `reference`, when it was last looked at, and a note that stands in place of that."""
    reference, item = line.reference, line.item
    if not _is_of_reference(line):
        return {
            "exists": SEEN[ItemState(item.found)],
            "exists_at": item.updated_at,
            "exists_note": "" if item.found == ItemState.MET else item.evidence,
        }
    if reference is None or _newest(reference) is None:
        return {"exists": "none", "exists_at": None, "exists_note": ""}
    if reference.is_pending:
        return {
            "exists": "not_promoted",
            "exists_at": None,
            "exists_note": "waits for a promotion of the configuration",
        }
    return _standing(reference)


def _standing(reference: CredentialReference) -> dict[str, Any]:
    if reference.standing == Standing.FAILING:
        word = "not_found" if ABSENT.search(reference.message) else "failing"
        return {"exists": word, "exists_at": reference.checked_at, "exists_note": reference.message}
    if reference.standing == Standing.UNCHECKED:
        return {
            "exists": "not_checked",
            "exists_at": None,
            "exists_note": "The panel has no cluster access for this environment; the owner's sign-off counts.",
        }
    if reference.standing == Standing.VERIFIED:
        is_old = reference.verified_at is not None and timezone.now() - reference.verified_at > VERIFICATION_MAX_AGE
        return {"exists": "too_old" if is_old else "verified", "exists_at": reference.verified_at, "exists_note": ""}
    return {"exists": "unverified", "exists_at": reference.checked_at, "exists_note": ""}


def _sign(line: Line, names: Mapping[str, str]) -> dict[str, Any]:
    item, given = line.item, line.sign_off
    if item.state == ItemState.WAIVED:
        until = f"until {item.waived_until:%-d %b %Y}" if item.waived_until else ""
        return {
            "sign": "waived",
            "sign_word": "",
            "sign_at": None,
            "sign_note": f"{until} by {names.get(item.waived_by, item.waived_by)}: {item.waived_reason}",
        }
    if not line.item.needs_sign_off:
        return {"sign": "", "sign_word": "", "sign_at": None, "sign_note": ""}
    if given is None:
        return {"sign": "not_signed", "sign_word": "", "sign_at": None, "sign_note": line.unsignable}
    if line.stale:
        return {
            "sign": "stale",
            "sign_word": "",
            "sign_at": None,
            "sign_note": f"was for {given.subject[:4]}…{given.subject[-4:]}",
        }
    return {"sign": "signed_off", "sign_word": names.get(given.by, given.by), "sign_at": given.at, "sign_note": ""}


def _act(line: Line, slug: str, environment: str, may: Rights) -> dict[str, Any]:
    """The one next thing: an address to open (`href`) or to post to (`action`), nothing where the reader can do nothing."""
    where = urlencode({"environment": environment})
    if _is_of_reference(line) and _newest(line.reference) is None:
        return (
            {"label": "Add reference", "href": f"{reverse('tenant_references', args=[slug])}?{where}#{line.item.key}"}
            if may.reference
            else {}
        )
    if _fails(line):
        return (
            {"label": "Check again", "icon": "retry", "api": "check", "action": reverse("tenant_check", args=[slug])}
            if may.check
            else {}
        )
    if not may.sign or not line.item.needs_sign_off or line.item.state == ItemState.WAIVED:
        return {}
    if line.sign_off is not None and not line.stale:
        return {"label": "Withdraw", "quiet": True, "api": "withdraw", "action": reverse("item_withdraw", args=[slug])}
    if not line.signable:
        return {}
    return {
        "label": "Sign off again" if line.stale else "Sign off",
        "api": "sign-off",
        "action": reverse("item_sign_off", args=[slug]),
    }


def _fails(line: Line) -> bool:
    """Whether the next thing to do is to look again."""
    if not _is_of_reference(line):
        return line.item.state == ItemState.FAILING and line.variable is None
    reference = line.reference
    return (
        reference is not None
        and not reference.is_pending
        and reference.standing in (Standing.FAILING, Standing.UNVERIFIED)
    )


def _is_of_reference(line: Line) -> bool:
    """Whether a reference of the tenant is what the item asks for."""
    if line.variable is not None:
        return line.variable.scope == "tenant"
    return line.reference is not None or line.item.source == ItemSource.RELEASE


def _newest(reference: CredentialReference | None) -> ReferenceVersion | None:
    version = reference.newest if reference is not None else None
    return None if version is None or version.is_removed else version
