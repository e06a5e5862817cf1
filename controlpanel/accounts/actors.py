"""Whoever acts, through whichever door, and what that one may do where."""

from __future__ import annotations

from collections.abc import Collection, Sequence
from dataclasses import dataclass
from functools import cached_property
from typing import Literal

from django.http import HttpRequest

from controlpanel.accounts.models import ApiToken, RoleBinding, User
from controlpanel.core.errors import AbsentError, Refusal, RefusedError, UserError
from controlpanel.core.permissions import OF_TENANTS, RIGHTS, ROLES_WITH, SCOPES, Right, Role, Scope


@dataclass(frozen=True)
class Actor:
    """A person, a token (perhaps a person's), or the panel itself (`is_system`), and the door: page, api, command, system."""

    name: str
    door: str
    user: User | None = None
    token: ApiToken | None = None
    is_system: bool = False

    @cached_property
    def bindings(self) -> tuple[RoleBinding, ...]:
        """The person's roles, read once."""
        if self.user is None:
            return ()
        return tuple(self.user.bindings.all() if self.user.bound is None else self.user.bound)

    def may(self, right: Right, environment: str | None = None, tenant: str | None = None) -> bool:
        """Whether the actor has the right in the environment and for the tenant; None asks "anywhere", "for any"."""
        if self.is_system or right == Right.ANYONE:
            return True
        if self.token is not None and not self._token_may(self.token, right, environment, tenant):
            return False
        if self.user is None:
            return self.token is not None
        return right == Right.SIGNED_IN or any(
            _covers(binding.tenant, one)
            for binding in self._giving(right, environment)
            for one in self._asked("tenants", tenant)
        )

    def require(self, right: Right, environment: str | None = None, tenant: str | None = None) -> None:
        """Raise `AbsentError` where the actor may not even look, `RefusedError` where only the right is missing."""
        if self.may(right, environment, tenant):
            return
        look = Right.VIEW if tenant is None else Right.TENANT_VIEW
        error: UserError = RefusedError(*self._refusal(right, environment, tenant))
        if (environment is not None or tenant is not None) and not self.may(look, environment, tenant):
            error = AbsentError("Not found, or not yours to see.")
        error.refused = Refusal(actor=self, right=right.value, environment=environment or "", tenant=tenant or "")
        raise error

    def tenants(self, right: Right = Right.TENANT_VIEW, environment: str | None = None) -> frozenset[str] | None:
        """The tenants for which the actor has the right in the environment (None: in any); None stands for all of them."""
        if self.is_system:
            return None
        if not self.may(right, environment):
            return frozenset()
        of_token = frozenset(self.token.tenants) if self.token is not None and self.token.tenants else None
        if self.user is None:
            return of_token
        bound = {binding.tenant for binding in self._giving(right, environment)}
        if "" in bound:
            return of_token
        return frozenset(bound) if of_token is None else of_token & bound

    def environments(self, names: Sequence[str], right: Right = Right.VIEW) -> list[str]:
        """Those of the environments in which the actor has the right."""
        return [name for name in names if self.may(right, name)]

    def role_in(self, environment: str) -> str:
        """The actor's highest role there in words, "" for none."""
        roles = [Role(row.role) for row in self.bindings if _covers(row.environment, environment) and not row.tenant]
        return max(roles, key=lambda role: len(RIGHTS[role])).value if roles else ""

    def _giving(self, right: Right, environment: str | None) -> list[RoleBinding]:
        """The person's roles that have the right in the environment."""
        asked = self._asked("environments", environment)
        return [
            one
            for one in self.bindings
            if right in RIGHTS[Role(one.role)]
            and _reaches(one.tenant, right)
            and any(_covers(one.environment, place) for place in asked)
        ]

    def _asked(self, narrowed: Literal["environments", "tenants"], asked: str | None) -> Sequence[str | None]:
        """ "Anywhere" of a token that was narrowed to some is one of these, where a role has to hold as well."""
        own: list[str] = getattr(self.token, narrowed) if self.token is not None else []
        return own if asked is None and own else [asked]

    def _token_may(self, token: ApiToken, right: Right, environment: str | None, tenant: str | None) -> bool:
        if right == Right.SIGNED_IN:
            return True
        scoped = any(right in SCOPES[Scope(scope)] for scope in token.scopes) and _reaches(token.tenants, right)
        return scoped and _among(token.environments, environment) and _among(token.tenants, tenant)

    def _refusal(self, right: Right, environment: str | None, tenant: str | None) -> tuple[str, str]:
        where = (f" in {environment}" if environment else "") + (f" for {tenant}" if tenant else "")
        if self.token is not None:
            scopes = " or ".join(scope.value for scope in Scope if right in SCOPES[scope])
            narrowed = ", without being narrowed to tenants" if self.token.tenants else ""
            person = f", and {self.user.username} a role that may" if self.user else ""
            return f"This token may not do this{where}.", f"It needs the scope {scopes}{narrowed}{person}."
        roles = " or ".join(role.value for role in ROLES_WITH[right])
        return f"You may not do this{where}: {self._standing(environment or '')}.", f"It needs the role {roles}."

    def _standing(self, environment: str) -> str:
        """What the person is there, in words; else what they are elsewhere."""
        if role := self.role_in(environment):
            return f"you are {role} there"
        elsewhere = sorted({f"{row.role} of {row.tenant or row.environment}" for row in self.bindings})
        return f"you are {', '.join(elsewhere)}" if elsewhere else "you have no role yet"


SYSTEM = Actor(name="panel", door="system", is_system=True)


def _covers(bound: str, asked: str | None) -> bool:
    return asked is None or not bound or bound == asked


def _among(narrowed: Collection[str], asked: str | None) -> bool:
    return asked is None or not narrowed or asked in narrowed


def _reaches(narrowed: Collection[str], right: Right) -> bool:
    """Whoever is bound to some tenants has no right beyond what is theirs: environments and releases are everybody's."""
    return not narrowed or right in OF_TENANTS


def of_request(request: HttpRequest) -> Actor:
    """The signed-in person at a page."""
    assert isinstance(request.user, User)
    cached: Actor | None = getattr(request, "actor", None)
    if cached is None:
        cached = Actor(name=request.user.username, door="page", user=request.user)
        request.actor = cached  # type: ignore[attr-defined]
    return cached


def of_token(token: ApiToken) -> Actor:
    """A token at the API; it acts in its person's name where it has one."""
    name = f"{token.user.username} (token {token.name})" if token.user else f"token {token.name}"
    return Actor(name=name, door="api", user=token.user, token=token)
