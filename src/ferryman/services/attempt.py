"""Record the outcomes of attempts in batches, and apply the rules to them."""

from collections.abc import Collection, Iterator, Sequence
from dataclasses import dataclass, replace
from datetime import datetime, timedelta
from uuid import UUID

from ferryman.domain import message as message_rules
from ferryman.domain.outcome import Outcome, succeeded
from ferryman.functions.routes import FunctionRoute, Route, WebhookRoute, kind_of, route_name
from ferryman.metrics import Metrics
from ferryman.services import breaker
from ferryman.services.app_cache import AppCache, endpoint_of
from ferryman.services.breaker import Contact
from ferryman.services.delivery import Delivery, given_up
from ferryman.services.platform import Platform
from ferryman.store import delivery as delivery_store
from ferryman.store import message as message_store
from ferryman.store import timeline as timeline_store
from ferryman.store.breaker import EndpointRow
from ferryman.store.database import Transaction
from ferryman.store.delivery import AttemptRow, MessageUpdate
from ferryman.store.message import StoredMessage, label_in
from ferryman.store.timeline import TimelineRow
from ferryman.vocab import MessageState


@dataclass(frozen=True, slots=True)
class AttemptResult:
    """The outcomes of an attempt by route; ``delay`` is the backoff before a retry."""

    delivery: Delivery
    by_route: tuple[tuple[Route, Outcome], ...]
    delay: timedelta

    @property
    def outcome(self) -> Outcome:
        """Return the first failure; without one, a success that lists everything left running.

        An attempt without a remaining route counts as a success.
        """
        outcomes = [outcome for _, outcome in self.by_route]
        if len(outcomes) == 1:
            return outcomes[0]
        failures = (outcome for outcome in outcomes if not outcome.ok)
        whole = outcomes[0] if outcomes else succeeded(duration=0.0)
        left = ", ".join(dict.fromkeys(each.left for each in outcomes if each.left))
        return next(failures, replace(whole, left=left))

    @property
    def returned(self) -> bool:
        """Return whether the message went to functions only, and every one of them returned."""
        return bool(self.by_route) and all(
            outcome.ok and isinstance(route, FunctionRoute) for route, outcome in self.by_route
        )

    @property
    def reached(self) -> list[str]:
        """Return the webhooks that took the message, so that a retry skips them."""
        return [
            route.url
            for route, outcome in self.by_route
            if outcome.ok and isinstance(route, WebhookRoute)
        ]


async def record(
    platform: Platform,
    results: Sequence[AttemptResult],
    cache: AppCache,
    failing: Collection[EndpointRow] = (),
    *,
    again: bool = False,
) -> bool:
    """Write attempts, and what the rules decide for each message and endpoint.

    Returns whether a circuit breaker may have opened or closed. Set ``again`` if an earlier call
    failed but may have committed: what it wrote is skipped.
    """
    async with platform.database.transaction() as tx:
        fresh = await _unwritten(tx, results) if again else results
        turned = await breaker.record(tx, _contacts(fresh), failing, cache)
        for by_id in _rounds(fresh):
            locked = await delivery_store.lock(tx, list(by_id))
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
                        retry_context=outcome.retry_context,
                    )
                )
                attempts.append(_attempt(message, result, outcome))
                entries += _entries(message, result, ended[-1])
            await write(tx, ended, attempts, entries)
            for message_id, result in by_id.items():
                if result.reached and not result.outcome.ok:
                    await message_store.reach(tx, message_id, result.reached)
    _count_results(platform.metrics, results)
    return turned or again


async def _unwritten(tx: Transaction, results: Sequence[AttemptResult]) -> list[AttemptResult]:
    keys = [
        (result.delivery.message.message_id, result.delivery.message.number) for result in results
    ]
    written = await delivery_store.recorded(tx, keys)
    return [result for result, key in zip(results, keys, strict=True) if key not in written]


async def write(
    tx: Transaction,
    ended: list[MessageUpdate],
    attempts: list[AttemptRow],
    entries: list[TimelineRow],
) -> None:
    """Save locked messages with their attempts and timeline entries."""
    if ended:
        await delivery_store.save(tx, ended)
        await delivery_store.record(tx, attempts)
        await timeline_store.add(tx, entries)


def ended_by(
    message: StoredMessage,
    number: int,
    now: datetime,
    *,
    delivered: bool,
    error: str | None,
    delay: timedelta,
    retry_context: str | None = None,
) -> MessageUpdate:
    """Return the update of a message after attempt ``number``."""
    end = message_rules.end_attempt(message.state, number, delivered=delivered, delay=delay)
    over = message_rules.is_current(message.state, number)
    if end.state is message.state.state and end.retry_after is None:
        # No change: the message was acknowledged, given up or retried meanwhile.
        return MessageUpdate(
            message.message_id, end.state, message.reason, message.next_attempt_at, over
        )
    reason = None if end.state is MessageState.DELIVERED else error
    due = None if end.retry_after is None else now + end.retry_after
    context = None if due is None else retry_context
    return MessageUpdate(message.message_id, end.state, reason, due, over, context)


def if_given_up(message: StoredMessage, state: MessageState) -> list[TimelineRow]:
    """Return the timeline entry of a message that is given up now, if it was not before."""
    if state is not MessageState.UNDELIVERED or message.state.state is state:
        return []
    return [given_up(message.message_id, message.transfer_id)]


def _rounds(results: Sequence[AttemptResult]) -> list[dict[UUID, AttemptResult]]:
    """Split results so that no message occurs twice in a round.

    An attempt that was presumed lost can end together with its retry.
    """
    rounds: list[dict[UUID, AttemptResult]] = []
    for result in results:
        message_id = result.delivery.message.message_id
        free = next(
            (results_by_id for results_by_id in rounds if message_id not in results_by_id), None
        )
        if free is None:
            rounds.append(free := {})
        free[message_id] = result
    return rounds


def _count_results(metrics: Metrics, results: Sequence[AttemptResult]) -> None:
    metrics.inc("ferryman_deliveries_in_flight", -len(results))
    for result in results:
        for route, outcome in result.by_route:
            target = kind_of(route)
            status = "delivered" if outcome.ok else "failed"
            metrics.count("ferryman_attempts_total", status, target)
            metrics.observe("ferryman_attempt_seconds", outcome.duration, target)


def _contacts(results: Sequence[AttemptResult]) -> Iterator[Contact]:
    for result in results:
        for route, outcome in result.by_route:
            endpoint = EndpointRow(result.delivery.app.app_id, endpoint_of(route))
            # A function that raises holds nobody up; only one that hangs opens its breaker.
            ok = outcome.ok or (isinstance(route, FunctionRoute) and not outcome.hung)
            yield Contact(endpoint, ok, outcome)


def _attempt(message: StoredMessage, result: AttemptResult, outcome: Outcome) -> AttemptRow:
    delivery = result.delivery
    return AttemptRow(
        delivery.message.message_id,
        delivery.message.number,
        ", ".join(map(route_name, delivery.routes)),
        delivery.claimed_at,
        "DELIVERED" if outcome.ok else "FAILED",
        outcome,
        message_rules.failed_late(message.state, delivered=outcome.ok),
        result.returned,
        outcome.cause,
    )


def _entries(
    message: StoredMessage, result: AttemptResult, ended: MessageUpdate
) -> list[TimelineRow]:
    outcome, label = result.outcome, label_in(message.payload)
    entry = TimelineRow(
        message.transfer_id,
        "attempt.delivered" if outcome.ok else "attempt.failed",
        {
            "messageId": str(message.message_id),
            "number": result.delivery.message.number,
            "target": ", ".join(map(route_name, result.delivery.routes)),
            "eventType": message.event_type.value,
            **({"label": label} if label else {}),
            "durationMs": round(outcome.duration * 1000),
            "cause": outcome.cause,
            "reason": outcome.reason,
            "error": outcome.error,
        },
    )
    return [entry, *if_given_up(message, ended.state)]
