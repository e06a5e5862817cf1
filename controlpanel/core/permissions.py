"""Roles and rights: the one table that pages, API and commands ask, and that docs/roles.md prints."""

from __future__ import annotations

from collections.abc import Callable
from enum import StrEnum
from typing import Any, TypeVar


class Right(StrEnum):
    """What an actor may do, mostly in one environment."""

    VIEW = "view"
    PROMOTION_REQUEST = "promotion.request"
    PROMOTION_RETRY = "promotion.retry"
    PROMOTION_ABORT = "promotion.abort"
    PROMOTION_CLAIM = "promotion.claim"
    PROMOTION_IGNORE = "promotion.ignore"
    PROMOTION_ROLL_BACK = "promotion.rollback"
    PROMOTION_APPROVE = "promotion.approve"
    RELEASE_CREATE = "release.create"
    APPLICATION_LOGS = "application.logs"
    APPLICATION_REFRESH = "application.refresh"
    APPLICATION_RESTART = "application.restart"
    GATE_OVERRIDE = "gate.override"
    FREEZE = "freeze"
    AUDIT_VIEW = "audit.view"
    CATALOG_VIEW = "catalog.view"
    ADMINISTER = "administer"
    TENANT_VIEW = "tenant.view"
    TENANT_EDIT = "tenant.edit"
    TENANT_CHECK = "tenant.check"
    TENANT_REFERENCE = "tenant.reference"
    TENANT_SIGN_OFF = "tenant.sign-off"
    TENANT_WAIVE = "tenant.waive"
    ANYONE = "anyone"
    SIGNED_IN = "signed-in"


class Role(StrEnum):
    """Bound to a person for all environments, for one, or for one tenant."""

    VIEWER = "viewer"
    OPERATOR = "operator"
    RELEASE_MANAGER = "release manager"
    TENANT_OWNER = "tenant owner"
    TENANT_REVIEWER = "tenant reviewer"
    ADMINISTRATOR = "administrator"


_VIEWER = frozenset({Right.VIEW, Right.AUDIT_VIEW, Right.CATALOG_VIEW, Right.TENANT_VIEW})
_OF_APPLICATIONS = frozenset({Right.APPLICATION_LOGS, Right.APPLICATION_REFRESH, Right.APPLICATION_RESTART})
_OF_OWN_TENANT = frozenset({Right.TENANT_VIEW, Right.TENANT_CHECK, Right.TENANT_REFERENCE})
_OPERATOR = (
    _VIEWER
    | _OF_APPLICATIONS
    | _OF_OWN_TENANT
    | {
        Right.PROMOTION_REQUEST,
        Right.PROMOTION_RETRY,
        Right.PROMOTION_ABORT,
        Right.PROMOTION_CLAIM,
        Right.PROMOTION_IGNORE,
        Right.PROMOTION_ROLL_BACK,
        Right.RELEASE_CREATE,
        Right.TENANT_EDIT,
    }
)
_RELEASE_MANAGER = _OPERATOR | {Right.PROMOTION_APPROVE, Right.GATE_OVERRIDE, Right.FREEZE, Right.TENANT_WAIVE}

RIGHTS: dict[Role, frozenset[Right]] = {
    Role.VIEWER: _VIEWER,
    Role.OPERATOR: _OPERATOR,
    Role.RELEASE_MANAGER: _RELEASE_MANAGER,
    Role.TENANT_OWNER: _OF_OWN_TENANT | {Right.TENANT_SIGN_OFF},
    Role.TENANT_REVIEWER: frozenset({Right.TENANT_VIEW, Right.TENANT_CHECK, Right.TENANT_SIGN_OFF}),
    Role.ADMINISTRATOR: _RELEASE_MANAGER | {Right.TENANT_SIGN_OFF, Right.ADMINISTER},
}


OF_TENANTS = _OF_OWN_TENANT | {Right.TENANT_SIGN_OFF}
"""Rights that a binding or a token for some tenants can give; all others would reach beyond these tenants."""


class Scope(StrEnum):
    """What a token was made for."""

    READ = "read"
    RELEASE = "release"
    PROMOTE = "promote"
    APPROVE = "approve"
    TENANTS = "tenants"
    ADMIN = "admin"


SCOPES: dict[Scope, frozenset[Right]] = {
    Scope.READ: _VIEWER,
    Scope.RELEASE: _VIEWER | {Right.RELEASE_CREATE},
    Scope.PROMOTE: (_OPERATOR - _OF_APPLICATIONS - _OF_OWN_TENANT - {Right.RELEASE_CREATE, Right.TENANT_EDIT})
    | _VIEWER,
    Scope.APPROVE: _VIEWER | {Right.PROMOTION_APPROVE},
    Scope.TENANTS: OF_TENANTS | {Right.TENANT_EDIT, Right.TENANT_WAIVE},
    Scope.ADMIN: RIGHTS[Role.ADMINISTRATOR],
}

ROLES_WITH: dict[Right, tuple[Role, ...]] = {
    right: tuple(role for role in Role if right in RIGHTS[role]) for right in Right
}

View = TypeVar("View", bound=Callable[..., Any])


def declares(right: Right) -> Callable[[View], View]:
    """Mark a view with the right that it asks for; `tests/test_permissions.py` fails for a route without one."""

    def mark(view: View) -> View:
        view.right = right  # type: ignore[attr-defined]
        return view

    return mark
