"""What can be counted of the platform as a whole, and what its workers counted."""

from dataclasses import dataclass
from datetime import datetime, timedelta
from uuid import UUID

import msgspec

from ferryman.figures import Series
from ferryman.store.database import SQL, Transaction


@dataclass(slots=True)
class Queue:
    """What is owed to one app; ``oldest`` is since when something has been due."""

    app: str
    environment: str
    due: int = 0
    deferred: int = 0
    parked: int = 0
    in_flight: int = 0
    oldest: datetime | None = None


async def queues(tx: Transaction) -> list[Queue]:
    """Of every app to which something is owed."""
    found: dict[tuple[str, str], Queue] = {}
    async for row in SQL.queue_figures(tx.connection, now=tx.now):
        key = row["cloud_app_key"], row["environment"]
        found[key] = Queue(*key, row["due"], row["deferred"], row["parked"], oldest=row["oldest"])
    async for row in SQL.in_flight_figures(tx.connection):
        key = row["cloud_app_key"], row["environment"]
        found.setdefault(key, Queue(*key)).in_flight = row["sent"]
    return list(found.values())


async def undelivered(tx: Transaction, most: int) -> int:
    """Messages that were given up, counted up to ``most``."""
    return int(await SQL.undelivered_count(tx.connection, most=most))


async def breakers(tx: Transaction) -> dict[str, int]:
    """Endpoints that failed last, by the state of their breakers."""
    rows = SQL.breaker_figures(tx.connection, now=tx.now)
    return {row["state"]: row["endpoints"] async for row in rows}


async def workers(tx: Transaction, silence: timedelta) -> dict[UUID, list[Series]]:
    """What workers counted that are not silent; nothing yet of those that have just begun."""
    rows = SQL.worker_figures(tx.connection, silence=silence)
    return {
        row["worker_id"]: msgspec.json.decode(row["figures"] or "[]", type=list[Series])
        async for row in rows
    }
