"""Sinks that receive notices, and the queue of what is still to be sent to them (ADR 97)."""

from collections.abc import Sequence
from dataclasses import dataclass, replace
from datetime import UTC, datetime, timedelta
from typing import Any
from uuid import UUID

from ferryman.notice_vocab import NoticePart, SinkKind, TellingState
from ferryman.store.database import SQL, Transaction
from ferryman.store.notice import NoticeRow, notice_row

_BEGINNING = datetime(1970, 1, 1, tzinfo=UTC)


@dataclass(frozen=True, slots=True, kw_only=True, repr=False)
class SinkRow:
    """A sink; ``customers``, ``apps`` (as KEY@ENVIRONMENT) and ``kinds`` limit it, None is all."""

    sink_id: UUID
    name: str
    kind: SinkKind
    address: str
    secret: bytes | None
    customers: list[str] | None
    apps: list[str] | None
    kinds: list[str] | None
    created_at: datetime
    created_by: str


@dataclass(frozen=True, slots=True)
class SinkState:
    """The state of a sink's deliveries; times are platform time."""

    waiting: int = 0
    given_up: int = 0
    told_at: datetime | None = None
    error: str | None = None


@dataclass(frozen=True, slots=True, kw_only=True, repr=False)
class Telling:
    """What one sink is to be told now; ``notice`` is None for a trial."""

    telling_id: UUID
    sink_id: UUID
    sink_name: str
    kind: SinkKind
    address: str
    secret: bytes | None
    part: NoticePart
    attempt: int
    queued_at: datetime
    notice: NoticeRow | None


@dataclass(frozen=True, slots=True)
class TellingRow:
    """Whether a sink was told, and the last error."""

    state: TellingState
    attempts: int
    error: str | None


async def insert(tx: Transaction, sink: SinkRow) -> SinkRow | None:
    """Store a new sink; None if another one has its name."""
    row = await SQL.insert_sink(
        tx.connection,
        sink_id=sink.sink_id,
        name=sink.name,
        kind=sink.kind,
        address=tx.secrets.seal(sink.address.encode()),
        secret=None if sink.secret is None else tx.secrets.seal(sink.secret),
        customers=sink.customers,
        apps=sink.apps,
        kinds=sink.kinds,
        now=sink.created_at,
        created_by=sink.created_by,
    )
    return None if row is None else _sink(tx, row)


async def count(tx: Transaction) -> int:
    """Return the number of sinks."""
    return int(await SQL.count_sinks(tx.connection))


async def every(tx: Transaction) -> list[SinkRow]:
    """Return all sinks."""
    return [_sink(tx, row) async for row in SQL.all_sinks(tx.connection)]


async def by_name(tx: Transaction, name: str) -> SinkRow | None:
    """Return a sink, or None if the name is unknown."""
    row = await SQL.sink_by_name(tx.connection, name=name)
    return None if row is None else _sink(tx, row)


async def remove(tx: Transaction, sink_id: UUID) -> None:
    """Remove a sink with all that it was to be told."""
    await SQL.remove_sink(tx.connection, sink_id=sink_id)


async def page(tx: Transaction, *, after: tuple[datetime, UUID] | None, size: int) -> list[SinkRow]:
    """Return up to ``size`` sinks after a place, oldest first."""
    at, sink_id = after or (_BEGINNING, UUID(int=0))
    rows = SQL.sink_page(tx.connection, at=at, id=sink_id, size=size)
    return [_sink(tx, row) async for row in rows]


async def states(tx: Transaction, sink_ids: Sequence[UUID]) -> dict[UUID, SinkState]:
    """Return the state of the deliveries of the sinks that had any."""
    rows = SQL.sink_states(tx.connection, sink_ids=sink_ids)
    return {
        row["sink_id"]: SinkState(row["waiting"], row["given_up"], row["told_at"], row["error"])
        async for row in rows
    }


async def seal_again(tx: Transaction) -> int:
    """Seal the addresses and secrets of all sinks with the current key; return their number."""
    sinks = await every(tx)
    for sink in sinks:
        await SQL.set_sink_secrets(
            tx.connection,
            sink_id=sink.sink_id,
            address=tx.secrets.seal(sink.address.encode()),
            secret=None if sink.secret is None else tx.secrets.seal(sink.secret),
        )
    return len(sinks)


async def queue(
    tx: Transaction,
    notice_id: UUID | None,
    part: NoticePart,
    tellings: Sequence[tuple[UUID, UUID]],
) -> None:
    """Queue what sinks are to be told: pairs of the telling's id and the sink's."""
    if tellings:
        await SQL.insert_tellings(
            tx.connection,
            telling_ids=[telling_id for telling_id, _ in tellings],
            sink_ids=[sink_id for _, sink_id in tellings],
            notice_id=notice_id,
            part=part,
            now=tx.now,
        )


async def claim(tx: Transaction, lease: timedelta) -> list[Telling]:
    """Claim what is due, one notice for each sink, for ``lease`` by the database's clock."""
    return [
        Telling(
            telling_id=row["telling_id"],
            sink_id=row["sink_id"],
            sink_name=row["sink_name"],
            kind=SinkKind(row["sink_kind"]),
            address=tx.secrets.open(row["address"]).decode(),
            secret=None if row["secret"] is None else tx.secrets.open(row["secret"]),
            part=NoticePart(row["part"]),
            attempt=row["attempts"],
            queued_at=row["queued_at"],
            notice=None if row["notice_id"] is None else notice_row(row),
        )
        async for row in SQL.claim_tellings(tx.connection, now=tx.now, lease=lease)
    ]


async def end(
    tx: Transaction,
    telling_id: UUID,
    *,
    due_at: datetime | None = None,
    told_at: datetime | None = None,
    error: str | None = None,
) -> None:
    """Record how an attempt ended: told, due again, or neither, which is given up."""
    await SQL.end_telling(
        tx.connection, telling_id=telling_id, due_at=due_at, told_at=told_at, error=error
    )


async def telling(tx: Transaction, telling_id: UUID) -> TellingRow | None:
    """Return the state of one delivery; None if its sink was removed."""
    row = await SQL.telling_by_id(tx.connection, telling_id=telling_id)
    if row is None:
        return None
    ended = TellingState.TOLD if row["told_at"] is not None else TellingState.GIVEN_UP
    state = ended if row["due_at"] is None else TellingState.WAITING
    return TellingRow(state, row["attempts"], row["error"])


def _sink(tx: Transaction, row: Any) -> SinkRow:
    fields = {name: row[name] for name in SinkRow.__dataclass_fields__}
    sink = SinkRow(**{**fields, "kind": SinkKind(row["kind"]), "address": ""})
    return replace(
        sink,
        address=tx.secrets.open(row["address"]).decode(),
        secret=None if row["secret"] is None else tx.secrets.open(row["secret"]),
    )
