"""Signs a request as Standard Webhooks says, so that its receiver knows that it is ours, and how old it is.

https://github.com/standard-webhooks/standard-webhooks/blob/main/spec/standard-webhooks.md
"""

from __future__ import annotations

import base64
import hashlib
import hmac

from controlpanel.clients import errors

PREFIX = "whsec_"
SHORTEST = 16
"""Bytes of a secret; the scheme asks for 24 to 64."""


def signed(secret: str, *, of: str, identifier: str, at: int, body: bytes) -> dict[str, str]:
    """The headers of Standard Webhooks for one try at `at` (Unix seconds). Several secrets, apart by blanks, sign side by side, so
    that one may be replaced; `of` names whose secret it is. Raises `Invalid` for what is no secret of the scheme."""
    content = f"{identifier}.{at}.".encode() + body
    signatures = (
        base64.b64encode(hmac.new(key, content, hashlib.sha256).digest()).decode() for key in _keys(secret, of)
    )
    signature = " ".join(f"v1,{one}" for one in signatures)
    return {"webhook-id": identifier, "webhook-timestamp": str(at), "webhook-signature": signature}


def _keys(secret: str, of: str) -> list[bytes]:
    try:
        keys = [base64.b64decode(one.removeprefix(PREFIX), validate=True) for one in secret.split()]
    except ValueError:  # also for letters that base64 lacks
        keys = []
    if not keys or any(len(key) < SHORTEST for key in keys):
        raise errors.Invalid(
            f"The secret of {of} is none of Standard Webhooks.",
            f"Give {PREFIX} and at least {SHORTEST} random bytes in base64.",
        ) from None
    return keys
