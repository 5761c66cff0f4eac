"""Serve ``/metrics`` in the text format of Prometheus."""

from collections.abc import Iterable, Iterator, Sequence
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

from ferryman.api.admin_auth import Authenticator
from ferryman.api.shared_metrics import SharedMetrics
from ferryman.metrics import METRICS, Series
from ferryman.services.metrics import Scraper, api_series
from ferryman.services.platform import Platform

# The framework adds the charset itself.
_MEDIA_TYPE = CONTENT_TYPE_PLAIN_0_0_4.removesuffix("; charset=utf-8")


@get("/metrics")
async def get_metrics(
    request: Request[Any, Any, Any],
    scraper: NamedDependency[Scraper],
    authenticator: NamedDependency[Authenticator],
    shared: NamedDependency[SharedMetrics | None],
) -> Response[bytes]:
    """Return the metrics of all processes; an admin or metrics token adds queues by app."""
    by_app = "authorization" in request.headers
    if by_app:
        await authenticator.admit(request, "get_metrics")
    found: Iterable[Metric] = (*REGISTRY.collect(), *_families(await scraper.scrape(by_app=by_app)))
    if shared is not None:
        found = shared.of_all(found)
    registry = CollectorRegistry(auto_describe=False)
    registry.register(_Collector(found))
    return Response(generate_latest(registry), media_type=_MEDIA_TYPE)


def own_metrics(platform: Platform) -> list[Metric]:
    """Return the metrics of this process only."""
    return [*REGISTRY.collect(), *_families(api_series(platform))]


class _Collector:
    def __init__(self, metrics: Iterable[Metric]) -> None:
        self._metrics = metrics

    def describe(self) -> Iterator[Metric]:
        yield from ()

    def collect(self) -> Iterator[Metric]:
        yield from self._metrics


def _families(found: Sequence[Series]) -> list[Metric]:
    families: dict[str, Any] = {}
    for series in found:
        metric = METRICS[series.name]
        if series.name not in families:
            labels = (("process",) if metric.of == "process" else ()) + metric.labels
            families[series.name] = _FAMILIES[metric.kind](series.name, metric.help, labels=labels)
        if metric.kind == "histogram":
            *counts, total = series.values
            families[series.name].add_metric(
                series.labels, _cumulative(metric.buckets, counts), total
            )
        else:
            families[series.name].add_metric(series.labels, series.values[0])
    return [*families.values()]


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
