"""How the API knows who asks: a bearer token (`cp_…`), and the right that the route declares."""

from __future__ import annotations

from django.contrib.auth.models import AnonymousUser
from django.http import HttpRequest
from ninja.security.base import AuthBase

from controlpanel.accounts.actors import Actor, of_request, of_token
from controlpanel.accounts.tokens import token_read
from controlpanel.core.permissions import Right


class Bearer(AuthBase):
    """Authenticates one route and asks for its `right` anywhere; where exactly is asked of the row that it touches."""

    openapi_type = "http"
    openapi_scheme = "bearer"

    def __init__(self, right: Right) -> None:
        super().__init__()
        self.right = right

    def __call__(self, request: HttpRequest) -> Actor | None:
        """The actor, or None for 401. Raises `RefusedError` where the right is missing."""
        actor = self.actor(request)
        if actor is not None:
            actor.require(self.right)
        return actor

    def actor(self, request: HttpRequest) -> Actor | None:
        """Whoever the token stands for; a session at a page is no way into the API."""
        scheme, _, secret = request.headers.get("Authorization", "").partition(" ")
        token = token_read(secret.strip(), request) if scheme.lower() == "bearer" else None
        return None if token is None else of_token(token)


class BearerOrSession(Bearer):
    """For what a signed-in person may also read in the browser."""

    def actor(self, request: HttpRequest) -> Actor | None:
        """The token's actor, or the signed-in person."""
        user = getattr(request, "user", AnonymousUser())
        return super().actor(request) or (of_request(request) if user.is_authenticated else None)


def actor_of(request: HttpRequest) -> Actor:
    """The actor that `Bearer` found."""
    actor: Actor = request.auth  # type: ignore[attr-defined]  # set by django-ninja
    return actor
