"""What a verification is: a question about a promotion that was rolled out, answered with evidence for each subject.

To add one: a file in this folder with one function and `@verification(…)`, an import in `verifications/__init__.py`, its
type in `platform.yaml`, a row in `docs/verification.md`, a test of pass, failure and no answer. The engine asks again and
again, keeps what comes and decides; a verification only asks. Asking twice must do no harm: what it sends carries an id
that follows from the sample.
"""

from __future__ import annotations

import hashlib
import uuid
from collections.abc import Callable, Iterator, Mapping, Sequence
from dataclasses import dataclass
from datetime import datetime
from typing import Any

from controlpanel.catalog.models import Environment
from controlpanel.catalog.parameters import unknown
from controlpanel.clients.errors import Ambiguous, ClientError, RateLimited
from controlpanel.clients.http_endpoint import Answer
from controlpanel.core.literal_secrets import hidden
from controlpanel.core.registry import Registry
from deployments.choices import Proof

UNANSWERED = (401, 403, 407, 429)
"""Statuses that say nothing about the tenant: whoever answered refused the panel itself."""
LONGEST_REQUEST, LONGEST_ANSWER = 500, 1000


@dataclass(frozen=True, kw_only=True)
class Asked:
    """What a sample needs to know. `began_at` is when this run began, `before` a moment before the promotion started;
    `run` and `round` count from 1."""

    environment: Environment
    promotion: uuid.UUID
    number: int
    name: str
    run: int
    round: int
    began_at: datetime
    before: datetime
    parameters: Mapping[str, Any]

    def trace(self, subject: str) -> str:
        """The trace id of a sample: the same if it is taken again after a crash."""
        told = f"{self.promotion}/{self.name}/{self.run}/{self.round}/{subject}"
        return hashlib.sha256(told.encode()).hexdigest()[:32]

    def event_id(self, subject: str) -> str:
        """The id of a run's event for a tenant: the hub takes it once, however often it is offered."""
        return str(uuid.uuid5(self.promotion, f"{self.name}/{self.run}/{subject}"))


@dataclass(frozen=True, kw_only=True)
class Sample:
    """What was asked about one subject and what came: passing, failing, or unknown where nobody answered."""

    subject: str
    proof: Proof
    request: str
    answer: str
    trace_id: str = ""


Look = Callable[[Asked, Sequence[str]], Iterator[Sample]]
Check = Callable[[Mapping[str, Any]], list[str]]


@dataclass(frozen=True, kw_only=True)
class VerificationType:
    """A registered question. `is_by_tenant`: it is asked once for each tenant, else once for all, and its answer names
    subjects. `is_once`: one sample that passes is enough. `check` finds what is wrong with the catalog's parameters.
    `advice` is what usually helps where it failed."""

    name: str
    is_by_tenant: bool
    is_once: bool
    look: Look
    check: Check
    advice: str


types: Registry[VerificationType] = Registry("verification")


def verification(
    name: str, *, by_tenant: bool, once: bool = False, check: Check = unknown, advice: str
) -> Callable[[Look], Look]:
    """Register a question under the type that `platform.yaml` uses. Asking raises `NotConfigured` where nobody can be asked."""

    def add(look: Look) -> Look:
        made = VerificationType(
            name=name, is_by_tenant=by_tenant, is_once=once, look=look, check=check, advice=advice
        )  # fmt: skip
        types.register(name)(made)
        return look

    return add


def sampled(
    asked: Asked, slug: str, request: str, ask: Callable[[str], Answer], *, within: float | None = None
) -> Sample:
    """One tenant's sample; `ask` is given the trace id, an answer slower than `within` seconds fails."""
    trace = asked.trace(slug)
    try:
        proof, words = answered(ask(trace), within=within)
    except Ambiguous as error:  # it was asked and broke off, or was too slow: that is what the tenant would see
        proof, words = Proof.FAILING, error.sentence
    except ClientError as error:
        proof, words = unanswered(error)
    return Sample(subject=slug, proof=proof, request=request, answer=words, trace_id=trace)


def answered(answer: Answer, *, within: float | None = None) -> tuple[Proof, str]:
    """What an HTTP answer means, and the answer in words."""
    words = f"{answer.status} in {answer.seconds * 1000:.0f} ms{f': {hidden(answer.text)}' if answer.text else ''}"
    if answer.status in UNANSWERED or 300 <= answer.status < 400:
        return Proof.UNKNOWN, words
    if answer.is_success and within is not None and answer.seconds > within:
        return Proof.FAILING, f"{words} (slower than {within:g} s)"
    return (Proof.PASSING if answer.is_success else Proof.FAILING), words


def unanswered(error: ClientError) -> tuple[Proof, str]:
    """No answer, or none about the tenant."""
    waits = " It asked to be left alone for a while." if isinstance(error, RateLimited) else ""
    return Proof.UNKNOWN, hidden(f"{error.sentence}{waits}")
