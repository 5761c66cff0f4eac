"""Platform-wide counts, and the metrics that workers report."""

from collections.abc import Iterable, Mapping
from dataclasses import dataclass
from datetime import datetime, timedelta
from uuid import UUID

import msgspec

from ferryman.metrics import Series
from ferryman.store.database import SQL, Transaction

_REST = "rest"
"""Stored beside a worker's metrics: the seconds for which no host of an app may start."""


@dataclass(slots=True)
class Queue:
    """Messages queued for one app; ``oldest`` is the time at which the first became due."""

    app: str
    environment: str
    due: int = 0
    deferred: int = 0
    parked: int = 0
    in_flight: int = 0
    oldest: datetime | None = None


async def queues(tx: Transaction) -> list[Queue]:
    """Return the queue of every app that has messages to deliver."""
    by_app: dict[tuple[str, str], Queue] = {}
    async for row in SQL.queue_metrics(tx.connection, now=tx.now):
        key = row["cloud_app_key"], row["environment"]
        by_app[key] = Queue(*key, row["due"], row["deferred"], row["parked"], oldest=row["oldest"])
    async for row in SQL.in_flight_metrics(tx.connection):
        key = row["cloud_app_key"], row["environment"]
        by_app.setdefault(key, Queue(*key)).in_flight = row["sent"]
    return list(by_app.values())


async def undelivered(tx: Transaction, most: int) -> int:
    """Return the number of undelivered messages, counting no further than ``most``."""
    return int(await SQL.undelivered_count(tx.connection, most=most))


async def breakers(tx: Transaction) -> dict[str, int]:
    """Return the number of failing endpoints by breaker state."""
    rows = SQL.breaker_metrics(tx.connection, now=tx.now)
    return {row["state"]: row["endpoints"] async for row in rows}


async def workers(tx: Transaction, silence: timedelta) -> dict[UUID, list[Series]]:
    """Return the metrics of workers seen within ``silence``; empty for one that just started."""
    rows = SQL.worker_metrics(tx.connection, silence=silence)
    return {
        row["worker_id"]: msgspec.json.decode(row["metrics"] or "[]", type=list[Series])
        async for row in rows
    }


def rest_series(rests: Mapping[str, float]) -> Iterable[Series]:
    """Return the series of resting apps that a worker reports: the seconds left, by app id."""
    return (Series(_REST, (app_id,), (seconds,)) for app_id, seconds in rests.items())


async def seconds_of_rest(tx: Transaction, app_id: UUID, silence: timedelta) -> float:
    """Return for how long no worker starts a host of an app; 0 if one does."""
    wanted = (_REST, str(app_id))
    by_worker = (
        next((each.values[0] for each in told if (each.name, *each.labels) == wanted), 0.0)
        for told in (await workers(tx, silence)).values()
    )
    return min(by_worker, default=0.0)
