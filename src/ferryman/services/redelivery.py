"""Dead letters: messages that were given up, listed, and delivered again many at a time."""

from datetime import UTC, datetime

from ferryman.domain import message as rules
from ferryman.domain.limits import ADMIN_PAGE
from ferryman.errors import Invalid, not_found
from ferryman.services import app as apps
from ferryman.services.message import obstacle
from ferryman.services.platform import (
    Platform,
    decode_position,
    encode_cursor,
    page_size,
    parse_id,
)
from ferryman.store import delivery as deliveries
from ferryman.store import message as messages
from ferryman.store import transfer as transfers
from ferryman.store import undelivered
from ferryman.store.database import Transaction
from ferryman.store.delivery import Entry
from ferryman.store.undelivered import Choice
from ferryman.vocab import MessageState
from ferryman.wire.redelivery import RedeliveryAnswer, RedeliveryRequest
from ferryman.wire.transfer import MessagePage

_BATCH = 500
"""Messages in one transaction: it holds up whoever acknowledges one of their transfers."""

_LATEST = 253_402_300_799_999
"""The end of the year 9999, in epoch milliseconds."""


async def page(
    platform: Platform,
    state: str,
    request: RedeliveryRequest,
    *,
    cursor: str | None,
    size: int | None,
) -> MessagePage:
    """Those that fit, oldest first; the first page says how many there are."""
    if state != MessageState.UNDELIVERED:
        raise Invalid(
            "message_state_invalid",
            expected="state=UNDELIVERED: other messages are listed with their transfer",
            found=repr(state)[:80],
            fix="Use GET /admin/v1/transfers/{transferId}/messages for all of a transfer.",
        )
    limit = page_size(size, default=100, greatest=ADMIN_PAGE)
    query = ("undelivered", request)
    after = decode_position(cursor, *query)
    async with platform.database.transaction() as tx:
        choice = await _choice(tx, request)
        found = await undelivered.page(tx, choice, after=after, size=limit + 1)
        items = await messages.views(tx, found[:limit])
        total = await undelivered.total(tx, choice) if cursor is None else None
    more = len(found) > limit
    return MessagePage(
        items=items,
        next_cursor=encode_cursor(str(found[limit - 1].position), *query) if more else None,
        total=total,
    )


async def redeliver(platform: Platform, request: RedeliveryRequest) -> RedeliveryAnswer:
    """Owe all that fit again, under their ids; killed on the way, a second call does the rest.

    What is given up anew meanwhile is not taken up twice. Raises :class:`Invalid`
    (``redelivery_unbounded``) for a request that names nothing.
    """
    if request == RedeliveryRequest():
        raise Invalid(
            "redelivery_unbounded",
            expected="at least one of transferId, cloudAppKey, from and to",
            found="none of them",
            fix="Say which messages; from 0 means all that were ever given up.",
        )
    redelivered, left, after = 0, 0, 0
    while True:
        async with platform.database.transaction() as tx:
            choice = await _choice(tx, request)
            found = await undelivered.page(tx, choice, after=after, size=_BATCH)
            # Transfers before messages, as everybody locks them who needs both.
            held = await undelivered.hold(tx, {each.transfer_id for each in found})
            locked = await deliveries.lock(tx, [each.message_id for each in found])
            again, entries = {}, []
            for message in locked.values():
                transfer = held[message.transfer_id]
                if obstacle(message, settled=transfer.settled) is None:
                    again[message.message_id] = rules.attempts_in_round(
                        transfer.kind, message.event_type, settled=transfer.settled
                    )
                    facts = {"messageId": str(message.message_id)}
                    entries.append(Entry(message.transfer_id, "message.redelivered", facts))
            if again:
                await undelivered.reset(tx, again)
                await deliveries.write(tx, entries)
        redelivered += len(again)
        left += len(found) - len(again)
        if len(found) < _BATCH:
            return RedeliveryAnswer(redelivered=redelivered, left=left)
        after = found[-1].position


async def _choice(tx: Transaction, request: RedeliveryRequest) -> Choice:
    app_id = transfer_id = None
    if request.transfer_id is not None:
        transfer_id = parse_id("transfer", request.transfer_id)
        if await transfers.by_id(tx, transfer_id) is None:
            raise not_found("transfer", request.transfer_id)
    if request.cloud_app_key is not None:
        app_id = (await apps.find(tx, request.cloud_app_key)).app_id
    return Choice(
        app_id=app_id,
        transfer_id=transfer_id,
        since=_instant(request.since),
        until=_instant(request.to),
    )


def _instant(epoch_ms: int | None) -> datetime | None:
    if epoch_ms is None:
        return None
    if not 0 <= epoch_ms <= _LATEST:
        raise Invalid(
            "instant_invalid",
            expected="from and to as epoch milliseconds",
            found=str(epoch_ms),
            fix="Count milliseconds, not seconds, from 1970 on.",
        )
    return datetime.fromtimestamp(epoch_ms / 1000, UTC)
