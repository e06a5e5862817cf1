"""Two clicks at once on "Make token"."""

from __future__ import annotations

import threading
from concurrent.futures import ThreadPoolExecutor

import pytest
from django.db import connection

from controlpanel.accounts import tokens
from controlpanel.accounts.models import ApiToken
from controlpanel.core import audit
from controlpanel.core.errors import ConflictError


@pytest.mark.django_db(transaction=True)
def test_two_tokens_of_one_name_at_the_same_moment_are_one_token_and_one_sentence(
    monkeypatch: pytest.MonkeyPatch,
) -> None:
    both_are_about_to_write = threading.Barrier(2)

    def digest(secret: str) -> str:
        both_are_about_to_write.wait(10)
        return secret

    def make(_: int) -> str:
        try:
            return tokens.token_create(actor=audit.SYSTEM, name="deploy", scopes=["read"])[0].name
        except ConflictError as refusal:
            return refusal.sentence
        finally:
            connection.close()

    monkeypatch.setattr(tokens, "_digest", digest)
    with ThreadPoolExecutor(2) as pool:
        assert sorted(pool.map(make, range(2))) == ["A token called deploy exists.", "deploy"]
    assert ApiToken.objects.count() == 1
