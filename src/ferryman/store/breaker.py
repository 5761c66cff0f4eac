"""The circuit breakers of endpoints. A healthy endpoint has no row."""

from collections.abc import Collection
from dataclasses import dataclass
from datetime import datetime
from typing import Any
from uuid import UUID

from ferryman.domain.breaker import Breaker
from ferryman.store.database import SQL, Transaction
from ferryman.vocab import EventType


@dataclass(frozen=True, slots=True)
class EndpointRow:
    """A URL that an app's events are posted to."""

    app_id: UUID
    url: str


@dataclass(frozen=True, slots=True)
class StoredBreaker:
    """A breaker, the event types it holds back, and the endpoint's last error."""

    endpoint: EndpointRow
    event_types: tuple[EventType, ...]
    state: Breaker
    error: str | None
    changed_at: datetime


async def lock(tx: Transaction, endpoints: Collection[EndpointRow]) -> dict[EndpointRow, Breaker]:
    """Lock the breakers of these endpoints until the transaction ends, and return them.

    Every endpoint gets a row, which :func:`save` then updates or deletes.
    """
    rows = SQL.lock_breakers(
        tx.connection,
        app_ids=[each.app_id for each in endpoints],
        endpoints=[each.url for each in endpoints],
        now=tx.now,
    )
    return {each.endpoint: each.state for each in [_stored(row) async for row in rows]}


async def save(
    tx: Transaction,
    endpoint: EndpointRow,
    event_types: Collection[EventType],
    state: Breaker,
    error: str | None,
) -> None:
    """Write a locked breaker, or delete it if it holds no failures."""
    if state.resting:
        await SQL.delete_breaker(tx.connection, app_id=endpoint.app_id, endpoint=endpoint.url)
        return
    await SQL.save_breaker(
        tx.connection,
        app_id=endpoint.app_id,
        endpoint=endpoint.url,
        event_types=sorted(event_type.value for event_type in event_types),
        weight=state.weight,
        trips=state.trips,
        open_until=state.open_until,
        error=error,
        now=tx.now,
    )


async def every(tx: Transaction) -> list[StoredBreaker]:
    """Return all breakers, that is, one for each endpoint whose last attempt failed."""
    return [_stored(row) async for row in SQL.breakers(tx.connection)]


async def of_app(tx: Transaction, app_id: UUID) -> list[StoredBreaker]:
    """Return the breakers of one app."""
    return (await of_apps(tx, [app_id])).get(app_id, [])


async def of_apps(tx: Transaction, app_ids: Collection[UUID]) -> dict[UUID, list[StoredBreaker]]:
    """Return the breakers of several apps, by app id."""
    by_app: dict[UUID, list[StoredBreaker]] = {}
    async for row in SQL.breakers_of_apps(tx.connection, app_ids=list(app_ids)):
        by_app.setdefault(row["app_id"], []).append(_stored(row))
    return by_app


async def close(tx: Transaction, app_id: UUID) -> None:
    """Clear all failures of an app's endpoints and notify the workers."""
    await SQL.delete_breakers_of(tx.connection, app_id=app_id)
    await SQL.notify_workers(tx.connection)


async def sync(tx: Transaction, app_id: UUID, ways: Collection[tuple[str, EventType]]) -> None:
    """Update an app's breakers to the endpoints its events now go to, and delete the others."""
    await SQL.sync_breakers(
        tx.connection,
        app_id=app_id,
        endpoints=[url for url, _ in ways],
        event_types=[event_type.value for _, event_type in ways],
    )
    await SQL.delete_stray_breakers(tx.connection, app_id=app_id)


def _stored(row: Any) -> StoredBreaker:
    return StoredBreaker(
        EndpointRow(row["app_id"], row["endpoint"]),
        tuple(EventType(event_type) for event_type in row["event_types"]),
        Breaker(weight=row["weight"], trips=row["trips"], open_until=row["open_until"]),
        row["error"],
        row["changed_at"],
    )
