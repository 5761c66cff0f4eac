"""Installations of Connect apps: their secrets, and the lifecycle calls made to them."""

from collections.abc import Iterable
from dataclasses import dataclass
from datetime import datetime
from typing import Any
from uuid import UUID

from ferryman.store.database import SQL, Transaction


@dataclass(frozen=True, slots=True, kw_only=True)
class Installation:
    """What is kept of one app beside its current secret; all None before the first call."""

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
        """Whether a lifecycle call is under way; one whose process died ends by itself."""
        return self.call_until is not None and now < self.call_until


async def lock(tx: Transaction, app_id: UUID) -> Installation:
    """The installation of an app, for this transaction alone."""
    return _installation(await SQL.lock_installation(tx.connection, app_id=app_id))


async def of(tx: Transaction, app_ids: Iterable[UUID]) -> dict[UUID, Installation]:
    """The installations of these apps, as far as there are any."""
    rows = SQL.installations(tx.connection, app_ids=list(app_ids))
    return {row["app_id"]: _installation(row) async for row in rows}


async def begin_call(
    tx: Transaction, app_id: UUID, *, call_id: UUID, until: datetime, offered: str | None
) -> None:
    """A call is made from now on, with that secret if it hands one over."""
    await SQL.begin_lifecycle_call(
        tx.connection, app_id=app_id, call_id=call_id, call_until=until, offered_secret=offered
    )


async def record_call(
    tx: Transaction, app_id: UUID, event: str, *, status: int | None, error: str | None
) -> None:
    """What the app answered."""
    await SQL.record_lifecycle_call(
        tx.connection, app_id=app_id, event=event, now=tx.now, status=status, error=error
    )


async def end_call(tx: Transaction, app_id: UUID) -> None:
    """The next call may be made."""
    await SQL.end_lifecycle_call(tx.connection, app_id=app_id)


async def drop_offer(tx: Transaction, app_id: UUID) -> None:
    """The app did not take the secret."""
    await SQL.drop_offer(tx.connection, app_id=app_id)


async def accept_offer(
    tx: Transaction, app_id: UUID, secret: str, *, previous_until: datetime
) -> None:
    """The app took the secret; the one before is good until then."""
    await SQL.accept_offer(
        tx.connection, app_id=app_id, secret=secret, previous_until=previous_until, now=tx.now
    )


async def cut_off(tx: Transaction, app_id: UUID) -> None:
    """Take all secrets and all registered webhooks from an app."""
    await SQL.cut_off(tx.connection, app_id=app_id, now=tx.now)


def _installation(row: Any) -> Installation:
    return Installation(**{name: row[name] for name in Installation.__dataclass_fields__})
