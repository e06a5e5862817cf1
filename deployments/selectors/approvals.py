"""Who must approve in an environment, and how each word that was given stands now."""

from __future__ import annotations

from collections.abc import Collection, Iterable, Mapping, Sequence
from dataclasses import dataclass
from datetime import timedelta
from typing import Any
from uuid import UUID

from django.utils import timezone

from controlpanel.accounts.models import ApiToken, RoleBinding, User
from controlpanel.catalog.models import Environment
from controlpanel.core.permissions import ROLES_WITH, Right
from deployments.choices import Decision, Kind, State
from deployments.models import Approval, Promotion

GATE = "approvals"
ROLES = tuple(role.value for role in ROLES_WITH[Right.PROMOTION_APPROVE])
EXPIRE_HOURS, SIGN_IN_MINUTES = 72, 15
OWN_DOORS = ("system", "policy")
"""Through which the panel itself asks; nobody else comes in there."""


@dataclass(frozen=True, kw_only=True)
class Policy:
    """How many persons of which roles approve, and how. `sign_in_minutes` is how old a sign-in may be at a page, None: any."""

    required: int = 1
    roles: tuple[str, ...] = ROLES
    over_api: bool = True
    sign_in_minutes: int | None = SIGN_IN_MINUTES
    expires: timedelta = timedelta(hours=EXPIRE_HOURS)

    @property
    def whose(self) -> str:
        """The roles in words."""
        return " or ".join(self.roles)


def policy_from(parameters: Mapping[str, Any]) -> Policy:
    """What the gate's parameters in the catalog say; the catalog checked them when it was loaded."""
    return Policy(
        required=parameters.get("required", 1),
        roles=tuple(parameters.get("roles", ROLES)),
        over_api=parameters.get("api", True),
        sign_in_minutes=parameters.get("signInMinutes", SIGN_IN_MINUTES) or None,
        expires=timedelta(hours=parameters.get("expireHours", EXPIRE_HOURS)),
    )


def policy_of(environment: Environment) -> Policy | None:
    """Of an environment, None where it asks for no approvals."""
    parameters = environment.parameters_of(GATE)
    return None if parameters is None else policy_from(parameters)


def asks_nobody(promotion: Promotion) -> bool:
    """Whether it goes without approvals: an emergency, and a rollback that the environment's policy started."""
    by_policy = promotion.kind == Kind.ROLLBACK and promotion.requested_door in OWN_DOORS
    return promotion.is_emergency or by_policy


@dataclass(frozen=True, kw_only=True)
class Word:
    """One approval or rejection as it stands now; `why_not` says why it does not count, "" where it does."""

    approval: Approval
    why_not: str

    @property
    def counts(self) -> bool:
        """Whether it is an approval that holds."""
        return not self.why_not and self.approval.decision == Decision.APPROVE


def words_of(promotion: Promotion, policy: Policy, *, locked: bool = False) -> list[Word]:
    """Every word on the promotion, in order, in at most four queries.

    `locked` keeps the rows that entitle (people, roles, tokens) as they are until the transaction ends; the promotion's own
    row is locked before, so that no word is added or voided meanwhile.
    """
    return words_on([(promotion, policy)], locked=locked)[promotion.pk]


def words_on(asked: Sequence[tuple[Promotion, Policy]], *, locked: bool = False) -> dict[UUID, list[Word]]:
    """The same for many promotions, in as many queries."""
    found: dict[UUID, list[Word]] = {promotion.pk: [] for promotion, _ in asked}
    rows = list(Approval.objects.filter(promotion__in=found).order_by("pk"))
    if not rows:
        return found
    people = _held(User.objects.filter(pk__in={row.person_id for row in rows}), locked=locked)
    bound = _held(RoleBinding.objects.filter(user__in=list(people), role__in=ROLES, tenant=""), locked=locked).values()
    used = {row.token_id for row in rows if row.token_id}
    tokens = _held(ApiToken.objects.filter(pk__in=used), locked=locked) if used else {}
    of = {promotion.pk: (promotion, policy) for promotion, policy in asked}
    for row in rows:
        row.person, row.token = people[row.person_id], tokens.get(row.token_id)
        roles = [binding for binding in bound if binding.user_id == row.person_id]
        found[row.promotion_id].append(Word(approval=row, why_not=_why_not(row, *of[row.promotion_id], roles)))
    return found


def enough(words: Iterable[Word], policy: Policy) -> bool:
    """Whether as many persons as are asked for hold to their approval."""
    return len({word.approval.person_id for word in words if word.counts}) >= policy.required


def may_decide(bindings: Iterable[RoleBinding], policy: Policy, environment: str) -> bool:
    """Whether one of the roles is one of those that decide there."""
    return any(row.role in policy.roles and row.environment in ("", environment) and not row.tenant for row in bindings)


def awaiting(environments: Collection[str]) -> list[Promotion]:
    """Promotions of these environments that wait for approvals, oldest first."""
    rows = Promotion.objects.filter(state=State.AWAITING_APPROVAL, environment__name__in=environments)
    rows = rows.select_related("environment", "release", "requester")
    return list(rows.order_by("number"))


def unconfirmed(environments: Collection[str]) -> list[Promotion]:
    """Emergencies of these environments that no second person has confirmed yet, newest first."""
    rows = Promotion.objects.filter(is_emergency=True, environment__name__in=environments)
    rows = rows.exclude(pk__in=Approval.objects.filter(voided_at__isnull=True).values("promotion"))
    return list(rows.select_related("environment", "release", "requester").order_by("-number")[:50])


def _why_not(row: Approval, promotion: Promotion, policy: Policy, roles: Sequence[RoleBinding]) -> str:
    if row.voided_at is not None:
        return row.voided_because
    if row.digest != promotion.render_digest:
        return "It was of another digest."
    if row.person_id in (promotion.requester_id, promotion.token_maker_id):
        return "Whoever asks does not approve."
    if not row.person.is_active or not may_decide(roles, policy, promotion.environment.name):
        return f"{row.person} may no longer approve here."
    if row.token is not None and row.token.revoked_at is not None:
        return f"The token {row.token.name} was revoked."
    return "It has lapsed." if row.at + policy.expires <= timezone.now() else ""


def _held(rows: Any, *, locked: bool) -> dict[Any, Any]:
    """In the order of their keys, so that two starts never wait for each other."""
    chosen = rows.order_by("pk")
    return {row.pk: row for row in (chosen.select_for_update(no_key=True) if locked else chosen)}
