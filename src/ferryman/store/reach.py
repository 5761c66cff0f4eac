"""Whose a migration, a transfer or a message is."""

from dataclasses import dataclass
from uuid import UUID

from ferryman.store.database import SQL, Transaction
from ferryman.vocab import IdKind

_OWNER = {
    IdKind.MIGRATION: SQL.owner_of_migration,
    IdKind.TRANSFER: SQL.owner_of_transfer,
    IdKind.MESSAGE: SQL.owner_of_message,
}


@dataclass(frozen=True, slots=True)
class Owner:
    """The customer of a thing, and the key of its app; a migration has several apps: None."""

    customer: str
    app: str | None


async def owner(tx: Transaction, kind: IdKind, thing: UUID) -> Owner | None:
    """Return the owner of a thing, or None if the id is unknown. It never changes."""
    row = await _OWNER[kind](tx.connection, id=thing)
    return None if row is None else Owner(row["customer"], row["cloud_app_key"])
