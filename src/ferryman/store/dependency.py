"""The named transfers that an app's part of a migration was split into."""

from dataclasses import dataclass
from typing import Any
from uuid import UUID

from ferryman.domain.dependency import Definition, Member
from ferryman.store.database import SQL, Transaction
from ferryman.store.transfer import defined
from ferryman.vocab import TransferStatus


@dataclass(frozen=True, slots=True)
class Named:
    """The newest transfer of a name, as the rules of dependencies see it."""

    transfer_id: UUID
    definition: Definition
    member: Member
    position: int
    original_transfer_id: UUID | None


async def define(tx: Transaction, transfer_id: UUID, definition: Definition) -> None:
    """Make that transfer the one of a definition."""
    await SQL.define_transfer(tx.connection, transfer_id=transfer_id, **defined(definition))


async def newest_of_each_name(
    tx: Transaction, migration_id: UUID, app_id: UUID
) -> dict[str, Named]:
    """The transfers that an app's part was split into; empty when it was not."""
    rows = SQL.newest_of_each_name(tx.connection, migration_id=migration_id, app_id=app_id)
    return {row["transfer_name"]: _named(row) async for row in rows}


async def record_skip(tx: Transaction, transfer_id: UUID, skipped_by: UUID) -> None:
    """Remember whose failure skipped a transfer."""
    await SQL.record_skip(tx.connection, transfer_id=transfer_id, skipped_by=skipped_by)


def _named(row: Any) -> Named:
    depends_on = tuple(row["depends_on"])
    scopes = row["declared_scopes"]
    return Named(
        transfer_id=row["transfer_id"],
        definition=Definition(
            row["transfer_name"],
            row["blocking"],
            depends_on,
            None if scopes is None else tuple(scopes),
        ),
        member=Member(TransferStatus(row["status"]), row["blocking"], depends_on, row["skipped"]),
        position=row["position"],
        original_transfer_id=row["original_transfer_id"],
    )
