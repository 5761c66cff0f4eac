"""Collect all metrics: of the platform, of this process and of every worker."""

import asyncio
from collections.abc import Sequence
from contextlib import suppress
from datetime import datetime

from ferryman.clock import wall_now
from ferryman.disk import room_in
from ferryman.errors import OutsideError
from ferryman.metrics import METRICS, Series
from ferryman.services.platform import Platform
from ferryman.store import metrics as metrics_store
from ferryman.store.metrics import Queue
from ferryman.store.worker import alive

_APPS = 50
"""Most apps with series of their own, those with most messages first; the rest is summed up."""

_OTHERS = "(others)"
_ALL = "(all)"
_MOST_UNDELIVERED = 10_000
_SECONDS = 5.0
"""How long a result is cached, so that many scrapers do not load the database."""


class Scraper:
    """A source of all metrics for scrapers, cached for a few seconds."""

    def __init__(self, platform: Platform) -> None:
        self._platform = platform
        self._lock = asyncio.Lock()
        self._until = 0.0
        self._last: tuple[list[Queue], list[Series], datetime]

    async def scrape(self, *, by_app: bool) -> list[Series]:
        """Return every series; with ``by_app`` the queue series are split by app."""
        async with self._lock:
            loop = asyncio.get_running_loop()
            if loop.time() >= self._until:
                try:
                    self._last = await self._read()
                except OutsideError:  # without the database, report only this process
                    self._last = [], [], wall_now()
                self._until = loop.time() + _SECONDS
        queues, series, now = self._last
        queues = bounded(queues) if by_app else [_sum(queues, _ALL)]
        own = api_series(self._platform)
        return [*(_queue_series(queues, now) if series else ()), *series, *own]

    async def _read(self) -> tuple[list[Queue], list[Series], datetime]:
        timeout = self._platform.heartbeat_timeout
        async with self._platform.database.reading() as tx:
            queues = await metrics_store.queues(tx)
            given_up = await metrics_store.undelivered(tx, _MOST_UNDELIVERED)
            breakers = await metrics_store.breakers(tx)
            workers = await metrics_store.workers(tx, timeout)
            seen = await alive(tx, timeout)
        series = [
            Series("ferryman_undelivered_messages", (), (given_up,)),
            Series("ferryman_workers", (), (len(workers),)),
            Series("ferryman_workers_failing", (), (len(seen.failing),)),
            Series("ferryman_workers_draining", (), (seen.draining,)),
        ]
        series += [
            Series("ferryman_breakers", (state,), (breakers.get(state, 0),))
            for state in ("counting", "open", "half_open")
        ]
        for worker_id, counted in workers.items():
            # A worker of another version may have other metrics, or other labels.
            series += [
                _of(worker_series, str(worker_id))
                for worker_series in counted
                if _known(worker_series)
            ]
        return queues, series, tx.now


def api_series(platform: Platform) -> list[Series]:
    """Return the series of this API process, as the metrics show them."""
    return [_of(series, "api") for series in own_series(platform)]


def own_series(platform: Platform) -> list[Series]:
    """Return the series of this process, including its database pool."""
    pool, metrics = platform.database.pool, platform.metrics
    idle = pool.get_idle_size()
    metrics.set("ferryman_database_connections", pool.get_size() - idle, "used")
    metrics.set("ferryman_database_connections", idle, "idle")
    metrics.set("ferryman_database_connections_max", pool.get_max_size())
    with suppress(OSError):
        space = room_in(platform.settings.data_dir, 0)
        metrics.set("ferryman_disk_free_bytes", space.free)
    return metrics.series()


def bounded(queues: Sequence[Queue]) -> list[Queue]:
    """Return the queues of the busiest apps, and the sum of all others."""
    ordered = sorted(queues, key=lambda each: (-each.due - each.in_flight, each.app))
    rest = ordered[_APPS:]
    return ordered if not rest else [*ordered[:_APPS], _sum(rest, _OTHERS)]


def _sum(queues: Sequence[Queue], name: str) -> Queue:
    return Queue(
        name,
        name,
        sum(queue.due for queue in queues),
        sum(queue.deferred for queue in queues),
        sum(queue.parked for queue in queues),
        sum(queue.in_flight for queue in queues),
        min((queue.oldest for queue in queues if queue.oldest is not None), default=None),
    )


def _queue_series(queues: Sequence[Queue], now: datetime) -> list[Series]:
    series = []
    for queue in queues:
        app = queue.app, queue.environment
        for state in ("due", "deferred", "parked", "in_flight"):
            value = float(getattr(queue, state))
            series.append(Series("ferryman_queue_messages", (*app, state), (value,)))
        age = 0.0 if queue.oldest is None else (now - queue.oldest).total_seconds()
        series.append(Series("ferryman_queue_age_seconds", app, (max(age, 0.0),)))
    return series


def _of(series: Series, process: str) -> Series:
    return Series(series.name, (process, *series.labels), series.values)


def _known(series: Series) -> bool:
    metric = METRICS.get(series.name)
    return (
        metric is not None
        and len(metric.labels) == len(series.labels)
        and len(series.values) == (len(metric.buckets) + 2 if metric.buckets else 1)
    )
