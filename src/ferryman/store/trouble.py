"""Read what is wrong now, counted by customer and app, and which transfers settled (ADR 97)."""

from dataclasses import dataclass
from datetime import datetime
from typing import Any
from uuid import UUID

from ferryman.clock import step_forward
from ferryman.domain.attention import PAUSED, UNCLAIMED
from ferryman.domain.limits import CLAIM_CONFIRMATION, CLAIM_SILENCE
from ferryman.domain.notice import Trouble
from ferryman.notice_vocab import NoticeKind
from ferryman.store.database import SQL, Transaction
from ferryman.vocab import TransferStatus

_GIVEN_UP = 10_000
_APPS = 100


@dataclass(frozen=True, slots=True, kw_only=True)
class FailingEndpoint:
    """The endpoints of an app to which deliveries are paused, and the one that failed last."""

    trouble: Trouble
    endpoint: str
    error: str


@dataclass(frozen=True, slots=True, kw_only=True)
class AppWithFiles:
    """An app that holds files."""

    app_id: UUID
    cloud_app_key: str
    environment: str


@dataclass(frozen=True, slots=True, kw_only=True)
class SettledTransfer:
    """A transfer that has settled and was not told."""

    transfer_id: UUID
    customer: str
    cloud_app_key: str
    environment: str
    status: TransferStatus
    settled_at: datetime
    files: int
    failed: int
    bytes: int
    name: str


async def late(tx: Transaction, kind: NoticeKind, share: float) -> list[Trouble]:
    """Return the apps that have a transfer which used up a share of its window."""
    rows = SQL.late_transfers(tx.connection, share=share, now=tx.now)
    return [_trouble(kind, row, row["since"]) async for row in rows]


async def unclaimed(tx: Transaction) -> list[Trouble]:
    """Return the apps that have a transfer which no agent claims."""
    rows = SQL.unclaimed_transfers(tx.connection, patience=UNCLAIMED, now=tx.now)
    return [_trouble(NoticeKind.UNCLAIMED, row, row["since"]) async for row in rows]


async def paused(tx: Transaction) -> list[Trouble]:
    """Return the apps that have a transfer which has been paused for long."""
    rows = SQL.paused_transfers(tx.connection, patience=PAUSED, now=tx.now)
    return [_trouble(NoticeKind.PAUSED, row, row["since"]) async for row in rows]


async def lost_agents(tx: Transaction) -> list[Trouble]:
    """Return the apps whose agent fell silent while its listener ran."""
    rows = SQL.lost_agents(
        tx.connection,
        silence=CLAIM_SILENCE + step_forward(),
        confirmation=CLAIM_CONFIRMATION + step_forward(),
    )
    return [_trouble(NoticeKind.AGENT_GONE, row, tx.now - row["silent"]) async for row in rows]


async def given_up(tx: Transaction) -> list[Trouble]:
    """Return the apps to which messages were given up that still matter."""
    rows = SQL.given_up_messages(tx.connection, most=_GIVEN_UP)
    return [
        _trouble(NoticeKind.GIVEN_UP, row, tx.now, message_id=row["message_id"])
        async for row in rows
    ]


async def failing_endpoints(tx: Transaction) -> list[FailingEndpoint]:
    """Return the apps that have an endpoint to which deliveries are paused."""
    return [
        FailingEndpoint(
            trouble=Trouble(
                kind=NoticeKind.ENDPOINT_LEFT_ALONE,
                cloud_app_key=row["cloud_app_key"],
                environment=row["environment"],
                since=row["since"],
                count=row["number"],
            ),
            endpoint=row["endpoint"],
            error=row["error"],
        )
        async for row in SQL.failing_endpoints(tx.connection)
    ]


async def apps_with_files(tx: Transaction, known: list[str]) -> list[AppWithFiles]:
    """Return the apps that run transfers, and the ``known`` ones, as KEY@ENVIRONMENT."""
    rows = SQL.apps_with_files(tx.connection, apps=known, size=_APPS)
    return [AppWithFiles(**row) async for row in rows]


async def settled(tx: Transaction, since: datetime, size: int) -> list[SettledTransfer]:
    """Return what has settled since a time and was not told, first to last."""
    rows = SQL.settled_untold(tx.connection, since=since, now=tx.now, size=size)
    return [
        SettledTransfer(**{**row, "status": TransferStatus(row["status"])}) async for row in rows
    ]


def _trouble(
    kind: NoticeKind, row: Any, since: datetime, message_id: UUID | None = None
) -> Trouble:
    return Trouble(
        kind=kind,
        customer=row["customer"],
        cloud_app_key=row["cloud_app_key"],
        environment=row["environment"],
        since=since,
        count=row["number"],
        transfer_id=row["transfer_id"],
        message_id=message_id,
    )
