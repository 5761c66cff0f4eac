"""Deliveries as workers see them: claim what is due, then record what came of each attempt.

    claim (transaction) ──▶ send (no transaction) ──▶ record (transaction)

A claim says in the database whose a message is before anything leaves. A worker that dies in the
middle leaves its claims; another one finds them (:func:`take_over`), counts the attempts as lost
and tries again. Nothing is claimed once its acknowledgement is committed.
"""

from collections.abc import Collection, Iterator, Mapping, Sequence
from dataclasses import dataclass
from datetime import datetime, timedelta
from uuid import UUID

from ferryman.domain import message as rules
from ferryman.domain.outcome import Outcome, succeeded
from ferryman.figures import Figures
from ferryman.functions.routes import Route, WebhookRoute, kind_of, route_name
from ferryman.services import breaker
from ferryman.services.breaker import Contact
from ferryman.services.known_apps import KnownApps, endpoint_of
from ferryman.services.metrics import own_series
from ferryman.services.platform import Platform
from ferryman.services.routing import no_way, routes_of
from ferryman.store import app as apps
from ferryman.store import breaker as breakers
from ferryman.store import delivery as deliveries
from ferryman.store import message as messages
from ferryman.store.app import App
from ferryman.store.breaker import Endpoint
from ferryman.store.database import Transaction
from ferryman.store.delivery import AttemptRow, ClaimedMessage, Due, Ended, Entry, Lane
from ferryman.store.message import StoredMessage
from ferryman.vocab import AppKind, EventType, MessageState

_LOST = "the process that made this attempt died before its outcome was known"
_AT_ONCE = 500


@dataclass(frozen=True, slots=True)
class Delivery:
    """An attempt that was begun and is now to be made."""

    message: ClaimedMessage
    app: App
    routes: tuple[Route, ...]
    claimed_at: datetime


@dataclass(frozen=True, slots=True)
class Result:
    """What came of an attempt, by each way that was gone.

    ``delay`` is the back-off before a next attempt, if there is one.
    """

    delivery: Delivery
    by_route: tuple[tuple[Route, Outcome], ...]
    delay: timedelta

    @property
    def outcome(self) -> Outcome:
        """The first failure; without a way left to go, those that refused it are gone."""
        outcomes = [outcome for _, outcome in self.by_route]
        failures = (outcome for outcome in outcomes if not outcome.ok)
        return next(failures, outcomes[0] if outcomes else succeeded(duration=0.0))

    @property
    def reached(self) -> list[str]:
        """Webhooks that took the message although another way did not lead."""
        return [
            route.url
            for route, outcome in self.by_route
            if outcome.ok and isinstance(route, WebhookRoute)
        ]


@dataclass(frozen=True, slots=True)
class Sight:
    """What a worker sees of all lanes and endpoints."""

    due: dict[Lane, Due]
    failing: frozenset[Endpoint]
    now: datetime


async def look(platform: Platform, worker_id: UUID) -> Sight:
    """Say that this worker lives, and see what is due and what fails."""
    async with platform.database.transaction() as tx:
        await deliveries.see_worker(tx, worker_id, own_series(platform))
        due = await deliveries.due_lanes(tx)
        failing = frozenset(each.endpoint for each in await breakers.every(tx))
        return Sight(due, failing, tx.now)


async def learn(platform: Platform, known: KnownApps, app_ids: Collection[UUID]) -> None:
    """Get to know apps before anything of theirs is claimed."""
    async with platform.database.reading() as tx:
        await known.refresh(tx, app_ids)


async def claim(
    platform: Platform, worker_id: UUID, known: KnownApps, rooms: Mapping[Lane, int]
) -> list[Delivery]:
    """Begin attempts at due messages, at most so many of each lane.

    What waits in a lane that leads nowhere is given up, or parked until its app registers an
    address.
    """
    async with platform.database.transaction() as tx:
        await known.refresh(tx, {lane.app_id for lane in rooms})
        routes = {lane: known.routes(lane) for lane in rooms}
        for lane in rooms:
            if not routes[lane]:
                await _close_lane(tx, lane)
        open_lanes = {lane: room for lane, room in rooms.items() if routes[lane]}
        claimed = await deliveries.claim(tx, worker_id, open_lanes) if open_lanes else []
    _count_claims(platform.figures, claimed, tx.now)
    return [
        Delivery(
            message,
            known.apps[message.lane.app_id],
            _not_reached(routes[message.lane], message.reached),
            tx.now,
        )
        for message in claimed
    ]


async def record(
    platform: Platform,
    results: Sequence[Result],
    known: KnownApps,
    failing: Collection[Endpoint] = (),
) -> bool:
    """Write the outcomes of attempts, and what the rules make of each message and endpoint.

    Whether a circuit breaker opened or closed.
    """
    async with platform.database.transaction() as tx:
        for by_id in _rounds(results):
            locked = await deliveries.lock(tx, list(by_id))
            ended, attempts, entries = [], [], []
            for message_id, message in locked.items():
                result = by_id[message_id]
                outcome = result.outcome
                ended.append(
                    _ended(
                        message,
                        result.delivery.message.number,
                        tx.now,
                        delivered=outcome.ok,
                        error=outcome.error,
                        delay=result.delay,
                    )
                )
                attempts.append(_attempt(result))
                entries += _entries(message, result, ended[-1])
            await _write(tx, ended, attempts, entries)
            for message_id, result in by_id.items():
                if result.reached and not result.outcome.ok:
                    await messages.reach(tx, message_id, result.reached)
        turned = await breaker.record(tx, _contacts(results), failing, known.events_to)
    _count_results(platform.figures, results)
    return turned


async def take_over(platform: Platform, silence: timedelta) -> int:
    """Free what workers claimed that were silent so long; how many messages there were."""
    async with platform.database.transaction() as tx:
        orphans = await deliveries.orphans(tx, silence, _AT_ONCE)
        ended, attempts, entries = [], [], []
        for message in orphans:
            number, began = message.state.attempts, message.claimed_at or tx.now
            ended.append(
                _ended(message, number, tx.now, delivered=False, error=_LOST, delay=timedelta(0))
            )
            attempts.append(AttemptRow(message.message_id, number, None, began, "LOST", None))
            facts = {"messageId": str(message.message_id), "number": number}
            entries.append(Entry(message.transfer_id, "attempt.lost", facts))
            entries += _if_given_up(message, ended[-1].state)
        await _write(tx, ended, attempts, entries)
    if orphans:
        platform.figures.count("ferryman_attempts_total", "lost", "", by=len(orphans))
    return len(orphans)


async def leave(platform: Platform, worker_id: UUID) -> None:
    """The worker ends, with nothing in its hands."""
    async with platform.database.transaction() as tx:
        await deliveries.forget_worker(tx, worker_id)


async def unpark(tx: Transaction, app_id: UUID) -> None:
    """The app's definition changed: what waited for an address is due, if there is one now.

    To be called after the change, in its transaction. Whoever parks messages holds the app as
    it was read, so that neither misses the other.
    """
    app = await apps.by_id(tx, app_id)
    if app is not None and routes_of(app, EventType.UPLOADED):
        await deliveries.unpark(tx, app_id)


async def _close_lane(tx: Transaction, lane: Lane) -> None:
    app = await apps.by_id_shared(tx, lane.app_id)
    if app is None or routes_of(app, lane.event_type):
        return
    closed = await deliveries.close_lane(
        tx, lane, no_way(app), park=app.kind is AppKind.CONNECT, size=_AT_ONCE
    )
    await deliveries.write(tx, [_given_up(*each) for each in closed])


def _not_reached(routes: tuple[Route, ...], reached: Sequence[str]) -> tuple[Route, ...]:
    """The ways that are left to go: a webhook that took the message is not sent it again."""
    if not reached:
        return routes
    return tuple(
        route for route in routes if not (isinstance(route, WebhookRoute) and route.url in reached)
    )


def _rounds(results: Sequence[Result]) -> list[dict[UUID, Result]]:
    """Each message once in each: an attempt taken for lost may end beside the one after it."""
    rounds: list[dict[UUID, Result]] = []
    for result in results:
        message_id = result.delivery.message.message_id
        free = next((each for each in rounds if message_id not in each), None)
        if free is None:
            rounds.append(free := {})
        free[message_id] = result
    return rounds


async def _write(
    tx: Transaction, ended: list[Ended], attempts: list[AttemptRow], entries: list[Entry]
) -> None:
    if ended:
        await deliveries.save(tx, ended)
        await deliveries.record(tx, attempts)
        await deliveries.write(tx, entries)


def _ended(
    message: StoredMessage,
    number: int,
    now: datetime,
    *,
    delivered: bool,
    error: str | None,
    delay: timedelta,
) -> Ended:
    end = rules.end_attempt(message.state, number, delivered=delivered, delay=delay)
    over = rules.is_current(message.state, number)
    if end.state is message.state.state and end.retry_after is None:
        # Nothing new for the message: it was acknowledged, given up or tried again meanwhile.
        return Ended(message.message_id, end.state, message.reason, message.next_attempt_at, over)
    reason = None if end.state is MessageState.DELIVERED else error
    due = None if end.retry_after is None else now + end.retry_after
    return Ended(message.message_id, end.state, reason, due, over)


def _count_claims(figures: Figures, claimed: Sequence[ClaimedMessage], now: datetime) -> None:
    figures.shift("ferryman_deliveries_in_flight", len(claimed))
    for message in claimed:
        if message.number == 1:
            waited = (now - message.created_at).total_seconds()
            figures.observe("ferryman_first_attempt_seconds", max(waited, 0.0))


def _count_results(figures: Figures, results: Sequence[Result]) -> None:
    figures.shift("ferryman_deliveries_in_flight", -len(results))
    for result in results:
        for route, outcome in result.by_route:
            target = kind_of(route)
            said = "delivered" if outcome.ok else "failed"
            figures.count("ferryman_attempts_total", said, target)
            figures.observe("ferryman_attempt_seconds", outcome.duration, target)


def _contacts(results: Sequence[Result]) -> Iterator[Contact]:
    for result in results:
        for route, outcome in result.by_route:
            if (url := endpoint_of(route)) is not None:
                yield Contact(Endpoint(result.delivery.app.app_id, url), outcome)


def _attempt(result: Result) -> AttemptRow:
    delivery, outcome = result.delivery, result.outcome
    return AttemptRow(
        delivery.message.message_id,
        delivery.message.number,
        ", ".join(map(route_name, delivery.routes)),
        delivery.claimed_at,
        "DELIVERED" if outcome.ok else "FAILED",
        outcome,
    )


def _entries(message: StoredMessage, result: Result, ended: Ended) -> list[Entry]:
    outcome = result.outcome
    entry = Entry(
        message.transfer_id,
        "attempt.delivered" if outcome.ok else "attempt.failed",
        {
            "messageId": str(message.message_id),
            "number": result.delivery.message.number,
            "durationMs": round(outcome.duration * 1000),
            "error": outcome.error,
        },
    )
    return [entry, *_if_given_up(message, ended.state)]


def _if_given_up(message: StoredMessage, state: MessageState) -> list[Entry]:
    if state is not MessageState.UNDELIVERED or message.state.state is state:
        return []
    return [_given_up(message.message_id, message.transfer_id)]


def _given_up(message_id: UUID, transfer_id: UUID) -> Entry:
    return Entry(transfer_id, "message.undelivered", {"messageId": str(message_id)})
