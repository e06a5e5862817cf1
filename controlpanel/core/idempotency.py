"""`Idempotency-Key`: the same call twice changes nothing and answers the same."""

from __future__ import annotations

import hashlib
import json
from collections.abc import Callable
from typing import Any

from django.db import IntegrityError, transaction

from controlpanel.core.errors import InvalidError, UserError
from controlpanel.core.models import IdempotencyKey

Answer = tuple[int, dict[str, Any]]


def answer_once(*, principal: str, key: str, request: Any, work: Callable[[], Answer]) -> Answer:
    """Do `work` once for each principal and key, in one transaction with its recorded answer.

    A second call, even at the same time, waits for the first and gets its answer. Raises `InvalidError` where the
    key was used for another request. An answer that refused is not kept: the same key may be tried again.
    """
    if not key:
        return work()
    digest = hashlib.sha256(json.dumps(request, sort_keys=True, default=str).encode()).hexdigest()
    refused: UserError | None = None
    with transaction.atomic():
        row, is_new = _row(principal, key, digest)
        if not is_new:
            return _recorded(row, digest)
        try:
            row.status, row.body = answer = work()
            row.save(update_fields=["status", "body"])
        except UserError as error:  # what the refusal recorded stays
            refused = error
            row.delete()
    if refused is not None:
        raise refused
    return answer


def _row(principal: str, key: str, digest: str) -> tuple[IdempotencyKey, bool]:
    try:
        with transaction.atomic():  # waits here while another transaction holds the same key
            return IdempotencyKey.objects.create(principal=principal, key=key, request_hash=digest), True
    except IntegrityError:
        return IdempotencyKey.objects.get(principal=principal, key=key), False


def _recorded(row: IdempotencyKey, digest: str) -> Answer:
    if row.request_hash != digest:
        raise InvalidError(
            f"Idempotency-Key {row.key} was used for another request.",
            "Use a new key for each request.",
            field="Idempotency-Key",
        )
    if row.status is None or row.body is None:
        raise InvalidError(
            "The first request with this Idempotency-Key has no answer.", "Send it again with a new key."
        )
    return row.status, row.body
