"""Traces of failed use: refused calls of an app, and agents that poll without getting work."""

from dataclasses import dataclass
from datetime import datetime, timedelta
from uuid import UUID

from ferryman.store.database import SQL, Transaction
from ferryman.vocab import Audience

_ASKING_EVERY = timedelta(seconds=5)
_SIZE = 100


@dataclass(frozen=True, slots=True, kw_only=True)
class RefusalRow:
    """A call that was refused to an app; ``times`` is a lower bound."""

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
class CallRow:
    """Calls that were refused to the app of a transfer; ``named``: they named the transfer."""

    call: str
    code: str
    found: str
    fix: str
    times: int
    last_at: datetime
    named: bool


Place = tuple[datetime, str, str, bool]
"""Place of a row in the list: its time, call, code, and whether it named the transfer."""


@dataclass(frozen=True, slots=True, kw_only=True)
class Asking:
    """The agent that last polled for an app's work in one environment; None if there was none."""

    app_id: UUID
    environment: str
    agent_id: str | None
    asked_at: datetime | None


async def record(
    tx: Transaction, app_id: UUID, *, named: UUID | None, call: str, code: str, found: str, fix: str
) -> None:
    """Store a refusal, replacing the last one of the same kind."""
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
) -> list[RefusalRow]:
    """Return refused calls that named this transfer or none at all, latest first."""
    rows = SQL.refusals_around(
        tx.connection, app_id=app_id, transfer_id=transfer_id, since=since, size=_SIZE
    )
    return [RefusalRow(**row) async for row in rows]


async def page(
    tx: Transaction, transfer_id: UUID, *, before: Place | None, size: int
) -> list[CallRow]:
    """Return the refused calls of a transfer's app that may concern it, latest first."""
    last_at, call, code, named = before or (None, "", "", False)
    rows = SQL.refusals_of_transfer(
        tx.connection,
        transfer_id=transfer_id,
        before=last_at,
        before_call=call,
        before_code=code,
        before_named=named,
        size=size,
    )
    return [CallRow(**row) async for row in rows]


async def record_asking(tx: Transaction, app_id: UUID, agent_id: str | None) -> None:
    """Record that an agent polled and got no work."""
    await SQL.record_asking(
        tx.connection,
        app_id=app_id,
        agent_id=agent_id,
        now=tx.now,
        unless_since=tx.now - _ASKING_EVERY,
    )


async def askings(tx: Transaction, cloud_app_key: str) -> list[Asking]:
    """Return the last poll for the app in each of its environments."""
    rows = SQL.askings(tx.connection, cloud_app_key=cloud_app_key)
    return [Asking(**row) async for row in rows]


async def owner(tx: Transaction, digest: bytes) -> tuple[UUID, Audience] | None:
    """Return the app and surface that a token belongs to, or None."""
    row = await SQL.app_of_any_token(tx.connection, digest=digest)
    return None if row is None else (row["app_id"], Audience(row["audience"]))
