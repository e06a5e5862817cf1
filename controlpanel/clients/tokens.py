"""What a token says of itself. Nothing is verified: that is the business of whoever made it."""

from __future__ import annotations

import base64
import binascii
import json
from datetime import UTC, datetime


def token_expiry(token: str) -> datetime | None:
    """When a JWT ends as it says itself; None where it never does or is no JWT."""
    part = token.split(".")[1] if token.count(".") == 2 else ""
    try:
        claims = json.loads(base64.urlsafe_b64decode(part + "=" * (-len(part) % 4)))
        return datetime.fromtimestamp(int(claims["exp"]), UTC)
    except (ValueError, KeyError, TypeError, binascii.Error, OverflowError, OSError):
        return None
