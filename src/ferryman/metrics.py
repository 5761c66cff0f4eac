"""Count the work of a process, in memory and without any IO; and define all metrics.

A worker serves no HTTP: it stores its metrics in the database with each heartbeat, and the API
exposes them with its own (ADR 0029).
"""

from bisect import bisect_left
from collections import Counter
from collections.abc import Callable
from dataclasses import dataclass
from typing import Literal

import msgspec

_SECONDS = (0.005, 0.01, 0.02, 0.05, 0.1, 0.2, 0.5, 1, 2, 5, 10, 30, 60, 300)
_SLACK = (1, 10, 30, 60, 120, 300, 600, 750, 900)


@dataclass(frozen=True, slots=True)
class Metric:
    """A metric ``of`` a ``process`` (its first label then) or of the whole ``platform``."""

    kind: Literal["counter", "histogram", "gauge"]
    help: str
    labels: tuple[str, ...] = ()
    of: Literal["process", "platform"] = "process"
    buckets: tuple[float, ...] = ()


METRICS: dict[str, Metric] = {
    "ferryman_queue_messages": Metric(
        "gauge",
        "Messages that wait for an app: due, deferred to a retry, parked until the app has an "
        "address, or in flight. Without the operator token all apps are summed up.",
        ("app", "environment", "state"),
        "platform",
    ),
    "ferryman_queue_age_seconds": Metric(
        "gauge",
        "Seconds since the oldest due message became due.",
        ("app", "environment"),
        "platform",
    ),
    "ferryman_undelivered_messages": Metric(
        "gauge", "Messages that were given up, counted up to 10,000.", (), "platform"
    ),
    "ferryman_breakers": Metric(
        "gauge",
        "Failing endpoints by the state of their circuit breaker: counting, open or half_open.",
        ("state",),
        "platform",
    ),
    "ferryman_workers": Metric("gauge", "Workers with a recent heartbeat.", (), "platform"),
    "ferryman_workers_failing": Metric(
        "gauge",
        "Workers whose own work fails repeatedly; `ferryman transfer explain` shows the cause.",
        (),
        "platform",
    ),
    "ferryman_workers_draining": Metric(
        "gauge",
        "Workers that claim nothing more, since an operator drained them.",
        (),
        "platform",
    ),
    "ferryman_attempts_total": Metric(
        "counter",
        "Delivery attempts: delivered, failed or lost, to a function, remote or webhook. "
        "Lost ones are counted by the process that found them.",
        ("outcome", "target"),
    ),
    "ferryman_attempt_seconds": Metric(
        "histogram", "Duration of an attempt.", ("target",), buckets=_SECONDS
    ),
    "ferryman_first_attempt_seconds": Metric(
        "histogram",
        "Time from the creation of a message to its first attempt.",
        buckets=_SECONDS,
    ),
    "ferryman_deadline_slack_seconds": Metric(
        "histogram",
        "Time left until the transfer's deadline when an app acknowledged.",
        buckets=_SLACK,
    ),
    "ferryman_deliveries_in_flight": Metric("gauge", "Messages being sent."),
    "ferryman_function_hosts": Metric(
        "gauge", "Host processes of functions, busy or idle.", ("state",)
    ),
    "ferryman_function_places": Metric("gauge", "Functions that can run at once."),
    "ferryman_database_connections": Metric(
        "gauge", "Connections of the pool, used or idle.", ("state",)
    ),
    "ferryman_database_connections_max": Metric("gauge", "Largest size of the pool."),
    "ferryman_refused_credentials_total": Metric("counter", "Requests with wrong credentials."),
    "ferryman_disk_free_bytes": Metric("gauge", "Free space on the disk of the data folder."),
    "ferryman_uploads_total": Metric("counter", "Files accepted as app data."),
    "ferryman_uploaded_bytes_total": Metric("counter", "Bytes of files accepted as app data."),
    "ferryman_reused_parts_total": Metric(
        "counter", "Parts of files that were copied from an earlier transfer, not sent."
    ),
    "ferryman_reused_bytes_total": Metric("counter", "Bytes of these parts."),
    "ferryman_removed_rows_total": Metric("counter", "Expired rows that were removed.", ("kind",)),
}
"""All metrics by name; how-to/watch-the-platform.md shows this table."""


class Series(msgspec.Struct, frozen=True, array_like=True):
    """One metric with one set of labels.

    ``values`` is a single number, or for a histogram the counts per bucket, the count above the
    last bound, and the sum.
    """

    name: str
    labels: tuple[str, ...]
    values: tuple[float, ...]


class Metrics:
    """The metrics of one process, with the names and labels of :data:`METRICS`."""

    def __init__(self) -> None:
        self._counters: Counter[tuple[str, ...]] = Counter()
        self._gauges: dict[tuple[str, ...], float] = {}
        self._histograms: dict[tuple[str, ...], list[float]] = {}
        self._callbacks: list[Callable[[], None]] = []

    def count(self, name: str, *labels: str, by: int = 1) -> None:
        """Add to a counter."""
        self._counters[(name, *labels)] += by

    def set(self, name: str, value: float, *labels: str) -> None:
        """Set a gauge."""
        self._gauges[(name, *labels)] = value

    def inc(self, name: str, by: int, *labels: str) -> None:
        """Add to a gauge; ``by`` may be negative."""
        key = (name, *labels)
        self._gauges[key] = self._gauges.get(key, 0.0) + by

    def on_collect(self, callback: Callable[[], None]) -> None:
        """Call ``callback`` to set gauges whenever the metrics are read."""
        self._callbacks.append(callback)

    def observe(self, name: str, value: float, *labels: str) -> None:
        """Add a value to a histogram."""
        buckets = METRICS[name].buckets
        histogram = self._histograms.get((name, *labels))
        if histogram is None:
            histogram = self._histograms[(name, *labels)] = [0.0] * (len(buckets) + 2)
        histogram[bisect_left(buckets, value)] += 1
        histogram[-1] += value

    def series(self) -> list[Series]:
        """Return all series as they are now."""
        for callback in self._callbacks:
            callback()
        single = [*self._counters.items(), *self._gauges.items()]
        return [
            *(Series(key[0], key[1:], (float(value),)) for key, value in single),
            *(
                Series(key[0], key[1:], tuple(histogram))
                for key, histogram in self._histograms.items()
            ),
        ]
