"""A worker's life: what it sees, what it fails at, what becomes of what it held."""

from collections.abc import Collection, Sequence
from dataclasses import dataclass
from datetime import datetime, timedelta
from uuid import UUID

import structlog

from ferryman.services.attempt import ended_by, if_given_up, write
from ferryman.services.metrics import own_series
from ferryman.services.platform import Platform
from ferryman.store import app as apps
from ferryman.store import breaker as breakers
from ferryman.store import delivery as deliveries
from ferryman.store import worker as workers
from ferryman.store.app import App
from ferryman.store.breaker import Endpoint
from ferryman.store.database import Transaction
from ferryman.store.delivery import AttemptRow, ClaimedMessage, Due, Entry, Lane
from ferryman.store.message import StoredMessage
from ferryman.vocab import FailureCause

log = structlog.get_logger("ferryman.delivery")

_DIED = "the process that made this attempt died before its outcome was known"
_UNKNOWN = "the connection to the database broke before this attempt could begin"
_AT_ONCE = 500


@dataclass(frozen=True, slots=True)
class Sight:
    """What a worker sees of all lanes and endpoints."""

    due: dict[Lane, Due]
    failing: frozenset[Endpoint]
    now: datetime


async def look(platform: Platform, worker_id: UUID) -> Sight:
    """Say that this worker lives, and see what is due and what fails."""
    async with platform.database.transaction() as tx:
        await workers.see(tx, worker_id, own_series(platform))
        due = await deliveries.due_lanes(tx)
        failing = frozenset(each.endpoint for each in await breakers.every(tx))
        return Sight(due, failing, tx.now)


async def take_over(platform: Platform, silence: timedelta) -> int:
    """Free what workers claimed that were silent so long; how many messages there were."""
    async with platform.database.transaction() as tx:
        orphans = await workers.orphans(tx, silence, _AT_ONCE)
        known = await _lose(tx, orphans, _DIED, FailureCause.WORKER_DIED)
    _tell(platform, orphans, known)
    return len(orphans)


async def let_go(platform: Platform, worker_id: UUID, held: Collection[UUID]) -> int:
    """Free what this worker claimed without knowing it; how many messages there were.

    ``held`` are those that it knows of. A claim whose connection broke while it was committed
    may have come to be: nobody sends what it took, and as this worker lives, nobody would.
    """
    async with platform.database.transaction() as tx:
        unknown = await workers.unheld(tx, worker_id, held)
        known = await _lose(tx, unknown, _UNKNOWN, FailureCause.DELIVERY_FAILED)
    _tell(platform, unknown, known)
    return len(unknown)


async def give_back(platform: Platform, worker_id: UUID, message: ClaimedMessage) -> None:
    """Nothing was begun with what this worker claimed: it is due again, at the same attempt.

    Nothing changes if it is the worker's no more.
    """
    async with platform.database.statement() as tx:
        await workers.give_back(tx, worker_id, message.message_id, message.number)
    platform.figures.shift("ferryman_deliveries_in_flight", -1)


async def tell(platform: Platform, worker_id: UUID, error: str | None) -> None:
    """Say what this worker fails at, for explanations; None once all is well again."""
    async with platform.database.transaction() as tx:
        await workers.tell(tx, worker_id, error)


async def leave(platform: Platform, worker_id: UUID) -> None:
    """The worker ends, with nothing in its hands."""
    async with platform.database.transaction() as tx:
        await workers.forget(tx, worker_id)


async def _lose(
    tx: Transaction, lost: Sequence[StoredMessage], error: str, cause: FailureCause
) -> dict[UUID, App]:
    """Count their attempts as lost; the apps that they are of."""
    ended, attempts, entries = [], [], []
    for message in lost:
        number, began = message.state.attempts, message.claimed_at or tx.now
        ended.append(
            ended_by(message, number, tx.now, delivered=False, error=error, delay=timedelta(0))
        )
        attempts.append(
            AttemptRow(
                message.message_id, number, None, began, "LOST", None, cause=cause, error=error
            )
        )
        facts = {"messageId": str(message.message_id), "number": number, "cause": cause}
        entries.append(Entry(message.transfer_id, "attempt.lost", facts))
        entries += if_given_up(message, ended[-1].state)
    await write(tx, ended, attempts, entries)
    found = await apps.by_ids(tx, {message.app_id for message in lost}) if lost else []
    return {app.app_id: app for app in found}


def _tell(platform: Platform, lost: Sequence[StoredMessage], known: dict[UUID, App]) -> None:
    for message in lost:
        platform.figures.count("ferryman_attempts_total", "lost", "")
        app = known[message.app_id]
        log.warning(
            "attempt.lost",
            app=app.cloud_app_key,
            environment=app.environment,
            transfer=str(message.transfer_id),
            message=str(message.message_id),
            event_type=message.event_type.value,
            number=message.state.attempts,
        )
