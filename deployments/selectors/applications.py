"""Reading Applications for their list and their page."""

from __future__ import annotations

from collections.abc import Collection, Iterable, Mapping
from dataclasses import dataclass
from typing import Any

from django.db.models import BigIntegerField, Case, ExpressionWrapper, F, Q, QuerySet, When

from controlpanel.accounts.actors import Actor
from controlpanel.catalog.models import Environment
from controlpanel.core.errors import AbsentError
from controlpanel.core.permissions import Right
from deployments.choices import IN_LANE, State
from deployments.models import Application, Instruction, Promotion
from deployments.selectors.board import Ends, ends_of
from deployments.selectors.inquiries import Question
from deployments.selectors.rollouts import newest_done

SHOWN = (
    ("", "components"),
    ("shards", "tenants' references"),
    ("differs", "differs from Git"),
    ("unhealthy", "not Healthy"),
)
NEWEST_INSTRUCTIONS = 3
COMPARED = ("Synced", "OutOfSync")
"""What Argo CD says where Git holds something to compare with."""


@dataclass(frozen=True, kw_only=True)
class ApplicationPage:
    """One Application with what is live in its environment, what is in flight there, and what people had done to it."""

    application: Application
    ends: Ends
    active: Promotion | None
    instructions: tuple[Instruction, ...]
    version: str
    """Of the release that it runs; "" where no release decides."""

    @property
    def live(self) -> Promotion | None:
        """The promotion whose release is live in the environment."""
        return self.ends.live.get(self.application.environment_id)

    @property
    def is_unproved(self) -> bool:
        """Whether a later promotion committed and was not proved: Git may be ahead of what is live."""
        committed = self.ends.committed.get(self.application.environment_id)
        return committed is not None and committed != self.live

    @property
    def has_drifted(self) -> bool:
        """Whether live differs from Git although nothing is in flight."""
        return self.active is None and self.application.known_sync == "OutOfSync"

    @property
    def title(self) -> str:
        """ "backend in production"."""
        return f"{self.application.component} in {self.application.environment.name}"


def application_of_page(name: str, *, actor: Actor) -> ApplicationPage:
    """Read it in five queries. Raises `AbsentError` for an absent or foreign one."""
    row = application_seen_by(actor, name)
    place = row.environment
    holder = (
        Promotion.objects.filter(environment=place, state__in=(*IN_LANE, State.CANCELING)).order_by("number").first()
    )
    instructions = Instruction.objects.filter(application=row)[:NEWEST_INSTRUCTIONS]
    return ApplicationPage(
        application=row, ends=ends_of([place], ()), active=holder, instructions=tuple(instructions),
        version=versions_of([row]).get((place.pk, row.component), ""),
    )  # fmt: skip


def application_seen_by(actor: Actor, name: str) -> Application:
    """The Application. Raises `AbsentError` for an absent or foreign one."""
    row = Application.objects.select_related("environment").filter(name=name[:253]).first()
    if row is None or not actor.may(Right.VIEW, row.environment.name):
        raise AbsentError(f"There is no Application {name[:253]}, or it is not yours to see.", "See the list.")
    return row


def applications_listed(actor: Actor, *, environment: str, show: str, text: str) -> QuerySet[Application]:
    """Applications of the current environments that the actor may see, filtered.

    Shards of tenants' references are left out where nobody looks for them, and where Git holds nothing of them yet.
    """
    names = actor.environments(list(Environment.objects.filter(is_retired=False).values_list("name", flat=True)))
    rows = Application.objects.filter(environment__name__in=names).select_related("environment")
    if environment:
        rows = rows.filter(environment__name=environment)
    if show == "shards":
        rows = rows.exclude(shard="")
    elif not show and not text.strip():
        rows = rows.filter(shard="")
    if show == "differs":
        rows = rows.filter(sync="OutOfSync")
    elif show == "unhealthy":
        rows = rows.filter(~Q(health="Healthy") | Q(is_missing=True)).filter(Q(shard="") | Q(sync__in=COMPARED))
    rows = rows.annotate(trouble_first=ExpressionWrapper(_TROUBLE * 10**12 + F("pk"), BigIntegerField()))
    return rows.filter(name__icontains=text.strip()[:100]) if text.strip() else rows


_TROUBLE = Case(
    When(Q(is_missing=True) | Q(health__in=("Degraded", "Missing")), then=3),
    When(~Q(health__in=("Healthy", "")), then=2),
    When(sync="OutOfSync", then=1),
    default=0,
    output_field=BigIntegerField(),
)
"""What needs a look comes first in the list; beside each other, the newest."""


def differing_shards(environment: Environment) -> QuerySet[Application]:
    """The parts of what Git holds for tenants that were changed by hand."""
    return Application.objects.filter(environment=environment, sync="OutOfSync").exclude(shard="")


def versions_of(applications: Collection[Application]) -> dict[tuple[int, str], str]:
    """The release that each of these runs, by (environment, component), in one query."""
    done = newest_done({one.environment_id for one in applications})
    rows = done.filter(component__in={one.component for one in applications}).select_related("promotion__release")
    return {(row.promotion.environment_id, row.component): str(row.promotion.release or "") for row in rows}


Node = Mapping[str, Any]


def node_named(nodes: Iterable[Node], wanted: str) -> Node | None:
    """The node that `<kind>/<name>` or, where that is not enough, `<kind>/<namespace>/<name>` names."""
    kind, _, rest = wanted.partition("/")
    namespace, _, name = rest.rpartition("/")
    found = (node for node in nodes if node["kind"] == kind and node["name"] == name)
    return next((node for node in found if not namespace or node["namespace"] == namespace), None)


def question_of(kind: str, application: str, node: Node, **more: Any) -> Question:
    """The question about one object of the tree."""
    parts = ("group", "version", "kind", "namespace", "name", "uid")
    return Question(kind, application, {part: node[part] for part in parts} | more)
