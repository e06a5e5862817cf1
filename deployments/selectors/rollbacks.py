"""What the rollback page says besides the diff: what is taken back, and what stays as it is."""

from __future__ import annotations

from collections.abc import Iterable

from django.db.models import QuerySet

from controlpanel.catalog.models import Component
from deployments.choices import WAITING, Kind, PreflightState, State
from deployments.models import Preflight, Promotion

THERE, REMOVED, NEW = ("changed", "unchanged"), ("removed",), ("new",)
"""What a rollback does with an object."""
ALWAYS = (
    "Database migrations that the newer release has run.",
    "Secrets in the external store. The panel never writes them.",
    "Kafka messages already published.",
)


def taken_back(target: Promotion) -> list[Promotion]:
    """The promotions whose commits a rollback to `target` would undo, newest first."""
    assert target.committed_at, "only what has committed can be gone back to"
    rows = Promotion.objects.filter(environment=target.environment_id, committed_at__gt=target.committed_at)
    return list(rows.exclude(commit="").select_related("release").defer("plan").order_by("-committed_at"))


def follows(open_there: Iterable[Promotion]) -> list[Promotion]:
    """Of the open promotions of an environment those that wait for the lane and start after a rollback."""
    return [one for one in open_there if one.state in WAITING and one.kind != Kind.ROLLBACK]


def before(promotion: Promotion) -> int | None:
    """The number of the success whose files were there before its own, where there is something to take back."""
    if not promotion.is_terminal or not promotion.commit:
        return None
    return _successes_before(promotion).values_list("number", flat=True).first()


def success_before(promotion: Promotion) -> Promotion | None:
    """The success whose files were there before its own: commits have an order, who asked first has none."""
    return _successes_before(promotion).select_related("release").first()


def _successes_before(promotion: Promotion) -> QuerySet[Promotion]:
    rows = Promotion.objects.filter(environment=promotion.environment_id, state=State.SUCCEEDED)
    if promotion.committed_at:
        rows = rows.filter(committed_at__lt=promotion.committed_at)
    return rows.exclude(commit="").order_by("-committed_at")


def loses(preflight: Preflight) -> list[str]:
    """What a sync prunes, and nothing brings back, in sentences: what came with the newer release and holds what was made since."""
    volumes = _named(preflight, ("PersistentVolumeClaim",), REMOVED)
    kinds = _named(preflight, ("CustomResourceDefinition",), REMOVED)
    spaces = _named(preflight, ("Namespace",), REMOVED)
    found = [f"PersistentVolumeClaim {_listed(volumes)} will be deleted, with its data."] if volumes else []
    if kinds:
        found.append(f"CustomResourceDefinition {_listed(kinds)} will be deleted, with every object of its kind.")
    if spaces:
        found.append(f"Namespace {_listed(spaces)} will be deleted, with everything in it.")
    return found


def keeps(preflight: Preflight) -> list[str]:
    """What will not roll back, in sentences; what is known of this diff first."""
    if preflight.state != PreflightState.READY:
        return list(ALWAYS)
    newer = set(Component.objects.filter(is_retired=False).values_list("name", flat=True)) - preflight.parts.keys()
    found = [f"{name} came later and stays as it is." for name in sorted(newer)]
    # Claims that a StatefulSet has made are its own: they stay when it goes.
    holders = (
        _named(preflight, ("StatefulSet",), (*THERE, *REMOVED)),
        _named(preflight, ("PersistentVolumeClaim",), THERE),
    )
    data = sorted({name for names in holders for name in names})
    if data:
        found.append(f"Data that {_listed(data)} hold{'s' if len(data) == 1 else ''}.")
    ran, again = _named(preflight, ("Job",), (*THERE, *REMOVED)), _named(preflight, ("Job",), NEW)
    if ran:
        found.append(f"What the Job{'s' if len(ran) > 1 else ''} {_listed(ran)} did.")
    if again:
        found.append(f"The Job{'s' if len(again) > 1 else ''} {_listed(again)} will run again.")
    return [*found, *ALWAYS]


def _named(preflight: Preflight, kinds: Iterable[str], changes: Iterable[str]) -> list[str]:
    return sorted({one["name"] for one in preflight.changes if one["kind"] in kinds and one["change"] in changes})


def _listed(names: list[str]) -> str:
    return names[0] if len(names) == 1 else f"{', '.join(names[:-1])} and {names[-1]}"
