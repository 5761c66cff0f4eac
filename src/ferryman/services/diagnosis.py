"""Explain transfers and messages: read a snapshot, apply the rules, return the view (ADR 0026)."""

from dataclasses import asdict

from ferryman import refusals
from ferryman.domain.diagnosis import message as message_diagnosis
from ferryman.domain.diagnosis import transfer as transfer_diagnosis
from ferryman.domain.diagnosis.link import Link
from ferryman.services.message_snapshot import message_snapshot
from ferryman.services.platform import Platform, parse_id
from ferryman.services.transfer_snapshot import transfer_snapshot
from ferryman.store import app as app_store
from ferryman.store import diagnosis as diagnosis_store
from ferryman.store import message as message_store
from ferryman.store import transfer as transfer_store
from ferryman.store import worker as worker_store
from ferryman.store.app import AppRow
from ferryman.store.database import Transaction
from ferryman.store.transfer import StoredTransfer
from ferryman.wire import transfer as wire
from ferryman.wire.transfer import Explanation, TransferExplanation


async def explain_transfer(
    platform: Platform, transfer_id: str, *, max_age: float = 0
) -> TransferExplanation:
    """Explain a transfer from its migration to its end, naming the first broken link.

    Its messages were counted at most ``max_age`` seconds ago.
    """
    async with platform.database.transaction() as tx:
        stored = await transfer_store.by_id(tx, parse_id(refusals.transfer.NOT_FOUND, transfer_id))
        app = None if stored is None else await app_store.by_id(tx, stored.app_id)
        if stored is None or app is None:
            raise refusals.transfer.NOT_FOUND(id=transfer_id)
        links, broken = await chain_of(platform, tx, stored, app, max_age)
        running = await diagnosis_store.running(tx, stored.transfer_id)
    return TransferExplanation(
        transfer_id=str(stored.transfer_id),
        status=stored.state.status,
        links=_views(links),
        broken=broken,
        running_attempts=running,
    )


async def chain_of(
    platform: Platform, tx: Transaction, stored: StoredTransfer, app: AppRow, max_age: float = 0
) -> tuple[list[Link], str | None]:
    """Return the links of a transfer, and the name of the first broken one."""
    return transfer_diagnosis.chain(await transfer_snapshot(platform, tx, stored, app, max_age))


async def explain_message(platform: Platform, message_id: str) -> Explanation:
    """Explain a message from its transfer to its acknowledgement, naming the first broken link."""
    async with platform.database.transaction() as tx:
        message = await message_store.by_id(tx, parse_id(refusals.message.NOT_FOUND, message_id))
        stored = None if message is None else await transfer_store.by_id(tx, message.transfer_id)
        app = None if stored is None else await app_store.by_id(tx, stored.app_id)
        if message is None or stored is None or app is None:
            raise refusals.message.NOT_FOUND(id=message_id)
        alive = await worker_store.alive(tx, platform.heartbeat_timeout)
        snapshot = await message_snapshot(tx, message, stored, app, alive)
    links, broken = message_diagnosis.chain(snapshot)
    return Explanation(message_id=message_id, links=_views(links), broken=broken)


def _views(links: list[Link]) -> list[wire.LinkView]:
    return [wire.LinkView(**asdict(link)) for link in links]
