"""Whoever is bound to a tenant or an environment reaches nothing beyond it."""

from __future__ import annotations

from datetime import timedelta

import pytest
from django.utils import timezone

from controlpanel.accounts.actors import Actor, of_token
from controlpanel.accounts.models import ApiToken, RoleBinding, User
from controlpanel.core.permissions import OF_TENANTS, RIGHTS, SCOPES, Right, Role, Scope

pytestmark = pytest.mark.django_db
BEYOND_TENANTS = sorted(set(Right) - OF_TENANTS - {Right.ANYONE, Right.SIGNED_IN})


def _person(role: Role, **narrowed: str) -> Actor:
    user = User.objects.create_user(username="narrow")
    RoleBinding.objects.create(user=user, role=role, **narrowed)
    return Actor(name="narrow", door="page", user=user)


def _token(*scopes: Scope, **narrowed: list[str]) -> Actor:
    expiry = timezone.now() + timedelta(days=1)
    return of_token(
        ApiToken.objects.create(name="narrow", digest="0" * 64, scopes=scopes, expires_at=expiry, **narrowed)
    )


@pytest.mark.parametrize("role", list(Role))
def test_a_role_for_one_tenant_gives_no_right_to_environments(role: Role) -> None:
    actor = _person(role, tenant="chat365")
    given = [right for right in BEYOND_TENANTS if actor.may(right) or actor.may(right, "production")]
    assert given == []
    assert actor.may(Right.TENANT_VIEW) == (Right.TENANT_VIEW in RIGHTS[role])


@pytest.mark.parametrize("scope", list(Scope))
def test_a_token_for_one_tenant_gives_no_right_to_environments(scope: Scope) -> None:
    actor = _token(scope, tenants=["chat365"])
    given = [right for right in BEYOND_TENANTS if actor.may(right) or actor.may(right, "production")]
    assert given == []
    assert actor.may(Right.TENANT_VIEW) == (Right.TENANT_VIEW in SCOPES[scope])


def test_a_role_for_one_environment_gives_nothing_in_another() -> None:
    actor = _person(Role.OPERATOR, environment="staging")
    assert actor.may(Right.PROMOTION_REQUEST, "staging")
    assert not any(actor.may(right, place) for right in BEYOND_TENANTS for place in ("production", ""))


def test_a_token_for_one_environment_gives_nothing_in_another() -> None:
    actor = _token(Scope.ADMIN, environments=["staging"])
    assert actor.may(Right.PROMOTION_REQUEST, "staging")
    assert not any(actor.may(right, place) for right in BEYOND_TENANTS for place in ("production", ""))


def test_a_persons_token_gives_no_more_than_the_person_has() -> None:
    person = _person(Role.OPERATOR, environment="staging")
    expiry = timezone.now() + timedelta(days=1)
    token = ApiToken.objects.create(
        name="theirs", digest="1" * 64, scopes=[Scope.ADMIN], user=person.user, expires_at=expiry
    )
    actor = of_token(token)
    given = [right for right in BEYOND_TENANTS if actor.may(right, "staging")]
    assert set(given) == RIGHTS[Role.OPERATOR] - OF_TENANTS
    assert not any(actor.may(right, "production") for right in BEYOND_TENANTS)
