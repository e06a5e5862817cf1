"""One instant query of Prometheus: its samples, and its refusals in its own words."""

from __future__ import annotations

from typing import Any

import httpx
import pytest

from controlpanel.clients import errors
from controlpanel.clients.prometheus import Prometheus

QUERY = 'sum by (tenant_id) (rate(hub_agent_error_total{tenant_id="chat365"}[5m]))'


def prometheus(answer: Any, status: int = 200) -> tuple[Prometheus, list[httpx.Request]]:
    seen: list[httpx.Request] = []

    def handler(request: httpx.Request) -> httpx.Response:
        seen.append(request)
        return httpx.Response(status, **({"text": answer} if isinstance(answer, str) else {"json": answer}))

    return Prometheus("http://prometheus.example.test:9090/", transport=httpx.MockTransport(handler)), seen


def success(data: Any) -> dict[str, Any]:
    return {"status": "success", "data": data}


def test_a_vector_is_read_series_by_series() -> None:
    result = [
        {"metric": {"tenant_id": "chat365"}, "value": [1764525600.5, "0.25"]},
        {"metric": {"tenant_id": "nova-fertility"}, "value": [1764525600.5, "NaN"]},
        {"metric": {"tenant_id": "broken"}, "value": ["soon", None]},
        {"metric": {"tenant_id": "endless"}, "value": [1764525600.5, "+Inf"]},
    ]
    client, seen = prometheus(success({"resultType": "vector", "result": result}))
    samples = client.query(QUERY)
    found = [(sample.labels["tenant_id"], sample.value) for sample in samples]
    assert found == [("chat365", 0.25), ("nova-fertility", None), ("endless", float("inf"))]
    assert seen[0].url.params["query"] == QUERY
    assert samples[0].at.timestamp() == 1764525600.5


def test_a_scalar_is_one_sample_without_labels() -> None:
    (sample,) = prometheus(success({"resultType": "scalar", "result": [1764525600, "3"]}))[0].query("3")
    assert (sample.labels, sample.value) == ({}, 3.0)


def test_a_wrong_query_is_refused_in_prometheus_own_words() -> None:
    answer = {"status": "error", "errorType": "bad_data", "error": "1:5: parse error: unexpected end of input"}
    with pytest.raises(errors.Invalid, match="parse error: unexpected end of input") as refused:
        prometheus(answer, 400)[0].query("sum(")
    assert '"status"' not in refused.value.sentence


def test_a_query_that_takes_too_long_may_be_asked_again() -> None:
    answer = {"status": "error", "errorType": "timeout", "error": "query timed out in expression evaluation"}
    with pytest.raises(errors.Ambiguous):
        prometheus(answer, 503)[0].query(QUERY)


@pytest.mark.parametrize("answer", ["<html>sign in</html>", "[]", "{}", '{"status": "error"}', "null", "[" * 5000])
def test_a_success_that_is_not_the_apis_is_no_success(answer: str) -> None:
    with pytest.raises(errors.Ambiguous, match="not its API's"):
        prometheus(answer)[0].query(QUERY)


@pytest.mark.parametrize(
    "data", [None, {}, {"result": 7}, {"result": [7, {}, {"value": "x"}]}, {"resultType": "matrix"}]
)
def test_data_without_samples_gives_none(data: Any) -> None:
    assert prometheus(success(data))[0].query(QUERY) == ()


def test_the_version_is_read() -> None:
    assert prometheus(success({"version": "3.5.0"}))[0].version() == "3.5.0"
