"""What decides how a page looks for somebody: roles, not names."""

from __future__ import annotations

from collections.abc import Hashable

from django.http import HttpRequest

from controlpanel.accounts.actors import of_request


def look_of(request: HttpRequest) -> tuple[Hashable, str]:
    """The reader's roles, and the reader's name; for `controlpanel.core.sharing`."""
    actor = of_request(request)
    roles = frozenset((binding.role, binding.environment, binding.tenant) for binding in actor.bindings)
    return roles, actor.name
