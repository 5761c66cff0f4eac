"""A worker's lifecycle: heartbeats, rescue of its messages, shutdown."""

import asyncio
import os
import socket
from collections.abc import Callable, Collection, Mapping, Sequence
from dataclasses import dataclass
from datetime import datetime, timedelta
from functools import cache
from importlib.metadata import version
from types import MappingProxyType
from uuid import UUID

import structlog

from ferryman.services.attempt import ended_by, if_given_up, write
from ferryman.services.metrics import own_series
from ferryman.services.platform import Platform
from ferryman.store import app as app_store
from ferryman.store import breaker as breaker_store
from ferryman.store import delivery as delivery_store
from ferryman.store import worker as worker_store
from ferryman.store.app import AppRow
from ferryman.store.breaker import EndpointRow
from ferryman.store.database import Transaction
from ferryman.store.delivery import AttemptRow, ClaimedMessage, Lane, LaneDueTime
from ferryman.store.message import StoredMessage
from ferryman.store.metrics import rest_series
from ferryman.store.timeline import TimelineRow
from ferryman.store.worker import WorkerProcess
from ferryman.vocab import FailureCause

log = structlog.get_logger("ferryman.delivery")

_DIED = "the process that made this attempt died before its outcome was known"
_UNKNOWN = "the connection to the database broke before this attempt could begin"
_AT_ONCE = 500


@dataclass(frozen=True, slots=True)
class WorkerView:
    """The due lanes and failing endpoints, as a worker sees them.

    ``before``: the event loop's time just before the heartbeat was committed. The answer may come
    much later, and others count the worker's silence from the commit.
    """

    due: dict[Lane, LaneDueTime]
    failing: frozenset[EndpointRow]
    now: datetime
    draining_since: datetime | None
    before: float


@cache
def _process() -> WorkerProcess:
    return WorkerProcess(socket.gethostname(), os.getpid(), version("ferryman"))


async def heartbeat(
    platform: Platform,
    worker_id: UUID,
    draining_since: datetime | None = None,
    *,
    idle: bool = False,
    rests: Mapping[str, float] = MappingProxyType({}),
) -> WorkerView:
    """Record that this worker is alive; return what is due and what fails.

    ``draining_since`` is what the worker knows of being drained; the view has the current value.
    ``idle`` says that it is drained and no claim is under way. ``rests`` are the ids of apps whose
    hosts keep dying, with the seconds until one may start.
    """
    async with platform.database.transaction() as tx:
        draining_since = await worker_store.record_heartbeat(
            tx,
            worker_id,
            [*own_series(platform), *rest_series(rests)],
            _process(),
            draining_since=draining_since,
            idle=idle,
        )
        due = await delivery_store.due_lanes(tx)
        failing = frozenset(breaker.endpoint for breaker in await breaker_store.every(tx))
        before = asyncio.get_running_loop().time()
        return WorkerView(due, failing, tx.now, draining_since, before)


Silent = Callable[[Mapping[UUID, datetime]], Mapping[UUID, datetime]]
"""Select the silent workers; the argument has each worker's last heartbeat (database time)."""


async def rescue(platform: Platform, silent: Silent) -> int:
    """Free messages claimed by workers that are silent or gone; return their number."""
    async with platform.database.transaction() as tx:
        seen = await worker_store.last_heartbeats(tx)
        orphans = await worker_store.orphans(tx, silent(seen), _AT_ONCE)
        apps = await _lose(tx, orphans, _DIED, FailureCause.WORKER_DIED)
    _log_lost(platform, orphans, apps)
    return len(orphans)


async def release_unheld(platform: Platform, worker_id: UUID, held: Collection[UUID]) -> int:
    """Free messages that this worker claimed without knowing it; return their number.

    ``held`` are those it knows of. If the connection breaks while a claim commits, the claim may
    have succeeded: nobody sends its messages, and while this worker lives, nobody rescues them.
    """
    async with platform.database.transaction() as tx:
        unknown = await worker_store.unheld(tx, worker_id, held)
        apps = await _lose(tx, unknown, _UNKNOWN, FailureCause.DELIVERY_FAILED)
    _log_lost(platform, unknown, apps)
    return len(unknown)


async def release(platform: Platform, worker_id: UUID, message: ClaimedMessage) -> None:
    """Release a claimed message that was not begun; it is due again under the same attempt number.

    Nothing changes if the worker no longer owns it.
    """
    async with platform.database.statement() as tx:
        await worker_store.release_message(tx, worker_id, message.message_id, message.number)
    platform.metrics.inc("ferryman_deliveries_in_flight", -1)


async def report(platform: Platform, worker_id: UUID, error: str | None) -> None:
    """Record the worker's current error, for explanations; None clears it."""
    async with platform.database.transaction() as tx:
        await worker_store.record_error(tx, worker_id, error)


async def sign_off(platform: Platform, worker_id: UUID) -> None:
    """Remove a worker that ends and holds no messages."""
    async with platform.database.transaction() as tx:
        await worker_store.remove(tx, worker_id)


async def _lose(
    tx: Transaction, lost: Sequence[StoredMessage], error: str, cause: FailureCause
) -> dict[UUID, AppRow]:
    """Count the attempts at these messages as lost; return their apps by id."""
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
        entries.append(TimelineRow(message.transfer_id, "attempt.lost", facts))
        entries += if_given_up(message, ended[-1].state)
    await write(tx, ended, attempts, entries)
    apps = await app_store.by_ids(tx, {message.app_id for message in lost}) if lost else []
    return {app.app_id: app for app in apps}


def _log_lost(platform: Platform, lost: Sequence[StoredMessage], apps: dict[UUID, AppRow]) -> None:
    for message in lost:
        platform.metrics.count("ferryman_attempts_total", "lost", "")
        app = apps[message.app_id]
        log.warning(
            "attempt.lost",
            app=app.cloud_app_key,
            environment=app.environment,
            transfer=str(message.transfer_id),
            message=str(message.message_id),
            event_type=message.event_type.value,
            number=message.state.attempts,
        )
