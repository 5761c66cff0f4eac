"""Parts that earlier transfers of an app sent in the same scope, found by their digests."""

from collections.abc import Sequence
from dataclasses import dataclass
from datetime import datetime
from uuid import UUID

from ferryman.store.database import SQL, Transaction
from ferryman.store.transfer import StoredTransfer
from ferryman.wire.upload import PartRequest, StoredPart

_EARLIER = 20
"""Transfers that are looked at, the newest first."""


@dataclass(frozen=True, slots=True)
class FoundPart:
    """An accepted part of a file, and the offset of its bytes; ``alone``: it is the whole file."""

    key: UUID
    part: StoredPart
    start: int
    alone: bool


async def earlier_transfers(
    tx: Transaction, stored: StoredTransfer, started_after: datetime
) -> list[UUID]:
    """Return other transfers of the same app in the same scope that sent files, newest first."""
    rows = SQL.earlier_transfers(
        tx.connection,
        migration_scope_id=stored.migration_scope_id,
        app_id=stored.app_id,
        transfer_id=stored.transfer_id,
        started_after=started_after,
        size=_EARLIER,
    )
    return [row["transfer_id"] async for row in rows]


async def find(
    tx: Transaction, earlier: Sequence[UUID], wanted: Sequence[tuple[str, PartRequest]]
) -> dict[int, FoundPart]:
    """Return where wanted parts are, by their places; each comes with its file's first digest."""
    await SQL.plan_by_values(tx.connection)
    rows = SQL.held_parts(
        tx.connection,
        transfer_ids=earlier,
        firsts=[first for first, _ in wanted],
        digests=[part.sha256 for _, part in wanted],
        sizes=[part.size for _, part in wanted],
    )
    return {
        row["place"]: FoundPart(
            key=row["key"],
            part=StoredPart(
                number=row["number"], size=row["size"], etag=row["etag"], sha256=row["sha256"]
            ),
            start=row["start"],
            alone=row["alone"],
        )
        async for row in rows
    }
