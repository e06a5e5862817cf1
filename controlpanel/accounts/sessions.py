"""Sessions as rows that know whose they are, so that people can see and end them (`SESSION_ENGINE`)."""

from __future__ import annotations

from datetime import datetime
from typing import Any

from django.contrib.auth import SESSION_KEY
from django.contrib.sessions.backends.db import SessionStore as DatabaseStore
from django.db import connection
from django.http import HttpRequest
from django.utils import timezone

from controlpanel.accounts.models import RoleBinding, Session, User

AGENT, ADDRESS, STARTED = "agent", "address", "started_at"
PERSON = [field.attname for field in User._meta.concrete_fields]
READ = """
SELECT session.session_data,
  ARRAY(SELECT ARRAY[id::text, role, environment, tenant] FROM accounts_rolebinding WHERE user_id = person.id ORDER BY id),
  {}
FROM accounts_session session LEFT JOIN accounts_user person ON person.id = session.user_id
WHERE session.session_key = %s AND session.expire_date > %s
""".format(", ".join(f'person."{name}"' for name in PERSON))  # noqa: S608  # names of our own columns alone
"""One query for what every request begins with. Built by the ORM it would cost as much again as the three that it stands for."""


def remember_browser(request: HttpRequest, address: str) -> None:
    """Keep in the session what its person may recognise it by; rows of sessions that have run out go."""
    Session.objects.filter(expire_date__lt=timezone.now()).delete()
    agent = request.headers.get("User-Agent", "")
    request.session[AGENT] = "".join(letter for letter in agent if letter.isprintable())[:200]
    request.session[ADDRESS] = address[:45]
    request.session[STARTED] = timezone.now().isoformat()


class SessionStore(DatabaseStore):
    """Django's store; the row also names the person, the browser, the address and the beginning."""

    person: User | None = None
    """Whose row this is, roles and all; whether the session still holds is for `accounts.middleware` to say."""

    def load(self) -> dict[str, Any]:
        """What the session holds, {} where there is none or it has run out."""
        with connection.cursor() as cursor:
            cursor.execute(READ, [self.session_key, timezone.now()])
            row = cursor.fetchone()
        if row is None:
            self._session_key = None
            return {}
        data, bindings, *person = row
        self.person = _person(person, bindings) if person[0] is not None else None
        decoded: dict[str, Any] = self.decode(data)
        return decoded

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


def _person(values: list[Any], bindings: list[list[str]]) -> User:
    person = User.from_db(connection.alias, PERSON, values)
    person.bound = [
        RoleBinding(id=int(number), user=person, role=role, environment=environment, tenant=tenant)
        for number, role, environment, tenant in bindings
    ]
    return person
