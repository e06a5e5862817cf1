"""What people call accounts."""

from __future__ import annotations

from collections.abc import Iterable

from controlpanel.accounts.models import User


def names_of(usernames: Iterable[str]) -> dict[str, str]:
    """Username → what people call that account; one query. A name without an account stays as it is."""
    wanted = {name for name in usernames if name}
    known = {one.username: str(one) for one in User.objects.filter(username__in=wanted)} if wanted else {}
    return {name: known.get(name, name) for name in wanted}
