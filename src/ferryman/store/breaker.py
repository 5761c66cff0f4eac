"""The circuit breakers of endpoints; an endpoint that works has no row."""

from collections.abc import Collection
from dataclasses import dataclass
from datetime import datetime
from typing import Any
from uuid import UUID

from ferryman.domain.breaker import Breaker
from ferryman.store.database import SQL, Transaction
from ferryman.vocab import EventType


@dataclass(frozen=True, slots=True)
class Endpoint:
    """An address that events of an app are posted to."""

    app_id: UUID
    url: str


@dataclass(frozen=True, slots=True)
class StoredBreaker:
    """A breaker, the events it keeps back, and what the endpoint failed with last."""

    endpoint: Endpoint
    event_types: tuple[EventType, ...]
    state: Breaker
    error: str | None
    changed_at: datetime


async def lock(tx: Transaction, endpoints: Collection[Endpoint]) -> dict[Endpoint, Breaker]:
    """The breakers of these endpoints, locked until the transaction ends.

    Each has a row from then on, to be written by :func:`save` or taken away again.
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
    endpoint: Endpoint,
    event_types: Collection[EventType],
    state: Breaker,
    error: str | None,
) -> None:
    """Write a breaker that is locked; one with nothing to remember goes."""
    if state.resting:
        await SQL.delete_breaker(tx.connection, app_id=endpoint.app_id, endpoint=endpoint.url)
        return
    await SQL.save_breaker(
        tx.connection,
        app_id=endpoint.app_id,
        endpoint=endpoint.url,
        event_types=sorted(each.value for each in event_types),
        weight=state.weight,
        trips=state.trips,
        open_until=state.open_until,
        error=error,
        now=tx.now,
    )


async def every(tx: Transaction) -> list[StoredBreaker]:
    """All there are: endpoints that failed last."""
    return [_stored(row) async for row in SQL.breakers(tx.connection)]


async def of_app(tx: Transaction, app_id: UUID) -> list[StoredBreaker]:
    """Those of one app."""
    return [_stored(row) async for row in SQL.breakers_of(tx.connection, app_id=app_id)]


async def of_apps(tx: Transaction, app_ids: Collection[UUID]) -> dict[UUID, list[StoredBreaker]]:
    """Those of several apps."""
    found: dict[UUID, list[StoredBreaker]] = {}
    async for row in SQL.breakers_of_apps(tx.connection, app_ids=list(app_ids)):
        found.setdefault(row["app_id"], []).append(_stored(row))
    return found


async def close(tx: Transaction, app_id: UUID) -> None:
    """Forget that endpoints of an app failed; the workers are told."""
    await SQL.delete_breakers_of(tx.connection, app_id=app_id)
    await SQL.tell_workers(tx.connection)


async def fit(tx: Transaction, app_id: UUID, ways: Collection[tuple[str, EventType]]) -> None:
    """These events are posted to these endpoints of an app now; no others keep anything back."""
    await SQL.fit_breakers(
        tx.connection,
        app_id=app_id,
        endpoints=[url for url, _ in ways],
        event_types=[event_type.value for _, event_type in ways],
    )
    await SQL.delete_stray_breakers(tx.connection, app_id=app_id)


def _stored(row: Any) -> StoredBreaker:
    return StoredBreaker(
        Endpoint(row["app_id"], row["endpoint"]),
        tuple(EventType(each) for each in row["event_types"]),
        Breaker(weight=row["weight"], trips=row["trips"], open_until=row["open_until"]),
        row["error"],
        row["changed_at"],
    )
