"""Messages: acknowledging them, delivering them again by hand, looking at them."""

from ferryman.domain import message as rules
from ferryman.domain import transfer as transfer_rules
from ferryman.domain.limits import ADMIN_PAGE, MESSAGE_IDS
from ferryman.errors import Conflict, LimitExceeded, not_found
from ferryman.services import transfer as transfer_service
from ferryman.services.decision import apply, count_unfinished
from ferryman.services.platform import (
    Platform,
    decode_position,
    encode_cursor,
    page_size,
    parse_id,
)
from ferryman.store import message as messages
from ferryman.store import timeline, undelivered
from ferryman.store import transfer as transfers
from ferryman.store.app import App
from ferryman.store.message import StoredMessage
from ferryman.vocab import EventType, MessageState
from ferryman.wire.message import MessageStatus
from ferryman.wire.transfer import MessagePage, MessageView


async def acknowledge(
    platform: Platform, app: App, transfer_id: str, request: MessageStatus
) -> None:
    """The app says that messages are processed or failed; the first word on each one counts.

    All of them, or none when one is unknown. An event other than ``uploaded:app_data`` need not
    be acknowledged, and may be.
    """
    if not 1 <= len(request.message_ids) <= MESSAGE_IDS:
        raise LimitExceeded(
            "message_ids_out_of_range",
            expected=f"1 to {MESSAGE_IDS} message ids",
            found=str(len(request.message_ids)),
            fix="Acknowledge in several calls.",
        )
    wanted = {parse_id("message", text) for text in request.message_ids}
    async with platform.database.transaction() as tx:
        stored = await transfer_service.lock_own(tx, app, transfer_id)
        transfer_rules.check_live(stored.state, "acknowledging messages")
        if stored.state.export_completed_at is not None:
            stored = await count_unfinished(tx, stored)
        found = await messages.lock_many(tx, stored.transfer_id, list(wanted))
        if missing := wanted - {message.message_id for message in found}:
            raise not_found("message", min(missing))
        fresh = [m for m in found if rules.needs_acknowledgement_change(m.state)]
        if not fresh:
            return
        await messages.acknowledge(
            tx, stored.transfer_id, [m.message_id for m in fresh], request.status
        )
        counted = sum(message.event_type is EventType.UPLOADED for message in fresh)
        change = transfer_rules.acknowledge(stored.state, request.status, counted, tx.now)
        await apply(tx, stored, change)
    due = transfer_rules.deadline(stored.state)
    if due is not None and counted:
        slack = (due.at - tx.now).total_seconds()
        platform.figures.observe("ferryman_deadline_slack_seconds", max(slack, 0.0))


async def redeliver(platform: Platform, message_id: str) -> MessageView:
    """Deliver a message again by hand, under the same id."""
    wanted = parse_id("message", message_id)
    async with platform.database.transaction() as tx:
        found = await messages.by_id(tx, wanted)
        # The transfer before the message, as everybody locks them who needs both.
        held = await undelivered.hold(tx, [found.transfer_id] if found else [])
        message = await messages.lock(tx, wanted)
        if message is None:
            raise not_found("message", message_id)
        transfer = held[message.transfer_id]
        _check_redeliverable(message, settled=transfer.settled)
        more = rules.attempts_in_round(transfer.kind, message.event_type, settled=transfer.settled)
        await messages.reset(tx, wanted, more)
        await timeline.write(tx, message.transfer_id, "message.redelivered", messageId=message_id)
        again = await messages.by_id(tx, wanted) or message
        return (await messages.views(tx, [again]))[0]


async def view(platform: Platform, message_id: str) -> MessageView:
    """One message with its attempts."""
    async with platform.database.transaction() as tx:
        message = await messages.by_id(tx, parse_id("message", message_id))
        if message is None:
            raise not_found("message", message_id)
        return (await messages.views(tx, [message]))[0]


async def page(
    platform: Platform, transfer_id: str, *, cursor: str | None, size: int | None
) -> MessagePage:
    """Messages of a transfer, oldest first."""
    limit = page_size(size, default=100, greatest=ADMIN_PAGE)
    wanted = parse_id("transfer", transfer_id)
    query = ("messages", wanted)
    after = decode_position(cursor, *query)
    async with platform.database.transaction() as tx:
        if await transfers.by_id(tx, wanted) is None:
            raise not_found("transfer", transfer_id)
        found = await messages.page(tx, wanted, after=after, size=limit + 1)
        items = await messages.views(tx, found[:limit])
    more = len(found) > limit
    return MessagePage(
        items=items,
        next_cursor=encode_cursor(str(found[limit - 1].position), *query) if more else None,
    )


def _check_redeliverable(message: StoredMessage, *, settled: bool) -> None:
    found = obstacle(message, settled=settled)
    if found is not None:
        raise Conflict(
            "message_not_redeliverable",
            expected="a delivered or undelivered message that still matters",
            found=found,
            fix="Nothing needs to be done for this message.",
        )


def obstacle(message: StoredMessage, *, settled: bool) -> str | None:
    """Why a message is not delivered again by hand, if it is not."""
    reasons = {
        "an acknowledgement of it": message.state.acknowledgement is not None,
        "a settled transfer": settled and message.event_type is EventType.UPLOADED,
        "an attempt that is running or due": message.state.state is MessageState.PENDING,
    }
    return next((found for found, applies in reasons.items() if applies), None)
