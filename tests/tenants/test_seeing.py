"""Whoever is bound to some tenants sees these alone: in every list, count, search, event and export."""

from __future__ import annotations

import importlib
import inspect
import pkgutil
from collections.abc import Callable, Iterator
from copy import deepcopy
from dataclasses import dataclass
from typing import Any

import pytest
from django.db import transaction
from hypothesis import HealthCheck, Phase, given, settings
from hypothesis import strategies as some

import tenants.selectors
from controlpanel.accounts.actors import Actor
from controlpanel.accounts.models import ApiToken, RoleBinding, User
from controlpanel.catalog.models import Environment
from controlpanel.core.errors import AbsentError, PanelError, RefusedError
from controlpanel.core.permissions import OF_TENANTS, RIGHTS, SCOPES, Right, Role, Scope
from tenants.choices import TenantState
from tenants.models import ReviewRequest, Tenant
from tenants.selectors import checklists, listing, newest, readiness, requests, seeing
from tenants.selectors.place import changes
from tenants.services.references import Edit, reference_put, reference_remove, references_put
from tenants.services.reviews import review_close, review_request
from tenants.services.signing import item_sign_off, item_sign_off_withdraw, item_unwaive, item_waive, items_sign_off_all
from tenants.services.tenants import tenant_edit, tenant_move, tenant_offboard
from tests import fixtures_tenants as make
from tests.tenants.conftest import World, make_world

SLUGS = ("aegean", "atlas", "nova")
PLACES = ("staging", "production")
BINDING = some.tuples(
    some.sampled_from(list(Role)), some.sampled_from(["", *PLACES]), some.sampled_from(["", *SLUGS, "gone"])
)
TOKEN = some.tuples(
    some.lists(some.sampled_from(list(Scope)), min_size=1, max_size=2, unique=True),
    some.lists(some.sampled_from(PLACES), max_size=1),
    some.lists(some.sampled_from(SLUGS), max_size=2, unique=True),
)


@dataclass
class Town:
    """Three tenants, none ready, each with an open review and pending references in both environments."""

    world: World
    tenants: dict[str, Tenant]

    @property
    def places(self) -> list[Environment]:
        return [self.world.staging, self.world.production]


@pytest.fixture(scope="module")
def built(django_db_setup: None, django_db_blocker: Any) -> Iterator[Town]:
    """The town, built once; it is gone with the transaction around all tests."""
    with django_db_blocker.unblock(), transaction.atomic():
        yield build(make_world())
        transaction.set_rollback(True)


@pytest.fixture
def town(built: Town, db: None) -> Town:
    """The town as it was built; a test may change the rows that it has."""
    return deepcopy(built)


def build(world: World) -> Town:
    made = {slug: make.tenant(slug, by=world.ada, display_name=f"{slug.title()} clinic") for slug in SLUGS}
    for one in made.values():
        for place in (world.staging, world.production):
            make.put(one, place, by=world.ada)
            review_request(actor=world.ada, tenant=one, environment=place)
    return Town(world=world, tenants=made)


def an_actor(
    bindings: list[tuple[Role, str, str]] | None, token: tuple[list[Scope], list[str], list[str]] | None
) -> Actor:
    """Somebody with these roles (None: nobody, a machine's token), perhaps by a token."""
    user = None if bindings is None else User(username="somebody")
    row = (
        None
        if token is None
        else ApiToken(name="t", scopes=[one.value for one in token[0]], environments=token[1], tenants=token[2])
    )
    actor = Actor(name="somebody", door="page", user=user, token=row)
    rows = [RoleBinding(role=role, environment=place, tenant=slug) for role, place, slug in bindings or ()]
    actor.__dict__["bindings"] = tuple(rows)
    return actor


def may(actor: Actor, right: Right, place: str, slug: str) -> bool:
    """The rule in other words: some role, and the token, give the right there and for that tenant."""

    def covers(narrowed: list[str], asked: str) -> bool:
        return not [one for one in narrowed if one] or asked in narrowed

    by_role = actor.user is None or any(
        right in RIGHTS[Role(one.role)] and covers([one.environment], place) and covers([one.tenant], slug)
        and (not one.tenant or right in OF_TENANTS)
        for one in actor.bindings
    )  # fmt: skip
    token = actor.token
    by_token = token is None or (
        any(right in SCOPES[Scope(scope)] for scope in token.scopes) and covers(token.environments, place)
        and covers(token.tenants, slug) and (not token.tenants or right in OF_TENANTS)
    )  # fmt: skip
    return by_role and by_token and not (actor.user is None and token is None)


def seen(actor: Actor, place: str | None = None) -> set[str]:
    """The tenants that the actor may see in the place, or in any."""
    return {
        slug
        for slug in SLUGS
        if any(may(actor, Right.TENANT_VIEW, one, slug) for one in ([place] if place else PLACES))
    }


def found(select: Callable[..., Any], *asked: Any) -> bool:
    """Whether it is there for the actor."""
    try:
        select(*asked)
    except AbsentError:
        return False
    except RefusedError:
        return False
    return True


Told = Iterator[tuple[str, set[str], set[str]]]


def told_anywhere(actor: Actor, town: Town) -> Told:
    """(selector, slugs that it tells of, slugs that it may tell of) of selectors that look at all environments."""
    everywhere = seen(actor)
    yield "tenants_visible", {row.slug for row in seeing.tenants_visible(actor)}, everywhere
    yield "tenants_served", {row.slug for row in listing.tenants_served(actor)}, everywhere
    yield "tenants_found", {row.slug for row in listing.tenants_found(actor, "clinic", 10)}, everywhere
    yield (
        "tenant_find",
        {slug for slug in SLUGS if found(seeing.tenant_find, actor, slug)},
        everywhere,
    )
    yield "may_listen", {slug for slug in SLUGS if seeing.may_listen(actor, f"tenant.{slug}")}, everywhere
    for slug, row in town.tenants.items():
        own = {place for place in PLACES if may(actor, Right.TENANT_VIEW, place, slug)}
        places = {one.name for one in seeing.environments_visible(actor, slug)}
        yield "environments_visible", places, own
        if own:  # asked for after tenant_find alone
            events = checklists.tenant_history(actor, row).filter(environment__gt="")
            yield "tenant_history", {event.environment for event in events}, own
    reviews = {(row.tenant.slug, row.environment.name) for row in checklists.reviews_open(actor)}
    mine = {(slug, place) for slug in SLUGS for place in PLACES if may(actor, Right.TENANT_VIEW, place, slug)}
    yield "reviews_open", set(map(str, reviews)), set(map(str, mine))
    all_told = {(row.tenant.slug, row.environment.name) for row in checklists.reviews_visible(actor)}
    yield "reviews_visible", set(map(str, all_told)), set(map(str, mine))
    portion, _ = requests.reviews_portion(actor, is_open=True, cursor="", limit=100)
    yield "reviews_portion", {str((row.tenant.slug, row.environment.name)) for row in portion}, set(map(str, mine))
    yield "tenants_matching", {row.slug for row in newest.tenants_matching(actor, listing.Filter(), None)}, everywhere
    known = newest.readiness_seen(actor, town.tenants.values(), town.places)
    told = {
        (slug, one.environment.name) for slug, row in town.tenants.items() for one in known[row.pk] if one is not None
    }
    yield "readiness_seen", set(map(str, told)), set(map(str, mine))
    for review in ReviewRequest.objects.select_related("tenant", "environment"):
        there = found(checklists.review_find, actor, str(review.pk))
        yield "review_find", {str(there)}, {str((review.tenant.slug, review.environment.name) in mine)}


def told_in(actor: Actor, town: Town, place: Environment) -> Told:
    """The same of those that look at one environment."""
    mine = seen(actor, place.name)
    active = {slug for slug, row in town.tenants.items() if row.state == TenantState.ACTIVE}
    yield "tenants_visible in", {row.slug for row in seeing.tenants_visible(actor, place.name)}, mine
    portion = listing.tenants_portion(actor, place, town.places)
    yield "tenants_portion", {row.tenant.slug for row in portion.rows}, mine
    columns = {f"{row.tenant.slug} {name}" for row in portion.rows for name in row.readiness}
    theirs = {f"{slug} {one}" for slug in mine for one in PLACES if may(actor, Right.TENANT_VIEW, one, slug)}
    yield "columns of tenants_portion", columns, theirs
    yield "tenants_count", {str(listing.tenants_count(actor, place)["total"])}, {str(len(mine))}
    lines = list(listing.tenants_export(actor, place, town.places))[1:]
    yield "tenants_export", {line[0] for line in lines}, mine
    yield "active_count", {str(readiness.active_count(place, actor))}, {str(len(mine))}
    yield "not_ready", {row.slug for row in readiness.not_ready(place, actor=actor)}, mine
    yield (
        "readiness_counts",
        {str(readiness.readiness_counts([place], actor=actor)[place.name].total)},
        {str(len(mine))},
    )
    yield "active_count", {str(readiness.active_count(place, actor))}, {str(len(mine & active))}
    there = {slug for slug in SLUGS if found(seeing.environment_find, actor, place.name, slug)}
    yield "environment_find", there, mine
    key = make.SECRETS[0]
    items = {slug for slug, row in town.tenants.items() if found(checklists.item_find, actor, row, place, key)}
    yield "item_find", items, mine
    matching = newest.tenants_matching(actor, listing.Filter(readiness="not-ready"), place)
    yield "tenants_matching in", {row.slug for row in matching}, mine
    waiting, _ = changes(actor, place, cursor="", limit=100)
    yield "changes", {row.tenant.slug for row in waiting}, mine


def test_every_selector_tells_of_ones_own_tenants_alone(town: Town) -> None:
    asked: set[str] = set()

    @settings(
        max_examples=40,
        deadline=None,
        derandomize=True,
        phases=[Phase.generate],
        suppress_health_check=list(HealthCheck),
    )
    @given(some.lists(BINDING, max_size=3) | some.none(), TOKEN | some.none())
    def holds(
        bindings: list[tuple[Role, str, str]] | None, token: tuple[list[Scope], list[str], list[str]] | None
    ) -> None:
        actor = an_actor(bindings, token)
        answers = [*told_anywhere(actor, town), *(one for place in town.places for one in told_in(actor, town, place))]
        asked.update(name for name, _, _ in answers)
        assert [(name, tells, own) for name, tells, own in answers if tells != own] == []

    holds()
    assert selectors_with_an_actor() - asked == set()


def selectors_with_an_actor() -> set[str]:
    """Every public function of the selectors that takes an actor: none may be forgotten here."""
    modules = [
        importlib.import_module(f"tenants.selectors.{one.name}")
        for one in pkgutil.iter_modules(tenants.selectors.__path__)
    ]
    return {
        name
        for module in modules
        for name, function in inspect.getmembers(module, inspect.isfunction)
        if function.__module__ == module.__name__ and not name.startswith("_") and "actor" in inspect.signature(function).parameters
    }  # fmt: skip


def acts(actor: Actor, town: Town, slug: str, place: Environment) -> dict[str, tuple[Right, Callable[[], Any]]]:
    """Every use case on one tenant, with the right that it asks for."""
    own, key = town.tenants[slug], make.SECRETS[0]
    by: dict[str, Any] = {"actor": actor, "tenant": own}
    item = make.item(own, place, key)
    review = ReviewRequest.objects.select_related("tenant", "environment").get(tenant=own, environment=place)
    until = item.updated_at
    edit = Edit(environment=place.name, key=key, place=make.external(slug, key))
    return {
        "tenant_edit": (Right.TENANT_EDIT, lambda: tenant_edit(**by, display_name="Other")),
        "tenant_move": (Right.TENANT_EDIT, lambda: tenant_move(**by, state=TenantState.SUSPENDED)),
        "tenant_offboard": (Right.TENANT_EDIT, lambda: tenant_offboard(**by, reason="The contract has ended.")),
        "reference_put": (Right.TENANT_REFERENCE, lambda: reference_put(**by, environment=place, key=key, place=make.external(slug, key))),
        "references_put": (Right.TENANT_REFERENCE, lambda: references_put(**by, edits=[edit])),
        "reference_remove": (Right.TENANT_REFERENCE, lambda: reference_remove(**by, environment=place, key=key)),
        "item_sign_off": (Right.TENANT_SIGN_OFF, lambda: item_sign_off(actor=actor, item=item)),
        "item_sign_off_withdraw": (Right.TENANT_SIGN_OFF, lambda: item_sign_off_withdraw(actor=actor, item=item)),
        "items_sign_off_all": (Right.TENANT_SIGN_OFF, lambda: items_sign_off_all(**by, environment=place)),
        "item_waive": (Right.TENANT_WAIVE, lambda: item_waive(actor=actor, item=item, reason="We wait for it.", until=until)),
        "item_unwaive": (Right.TENANT_WAIVE, lambda: item_unwaive(actor=actor, item=item)),
        "review_request": (Right.TENANT_CHECK, lambda: review_request(**by, environment=place)),
        "review_close": (Right.TENANT_CHECK, lambda: review_close(actor=actor, review=review)),
    }  # fmt: skip


@pytest.mark.parametrize("role", list(Role))
@pytest.mark.parametrize(
    ("tenant", "environment"), [("", ""), ("nova", ""), ("nova", "production"), ("", "production")]
)
def test_nobody_acts_on_what_is_not_theirs(role: Role, tenant: str, environment: str, town: Town) -> None:
    actor = an_actor([(role, environment, tenant)], None)
    wrong = []
    for slug in ("nova", "atlas"):
        for name, (right, act) in acts(actor, town, slug, town.world.staging).items():
            of_environment = right not in (Right.TENANT_EDIT,)
            allowed = any(may(actor, right, place, slug) for place in (["staging"] if of_environment else PLACES))
            visible = may(actor, Right.TENANT_VIEW, "staging", slug) or (not of_environment and slug in seen(actor))
            wrong += [] if _answer(act) == _expected(allowed, visible) else [f"{name} of {slug}: {_answer(act)}"]
    assert wrong == []


def _expected(allowed: bool, visible: bool) -> str:
    return "through" if allowed else "refused" if visible else "absent"


def _answer(act: Callable[[], Any]) -> str:
    """Any answer but these two comes from behind the door; what it did is undone."""
    from django.db import transaction

    try:
        with transaction.atomic():
            act()
            transaction.set_rollback(True)
    except RefusedError:
        return "refused"
    except AbsentError as error:
        return "absent" if "reference" not in str(error) else "through"
    except PanelError:
        return "through"
    return "through"
