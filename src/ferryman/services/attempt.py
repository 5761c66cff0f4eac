"""What came of attempts, written down many at a time, and what the rules make of it."""

from collections.abc import Collection, Iterator, Sequence
from dataclasses import dataclass, replace
from datetime import datetime, timedelta
from uuid import UUID

from ferryman.domain import message as rules
from ferryman.domain.outcome import Outcome, succeeded
from ferryman.figures import Figures
from ferryman.functions.routes import FunctionRoute, Route, WebhookRoute, kind_of, route_name
from ferryman.services import breaker
from ferryman.services.breaker import Contact
from ferryman.services.delivery import Delivery, given_up
from ferryman.services.known_apps import KnownApps, endpoint_of
from ferryman.services.platform import Platform
from ferryman.store import delivery as deliveries
from ferryman.store import message as messages
from ferryman.store.breaker import Endpoint
from ferryman.store.database import Transaction
from ferryman.store.delivery import AttemptRow, Ended, Entry
from ferryman.store.message import StoredMessage
from ferryman.vocab import MessageState


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
        whole = outcomes[0] if outcomes else succeeded(duration=0.0)
        left = ", ".join(dict.fromkeys(each.left for each in outcomes if each.left))
        return next(failures, replace(whole, left=left))

    @property
    def returned(self) -> bool:
        """Whether functions alone had the message, and all of them returned."""
        return bool(self.by_route) and all(
            outcome.ok and isinstance(route, FunctionRoute) for route, outcome in self.by_route
        )

    @property
    def reached(self) -> list[str]:
        """Webhooks that took the message although another way did not lead."""
        return [
            route.url
            for route, outcome in self.by_route
            if outcome.ok and isinstance(route, WebhookRoute)
        ]


async def record(
    platform: Platform,
    results: Sequence[Result],
    known: KnownApps,
    failing: Collection[Endpoint] = (),
    *,
    again: bool = False,
) -> bool:
    """Write the outcomes of attempts, and what the rules make of each message and endpoint.

    Whether a circuit breaker opened or closed, or may have. ``again``: an earlier call broke off,
    perhaps when all was written; what was is left alone.
    """
    async with platform.database.transaction() as tx:
        fresh = await _unwritten(tx, results) if again else results
        turned = await breaker.record(tx, _contacts(fresh), failing, known)
        for by_id in _rounds(fresh):
            locked = await deliveries.lock(tx, list(by_id))
            ended, attempts, entries = [], [], []
            for message_id, message in locked.items():
                result = by_id[message_id]
                outcome = result.outcome
                ended.append(
                    ended_by(
                        message,
                        result.delivery.message.number,
                        tx.now,
                        delivered=outcome.ok,
                        error=outcome.reason,
                        delay=result.delay,
                    )
                )
                attempts.append(_attempt(message, result, outcome))
                entries += _entries(message, result, ended[-1])
            await write(tx, ended, attempts, entries)
            for message_id, result in by_id.items():
                if result.reached and not result.outcome.ok:
                    await messages.reach(tx, message_id, result.reached)
    _count_results(platform.figures, results)
    return turned or again


async def _unwritten(tx: Transaction, results: Sequence[Result]) -> list[Result]:
    keys = [(each.delivery.message.message_id, each.delivery.message.number) for each in results]
    written = await deliveries.recorded(tx, keys)
    return [each for each, key in zip(results, keys, strict=True) if key not in written]


async def write(
    tx: Transaction, ended: list[Ended], attempts: list[AttemptRow], entries: list[Entry]
) -> None:
    """Save what became of locked messages, with their attempts and what timelines tell of it."""
    if ended:
        await deliveries.save(tx, ended)
        await deliveries.record(tx, attempts)
        await deliveries.write(tx, entries)


def ended_by(
    message: StoredMessage,
    number: int,
    now: datetime,
    *,
    delivered: bool,
    error: str | None,
    delay: timedelta,
) -> Ended:
    """What the end of attempt ``number`` makes of its message."""
    end = rules.end_attempt(message.state, number, delivered=delivered, delay=delay)
    over = rules.is_current(message.state, number)
    if end.state is message.state.state and end.retry_after is None:
        # Nothing new for the message: it was acknowledged, given up or tried again meanwhile.
        return Ended(message.message_id, end.state, message.reason, message.next_attempt_at, over)
    reason = None if end.state is MessageState.DELIVERED else error
    due = None if end.retry_after is None else now + end.retry_after
    return Ended(message.message_id, end.state, reason, due, over)


def if_given_up(message: StoredMessage, state: MessageState) -> list[Entry]:
    """The entry of a message that is given up now, and was not before."""
    if state is not MessageState.UNDELIVERED or message.state.state is state:
        return []
    return [given_up(message.message_id, message.transfer_id)]


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


def _attempt(message: StoredMessage, result: Result, outcome: Outcome) -> AttemptRow:
    delivery = result.delivery
    return AttemptRow(
        delivery.message.message_id,
        delivery.message.number,
        ", ".join(map(route_name, delivery.routes)),
        delivery.claimed_at,
        "DELIVERED" if outcome.ok else "FAILED",
        outcome,
        rules.failed_late(message.state, delivered=outcome.ok),
        result.returned,
        outcome.cause,
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
            "cause": outcome.cause,
            "reason": outcome.reason,
            "error": outcome.error,
        },
    )
    return [entry, *if_given_up(message, ended.state)]
