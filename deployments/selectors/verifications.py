"""What was verified of a promotion: its checks, and who failed them."""

from __future__ import annotations

from collections.abc import Sequence

from deployments.choices import Proof
from deployments.models import Evidence, Promotion, Verification

LOST = (Proof.FAILED, Proof.UNKNOWN)
NAMED = 5


def newest_runs(promotion: Promotion) -> list[Verification]:
    """The newest run of each check, in the catalog's order; one query, none where they were read already."""
    found: dict[str, Verification] = {}
    for row in sorted(promotion.verifications.all(), key=lambda row: row.pk):
        found[row.name] = row
    return list(found.values())


def lost_in(rows: Sequence[Verification]) -> list[Evidence]:
    """What did not pass in these runs, by check and tenant; `unknown` counts, as nothing is proved by it."""
    found = Evidence.objects.filter(verification__in=[row.pk for row in rows], proof__in=LOST)
    return list(found.select_related("verification").order_by("verification", "subject"))


def named(evidence: Sequence[Evidence]) -> str:
    """Up to five tenants by name, the rest by number."""
    slugs = [one.subject for one in evidence if one.subject]
    more = f" and {len(slugs) - NAMED} more" if len(slugs) > NAMED else ""
    return f"{', '.join(slugs[:NAMED])}{more}"
