"""What a process counts of its work, in memory and without any IO; and the table of all metrics.

A worker answers no calls: it leaves its figures in the database with each sign of life, and the
API shows them beside its own (ADR 0029).
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
    """``of`` a ``process``, which is then the first label, or of the ``platform`` as a whole."""

    kind: Literal["counter", "histogram", "gauge"]
    help: str
    labels: tuple[str, ...] = ()
    of: Literal["process", "platform"] = "process"
    buckets: tuple[float, ...] = ()


METRICS: dict[str, Metric] = {
    "ferryman_queue_messages": Metric(
        "gauge",
        "Messages owed to an app: due, deferred to a retry, parked until the app has an address, "
        "or in flight. Without the operator's token all apps are summed.",
        ("app", "environment", "state"),
        "platform",
    ),
    "ferryman_queue_age_seconds": Metric(
        "gauge",
        "How long the message that has been due longest has waited.",
        ("app", "environment"),
        "platform",
    ),
    "ferryman_undelivered_messages": Metric(
        "gauge", "Messages that were given up, counted up to 10,000.", (), "platform"
    ),
    "ferryman_breakers": Metric(
        "gauge",
        "Endpoints that failed last: counting, or their circuit breaker is open or half_open.",
        ("state",),
        "platform",
    ),
    "ferryman_workers": Metric("gauge", "Workers that were seen lately.", (), "platform"),
    "ferryman_workers_failing": Metric(
        "gauge",
        "Those of them that fail at their own work over and over; `ferryman transfer explain` "
        "says at what.",
        (),
        "platform",
    ),
    "ferryman_attempts_total": Metric(
        "counter",
        "Attempts at delivering: delivered, failed or lost, to a function, remote or webhook. "
        "Lost ones are counted by whoever found them.",
        ("outcome", "target"),
    ),
    "ferryman_attempt_seconds": Metric(
        "histogram", "How long an attempt took.", ("target",), buckets=_SECONDS
    ),
    "ferryman_first_attempt_seconds": Metric(
        "histogram",
        "From the transaction that owed a message to the beginning of its first attempt.",
        buckets=_SECONDS,
    ),
    "ferryman_deadline_slack_seconds": Metric(
        "histogram",
        "What was left until the deadline of the transfer when an app acknowledged.",
        buckets=_SLACK,
    ),
    "ferryman_deliveries_in_flight": Metric("gauge", "Messages that are being sent."),
    "ferryman_function_hosts": Metric(
        "gauge", "Processes that run functions (busy) or wait for the next call (idle).", ("state",)
    ),
    "ferryman_function_places": Metric("gauge", "Functions that may run at once."),
    "ferryman_database_connections": Metric(
        "gauge", "Connections of the pool: used or idle.", ("state",)
    ),
    "ferryman_database_connections_max": Metric("gauge", "Connections that the pool may hold."),
    "ferryman_uploads_total": Metric("counter", "Files that became app data."),
    "ferryman_uploaded_bytes_total": Metric("counter", "Their bytes."),
    "ferryman_removed_rows_total": Metric(
        "counter", "Rows that were removed at the end of their time.", ("kind",)
    ),
}
"""All of them, by name; how-to/watch-the-platform.md shows this table."""


class Series(msgspec.Struct, frozen=True, array_like=True):
    """One metric with one set of labels.

    ``values`` is one number; of a histogram the counts of its buckets, of what was above them
    all, and the sum.
    """

    name: str
    labels: tuple[str, ...]
    values: tuple[float, ...]


class Figures:
    """The figures of one process; names and labels are those of :data:`METRICS`."""

    def __init__(self) -> None:
        self._counts: Counter[tuple[str, ...]] = Counter()
        self._levels: dict[tuple[str, ...], float] = {}
        self._spreads: dict[tuple[str, ...], list[float]] = {}
        self._looks: list[Callable[[], None]] = []

    def count(self, name: str, *labels: str, by: int = 1) -> None:
        """So much more of a counter."""
        self._counts[(name, *labels)] += by

    def level(self, name: str, value: float, *labels: str) -> None:
        """Where a gauge stands now."""
        self._levels[(name, *labels)] = value

    def shift(self, name: str, by: int, *labels: str) -> None:
        """A gauge goes up or down."""
        key = (name, *labels)
        self._levels[key] = self._levels.get(key, 0.0) + by

    def watch(self, look: Callable[[], None]) -> None:
        """Have ``look`` set gauges whenever the figures are read."""
        self._looks.append(look)

    def observe(self, name: str, value: float, *labels: str) -> None:
        """One value of a histogram."""
        buckets = METRICS[name].buckets
        spread = self._spreads.get((name, *labels))
        if spread is None:
            spread = self._spreads[(name, *labels)] = [0.0] * (len(buckets) + 2)
        spread[bisect_left(buckets, value)] += 1
        spread[-1] += value

    def series(self) -> list[Series]:
        """All that there is at this moment."""
        for look in self._looks:
            look()
        single = [*self._counts.items(), *self._levels.items()]
        return [
            *(Series(key[0], key[1:], (float(value),)) for key, value in single),
            *(Series(key[0], key[1:], tuple(spread)) for key, spread in self._spreads.items()),
        ]
