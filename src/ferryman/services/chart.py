"""Numbers over time, for charts: of the platform, and of one transfer."""

from collections.abc import Sequence
from datetime import timedelta
from functools import partial
from itertools import accumulate
from uuid import UUID

from ferryman import refusals
from ferryman.clock import epoch_ms
from ferryman.domain.access import PLATFORM, Actor
from ferryman.services import customer as customer_service
from ferryman.services import list_filter, shared_count
from ferryman.services.platform import Platform, parse_id
from ferryman.store import overview as overview_store
from ferryman.store import transfer as transfer_store
from ferryman.store.database import Transaction
from ferryman.store.overview import ChartSpan, VisibleScope
from ferryman.store.transfer import StoredTransfer
from ferryman.wire.overview import Backlog, BacklogPoint, ChartPoint, Charts

POINTS = 48
MOST_POINTS = 200


async def charts(
    platform: Platform,
    by: Actor = PLATFORM,
    *,
    hours: int = 24,
    points: int = POINTS,
    app: str | None = None,
    customer: str | None = None,
    max_age: float = 0,
) -> Charts:
    """Return files, bytes, attempts and their delays over the last hours.

    With ``max_age``, an answer of at most that many seconds may be returned that was made for a
    caller who sees the same.
    """
    async with platform.database.transaction() as tx:
        reach = await customer_service.narrowed(tx, by.reach, customer)
        whose = VisibleScope(reach.customers, await list_filter.app_ids(tx, reach, app))
        key = ("charts", hours, points, _of(whose.customers), _of(whose.app_ids))
        kept: Charts | None = platform.answer_cache.get(key, tx.now, max_age)
        if kept is not None:
            return kept
        width = timedelta(hours=hours) / points
        span = ChartSpan(tx.now - width * points, width, points)
        made, all_made = await overview_store.attempts(tx, whose, span)
        files, all_files = await overview_store.files(tx, whose, span)
    found = []
    for n in range(points):
        count, size = files.get(n, (0, 0))
        attempts = made.get(n)
        found.append(
            ChartPoint(
                at=epoch_ms(span.since + n * width),
                files=count,
                bytes=size,
                delivered=attempts.delivered if attempts else 0,
                failed=attempts.failed if attempts else 0,
                lost=attempts.lost if attempts else 0,
                first_attempt_p50=attempts.p50 if attempts else None,
                first_attempt_p99=attempts.p99 if attempts else None,
            )
        )
    charts = Charts(
        seconds=width.total_seconds(), points=found, approximate=not (all_made and all_files)
    )
    platform.answer_cache.put(key, span.since + width * points, charts)
    return charts


def _of(keys: Sequence[str] | Sequence[UUID] | None) -> frozenset[str | UUID] | None:
    return None if keys is None else frozenset(keys)


async def backlog(
    platform: Platform, transfer_id: str, *, points: int = POINTS, max_age: float = 0
) -> Backlog:
    """Return uploaded and acknowledged files of a transfer over time, until now or its end.

    With many messages, the answer may be ``max_age`` seconds old.
    """
    wanted = parse_id(refusals.transfer.NOT_FOUND, transfer_id)
    async with platform.database.transaction() as tx:
        stored = await transfer_store.by_id(tx, wanted)
        if stored is None:
            raise refusals.transfer.NOT_FOUND(id=transfer_id)
        age = 0.0
        if max_age:
            counts = await shared_count.messages_of(platform, tx, stored, max_age)
            age = shared_count.age_of(counts.messages, max_age)
        key = "backlog", wanted, stored.state.status, points
        make = partial(_backlog, tx, stored, points)
        return await shared_count.kept(platform, tx, key, age, make)


async def _backlog(tx: Transaction, stored: StoredTransfer, points: int) -> Backlog:
    transfer_id, started = str(stored.transfer_id), stored.state.started_at
    if started is None:
        return Backlog(transfer_id=transfer_id, points=[])
    width = ((stored.state.settled_at or tx.now) - started) / points
    if not width:
        return Backlog(transfer_id=transfer_id, points=[])
    span = ChartSpan(started, width, points)
    moved = await overview_store.backlog(tx, stored.transfer_id, span)
    steps = [moved.get(n, (0, 0)) for n in range(points)]
    uploaded = accumulate(each for each, _ in steps)
    acknowledged = accumulate(each for _, each in steps)
    return Backlog(
        transfer_id=transfer_id,
        points=[
            BacklogPoint(
                at=epoch_ms(started + (n + 1) * width),
                uploaded=up,
                acknowledged=done,
                outstanding=up - done,
            )
            for n, (up, done) in enumerate(zip(uploaded, acknowledged, strict=True))
        ],
    )
