"""Sessions as rows that know whose they are, so that people can see and end them (`SESSION_ENGINE`)."""

from __future__ import annotations

from datetime import datetime
from typing import Any

from django.contrib.auth import SESSION_KEY
from django.contrib.sessions.backends.db import SessionStore as DatabaseStore
from django.http import HttpRequest
from django.utils import timezone

from controlpanel.accounts.models import Session

AGENT, ADDRESS, STARTED = "agent", "address", "started_at"


def remember_browser(request: HttpRequest, address: str) -> None:
    """Keep in the session what its person may recognise it by; rows of sessions that have run out go."""
    Session.objects.filter(expire_date__lt=timezone.now()).delete()
    agent = request.headers.get("User-Agent", "")
    request.session[AGENT] = "".join(letter for letter in agent if letter.isprintable())[:200]
    request.session[ADDRESS] = address[:45]
    request.session[STARTED] = timezone.now().isoformat()


class SessionStore(DatabaseStore):
    """Django's store; the row also names the person, the browser, the address and the beginning."""

    @classmethod
    def get_model_class(cls) -> type[Session]:
        """Our own row."""
        return Session

    def create_model_instance(self, data: dict[str, Any]) -> Session:
        """The row of this session."""
        return _named(super().create_model_instance(data), data)

    async def acreate_model_instance(self, data: dict[str, Any]) -> Session:
        """The row of this session."""
        return _named(await super().acreate_model_instance(data), data)


def _named(row: Any, data: dict[str, Any]) -> Session:
    """Every save writes the whole row, so all of it comes from what the session holds."""
    assert isinstance(row, Session)
    row.user_id = int(data[SESSION_KEY]) if data.get(SESSION_KEY) else None
    row.agent, row.address = str(data.get(AGENT, "")), str(data.get(ADDRESS, ""))
    started = data.get(STARTED)
    row.started_at = datetime.fromisoformat(started) if started else timezone.now()
    return row
