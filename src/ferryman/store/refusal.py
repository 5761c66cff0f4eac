"""Traces of what did not come about: refused calls of an app, and agents that ask for work."""

from dataclasses import dataclass
from datetime import datetime, timedelta
from uuid import UUID

from ferryman.store.database import SQL, Transaction
from ferryman.vocab import Audience

_ASKING_EVERY = timedelta(seconds=5)
_SIZE = 100


@dataclass(frozen=True, slots=True, kw_only=True)
class Refusal:
    """A call that an app was refused; ``times`` is at least so often."""

    app_id: UUID
    cloud_app_key: str
    environment: str
    call: str
    code: str
    found: str
    fix: str
    times: int
    last_at: datetime


@dataclass(frozen=True, slots=True, kw_only=True)
class Asking:
    """Who last asked for work of an app in one environment; None where nobody did."""

    app_id: UUID
    environment: str
    agent_id: str | None
    asked_at: datetime | None


async def record(
    tx: Transaction, app_id: UUID, *, named: UUID | None, call: str, code: str, found: str, fix: str
) -> None:
    """Remember a refusal in place of the last one of its kind."""
    await SQL.record_refusal(
        tx.connection,
        app_id=app_id,
        named=named,
        call=call,
        code=code,
        found=found,
        fix=fix,
        now=tx.now,
    )


async def around(
    tx: Transaction, app_id: UUID, transfer_id: UUID, since: datetime
) -> list[Refusal]:
    """Of calls that named the transfer, and of the app's own that named none; latest first."""
    rows = SQL.refusals_around(
        tx.connection, app_id=app_id, transfer_id=transfer_id, since=since, size=_SIZE
    )
    return [Refusal(**row) async for row in rows]


async def record_asking(tx: Transaction, app_id: UUID, agent_id: str | None) -> None:
    """An agent asks for work, and there is none."""
    await SQL.record_asking(
        tx.connection,
        app_id=app_id,
        agent_id=agent_id,
        now=tx.now,
        unless_since=tx.now - _ASKING_EVERY,
    )


async def askings(tx: Transaction, cloud_app_key: str) -> list[Asking]:
    """Of the app in all its environments."""
    rows = SQL.askings(tx.connection, cloud_app_key=cloud_app_key)
    return [Asking(**row) async for row in rows]


async def owner(tx: Transaction, digest: bytes) -> tuple[UUID, Audience] | None:
    """Whose token it is, for whatever surface."""
    row = await SQL.app_of_any_token(tx.connection, digest=digest)
    return None if row is None else (row["app_id"], Audience(row["audience"]))
