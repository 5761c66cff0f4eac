"""Claims: which agent has a transfer, and when it last called (ADR 0039)."""

from dataclasses import dataclass
from uuid import UUID

from ferryman.clock import step_forward
from ferryman.domain.limits import CLAIM_CONFIRMATION, CLAIM_SILENCE
from ferryman.store.database import SQL, Transaction
from ferryman.store.transfer import StoredTransfer


async def next_transfer(
    tx: Transaction, app_ids: list[UUID], agent_id: str | None, running: list[UUID]
) -> UUID | None:
    """Return the transfer whose listener is to be called next, locked."""
    transfer_id: UUID | None = await SQL.next_claim(
        tx.connection,
        app_ids=app_ids,
        agent_id=agent_id,
        running=running,
        silence=CLAIM_SILENCE + step_forward(),
        confirmation=CLAIM_CONFIRMATION + step_forward(),
    )
    return transfer_id


@dataclass(frozen=True, slots=True)
class Offer:
    """A transfer of an app that an agent may claim; of any name if ``agent_id`` is None."""

    app_id: UUID
    agent_id: str | None


async def offers(
    tx: Transaction, app_ids: list[UUID], agent_ids: list[str], running: list[UUID]
) -> list[Offer]:
    """Return what waiting agents may claim, without locking it."""
    rows = SQL.offered_transfers(
        tx.connection,
        app_ids=app_ids,
        agent_ids=agent_ids,
        running=running,
        silence=CLAIM_SILENCE + step_forward(),
        confirmation=CLAIM_CONFIRMATION + step_forward(),
    )
    return [Offer(row["app_id"], row["agent_id"]) async for row in rows]


async def record(
    tx: Transaction,
    transfer_id: UUID,
    agent_id: str | None,
    server_app_version: str | None,
    declared_scopes: list[str] | None,
) -> int:
    """Record a claim, who made it and what the listener declared; returns its number."""
    claim: int = await SQL.record_claim(
        tx.connection,
        transfer_id=transfer_id,
        agent_id=agent_id,
        server_app_version=server_app_version,
        declared_scopes=declared_scopes,
        now=tx.now,
    )
    return claim


async def record_alive(tx: Transaction, stored: StoredTransfer) -> None:
    """Record that the client of the current claim is alive, at most every few seconds."""
    if not stored.claim_noted:
        await SQL.record_claim_alive(
            tx.connection, transfer_id=stored.transfer_id, claim=stored.claims
        )


async def record_heartbeat(tx: Transaction, stored: StoredTransfer) -> None:
    """Record the client's report that the listener of the current claim is running."""
    await SQL.record_heartbeat(tx.connection, transfer_id=stored.transfer_id, claim=stored.claims)
