"""Delete all that belongs to a customer or an app, a bounded number of rows per transaction."""

from collections.abc import Mapping
from dataclasses import dataclass
from datetime import datetime
from uuid import UUID

from ferryman.store import maintenance as maintenance_store
from ferryman.store.database import SQL, Transaction


@dataclass(frozen=True, slots=True, kw_only=True)
class Whose:
    """Either an app or a customer."""

    app_id: UUID | None = None
    customer: str | None = None


async def live_transfers(tx: Transaction, whose: Whose) -> int:
    """Return the number of transfers that have not settled."""
    return int(
        await SQL.live_transfers(tx.connection, app_id=whose.app_id, customer=whose.customer)
    )


async def end_files(tx: Transaction, whose: Whose, size: int) -> list[tuple[UUID, int]]:
    """Mark up to ``size`` files as deleted; return their keys and sizes."""
    rows = SQL.end_files(
        tx.connection, app_id=whose.app_id, customer=whose.customer, size=size, now=tx.now
    )
    return [(row["key"], row["size"]) async for row in rows]


async def end_uploads(tx: Transaction, whose: Whose, size: int) -> list[tuple[UUID, str]]:
    """Mark up to ``size`` open uploads as aborted; return their keys and references."""
    rows = SQL.end_uploads(tx.connection, app_id=whose.app_id, customer=whose.customer, size=size)
    return [(row["key"], row["store_ref"]) async for row in rows]


async def set_suspended(tx: Transaction, app_id: UUID, at: datetime | None) -> None:
    """Suspend an app, or let it take part again (None)."""
    await SQL.set_suspended(tx.connection, app_id=app_id, at=at)


async def remove_app(tx: Transaction, app_id: UUID) -> None:
    """Remove an app's tokens and definition; its key may be registered again."""
    await SQL.remove_app(tx.connection, app_id=app_id, now=tx.now)


async def begin_expunge(tx: Transaction, customer: str) -> bool:
    """Let nothing be added to a customer any more; False if there is none."""
    return await SQL.begin_expunge(tx.connection, customer=customer, now=tx.now) is not None


async def migrations(tx: Transaction, customer: str, size: int) -> list[UUID]:
    """Return up to ``size`` migrations of a customer."""
    rows = SQL.customer_migrations(tx.connection, customer=customer, size=size)
    return [row["migration_id"] async for row in rows]


async def hold_ended(tx: Transaction, migration_id: UUID) -> bool:
    """Keep transfers of a migration from being re-run; False if one has not settled."""
    return await SQL.hold_ended_migration(tx.connection, migration_id=migration_id) is not None


async def purge_messages(tx: Transaction, migration_id: UUID, size: int) -> Mapping[str, int]:
    """Delete up to ``size`` messages of a migration with their attempts; return both counts."""
    return dict(await SQL.purge_messages(tx.connection, migration_id=migration_id, size=size))


async def purge_timeline(tx: Transaction, migration_id: UUID, size: int) -> int:
    """Delete up to ``size`` timeline entries and log lines; return the number."""
    return int(await SQL.purge_timeline(tx.connection, migration_id=migration_id, size=size))


async def purge_uploads(tx: Transaction, migration_id: UUID, size: int) -> int:
    """Delete up to ``size`` uploads with their files' rows; return the number."""
    return await maintenance_store.remove_uploads(tx, migration_id, size)


async def purge_migration(tx: Transaction, migration_id: UUID) -> int:
    """Delete the rest of a migration; return the number of its transfers."""
    return await maintenance_store.remove_migration(tx, migration_id)


async def purge_mappings(tx: Transaction, customer: str, size: int) -> int:
    """Delete up to ``size`` current and as many earlier mappings; return their number."""
    now = await SQL.purge_mappings(tx.connection, customer=customer, size=size)
    return int(now + await SQL.purge_earlier_mappings(tx.connection, customer=customer, size=size))


async def purge_scopes(tx: Transaction, customer: str) -> int:
    """Delete the sites of a customer; return their number."""
    return int(await SQL.purge_scopes(tx.connection, customer=customer))


async def end_expunge(tx: Transaction, customer: str) -> int:
    """Delete the customer itself; revoke the tokens for it alone and return their number."""
    revoked = await SQL.revoke_customer_tokens(tx.connection, customer=customer, now=tx.now)
    await SQL.end_expunge(tx.connection, customer=customer)
    return int(revoked)


async def keep_receipt(tx: Transaction, receipt_id: UUID, customer: str, receipt: str) -> None:
    """Store a signed receipt."""
    await SQL.insert_receipt(
        tx.connection, receipt_id=receipt_id, customer=customer, now=tx.now, receipt=receipt
    )


async def last_receipt(tx: Transaction, customer: str) -> str | None:
    """Return the newest receipt for a customer's key."""
    row = await SQL.last_receipt(tx.connection, customer=customer)
    return None if row is None else str(row["receipt"])
