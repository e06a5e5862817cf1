"""Every route, asked by everyone: whoever lacks the right that the route declares never gets through, and whoever has it does."""

from __future__ import annotations

import re
from collections.abc import Iterator
from dataclasses import dataclass
from datetime import timedelta
from pathlib import Path
from typing import Any

import pytest
from django.conf import settings
from django.db import transaction
from django.test import Client
from django.urls import URLPattern, URLResolver, get_resolver
from django.utils import timezone

from controlpanel.accounts.actors import SYSTEM
from controlpanel.accounts.models import ApiToken, RoleBinding
from controlpanel.accounts.tokens import token_create, token_revoke
from controlpanel.api import api
from controlpanel.catalog.models import Environment, Variable
from controlpanel.core import audit
from controlpanel.core.models import AuditEvent
from controlpanel.core.permissions import RIGHTS, SCOPES, Right, Role, Scope
from deployments.models import PlannedPromotion, Preflight, Promotion
from deployments.services.freezing import freeze_everything
from tenants.services.reviews import review_request
from tenants.services.tenants import tenant_create
from tests import fixtures_deployments as rows

ROLES_PAGE = Path(__file__).parents[1] / "docs" / "roles.md"
AT_ROUTES_ONLY = (Right.ANYONE, Right.SIGNED_IN)
TOKENS_ONLY = {"metrics"}


@dataclass(frozen=True)
class Route:
    """One address with one method; `right` is what it declares, None where it declares nothing."""

    name: str
    path: str
    method: str
    right: Right | None
    is_for_tokens: bool

    def __str__(self) -> str:
        return f"{self.method} {self.path}"


def routes() -> list[Route]:
    """All addresses of the panel: of the API by its operations, of the pages by their patterns."""
    return [*api_routes(), *page_routes(get_resolver().url_patterns, "")]


def api_routes() -> Iterator[Route]:
    for bound in api._get_bound_routers():
        for path, view in bound.path_operations.items():
            for operation in view.operations:
                right = getattr(next(iter(operation.auth_callbacks), None), "right", None)
                address = re.sub("/+", "/", f"/api/v1/{bound.prefix}/{path}").rstrip("/")
                name = operation.view_func.__name__
                yield from (Route(name, address, method, right, name != "openapi") for method in operation.methods)


def page_routes(patterns: list[URLPattern | URLResolver], prefix: str) -> Iterator[Route]:
    for pattern in patterns:
        path = prefix + str(pattern.pattern)
        if isinstance(pattern, URLResolver):
            if pattern.namespace != "api":
                yield from page_routes(pattern.url_patterns, path)
            continue
        right = getattr(pattern.callback, "right", None)
        name = pattern.name or path
        yield Route(name, f"/{path}", "any", right, name in TOKENS_ONLY)


ROUTES = routes()


@pytest.fixture(scope="module")
def place(django_db_setup: None, django_db_blocker: Any) -> Iterator[tuple[dict[str, str], list[Asker]]]:
    """What stands at the addresses, and everyone who asks: made once, and gone with the transaction around all tests."""
    with django_db_blocker.unblock(), transaction.atomic():
        yield everything(), list(askers())
        transaction.set_rollback(True)


@pytest.fixture
def things(place: tuple[dict[str, str], list[Asker]], db: None) -> dict[str, str]:
    """Something at every address: what stands for each part of a path."""
    return place[0]


@pytest.fixture
def everyone(place: tuple[dict[str, str], list[Asker]], db: None) -> list[Asker]:
    return place[1]


def everything() -> dict[str, str]:
    staging, _ = rows.platform()
    of = rows.release("2026.11.1")
    paused = rows.paused(rows.promotion(of, staging, by=rows.person("asker", Role.OPERATOR)))
    preview = rows.preflight(of, Environment.objects.get(name="production"))
    Variable.objects.create(key="DOKTOR365_SECRET", scope="tenant", is_secret=True, on_checklist=True)
    nova = tenant_create(actor=SYSTEM, slug="nova")
    review = review_request(actor=SYSTEM, tenant=nova, environment=staging)
    return {
        "promotion": str(paused.pk),
        "preflight": str(preview.pk),
        "name": "staging",
        "version": of.version,
        "application": "ai-staging",
        "slug": nova.slug,
        "key": "DOKTOR365_SECRET",
        "item": "DOKTOR365_SECRET",
        "review": str(review.pk),
        "receiver": "nobody",
        "message": "0192aaaa-0000-7000-8000-000000000000",
        "sequence": str(AuditEvent.objects.filter(environment="staging").values_list("sequence", flat=True)[0]),
        "plan": str(
            PlannedPromotion.objects.create(
                environment=staging, release=of, requested_by="asker", requester=paused.requester, due_at=timezone.now()
            ).pk
        ),
        "freeze": str(freeze_everything(actor=SYSTEM, reason="For the test.").pk),
    }


def address(route: Route, things: dict[str, str]) -> str:
    kind = "preflight" if "preflight" in route.path else "promotion"
    filled = re.sub(r"[<{](?:\w+:)?identifier[>}]", things[kind], route.path)
    filled = re.sub(
        r"[<{](?:\w+:)?(name|version|application|slug|key|item|review|sequence|receiver|message|freeze|plan)[>}]",
        lambda match: things[match[1]],
        filled,
    )
    filled = filled.replace("<uuid:token>", "0192aaaa-0000-7000-8000-000000000000")
    return filled.replace("^api/", "api/nothing")


def asked(route: Route, client: Client, path: str, headers: dict[str, str]) -> int:
    """The status; a page that takes no GET is asked by POST."""
    methods = ["GET", "POST"] if route.method == "any" else [route.method]
    for method in methods:
        body = {} if method == "GET" else {"data": {}, "content_type": "application/json"}
        response = getattr(client, method.lower())(path, headers=headers, **body)
        if response.status_code != 405:
            break
    if "/login" in response.headers.get("Location", ""):
        return 401
    status: int = response.status_code
    return status


@dataclass(frozen=True)
class Asker:
    """Somebody at the door, with the rights that they have there."""

    name: str
    rights: frozenset[Right]
    headers: dict[str, str]
    is_token: bool
    session: str = ""

    @property
    def client(self) -> Client:
        """A browser that nobody has used yet."""
        browser = Client()
        if self.session:
            browser.cookies[settings.SESSION_COOKIE_NAME] = self.session
        return browser


def askers() -> Iterator[Asker]:
    yield Asker("anonymous", frozenset(), {}, is_token=False)
    for role in Role:
        client = Client()
        client.force_login(rows.person(f"a-{role.name.lower()}", role))
        session = client.cookies[settings.SESSION_COOKIE_NAME].value
        yield Asker(role.value, RIGHTS[role] | {Right.SIGNED_IN}, {}, is_token=False, session=session)
    for scope in Scope:
        rights = SCOPES[scope] | {Right.SIGNED_IN}
        yield Asker(f"token {scope.value}", rights, bearer(token(scope)[1]), is_token=True)
    yield Asker("revoked token", frozenset(), bearer(revoked()), is_token=True)
    yield Asker("expired token", frozenset(), bearer(expired()), is_token=True)
    elsewhere = bearer(token(Scope.ADMIN, environments=("elsewhere",))[1])
    rights = RIGHTS[Role.ADMINISTRATOR] | {Right.SIGNED_IN}
    yield Asker("token of another environment", rights, elsewhere, is_token=True)


def token(scope: Scope, environments: tuple[str, ...] = ()) -> tuple[ApiToken, str]:
    name = f"t{ApiToken.objects.count()}"
    return token_create(actor=audit.SYSTEM, name=name, scopes=[scope.value], environments=environments)


def revoked() -> str:
    made, secret = token(Scope.ADMIN)
    token_revoke(actor=audit.SYSTEM, token=made)
    return secret


def expired() -> str:
    made, secret = token(Scope.ADMIN)
    ApiToken.objects.filter(pk=made.pk).update(expires_at=timezone.now() - timedelta(seconds=1))
    return secret


def bearer(secret: str) -> dict[str, str]:
    return {"Authorization": f"Bearer {secret}"}


def fault(route: Route, asker: Asker, status: int) -> str:
    """What is wrong with the answer; nothing where all is well."""
    assert route.right is not None
    knows = asker.is_token == route.is_for_tokens or (route.name == "openapi")
    may = route.right == Right.ANYONE or (knows and route.right in asker.rights)
    if status >= 500:
        return f"{asker.name}: broke with {status}"
    if not may and status not in (401, 403, 404):
        return f"{asker.name}: got through with {status}"
    if may and status in (401, 403):
        return f"{asker.name}: was kept out with {status}"
    return ""


@pytest.mark.parametrize("route", ROUTES, ids=str)
def test_a_route_declares_the_right_that_it_asks_for(route: Route) -> None:
    assert isinstance(route.right, Right), f"{route} declares no right: put @declares(Right.…) on its view."


@pytest.mark.parametrize("route", [route for route in ROUTES if route.name != "logout"], ids=str)
def test_only_who_has_the_right_gets_through(route: Route, things: dict[str, str], everyone: list[Asker]) -> None:
    path, faults = address(route, things), []
    for asker in everyone:
        with transaction.atomic():
            faults.append(fault(route, asker, asked(route, asker.client, path, asker.headers)))
            transaction.set_rollback(True)
    assert [found for found in faults if found] == []


@pytest.mark.parametrize(
    "route",
    [route for route in ROUTES if any(part in route.path for part in ("identifier", "{name}", ":application"))],
    ids=str,
)
def test_what_belongs_to_another_environment_reads_as_absent(route: Route, things: dict[str, str]) -> None:
    path = address(route, things)
    if route.is_for_tokens:
        client, headers = Client(), bearer(token(Scope.ADMIN, environments=("elsewhere",))[1])
    else:
        client, headers = Client(), {}
        client.force_login(rows.person("stranger", Role.ADMINISTRATOR, environment="elsewhere"))
    before = Promotion.objects.get().state, Preflight.objects.count()
    assert asked(route, client, path, headers) == 404
    assert (Promotion.objects.get().state, Preflight.objects.count()) == before


OF_A_TENANT = [
    route
    for route in ROUTES
    if any(part in route.path for part in ("{slug}", ":slug>", "{review}", ":review>")) and "tenant" in str(route.right)
]


@pytest.mark.parametrize("route", OF_A_TENANT, ids=str)
def test_what_belongs_to_another_tenant_reads_as_absent(route: Route, things: dict[str, str]) -> None:
    owner = rows.person("other-owner", Role.TENANT_OWNER)
    RoleBinding.objects.filter(user=owner).update(tenant="aegean")
    client, headers = Client(), {}
    if route.is_for_tokens:
        name, scopes = "aegean", [scope.value for scope in (Scope.TENANTS, Scope.ADMIN)]
        headers = bearer(token_create(actor=audit.SYSTEM, name=name, scopes=scopes, tenants=("aegean",))[1])
    else:
        client.force_login(owner)
    before = AuditEvent.objects.filter(target="nova").count()
    kept_out = 403 if route.right in (Right.TENANT_EDIT, Right.TENANT_WAIVE) else 404
    assert asked(route, client, f"{address(route, things)}?environment=staging", headers) in (404, kept_out)
    assert AuditEvent.objects.filter(target="nova").count() == before


@pytest.mark.parametrize(("heading", "columns"), [("## Roles", RIGHTS), ("## Scopes of tokens", SCOPES)])
def test_the_page_of_roles_holds_the_table(heading: str, columns: dict[Any, frozenset[Right]]) -> None:
    lines = [f"| Right | {' | '.join(columns)} |", f"| --- |{' :-: |' * len(columns)}"]
    for right in Right:
        if right not in AT_ROUTES_ONLY:
            marks = ["x" if right in rights else "" for rights in columns.values()]
            lines.append(f"| `{right.value}` | {' | '.join(marks)} |")
    wanted = "\n".join([heading, "", *lines, ""])
    assert wanted in ROLES_PAGE.read_text("utf-8"), f"docs/roles.md must hold:\n{wanted}"
