"""Acknowledge messages without holding their transfer between reading and writing (ADR 81)."""

from collections.abc import Iterable, Mapping, Sequence
from dataclasses import dataclass
from datetime import datetime
from typing import Any
from uuid import UUID

import asyncpg

from ferryman.domain.transfer import Transfer
from ferryman.store.database import SQL, Transaction
from ferryman.store.transfer import transfer_state
from ferryman.vocab import AckStatus, EventType

_TURN = 7_302_114_904
"""Advisory lock for acknowledging in turn."""

_TURN_WAIT = "1s"
"""Seconds to wait for a turn: a process that hangs in its own must not keep all others."""


class NoTurnError(Exception):
    """The process whose turn it is does not end it."""


@dataclass(frozen=True, slots=True)
class Seen:
    """A transfer as acknowledgements need it, at one row version, and some of its messages.

    ``messages`` has the type of each message, and whether it was acknowledged.
    """

    transfer_id: UUID
    app_id: UUID
    cloud_url: str
    wake_at: datetime | None
    state: Transfer
    row_version: str
    messages: Mapping[UUID, tuple[EventType, bool]]


@dataclass(frozen=True, slots=True)
class Counted:
    """A transfer as it was read, and its state after ``messages`` acknowledgements.

    ``files`` of them were for files. None of the messages had been acknowledged before.
    """

    seen: Seen
    state: Transfer
    messages: int
    files: int


async def take_turn(tx: Transaction) -> bool:
    """Keep other processes from acknowledging in turn until the transaction ends.

    Returns whether another one had to be waited for; raises :class:`NoTurnError` if it takes long.
    """
    try:
        row = await SQL.take_turn(tx.connection, key=_TURN, longest=_TURN_WAIT)
    except asyncpg.LockNotAvailableError as error:
        raise NoTurnError from error
    return not row["at_once"]


async def see(
    tx: Transaction, transfer_ids: Iterable[UUID], message_ids: Iterable[UUID]
) -> dict[UUID, Seen]:
    """Read transfers, each with the given ids that are messages of it."""
    rows: Any = SQL.transfers_with_messages(
        tx.connection, transfer_ids=list(transfer_ids), message_ids=list(message_ids)
    )
    return {row["transfer_id"]: _seen(row) async for row in rows}


def _seen(row: Any) -> Seen:
    return Seen(
        row["transfer_id"],
        row["app_id"],
        row["cloud_url"],
        row["wake_at"],
        transfer_state(row),
        row["row_version"],
        _messages(row),
    )


def _messages(row: Any) -> dict[UUID, tuple[EventType, bool]]:
    columns = (row[name] or () for name in ("message_ids", "event_types", "acknowledged"))
    rows = zip(*columns, strict=True)
    return {message_id: (EventType(kind), done) for message_id, kind, done in rows}


async def write(
    tx: Transaction, after: Sequence[Counted], marked: Mapping[UUID, AckStatus]
) -> dict[UUID, str]:
    """Acknowledge messages, and write the counts of transfers that have not changed.

    Returns the new row version of each transfer that was written. Nothing is written for a transfer
    that has changed since it was read, that another session has locked, or whose messages are not
    as counted.
    """
    rows: Any = SQL.acknowledge_unchanged(
        tx.connection,
        transfer_ids=[each.seen.transfer_id for each in after],
        row_versions=[each.seen.row_version for each in after],
        succeeded=[each.state.succeeded for each in after],
        failed=[each.state.failed for each in after],
        progress=[each.state.progress for each in after],
        last_success_at=[each.state.last_success_at for each in after],
        messages=[each.messages for each in after],
        files=[each.files for each in after],
        message_ids=list(marked),
        statuses=list(marked.values()),
        uploaded=EventType.UPLOADED,
        now=tx.now,
    )
    return {row["transfer_id"]: row["row_version"] async for row in rows}
