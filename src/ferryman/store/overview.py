"""Read what needs attention, and numbers over time."""

from collections.abc import Sequence
from dataclasses import dataclass
from datetime import datetime, timedelta
from uuid import UUID

from ferryman.store import listing
from ferryman.store.database import SQL, Transaction
from ferryman.vocab import FailureCause, TransferStatus

_GIVEN_UP = 10_000
_COUNTED = 5_000
"""Attempts and files of one point of a chart that are read at most."""


@dataclass(frozen=True, slots=True)
class VisibleScope:
    """Customers and apps that a caller sees; None is all."""

    customers: Sequence[str] | None
    app_ids: Sequence[UUID] | None


@dataclass(frozen=True, slots=True)
class GivenUpGroup:
    """Messages of an app that were given up for one cause, and the newest of them."""

    app_id: UUID
    cause: FailureCause | None
    number: int
    since: datetime
    message_id: UUID
    transfer_id: UUID


@dataclass(frozen=True, slots=True)
class AttemptPoint:
    """The attempts of one point of a chart; both waits are in milliseconds."""

    delivered: int
    failed: int
    lost: int
    p50: float | None
    p99: float | None


@dataclass(frozen=True, slots=True)
class ChartSpan:
    """A time range from ``since`` on, divided into ``points`` parts of equal ``width``."""

    since: datetime
    width: timedelta
    points: int


async def statuses(tx: Transaction, whose: VisibleScope) -> dict[TransferStatus, int]:
    """Count the transfers that have not settled by status."""
    rows = SQL.live_statuses(tx.connection, customers=whose.customers, app_ids=whose.app_ids)
    return {TransferStatus(row["status"]): row["number"] async for row in rows}


async def given_up(tx: Transaction, whose: VisibleScope, size: int) -> list[GivenUpGroup]:
    """Return the greatest groups of messages that were given up, by app and cause."""
    rows = SQL.given_up_by_cause(
        tx.connection,
        customers=whose.customers,
        app_ids=whose.app_ids,
        most=_GIVEN_UP,
        size=size,
    )
    return [
        GivenUpGroup(
            row["app_id"],
            None if row["cause"] is None else FailureCause(row["cause"]),
            row["number"],
            row["since"],
            row["message_id"],
            row["transfer_id"],
        )
        async for row in rows
    ]


async def attempts(
    tx: Transaction, whose: VisibleScope, span: ChartSpan
) -> tuple[dict[int, AttemptPoint], bool]:
    """Return the points of a span that have attempts, and whether all attempts were counted."""
    await listing.plan_by_values(tx)
    rows = SQL.chart_attempts(
        tx.connection,
        buckets=span.points,
        since=span.since,
        width=span.width,
        customers=whose.customers,
        app_ids=whose.app_ids,
        most=_COUNTED,
    )
    found, exact = {}, True
    async for row in rows:
        exact = exact and row["counted"] < _COUNTED
        found[row["n"]] = AttemptPoint(
            row["delivered"], row["failed"], row["lost"], row["p50"], row["p99"]
        )
    return found, exact


async def files(
    tx: Transaction, whose: VisibleScope, span: ChartSpan
) -> tuple[dict[int, tuple[int, int]], bool]:
    """Return number and bytes of the files of each point, and whether all were counted."""
    await listing.plan_by_values(tx)
    rows = SQL.chart_files(
        tx.connection,
        buckets=span.points,
        since=span.since,
        width=span.width,
        customers=whose.customers,
        app_ids=whose.app_ids,
        most=_COUNTED,
    )
    found = {row["n"]: (row["files"], row["bytes"]) async for row in rows}
    return found, all(count < _COUNTED for count, _ in found.values())


async def backlog(
    tx: Transaction, transfer_id: UUID, span: ChartSpan
) -> dict[int, tuple[int, int]]:
    """Return how many files were uploaded and acknowledged in each point of a span."""
    rows = SQL.backlog_of_transfer(
        tx.connection,
        transfer_id=transfer_id,
        since=span.since,
        seconds=(span.width * span.points).total_seconds(),
        buckets=span.points,
    )
    return {row["bucket"] - 1: (row["uploaded"], row["acknowledged"]) async for row in rows}
