"""The named transfers that an app's part of a migration was split into."""

from dataclasses import dataclass
from typing import Any
from uuid import UUID

from ferryman.domain.dependency import Definition, DependentTransfer
from ferryman.store.database import SQL, Transaction
from ferryman.store.transfer import defined
from ferryman.vocab import TransferStatus


@dataclass(frozen=True, slots=True)
class NamedTransfer:
    """The newest transfer of a name, with the fields the dependency rules need."""

    transfer_id: UUID
    definition: Definition
    member: DependentTransfer
    position: int
    original_transfer_id: UUID | None


async def define(tx: Transaction, transfer_id: UUID, definition: Definition) -> None:
    """Store a definition in the transfer's row."""
    await SQL.define_transfer(tx.connection, transfer_id=transfer_id, **defined(definition))


async def newest_of_each_name(
    tx: Transaction, migration_id: UUID, app_id: UUID
) -> dict[str, NamedTransfer]:
    """Return the app's named transfers by name; empty if its part was not split."""
    rows = SQL.newest_of_each_name(tx.connection, migration_id=migration_id, app_id=app_id)
    return {row["transfer_name"]: _named(row) async for row in rows}


async def record_skip(tx: Transaction, transfer_id: UUID, skipped_by: UUID) -> None:
    """Record whose failure caused a transfer to be skipped."""
    await SQL.record_skip(tx.connection, transfer_id=transfer_id, skipped_by=skipped_by)


def _named(row: Any) -> NamedTransfer:
    depends_on = tuple(row["depends_on"])
    scopes = row["declared_scopes"]
    return NamedTransfer(
        transfer_id=row["transfer_id"],
        definition=Definition(
            row["transfer_name"],
            row["blocking"],
            depends_on,
            None if scopes is None else tuple(scopes),
        ),
        member=DependentTransfer(
            TransferStatus(row["status"]), row["blocking"], depends_on, row["skipped"]
        ),
        position=row["position"],
        original_transfer_id=row["original_transfer_id"],
    )
