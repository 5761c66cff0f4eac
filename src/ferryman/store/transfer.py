"""Transfers: the state that the rules decide on, with app and migration."""

from collections.abc import Collection
from dataclasses import dataclass, fields
from datetime import datetime, timedelta
from typing import Any
from uuid import UUID

import msgspec

from ferryman.clock import epoch_ms
from ferryman.domain.dependency import Definition
from ferryman.domain.scope import effective
from ferryman.domain.transfer import Transfer
from ferryman.store.database import SQL, Transaction
from ferryman.vocab import AppKind, TransferStatus
from ferryman.wire.migration import MigrationDetails, TransferBrief


@dataclass(frozen=True, slots=True, kw_only=True)
class StoredTransfer:
    """A transfer with its app and migration; ``state`` is the part the rules decide on.

    ``access_scopes`` are the effective ones: as declared, and never wider than registered.
    """

    transfer_id: UUID
    migration_id: UUID
    migration_scope_id: UUID
    app_id: UUID
    original_transfer_id: UUID | None
    details: MigrationDetails
    server_app_key: str
    cloud_app_key: str
    environment: str
    forge_app_id: str | None
    access_scopes: list[str]
    transfer_name: str | None
    blocking: bool
    depends_on: list[str]
    position: int
    skipped_by: UUID | None
    server_app_version: str
    claims: int
    claim_noted: bool | None
    released_at: datetime | None
    listener_error: dict[str, str] | None
    feedback: dict[str, Any] | None
    status_message: str | None
    wake_at: datetime | None
    bytes: int
    state: Transfer


async def insert(
    tx: Transaction,
    *,
    transfer_id: UUID,
    migration_id: UUID,
    app_id: UUID,
    window: timedelta,
    original_transfer_id: UUID | None = None,
    released: bool = False,
    definition: Definition | None = None,
    position: int = 0,
) -> None:
    """Insert a READY transfer; ``released`` if agents may claim it at once.

    ``position`` orders transfers inserted by the same transaction.
    """
    await SQL.insert_transfer(
        tx.connection,
        transfer_id=transfer_id,
        migration_id=migration_id,
        app_id=app_id,
        original_transfer_id=original_transfer_id,
        window_seconds=window.total_seconds(),
        released_at=tx.now if released else None,
        position=position,
        now=tx.now,
        **defined(definition),
    )


def defined(definition: Definition | None) -> dict[str, Any]:
    """Return the columns that a definition fills; None is a transfer that was not split."""
    scopes = None if definition is None else definition.access_scopes
    return {
        "transfer_name": None if definition is None else definition.name,
        "blocking": definition is None or definition.blocking,
        "depends_on": [] if definition is None else list(definition.depends_on),
        "declared_scopes": None if scopes is None else list(scopes),
    }


async def by_id(tx: Transaction, transfer_id: UUID) -> StoredTransfer | None:
    """Return a transfer as it was last committed."""
    return stored_transfer(await SQL.transfer_by_id(tx.connection, transfer_id=transfer_id))


async def lock(tx: Transaction, transfer_id: UUID) -> StoredTransfer | None:
    """Return a transfer, locked until the transaction ends."""
    return stored_transfer(await SQL.lock_transfer(tx.connection, transfer_id=transfer_id))


async def save(tx: Transaction, transfer_id: UUID, state: Transfer) -> None:
    """Write the state that the rules decided on."""
    await SQL.save_transfer(
        tx.connection,
        transfer_id=transfer_id,
        **{name: getattr(state, name) for name in _SAVED_COLUMNS},
    )


async def of_migrations(
    tx: Transaction, migration_ids: Collection[UUID]
) -> dict[UUID, list[TransferBrief]]:
    """Return all transfers of each of these migrations, re-runs after their originals."""
    found: dict[UUID, list[TransferBrief]] = {each: [] for each in migration_ids}
    async for row in SQL.transfers_of_migrations(tx.connection, migration_ids=list(migration_ids)):
        found[row["migration_id"]].append(
            TransferBrief(
                transfer_id=str(row["transfer_id"]),
                cloud_app_key=row["cloud_app_key"],
                status=TransferStatus(row["status"]),
                environment=row["environment"],
                original_transfer_id=_text(row["original_transfer_id"]),
                transfer_name=row["transfer_name"],
                blocking=row["blocking"],
                depends_on=row["depends_on"],
                progress=row["progress"],
                files=row["files"],
                bytes=row["bytes"],
                paused_at=None if row["paused_at"] is None else epoch_ms(row["paused_at"]),
            )
        )
    return found


async def release(tx: Transaction, migration_id: UUID) -> list[UUID]:
    """Offer the migration's transfers to agents; returns those offered for the first time."""
    rows = SQL.release_transfers(tx.connection, migration_id=migration_id, now=tx.now)
    return [row["transfer_id"] async for row in rows]


async def record_listener_error(tx: Transaction, transfer_id: UUID, error: object) -> None:
    """Store the exception that the listener raised."""
    await SQL.record_listener_error(
        tx.connection, transfer_id=transfer_id, error=msgspec.json.encode(error).decode()
    )


async def set_feedback(tx: Transaction, transfer_id: UUID, feedback: dict[str, Any]) -> None:
    """Store the feedback that the cloud app leaves for the server app."""
    await SQL.set_feedback(
        tx.connection, transfer_id=transfer_id, feedback=msgspec.json.encode(feedback).decode()
    )


async def set_status_message(tx: Transaction, transfer_id: UUID, message: str) -> None:
    """Store a Connect app's latest progress message."""
    await SQL.set_status_message(tx.connection, transfer_id=transfer_id, message=message)


async def recent(tx: Transaction, app_id: UUID, size: int) -> list[StoredTransfer]:
    """Return the app's running transfers, newest first."""
    rows = SQL.recent_transfers(tx.connection, app_id=app_id, size=size)
    transfers = [stored_transfer(row) async for row in rows]
    return [stored for stored in transfers if stored is not None]


async def open_rerun(tx: Transaction, original_transfer_id: UUID) -> UUID | None:
    """Return an unsettled re-run of the transfer, or None."""
    rerun_id: UUID | None = await SQL.open_rerun(
        tx.connection, original_transfer_id=original_transfer_id
    )
    return rerun_id


async def first_start(tx: Transaction, transfer_id: UUID) -> datetime | None:
    """Return when that transfer's listener was first called, or None."""
    at: datetime | None = await SQL.first_start(tx.connection, transfer_id=transfer_id)
    return at


_STATE_COLUMNS = [field.name for field in fields(Transfer) if field.name != "unfinished"]
_SAVED_COLUMNS = [name for name in _STATE_COLUMNS if name not in ("kind", "window")]


def _text(value: object) -> str | None:
    return None if value is None else str(value)


def _decoded(value: str | None) -> Any:
    return None if value is None else msgspec.json.decode(value)


def transfer_state(row: Any) -> Transfer:
    """Read the part of a row that the rules decide on."""
    state = {name: row[name] for name in _STATE_COLUMNS if name != "window"}
    state["kind"] = AppKind(row["kind"])
    state["status"] = TransferStatus(row["status"])
    state["window"] = timedelta(seconds=row["window_seconds"])
    return Transfer(**state, unfinished=None)


def stored_transfer(row: Any) -> StoredTransfer | None:
    """Read a row of the table with its app and migration; None for none."""
    if row is None:
        return None
    plain = {
        name: row[name]
        for name in StoredTransfer.__dataclass_fields__
        if name not in ("details", "state", "listener_error", "feedback")
    }
    plain["access_scopes"] = effective(row["access_scopes"], row["declared_scopes"])
    details = MigrationDetails(
        migration_id=str(row["migration_id"]),
        migration_scope_id=str(row["migration_scope_id"]),
        created_at=int(row["migration_created_at"].timestamp() * 1000),
        cloud_url=row["cloud_url"],
        name=row["name"],
    )
    return StoredTransfer(
        **plain,
        details=details,
        listener_error=_decoded(row["listener_error"]),
        feedback=_decoded(row["feedback"]),
        state=transfer_state(row),
    )
