"""Attempts at delivering messages: each is written down before it is made, and after."""

from collections.abc import Sequence
from dataclasses import dataclass, replace
from datetime import timedelta
from uuid import UUID

from ferryman.domain import message as rules
from ferryman.domain.outcome import Outcome
from ferryman.errors import not_found
from ferryman.functions.routes import Route, WebhookRoute, route_name
from ferryman.services.platform import Platform
from ferryman.services.release import enter, park, release
from ferryman.services.routing import no_way, routes_of
from ferryman.store import app as apps
from ferryman.store import message as messages
from ferryman.store import queue, timeline
from ferryman.store import transfer as transfers
from ferryman.store.app import App
from ferryman.store.database import Transaction
from ferryman.store.message import AttemptResult, StoredMessage
from ferryman.store.transfer import StoredTransfer
from ferryman.vocab import AppKind, Lane, MessageState

_LOST = "the process that made this attempt died before its outcome was known"


@dataclass(frozen=True, slots=True)
class Delivery:
    """An attempt that was begun and is now to be made."""

    message: StoredMessage
    transfer: StoredTransfer
    app: App
    routes: tuple[Route, ...]
    number: int


async def begin(platform: Platform, message_id: UUID, number: int) -> Delivery | None:
    """Record that attempt ``number`` begins; None when nothing is to be sent.

    To be called when the message can be sent at once: what follows must not wait, since the
    app may acknowledge meanwhile, and an attempt counts once it has begun.
    """
    async with platform.database.transaction() as tx:
        message = await messages.lock(tx, message_id)
        if message is None:
            return None
        decision = rules.begin_attempt(message.state, number)
        if decision.lost:
            await _lose(tx, message)
        if decision.given_up:
            await _save(tx, message, MessageState.UNDELIVERED, reason=_LOST)
        elif decision.follow_up is not None:
            at_once = timedelta(0)
            await _save(tx, message, MessageState.PENDING, reason=_LOST, retry_after=at_once)
        elif decision.lost and message.state.state is MessageState.PENDING:
            # Acknowledged while the attempt ran: the app has it.
            await _save(tx, message, MessageState.DELIVERED, reason=None)
        if decision.number is None or not await enter(tx, message):
            return None
        app, stored = await _context(tx, message)
        routes = await _routes(tx, message, app, stored)
        if not routes:
            return None
        begun = replace(message.state, attempts=decision.number, open_attempt=True)
        await messages.save(
            tx, message_id, begun, lane=Lane.RELEASED, reason=None, next_attempt_at=None
        )
        target = ", ".join(map(route_name, routes))
        await messages.insert_attempt(tx, message_id, decision.number, target)
        message = replace(message, state=begun)
    return Delivery(message, stored, app, routes, decision.number)


async def end(
    platform: Platform,
    delivery: Delivery,
    outcome: Outcome,
    delay: timedelta,
    reached: Sequence[Route] = (),
) -> None:
    """Record the outcome; ``delay`` is the back-off before the next attempt, if there is one.

    ``reached`` are those of several ways that took the message although the attempt failed.
    """
    message_id, number = delivery.message.message_id, delivery.number
    async with platform.database.transaction() as tx:
        message = await messages.lock(tx, message_id)
        if message is None:
            return
        after = rules.end_attempt(message.state, number, delivered=outcome.ok, delay=delay)
        result = AttemptResult(
            outcome="DELIVERED" if outcome.ok else "FAILED",
            duration=timedelta(seconds=outcome.duration),
            stage=outcome.stage,
            status=outcome.status,
            error=outcome.error,
            output=outcome.output,
        )
        await messages.finish_attempt(tx, message_id, number, result)
        await timeline.write(
            tx,
            message.transfer_id,
            "attempt.delivered" if outcome.ok else "attempt.failed",
            messageId=str(message_id),
            number=number,
            durationMs=round(outcome.duration * 1000),
            error=outcome.error,
        )
        if urls := [route.url for route in reached if isinstance(route, WebhookRoute)]:
            await messages.reach(tx, message_id, urls)
        if after.state is message.state.state and after.retry_after is None:
            if rules.is_current(message.state, number):
                await _close(tx, message)
            return
        await _save(tx, message, after.state, reason=outcome.error, retry_after=after.retry_after)


async def _save(
    tx: Transaction,
    message: StoredMessage,
    state: MessageState,
    *,
    reason: str | None,
    retry_after: timedelta | None = None,
) -> None:
    done = replace(message.state, state=state, open_attempt=False)
    due = None if retry_after is None else tx.now + retry_after
    kept = None if state is MessageState.DELIVERED else reason
    lane = Lane.DEFERRED if retry_after else Lane.RELEASED
    await messages.save(tx, message.message_id, done, lane=lane, reason=kept, next_attempt_at=due)
    if retry_after is not None:
        await queue.enqueue_delivery(tx, message.message_id, done.attempts + 1, delay=retry_after)
    await release(tx, message.app_id)
    if state is MessageState.UNDELIVERED:
        await timeline.write(
            tx, message.transfer_id, "message.undelivered", messageId=str(message.message_id)
        )


async def _close(tx: Transaction, message: StoredMessage) -> None:
    """The open attempt is over and changes nothing else of the message."""
    await messages.save(
        tx,
        message.message_id,
        replace(message.state, open_attempt=False),
        lane=message.lane,
        reason=message.reason,
        next_attempt_at=message.next_attempt_at,
    )


async def _lose(tx: Transaction, message: StoredMessage) -> None:
    number = message.state.attempts
    await _close(tx, message)
    await messages.lose_attempt(tx, message.message_id, number, _LOST)
    await timeline.write(
        tx,
        message.transfer_id,
        "attempt.lost",
        messageId=str(message.message_id),
        number=number,
    )


async def _routes(
    tx: Transaction, message: StoredMessage, app: App, stored: StoredTransfer
) -> tuple[Route, ...]:
    """The ways that are left to go; without one the message needs this attempt no more.

    A Connect app that has no address yet may register one as long as the transfer runs.
    """
    routes = routes_of(app, message.event_type)
    if not routes and app.kind is AppKind.CONNECT and not stored.state.status.final:
        routes = await park(tx, message)
    elif not routes:
        await _save(tx, message, MessageState.UNDELIVERED, reason=no_way(app))
    left = tuple(
        route
        for route in routes
        if not (isinstance(route, WebhookRoute) and route.url in message.reached)
    )
    if routes and not left:
        # The address that had refused it is no longer registered.
        await _save(tx, message, MessageState.DELIVERED, reason=None)
    return left


async def _context(tx: Transaction, message: StoredMessage) -> tuple[App, StoredTransfer]:
    stored = await transfers.by_id(tx, message.transfer_id)
    app = None if stored is None else await apps.by_id(tx, stored.app_id)
    if stored is None or app is None:
        raise not_found("transfer", message.transfer_id)
    return app, stored
