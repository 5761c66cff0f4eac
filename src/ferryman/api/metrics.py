"""Serve ``/metrics`` in the text format of Prometheus."""

from collections.abc import Iterator, Sequence
from typing import Any

from litestar import Request, Response, get
from litestar.di import NamedDependency
from prometheus_client import CollectorRegistry, generate_latest
from prometheus_client.core import (
    REGISTRY,
    CounterMetricFamily,
    GaugeMetricFamily,
    HistogramMetricFamily,
    Metric,
)
from prometheus_client.exposition import CONTENT_TYPE_PLAIN_0_0_4

from ferryman.api.admin_auth import Doorkeeper
from ferryman.metrics import METRICS, Series
from ferryman.services.metrics import Scraper

# The framework adds the charset itself.
_MEDIA_TYPE = CONTENT_TYPE_PLAIN_0_0_4.removesuffix("; charset=utf-8")


@get("/metrics")
async def get_metrics(
    request: Request[Any, Any, Any],
    scraper: NamedDependency[Scraper],
    doorkeeper: NamedDependency[Doorkeeper],
) -> Response[bytes]:
    """Return the metrics of all processes; an admin or metrics token adds queues by app."""
    by_app = "authorization" in request.headers
    if by_app:
        await doorkeeper.admit(request, "get_metrics")
    registry = CollectorRegistry(auto_describe=False)
    registry.register(_Collector(await scraper.scrape(by_app=by_app)))
    text = generate_latest(REGISTRY) + generate_latest(registry)
    return Response(text, media_type=_MEDIA_TYPE)


class _Collector:
    def __init__(self, series: Sequence[Series]) -> None:
        self._series = series

    def describe(self) -> Iterator[Metric]:
        yield from ()

    def collect(self) -> Iterator[Metric]:
        families: dict[str, Any] = {}
        for series in self._series:
            metric = METRICS[series.name]
            if series.name not in families:
                labels = (("process",) if metric.of == "process" else ()) + metric.labels
                families[series.name] = _FAMILIES[metric.kind](
                    series.name, metric.help, labels=labels
                )
            if metric.kind == "histogram":
                *counts, total = series.values
                families[series.name].add_metric(
                    series.labels, _cumulative(metric.buckets, counts), total
                )
            else:
                families[series.name].add_metric(series.labels, series.values[0])
        yield from families.values()


_FAMILIES: dict[str, Any] = {
    "counter": CounterMetricFamily,
    "gauge": GaugeMetricFamily,
    "histogram": HistogramMetricFamily,
}


def _cumulative(buckets: Sequence[float], counts: Sequence[float]) -> list[tuple[str, float]]:
    """Return cumulative buckets, as the format requires: each counts all values up to its bound."""
    reached, cumulative = 0.0, []
    for bound, count in zip([*map(str, map(float, buckets)), "+Inf"], counts, strict=True):
        reached += count
        cumulative.append((bound, reached))
    return cumulative
