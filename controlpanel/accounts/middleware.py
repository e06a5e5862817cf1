"""Whose request it is."""

from __future__ import annotations

from django.conf import settings
from django.contrib import auth
from django.contrib.auth import middleware
from django.contrib.auth.models import AnonymousUser
from django.http import HttpRequest
from django.utils.crypto import constant_time_compare
from django.utils.functional import SimpleLazyObject

from controlpanel.accounts.models import User
from controlpanel.accounts.sessions import SessionStore


class AuthenticationMiddleware(middleware.AuthenticationMiddleware):
    """Django's; the person is the one that came with the session's row instead of another query."""

    def process_request(self, request: HttpRequest) -> None:
        """Set `request.user`, read when it is first asked for."""
        super().process_request(request)
        request.user = SimpleLazyObject(lambda: _reader(request))  # type: ignore[assignment]


def _reader(request: HttpRequest) -> User | AnonymousUser:
    """Django's own answer wherever anything differs: another person, an older key of the server, a changed password."""
    session = request.session
    assert isinstance(session, SessionStore)
    named, key = session.get(auth.SESSION_KEY), session.get(auth.HASH_SESSION_KEY, "")
    person = session.person
    is_known = session.get(auth.BACKEND_SESSION_KEY) in settings.AUTHENTICATION_BACKENDS
    if person is None or not person.is_active or named != str(person.pk) or not is_known:
        return auth.get_user(request)
    return person if constant_time_compare(key, person.get_session_auth_hash()) else auth.get_user(request)
