"""What a token says of itself. Nothing is verified: that is the business of whoever made it."""

from __future__ import annotations

import base64
import binascii
import json
from datetime import UTC, datetime

WARN_DAYS = 14
"""So long before its end a token is warned of."""


def renewal(variable: str) -> str:
    """How to renew the token of Argo CD that this variable holds."""
    return (
        "API tokens of Argo CD do not renew themselves. Make a new one (`argocd account generate-token --account <account>`, or"
        f" `argocd proj role create-token <project> <role>`), set {variable} and start the panel's processes again."
    )


def token_expiry(token: str) -> datetime | None:
    """When a JWT ends as it says itself; None where it never does or is no JWT."""
    part = token.split(".")[1] if token.count(".") == 2 else ""
    try:
        claims = json.loads(base64.urlsafe_b64decode(part + "=" * (-len(part) % 4)))
        return datetime.fromtimestamp(int(claims["exp"]), UTC)
    except (ValueError, KeyError, TypeError, binascii.Error, OverflowError, OSError):
        return None
