"""Links to one migration for people without an account."""

from dataclasses import dataclass
from datetime import UTC, datetime
from typing import Any
from uuid import UUID

from ferryman.store.database import SQL, Transaction
from ferryman.vocab import TransferStatus

_BEGINNING = datetime(1970, 1, 1, tzinfo=UTC)


@dataclass(frozen=True, slots=True, kw_only=True)
class MigrationLink:
    """A link; ``note`` says who it is for, and ``report`` whether it also opens the report."""

    link_id: UUID
    migration_id: UUID
    note: str | None
    created_at: datetime
    created_by: str
    expires_at: datetime
    report: bool = False
    revoked_at: datetime | None = None

    def works(self, now: datetime) -> bool:
        """Return whether it opens anything at that time."""
        return self.revoked_at is None and now < self.expires_at


@dataclass(frozen=True, slots=True, kw_only=True)
class PartRow:
    """The part of one app in a migration."""

    cloud_app_key: str
    transfer_name: str | None
    status: TransferStatus
    progress: int
    files: int
    succeeded: int
    failed: int
    bytes: int
    started_at: datetime | None
    settled_at: datetime | None
    deadline: datetime | None


async def insert(tx: Transaction, link: MigrationLink) -> None:
    """Store a new link."""
    await SQL.insert_migration_link(
        tx.connection,
        link_id=link.link_id,
        migration_id=link.migration_id,
        note=link.note,
        now=link.created_at,
        created_by=link.created_by,
        expires_at=link.expires_at,
        report=link.report,
    )


async def by_id(tx: Transaction, link_id: UUID) -> MigrationLink | None:
    """Return a link, also one that no longer works; None if the id is unknown."""
    row = await SQL.migration_link_by_id(tx.connection, link_id=link_id)
    return None if row is None else _link(row)


async def working(tx: Transaction, migration_id: UUID) -> int:
    """Return how many links to a migration work."""
    count = await SQL.working_migration_links(tx.connection, migration_id=migration_id, now=tx.now)
    return int(count)


async def page(
    tx: Transaction, migration_id: UUID, *, after: MigrationLink | None, size: int
) -> list[MigrationLink]:
    """Return up to ``size`` links to a migration made after another, oldest first."""
    rows = SQL.migration_link_page(
        tx.connection,
        migration_id=migration_id,
        after_at=after.created_at if after else _BEGINNING,
        after_id=after.link_id if after else UUID(int=0),
        size=size,
    )
    return [_link(row) async for row in rows]


async def revoke(tx: Transaction, migration_id: UUID, link_id: UUID) -> MigrationLink | None:
    """Revoke a link to a migration, and return it; None if there is no such link."""
    row = await SQL.revoke_migration_link(
        tx.connection, migration_id=migration_id, link_id=link_id, now=tx.now
    )
    return None if row is None else _link(row)


async def parts(tx: Transaction, migration_id: UUID) -> list[PartRow]:
    """Return the parts of a migration that were not re-run, in the order of the plan."""
    names = PartRow.__dataclass_fields__
    return [
        PartRow(**{**{name: row[name] for name in names}, "status": TransferStatus(row["status"])})
        async for row in SQL.shared_parts(tx.connection, migration_id=migration_id)
    ]


def _link(row: Any) -> MigrationLink:
    return MigrationLink(**{name: row[name] for name in MigrationLink.__dataclass_fields__})
