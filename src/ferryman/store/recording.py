"""Read the data of a recording, and the state that a replay starts from."""

from dataclasses import dataclass
from datetime import UTC, datetime, timedelta
from typing import Any
from uuid import UUID

from ferryman.clock import epoch_ms
from ferryman.store.database import SQL, Transaction
from ferryman.store.message import StoredMessage, stored_message
from ferryman.store.migration import container_row
from ferryman.wire.migration import Container
from ferryman.wire.recording import RecordedCall

BEGINNING = (datetime(1970, 1, 1, tzinfo=UTC), 0)


@dataclass(frozen=True, slots=True)
class Span:
    """A transfer's time span; ``writer`` identifies its migration as a writer of mappings."""

    scope_id: UUID
    writer: int
    started_at: datetime
    ended_at: datetime


@dataclass(frozen=True, slots=True, kw_only=True)
class AppCall:
    """A call made by an app; ``named`` is the transfer or file in its path."""

    app_id: UUID
    named: UUID
    method: str
    path: str
    query: str
    status: int
    request: str | None
    request_size: int
    request_sha256: str
    answer: str | None
    answer_size: int
    answer_sha256: str


async def insert_call(tx: Transaction, call: AppCall) -> None:
    """Store a call."""
    values = {name: getattr(call, name) for name in AppCall.__dataclass_fields__}
    await SQL.insert_app_call(tx.connection, now=tx.now, **values)


async def calls(
    tx: Transaction, transfer_id: UUID, *, after: int, size: int
) -> list[tuple[int, RecordedCall]]:
    """Return calls about a transfer in the order of their responses, each with its number."""
    rows = SQL.app_call_page(tx.connection, transfer_id=transfer_id, after=after, size=size)
    names = [name for name in RecordedCall.__struct_fields__ if name != "at"]
    return [
        (
            row["call_id"],
            RecordedCall(at=epoch_ms(row["at"]), **{name: row[name] for name in names}),
        )
        async for row in rows
    ]


async def messages(
    tx: Transaction, transfer_id: UUID, *, after: tuple[datetime, int], size: int
) -> list[tuple[tuple[datetime, int], StoredMessage]]:
    """Return messages ordered by first attempt, each with its cursor."""
    rows = SQL.messages_by_first_attempt(
        tx.connection,
        transfer_id=transfer_id,
        after_at=after[0],
        after_position=after[1],
        size=size,
    )
    return [((row["first_at"], row["position"]), stored_message(row)) async for row in rows]


async def containers(tx: Transaction, migration_id: UUID) -> list[Container]:
    """Return everything the admin selected, in the given order."""
    rows = SQL.containers_of(tx.connection, migration_id=migration_id)
    return [container_row(row) async for row in rows]


async def namespaces(tx: Transaction, scope_id: UUID) -> list[str]:
    """Return the namespaces of a scope, in order."""
    rows = SQL.scope_namespaces(tx.connection, migration_scope_id=scope_id, from_namespace="")
    return [row["namespace"] async for row in rows]


async def writer(tx: Transaction, migration_id: UUID) -> int:
    """Return the number that identifies a migration as the writer of mappings."""
    number: int = await SQL.writer_number(tx.connection, migration_id=migration_id)
    return number


async def mappings(
    tx: Transaction, span: Span, namespace: str, *, after: str, size: int, life: timedelta
) -> list[tuple[str, str]]:
    """Return the pairs valid during the span, as they stood at its end, by server key."""
    await SQL.walk_indexes(tx.connection)
    rows = SQL.mapping_page_as_of(
        tx.connection,
        migration_scope_id=span.scope_id,
        namespace=namespace,
        writer=span.writer,
        ended_at=span.ended_at,
        written_after=span.started_at - life,
        after=after,
        size=size,
    )
    return [(row["server_key"], row["cloud_key"]) async for row in rows]


async def unsure_mappings(tx: Transaction, span: Span) -> int:
    """Return the number of keys whose value during the span is not certain."""
    count: int = await SQL.unsure_mappings(
        tx.connection,
        migration_scope_id=span.scope_id,
        writer=span.writer,
        started_at=span.started_at,
        ended_at=span.ended_at,
    )
    return count


async def is_empty(tx: Transaction) -> bool:
    """Return whether the platform has no migrations."""
    exists: Any = await SQL.any_migration(tx.connection)
    return not exists
