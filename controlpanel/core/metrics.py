"""Figures for Prometheus, computed from rows when they are asked for: no process counts anything by itself."""

from __future__ import annotations

from collections.abc import Iterable, Iterator, Mapping
from dataclasses import dataclass

from prometheus_client import CollectorRegistry, generate_latest
from prometheus_client.core import GaugeMetricFamily
from prometheus_client.registry import Collector

CONTENT_TYPE = "text/plain; version=0.0.4; charset=utf-8"


@dataclass(frozen=True, kw_only=True)
class Gauge:
    """One figure, or one for each value of its label; `samples` maps the label's value ("" for none) to the figure."""

    name: str
    about: str
    label: str = ""
    samples: Mapping[str, float]


class _Given(Collector):
    def __init__(self, gauges: Iterable[Gauge]) -> None:
        self._gauges = gauges

    def collect(self) -> Iterator[GaugeMetricFamily]:
        for gauge in self._gauges:
            family = GaugeMetricFamily(gauge.name, gauge.about, labels=[gauge.label] if gauge.label else [])
            for value, figure in gauge.samples.items():
                family.add_metric([value] if gauge.label else [], figure)
            yield family


def exposition(gauges: Iterable[Gauge]) -> bytes:
    """The figures in the text format of Prometheus."""
    registry = CollectorRegistry()
    registry.register(_Given(list(gauges)))
    return generate_latest(registry)
