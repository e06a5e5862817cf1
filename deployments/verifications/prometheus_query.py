"""A Prometheus query whose values stay below a threshold, or do not grow against before the promotion."""

from __future__ import annotations

from collections.abc import Iterator, Mapping, Sequence
from typing import Any

from controlpanel.catalog import hub_connections
from controlpanel.catalog.parameters import unknown
from controlpanel.clients.errors import ClientError
from controlpanel.clients.prometheus import Prometheus
from controlpanel.clients.prometheus import Sample as Value
from deployments.choices import Proof
from deployments.verifications.base import Asked, Sample, unanswered, verification

TENANT = "tenant_id"
"""The label that names a tenant; values without it are of the whole environment."""
NUMBERS = ("atMost", "timesBefore", "slack")
ADVICE = "Open the query in Prometheus or Grafana around the start of the promotion. What grew for all tenants came with the release; retry where it was a passing peak."


def _check(parameters: Mapping[str, Any]) -> list[str]:
    wrong = unknown(parameters, "query", "whenEmpty", *NUMBERS)
    query = parameters.get("query")
    if not isinstance(query, str) or not query.strip() or len(query) > 2000:
        wrong.append("query is an expression of at most 2000 characters.")
    for name in NUMBERS:
        value = parameters.get(name, 0)
        if not isinstance(value, (int, float)) or isinstance(value, bool) or value < 0:
            wrong.append(f"{name} is a number from 0.")
    if parameters.get("whenEmpty", "pass") not in ("pass", "unknown"):
        wrong.append("whenEmpty is pass or unknown.")
    if not {"atMost", "timesBefore"} & parameters.keys():
        wrong.append("It needs atMost, a threshold, or timesBefore, how many times the value from before it may be.")
    return wrong


@verification("prometheus_query", by_tenant=False, check=_check, advice=ADVICE)
def prometheus_query(asked: Asked, slugs: Sequence[str]) -> Iterator[Sample]:
    """One question now and, for `timesBefore`, one as of before the promotion: the largest value of each tenant counts.
    `slack` is added to what was before, so that a little above nothing is no failure. A Prometheus that does not answer is
    an unknown sample of the whole environment. Raises `NotConfigured`."""
    prometheus, query = hub_connections.prometheus_for(asked.environment), str(asked.parameters["query"])
    try:
        yield from _compared(asked, prometheus, query)
    except ClientError as error:
        proof, words = unanswered(error)
        yield Sample(subject="", proof=proof, request=query, answer=words)


def _compared(asked: Asked, prometheus: Prometheus, query: str) -> Iterator[Sample]:
    now = _largest(prometheus.query(query))
    if not now:
        proof = Proof.PASSING if asked.parameters.get("whenEmpty") == "pass" else Proof.UNKNOWN
        yield Sample(subject="", proof=proof, request=query, answer="Prometheus has no value for it.")
    before = _before(prometheus, query, asked) if "timesBefore" in asked.parameters else {}
    for subject, value in sorted(now.items()):
        yield _judged(asked, query, subject, value, before.get(subject, 0.0))


def _before(prometheus: Prometheus, query: str, asked: Asked) -> Mapping[str, float]:
    return _largest(prometheus.query(query, at=asked.before))


def _largest(values: Sequence[Value]) -> dict[str, float]:
    found: dict[str, float] = {}
    for one in values:
        if one.value is not None:
            subject = one.labels.get(TENANT, "")[:63]
            found[subject] = max(found.get(subject, one.value), one.value)
    return found


def _judged(asked: Asked, query: str, subject: str, value: float, before: float) -> Sample:
    parameters, said, passes = asked.parameters, [f"{value:g} now"], True
    if "atMost" in parameters:
        passes = passes and value <= parameters["atMost"]
        said.append(f"at most {parameters['atMost']:g} allowed")
    if "timesBefore" in parameters:
        most = before * parameters["timesBefore"] + parameters.get("slack", 0)
        passes = passes and value <= most
        said.append(f"{before:g} before the promotion, at most {most:g} allowed")
    proof = Proof.PASSING if passes else Proof.FAILING
    return Sample(subject=subject, proof=proof, request=query, answer=", ".join(said))
