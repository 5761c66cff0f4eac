"""Re-queue many messages that were given up (dead letters) at a time."""

from msgspec import to_builtins

from ferryman import refusals
from ferryman.domain import message as message_rules
from ferryman.domain.access import PLATFORM, Actor, Reach
from ferryman.services import app as app_service
from ferryman.services import audit
from ferryman.services import customer as customer_service
from ferryman.services import reach as reach_service
from ferryman.services.message import obstacle
from ferryman.services.platform import Platform, instant, parse_id
from ferryman.store import delivery as delivery_store
from ferryman.store import redelivery as redelivery_store
from ferryman.store import timeline as timeline_store
from ferryman.store import transfer as transfer_store
from ferryman.store.database import Transaction
from ferryman.store.redelivery import MessageFilter
from ferryman.store.timeline import TimelineRow
from ferryman.vocab import IdKind
from ferryman.wire.redelivery import RedeliveryAnswer, RedeliveryRequest

_BATCH = 500
"""Messages per transaction, which blocks acknowledgements of their transfers."""


async def redeliver(
    platform: Platform, request: RedeliveryRequest, by: Actor = PLATFORM
) -> RedeliveryAnswer:
    """Re-queue all matching messages under their ids; repeat the call if it was interrupted.

    A message that is given up again meanwhile is not re-queued twice. Raises :class:`Invalid`
    (``redelivery_unbounded``) for a request without any filter.
    """
    if request == RedeliveryRequest():
        raise refusals.message.REDELIVERY_UNBOUNDED()
    redelivered, left, after = 0, 0, 0
    while True:
        async with platform.database.transaction() as tx:
            choice = await _choice(tx, request, by.reach)
            rows = await redelivery_store.page(tx, choice, after=after, size=_BATCH)
            # Transfers before messages: the lock order everywhere.
            held = await redelivery_store.hold(tx, {row.transfer_id for row in rows})
            locked = await delivery_store.lock(tx, [row.message_id for row in rows])
            again, entries = {}, []
            for message in locked.values():
                transfer = held[message.transfer_id]
                if obstacle(message, settled=transfer.settled) is None:
                    again[message.message_id] = message_rules.attempts_in_round(
                        transfer.kind, message.event_type, settled=transfer.settled
                    )
                    facts = {"messageId": str(message.message_id)}
                    entries.append(TimelineRow(message.transfer_id, "message.redelivered", facts))
            if again:
                await redelivery_store.reset(tx, again)
                await timeline_store.add(tx, entries)
            if not after:
                await _record(tx, by, request, first=len(again))
        redelivered += len(again)
        left += len(rows) - len(again)
        if len(rows) < _BATCH:
            return RedeliveryAnswer(redelivered=redelivered, left=left)
        after = rows[-1].position


async def _record(tx: Transaction, by: Actor, request: RedeliveryRequest, *, first: int) -> None:
    """Write the audit row with the first batch, since the call may be cut off before others."""
    asked = {name: value for name, value in to_builtins(request).items() if value is not None}
    await audit.record(
        tx,
        by,
        "redeliver_all",
        customer=request.customer,
        after={"asked": asked, "redeliveredInFirstBatch": first},
    )


async def _choice(tx: Transaction, request: RedeliveryRequest, reach: Reach) -> MessageFilter:
    reach = await customer_service.narrowed(tx, reach, request.customer)
    app_id = transfer_id = None
    if request.transfer_id is not None:
        transfer_id = parse_id(refusals.transfer.NOT_FOUND, request.transfer_id)
        await reach_service.check_in(tx, reach, IdKind.TRANSFER, request.transfer_id)
        if await transfer_store.by_id(tx, transfer_id) is None:
            raise refusals.transfer.NOT_FOUND(id=request.transfer_id)
    if request.cloud_app_key is not None:
        app_id = (await app_service.find(tx, request.cloud_app_key, reach)).app_id
    return MessageFilter(
        app_id=app_id,
        transfer_id=transfer_id,
        since=instant(request.since),
        until=instant(request.to),
        customers=reach.customers,
        apps=reach.apps,
    )
