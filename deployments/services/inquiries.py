"""Asking on behalf of pages: a page writes a question, a worker answers it, the page is told and reads the answer.

The web process holds no key of Argo CD, so nothing outside is ever asked within a request.
"""

from __future__ import annotations

from collections.abc import Callable, Sequence
from datetime import timedelta
from typing import Any

import structlog
from django.db import transaction
from django.db.models import Q
from django.utils import timezone

from controlpanel.clients.errors import ClientError
from controlpanel.core import doorbell, lease, live
from controlpanel.core.errors import PanelError
from controlpanel.core.lease import Lease, StatementTime
from deployments.models import Inquiry
from deployments.selectors.inquiries import Answer, Question, answer_of, rows_of
from deployments.services import looking
from deployments.services.comparing import compare
from deployments.services.inspection import inspect_panel, inspect_protection

log = structlog.get_logger(__name__)
FRESH = timedelta(seconds=8)
"""An answer younger than this is not asked for again, however many pages look."""
FORGOTTEN = timedelta(hours=1)
"""What nobody asked for this long is deleted: logs and manifests are not kept."""
LONG_AGO = timedelta(minutes=10)
"""When a new question counts as last asked: before any freshness, and not yet forgotten."""
MOST_ATTEMPTS = 3

Look = Callable[[str, dict[str, Any]], dict[str, Any]]
LOOKS: dict[str, Look] = {
    "tree": looking.tree,
    "differences": looking.differences,
    "resource": looking.resource,
    "events": looking.events,
    "log": looking.log_lines,
    "checkup": inspect_panel,
    "protection": inspect_protection,
    "compare": compare,
}


def ask(*questions: Question, fresh: timedelta = FRESH) -> list[Answer]:
    """What is known now, in the order of the questions; what is older than `fresh` is asked for again meanwhile."""
    rows = rows_of(questions)
    new = [one for one in questions if str(one) not in rows]
    if new:
        _write(new)
        rows |= rows_of(new)
    _ask_again([rows[str(one)] for one in questions], fresh)
    return [answer_of(rows[str(one)]) for one in questions]


def inquiry_answer(pk: Any) -> bool:
    """Answer one due inquiry (called by a worker or by `watch`); False where another process has it."""
    return lease.run_claimed(Inquiry, pk, _answer)


def inquiries_forget() -> int:
    """Delete what nobody has asked for long; returns how many (`watch` calls it now and then)."""
    deleted, _ = Inquiry.objects.filter(asked_at__lt=StatementTime() - FORGOTTEN, lease_until=None).delete()
    return deleted


def _write(questions: Sequence[Question]) -> None:
    Inquiry.objects.bulk_create(
        [
            Inquiry(question=str(one), kind=one.kind, subject=one.subject, parameters=one.parameters, asked_at=StatementTime() - LONG_AGO)
            for one in questions
        ],
        ignore_conflicts=True,  # somebody else asks the same right now
    )  # fmt: skip


def _ask_again(rows: Sequence[Inquiry], fresh: timedelta) -> None:
    """One question at a time: what is being answered is not asked again."""
    old = timezone.now() - fresh
    if any(not row.is_waiting and row.asked_at < old for row in rows):
        _wake(rows, fresh)


@transaction.atomic
def _wake(rows: Sequence[Inquiry], fresh: timedelta) -> None:
    resting = Q(next_run_at=None, lease_until=None, asked_at__lt=StatementTime() - fresh)
    asked = Inquiry.objects.filter(resting, pk__in=[row.pk for row in rows])
    due = list(asked.values_list("pk", flat=True))
    if not due:
        return
    asked.filter(pk__in=due).update(next_run_at=StatementTime(), asked_at=StatementTime(), attempts=0)
    for pk in due:
        doorbell.ring("read_for_page", pk)


def _answer(inquiry: Inquiry, held: Lease) -> float | None:
    """One look; what fails is told beside the last answer, and asked again when somebody looks again."""
    facts: dict[str, Any] = {"error": "", "remedy": ""}
    try:
        if inquiry.attempts > MOST_ATTEMPTS:
            raise PanelError("Looking it up was tried several times without a result.", "See the log of the worker.")
        facts |= {"answer": LOOKS[inquiry.kind](inquiry.subject, inquiry.parameters), "answered_at": StatementTime()}
    except (ClientError, PanelError) as error:
        log.info("inquiry_failed", question=inquiry.question, error=str(error))
        facts = {"error": error.sentence, "remedy": error.remedy}
    with lease.held(inquiry, held):
        Inquiry.objects.filter(pk=inquiry.pk).update(**facts)
        live.publish(Question(inquiry.kind, inquiry.subject).topic)
    return None
