"""Notices of the platform, and the looks for troubles that make them (ADR 97)."""

from collections.abc import Sequence
from dataclasses import dataclass
from datetime import datetime, timedelta
from typing import Any
from uuid import UUID

from ferryman.domain.notice import RECENT, OpenNotice, Trouble
from ferryman.notice_vocab import NoticeKind
from ferryman.store.database import SQL, Transaction

_END = datetime(9999, 1, 1).astimezone()
_LAST = UUID(int=(1 << 128) - 1)


@dataclass(frozen=True, slots=True, kw_only=True)
class NoticeRow:
    """A notice; ``ended_at`` is null while its trouble lasts."""

    notice_id: UUID
    kind: NoticeKind
    customer: str | None
    cloud_app_key: str | None
    environment: str | None
    transfer_id: UUID | None
    migration_name: str | None
    found: str
    fix: str | None
    link: str | None
    cause: str | None
    count: int
    began_at: datetime
    noticed_at: datetime
    ended_at: datetime | None

    @property
    def app(self) -> str | None:
        """The app as people name it, KEY@ENVIRONMENT."""
        return None if self.cloud_app_key is None else f"{self.cloud_app_key}@{self.environment}"


@dataclass(frozen=True, slots=True, kw_only=True)
class NoticeFilter:
    """Criteria for notices, combined with AND; ``apps`` are cloud app keys."""

    kind: NoticeKind | None = None
    customers: Sequence[str] | None = None
    apps: Sequence[str] | None = None
    app: str | None = None
    environment: str | None = None
    open: bool | None = None


async def begin_look(tx: Transaction, *, pause: timedelta, overlap: timedelta) -> datetime | None:
    """Take the turn to look for troubles unless another process looked within ``pause``.

    Return since when transfers may have settled that were not told, ``overlap`` before the last
    look, but not before the first; None without a turn.
    """
    row = await SQL.begin_look(tx.connection, now=tx.now, pause=pause, overlap=overlap)
    settled_from: datetime | None = None if row is None else row["settled_from"]
    return settled_from


async def set_settled_to(tx: Transaction, at: datetime) -> None:
    """Note up to when settled transfers were told."""
    await SQL.set_settled_to(tx.connection, settled_to=at)


async def open_notices(tx: Transaction) -> list[OpenNotice]:
    """Return the notices that are not over, and suspicions."""
    rows = SQL.open_notices(tx.connection, since=tx.now - RECENT)
    return [
        OpenNotice(
            notice_id=row["notice_id"],
            kind=NoticeKind(row["kind"]),
            subject=row["subject"],
            app=_app(row),
            seen_at=row["began_at"],
            noticed_at=row["noticed_at"],
            gone_at=row["gone_at"],
            times=row["times"],
        )
        async for row in rows
    ]


async def insert(
    tx: Transaction,
    notice_id: UUID,
    trouble: Trouble,
    *,
    noticed: bool = True,
    ended: bool = False,
) -> bool:
    """Store a notice, or a suspicion; return False if there is one already."""
    inserted = await SQL.insert_notice(
        tx.connection,
        notice_id=notice_id,
        kind=trouble.kind,
        subject=trouble.subject,
        customer=trouble.customer,
        cloud_app_key=trouble.cloud_app_key,
        environment=trouble.environment,
        transfer_id=trouble.transfer_id,
        migration_name=trouble.migration_name,
        found=trouble.found,
        fix=trouble.fix,
        link=trouble.link,
        cause=trouble.cause,
        count=trouble.count,
        began_at=trouble.since,
        noticed_at=tx.now if noticed else None,
        ended_at=trouble.since if ended else None,
    )
    return inserted is not None


async def tell_suspicion(tx: Transaction, notice_id: UUID, trouble: Trouble) -> bool:
    """Make a suspicion a notice; return False if it is one, or is gone."""
    told = await SQL.tell_suspicion(
        tx.connection,
        notice_id=notice_id,
        now=tx.now,
        found=trouble.found,
        fix=trouble.fix,
        link=trouble.link,
        cause=trouble.cause,
        count=trouble.count,
    )
    return told is not None


async def forget(tx: Transaction, notice_ids: Sequence[UUID]) -> None:
    """Remove suspicions that came to nothing."""
    await SQL.forget_suspicions(tx.connection, notice_ids=notice_ids)


async def set_gone(tx: Transaction, notice_ids: Sequence[UUID], at: datetime | None) -> None:
    """Note since when troubles are no longer seen; None: they are back."""
    await SQL.set_gone(tx.connection, notice_ids=notice_ids, gone_at=at)


async def end(tx: Transaction, notice_ids: Sequence[UUID]) -> list[NoticeRow]:
    """End notices, and return those that were open."""
    rows = SQL.end_notices(tx.connection, notice_ids=notice_ids)
    return [notice_row(row) async for row in rows]


async def page(
    tx: Transaction, choice: NoticeFilter, *, after: tuple[datetime, UUID] | None, size: int
) -> list[NoticeRow]:
    """Return up to ``size`` matching notices after a place, newest first."""
    at, notice_id = after or (_END, _LAST)
    rows = SQL.notice_page(
        tx.connection,
        at=at,
        id=notice_id,
        kind=choice.kind,
        customers=choice.customers,
        apps=choice.apps,
        app=choice.app,
        environment=choice.environment,
        open=choice.open,
        size=size,
    )
    return [notice_row(row) async for row in rows]


async def remove_old(tx: Transaction, before: datetime) -> None:
    """Remove notices that were told and over before a time."""
    await SQL.remove_old_notices(tx.connection, before=before)


def notice_row(row: Any) -> NoticeRow:
    """Return a notice from a row of its table."""
    fields = {name: row[name] for name in NoticeRow.__dataclass_fields__}
    return NoticeRow(**{**fields, "kind": NoticeKind(row["kind"])})


def _app(row: Any) -> str | None:
    return None if row["cloud_app_key"] is None else f"{row['cloud_app_key']}@{row['environment']}"
