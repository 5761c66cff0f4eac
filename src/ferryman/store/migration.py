"""Migrations, their scopes and their containers."""

from collections.abc import Sequence
from dataclasses import dataclass
from datetime import datetime
from typing import Any
from uuid import UUID

from ferryman.ids import new_id
from ferryman.store.database import SQL, Transaction
from ferryman.vocab import ContainerType
from ferryman.wire.migration import ALL_USERS, Container


@dataclass(frozen=True, slots=True, kw_only=True)
class MigrationRow:
    """One run of a migration plan."""

    migration_id: UUID
    migration_scope_id: UUID
    customer: str
    name: str
    cloud_url: str
    source_id: str
    created_at: datetime
    started_at: datetime | None
    start_at: datetime | None
    archived_at: datetime | None


async def save_scope(
    tx: Transaction,
    source_id: str,
    cloud_url: str,
    scope_id: UUID | None = None,
    *,
    customer: str,
) -> UUID:
    """Return the scope of this source and site of a customer, creating it if needed."""
    kept: UUID = await SQL.upsert_scope(
        tx.connection,
        migration_scope_id=scope_id or new_id(),
        customer=customer,
        source_id=source_id,
        cloud_url=cloud_url,
    )
    return kept


async def scopes_of_site(
    tx: Transaction, urls: Sequence[str], *, customers: Sequence[str] | None
) -> list[UUID]:
    """Return the scopes of a site, written in one of these ways."""
    rows = SQL.scopes_of_site(tx.connection, urls=urls, customers=customers)
    return [row["migration_scope_id"] async for row in rows]


async def insert(tx: Transaction, scope_id: UUID, name: str, migration_id: UUID) -> bool:
    """Insert a migration that has not started; return whether its id was new."""
    inserted = await SQL.insert_migration(
        tx.connection,
        migration_id=migration_id,
        migration_scope_id=scope_id,
        name=name,
        now=tx.now,
    )
    return inserted is not None


async def insert_container(
    tx: Transaction, migration_id: UUID, position: int, container: Container
) -> None:
    """Insert something the admin selected; ``position`` preserves the given order."""
    await SQL.insert_container(
        tx.connection,
        container_id=new_id(),
        migration_id=migration_id,
        position=position,
        type=container.type,
        key=container.key,
        source_id=container.source_id,
        name=container.name,
        selected_users=container.selected_users,
    )


async def by_id(tx: Transaction, migration_id: UUID) -> MigrationRow | None:
    """Return a migration, or None if there is none with this id."""
    row = await SQL.migration_by_id(tx.connection, migration_id=migration_id)
    return None if row is None else migration_row(row)


async def start(tx: Transaction, migration_id: UUID) -> None:
    """Record the time of the first start."""
    await SQL.start_migration(tx.connection, migration_id=migration_id, now=tx.now)


async def schedule(tx: Transaction, migration_id: UUID, at: datetime | None) -> None:
    """Set when a migration starts by itself, and the timers for it; None is never."""
    await SQL.schedule_migration(tx.connection, migration_id=migration_id, start_at=at)
    await SQL.set_start_timers(tx.connection, migration_id=migration_id, start_at=at)


async def archive(tx: Transaction, migration_id: UUID, at: datetime | None) -> None:
    """Mark a migration and its transfers as archived since a time; None: no longer."""
    await SQL.archive_migration(tx.connection, migration_id=migration_id, archived_at=at)


async def lock(tx: Transaction, migration_id: UUID) -> None:
    """Keep others from re-running transfers of this migration until the transaction ends."""
    await SQL.lock_migration(tx.connection, migration_id=migration_id)


async def container_page(
    tx: Transaction,
    migration_id: UUID,
    container_type: ContainerType,
    *,
    after: UUID | None,
    size: int,
) -> list[tuple[UUID, Container]] | None:
    """Return containers of one type after the one with id ``after``, or None for an unknown id."""
    position = -1
    if after is not None:
        position = await SQL.container_position(
            tx.connection, migration_id=migration_id, type=container_type, container_id=after
        )
        if position is None:
            return None
    rows = SQL.container_page(
        tx.connection, migration_id=migration_id, type=container_type, after=position, size=size
    )
    return [(row["container_id"], container_row(row)) async for row in rows]


async def containers(tx: Transaction, migration_id: UUID) -> list[Container]:
    """Return everything that was selected, in its order."""
    rows = SQL.containers_of_migration(tx.connection, migration_id=migration_id)
    return [container_row(row) async for row in rows]


def migration_row(row: Any) -> MigrationRow:
    """Read a row of the table with its scope."""
    return MigrationRow(**{name: row[name] for name in MigrationRow.__dataclass_fields__})


def container_row(row: Any) -> Container:
    """Read a row of the table; a ``Site`` whose users were not selected has all of them."""
    kind = ContainerType(row["type"])
    everybody = ALL_USERS if kind is ContainerType.SITE else None
    return Container(
        type=kind,
        key=row["key"],
        source_id=row["source_id"],
        name=row["name"],
        selected_users=row["selected_users"] or everybody,
    )
