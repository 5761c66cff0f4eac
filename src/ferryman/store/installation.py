"""Installations of Connect apps: their secrets and the lifecycle calls made to them."""

from collections.abc import Iterable
from dataclasses import dataclass
from datetime import datetime
from typing import Any
from uuid import UUID

from ferryman.store.database import SQL, Transaction


@dataclass(frozen=True, slots=True, kw_only=True)
class Installation:
    """An app's installation state besides its current secret; all None before the first call."""

    app_id: UUID
    offered_secret: str | None = None
    previous_secret: str | None = None
    previous_until: datetime | None = None
    call_id: UUID | None = None
    call_until: datetime | None = None
    installed_at: datetime | None = None
    uninstalled_at: datetime | None = None
    last_event: str | None = None
    last_at: datetime | None = None
    last_status: int | None = None
    last_error: str | None = None

    def calling(self, now: datetime) -> bool:
        """Return whether a lifecycle call is running; the call of a dead process expires."""
        return self.call_until is not None and now < self.call_until


async def lock(tx: Transaction, app_id: UUID) -> Installation:
    """Lock the installation of an app until the transaction ends, and return it."""
    return _installation(tx, await SQL.lock_installation(tx.connection, app_id=app_id))


async def of(tx: Transaction, app_ids: Iterable[UUID]) -> dict[UUID, Installation]:
    """Return the installations of these apps that exist, by app id."""
    rows = SQL.installations(tx.connection, app_ids=list(app_ids))
    return {row["app_id"]: _installation(tx, row) async for row in rows}


async def begin_call(
    tx: Transaction, app_id: UUID, *, call_id: UUID, until: datetime, offered: str | None
) -> None:
    """Record that a call starts now, offering the secret ``offered`` if there is one."""
    await SQL.begin_lifecycle_call(
        tx.connection,
        app_id=app_id,
        call_id=call_id,
        call_until=until,
        offered_secret=tx.secrets.seal_text(offered),
    )


async def record_call(
    tx: Transaction, app_id: UUID, event: str, *, status: int | None, error: str | None
) -> None:
    """Record the app's answer, or the error if there was none."""
    await SQL.record_lifecycle_call(
        tx.connection, app_id=app_id, event=event, now=tx.now, status=status, error=error
    )


async def end_call(tx: Transaction, app_id: UUID) -> None:
    """Mark the lifecycle call as ended, so that the next one may start."""
    await SQL.end_lifecycle_call(tx.connection, app_id=app_id)


async def drop_offer(tx: Transaction, app_id: UUID) -> None:
    """Discard the offered secret because the app did not accept it."""
    await SQL.drop_offer(tx.connection, app_id=app_id)


async def accept_offer(
    tx: Transaction, app_id: UUID, secret: str, *, previous_until: datetime
) -> None:
    """Make the accepted secret current; the previous one stays valid until ``previous_until``."""
    await SQL.accept_offer(
        tx.connection,
        app_id=app_id,
        secret=tx.secrets.seal_text(secret),
        previous_until=previous_until,
        now=tx.now,
    )


async def remove_credentials(tx: Transaction, app_id: UUID) -> None:
    """Remove all secrets and registered webhooks of an app."""
    await SQL.remove_credentials(tx.connection, app_id=app_id, now=tx.now)


def _installation(tx: Transaction, row: Any) -> Installation:
    fields = {name: row[name] for name in Installation.__dataclass_fields__}
    for name in ("offered_secret", "previous_secret"):
        fields[name] = tx.secrets.open_text(row[name])
    return Installation(**fields)
