"""List attempts of all transfers, and the agents that run them."""

from collections.abc import Sequence
from dataclasses import asdict, dataclass
from datetime import datetime, timedelta
from uuid import UUID

from ferryman.store import listing
from ferryman.store.database import SQL, Transaction
from ferryman.store.message_view import attempt_of
from ferryman.vocab import AttemptOutcome, FailureCause, ListSort
from ferryman.wire.attempt import AgentView, AttemptEntry

_END = datetime(9999, 1, 1).astimezone()
_BEGINNING = datetime(1, 1, 2).astimezone()

Place = tuple[datetime, UUID, int]
"""When an attempt began, of which message, and its number."""


@dataclass(frozen=True, slots=True, kw_only=True)
class AttemptFilter:
    """Criteria for attempts, combined with AND; ``since`` is inclusive, ``until`` exclusive."""

    app_ids: Sequence[UUID] | None = None
    transfer_id: UUID | None = None
    migration_id: UUID | None = None
    scope_ids: Sequence[UUID] | None = None
    outcome: AttemptOutcome | None = None
    cause: FailureCause | None = None
    status: int | None = None
    text: str | None = None
    since: datetime | None = None
    until: datetime | None = None
    customers: Sequence[str] | None = None


async def page(
    tx: Transaction, choice: AttemptFilter, sort: ListSort, *, after: Place | None, size: int
) -> list[tuple[AttemptEntry, Place]]:
    """Return up to ``size`` matching attempts beyond a place in that order, each with its place."""
    if after is None:
        newest = sort is ListSort.NEWEST
        last = UUID(int=(1 << 128) - 1), (1 << 31) - 1
        after = (_END, *last) if newest else (_BEGINNING, UUID(int=0), 0)
    rows = SQL.attempt_page(
        tx.connection,
        sort=sort,
        at=after[0],
        id=after[1],
        number=after[2],
        size=size,
        **listing.alone(asdict(choice)),
    )
    return [
        (
            AttemptEntry(
                **attempt_of(row),
                message_id=str(row["message_id"]),
                transfer_id=str(row["transfer_id"]),
                event_type=row["event_type"],
                cloud_app_key=row["cloud_app_key"],
                environment=row["environment"],
                customer=row["customer"],
            ),
            (row["started_at"], row["message_id"], row["number"]),
        )
        async for row in rows
    ]


async def agents(
    tx: Transaction,
    *,
    customers: Sequence[str] | None,
    app_ids: Sequence[UUID] | None,
    text: str | None,
    silent: timedelta | None,
    after: tuple[UUID, str],
    size: int,
) -> list[AgentView]:
    """Return agents after an app and a name; ``silent``: only those silent for that long."""
    rows = SQL.agent_page(
        tx.connection,
        customers=customers,
        app_ids=app_ids,
        text=text,
        stuck=silent is not None,
        silent=silent or timedelta(0),
        id=after[0],
        agent=after[1],
        size=size,
    )
    return [
        AgentView(
            agent=row["agent"],
            app_id=str(row["app_id"]),
            cloud_app_key=row["cloud_app_key"],
            environment=row["environment"],
            asked_at=None if row["asked_at"] is None else int(row["asked_at"].timestamp() * 1000),
            running=row["running"],
            silent_seconds=row["silence"],
        )
        async for row in rows
    ]
