"""Tenants to try the panel with: imported, promoted, looked at in the cluster and signed for real; three of them are not ready.

Which three, the text of the import and the secret store decide: one place is empty, one reference is missing, and one
changes after it was signed.
"""

from __future__ import annotations

import csv
import io
from collections import defaultdict
from collections.abc import Callable

from controlpanel.accounts.actors import Actor
from controlpanel.accounts.models import User
from controlpanel.accounts.people import user_create
from controlpanel.catalog.models import Environment
from controlpanel.core import audit
from controlpanel.core.errors import ConflictError
from controlpanel.core.lease import StatementTime
from tenants.choices import RoundKind, TenantState
from tenants.models import ChecklistItem, CredentialReference, Round, Tenant
from tenants.selectors.parts import pending
from tenants.services.importing import tenants_import
from tenants.services.references import reference_put
from tenants.services.rounds import round_look, rounds_tidy
from tenants.services.signing import item_sign_off, items_sign_off_all
from tenants.services.tenants import tenant_move

OWNERS = {
    "selin": "Selin Aydın", "mert": "Mert Koç", "ceren": "Ceren Uslu", "baran": "Baran Tekin", "ada": "Ada Yıldız",
    "kerem": "Kerem Aksoy",
}  # fmt: skip
STALE = ("atlas-dental", "ONLYCHANNEL_ACCOUNT_TOKEN")
"""Signed, and changed afterwards: its remote property becomes `token`."""
Promote = Callable[[Environment], None]


def owners_create(text: str, password: str) -> None:
    """An account for each owner that the text of the import names, for the own tenants only."""
    owned: defaultdict[str, list[str]] = defaultdict(list)
    for row in csv.DictReader(io.StringIO(text)):
        owned[row["owner"]].append(row["slug"])
    for username, slugs in sorted(owned.items()):
        if not User.objects.filter(username=username).exists():
            user_create(
                actor=audit.SYSTEM, username=username, roles=["tenant owner"], display_name=OWNERS.get(username, username),
                email=f"{username}@example.com", tenants=slugs, password=password,
            )  # fmt: skip


def tenants_create(actor: Actor, text: str, promote: Promote) -> None:
    """Import and activate them, promote their references to every environment, look, and have the owners sign. What was done
    by an earlier run is not done again."""
    if not text or _is_done():
        return
    imported = tenants_import(actor=actor, text=text, format="csv", dry_run=False)
    if imported.problems:
        raise ConflictError(f"The demo's tenants cannot be imported: {imported.problems[0]}")
    for row in Tenant.objects.filter(state=TenantState.ONBOARDING).order_by("slug"):
        tenant_move(actor=actor, tenant=row, state=TenantState.ACTIVE)
    for environment in Environment.objects.filter(is_retired=False).order_by("position"):
        if pending(environment).exists():
            promote(environment)
        _look(environment)
        _sign(environment)
        if environment.after:
            _change_after_signing(actor, environment, promote)


def _is_done() -> bool:
    """Whether the last step was: the place that changes after it was signed has changed."""
    slug, key = STALE
    return CredentialReference.objects.filter(tenant__slug=slug, key=key, promoted__number__gt=1).exists()


def _look(environment: Environment) -> None:
    """As workers do: every shard of the environment once."""
    rounds_tidy()
    rows = Round.objects.filter(kind=RoundKind.REFERENCES, environment=environment)
    rows.update(next_run_at=StatementTime())
    for pk in rows.values_list("pk", flat=True):
        round_look(pk)


def _sign(environment: Environment) -> None:
    """Each owner for the own tenants: everything, or what can be signed."""
    people = {user.username: Actor(name=user.username, door="command", user=user) for user in User.objects.all()}
    for tenant in Tenant.objects.order_by("slug"):
        owner = people[tenant.owner]
        try:
            items_sign_off_all(actor=owner, tenant=tenant, environment=environment)
        except ConflictError:
            for item in ChecklistItem.objects.filter(
                tenant=tenant, environment=environment, found="met", needs_sign_off=True
            ):
                item_sign_off(actor=owner, item=item)


def _change_after_signing(actor: Actor, environment: Environment, promote: Promote) -> None:
    slug, key = STALE
    tenant = Tenant.objects.get(slug=slug)
    place = {
        "kind": "ExternalSecret", "store": f"vault-{environment.name}", "remoteKey": f"{slug}/onlychannel", "property": "token"
    }  # fmt: skip
    reference_put(actor=actor, tenant=tenant, environment=environment, key=key, place=place)
    promote(environment)
    _look(environment)
