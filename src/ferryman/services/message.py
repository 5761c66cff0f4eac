"""Acknowledge, redeliver and list messages."""

from dataclasses import dataclass

from ferryman import refusals
from ferryman.domain import message as message_rules
from ferryman.domain.access import PLATFORM, Actor
from ferryman.domain.limits import ADMIN_PAGE, BODY_CHARACTERS
from ferryman.services import audit
from ferryman.services.platform import (
    Platform,
    decode_position,
    encode_cursor,
    page_size,
    parse_id,
)
from ferryman.store import message as message_store
from ferryman.store import message_view
from ferryman.store import redelivery as redelivery_store
from ferryman.store import timeline as timeline_store
from ferryman.store import transfer as transfer_store
from ferryman.store.database import Transaction
from ferryman.store.message import StoredMessage
from ferryman.vocab import Acknowledged, EventType, IdKind, MessageState
from ferryman.wire.message import MessageBody
from ferryman.wire.transfer import MessagePage, MessageView


async def redeliver(platform: Platform, message_id: str, by: Actor = PLATFORM) -> MessageView:
    """Re-queue a message at the operator's request, under the same id."""
    async with platform.database.transaction() as tx:
        return await redeliver_in(tx, message_id, by)


async def redeliver_in(tx: Transaction, message_id: str, by: Actor) -> MessageView:
    """Like :func:`redeliver`, in an open transaction."""
    parsed_id = parse_id(refusals.message.NOT_FOUND, message_id)
    stored = await message_store.by_id(tx, parsed_id)
    # Transfer before message: the lock order everywhere.
    held = await redelivery_store.hold(tx, [stored.transfer_id] if stored else [])
    message = await message_store.lock(tx, parsed_id)
    if message is None:
        raise refusals.message.NOT_FOUND(id=message_id)
    transfer = held[message.transfer_id]
    _check_redeliverable(message, settled=transfer.settled)
    more = message_rules.attempts_in_round(
        transfer.kind, message.event_type, settled=transfer.settled
    )
    await message_store.reset(tx, parsed_id, more)
    await timeline_store.write(tx, message.transfer_id, "message.redelivered", messageId=message_id)
    again = await message_store.by_id(tx, parsed_id) or message
    [seen] = await message_view.views(tx, [again])
    await audit.record_of(
        tx,
        by,
        "redeliver_message",
        IdKind.MESSAGE,
        parsed_id,
        before={"state": message.state.state, "attempts": message.state.attempts},
        after={"state": seen.state},
    )
    return seen


async def view(platform: Platform, message_id: str) -> MessageView:
    """Return a message with its attempts."""
    async with platform.database.transaction() as tx:
        message = await message_store.by_id(tx, parse_id(refusals.message.NOT_FOUND, message_id))
        if message is None:
            raise refusals.message.NOT_FOUND(id=message_id)
        return (await message_view.views(tx, [message]))[0]


async def body(platform: Platform, message_id: str, by: Actor = PLATFORM) -> MessageBody:
    """Return the body that is sent to the app, and record the call in the audit log."""
    parsed_id = parse_id(refusals.message.NOT_FOUND, message_id)
    async with platform.database.transaction() as tx:
        message = await message_store.by_id(tx, parsed_id)
        if message is None:
            raise refusals.message.NOT_FOUND(id=message_id)
        await audit.record_of(tx, by, "get_message_body", IdKind.MESSAGE, parsed_id)
    text = message.payload
    return MessageBody(
        message_id=message_id,
        event_type=message.event_type,
        bytes=len(text.encode()),
        body=text[:BODY_CHARACTERS],
        cut=len(text) > BODY_CHARACTERS,
    )


@dataclass(frozen=True, slots=True, kw_only=True)
class MessageQuery:
    """A filter of a transfer's messages."""

    state: MessageState | None = None
    acknowledgement: Acknowledged | None = None


async def page(
    platform: Platform,
    transfer_id: str,
    which: MessageQuery | None = None,
    *,
    cursor: str | None,
    size: int | None,
) -> MessagePage:
    """Return a page of a transfer's messages, oldest first."""
    limit = page_size(size, default=100, greatest=ADMIN_PAGE)
    parsed_id = parse_id(refusals.transfer.NOT_FOUND, transfer_id)
    which = which or MessageQuery()
    query = ("messages", parsed_id, which)
    after = decode_position(cursor, *query)
    async with platform.database.transaction() as tx:
        if await transfer_store.by_id(tx, parsed_id) is None:
            raise refusals.transfer.NOT_FOUND(id=transfer_id)
        rows = await message_store.page(
            tx,
            parsed_id,
            state=which.state,
            acknowledgement=which.acknowledgement,
            after=after,
            size=limit + 1,
        )
        items = await message_view.views(tx, rows[:limit])
    more = len(rows) > limit
    return MessagePage(
        items=items,
        next_cursor=encode_cursor(str(rows[limit - 1].position), *query) if more else None,
    )


def _check_redeliverable(message: StoredMessage, *, settled: bool) -> None:
    found = obstacle(message, settled=settled)
    if found is not None:
        raise refusals.message.NOT_REDELIVERABLE(found=found)


def obstacle(message: StoredMessage, *, settled: bool) -> str | None:
    """Return why a message cannot be redelivered by hand; None if it can."""
    reasons = {
        "an acknowledgement of it": message.state.acknowledgement is not None,
        "a settled transfer": settled and message.event_type is EventType.UPLOADED,
        "an attempt that is running or due": message.state.state is MessageState.PENDING,
    }
    return next((reason for reason, applies in reasons.items() if applies), None)
