"""Count the entries of a timeline over time, for the picture of a long one."""

from datetime import UTC, datetime, timedelta
from functools import partial
from uuid import UUID

from ferryman import refusals
from ferryman.clock import epoch_ms
from ferryman.services import shared_count
from ferryman.services.platform import Platform, instant, parse_id
from ferryman.store import timeline as timeline_store
from ferryman.store import transfer as transfer_store
from ferryman.store.database import Transaction
from ferryman.wire.overview import TimelineCounts, TimelinePart


async def timeline_counts(
    platform: Platform,
    transfer_id: str,
    *,
    since: int | None = None,
    until: int | None = None,
    points: int,
    max_age: float = 0,
) -> TimelineCounts:
    """Count entries from ``since`` to ``until`` (epoch milliseconds) in equal parts of the time.

    Without them it is the time from the first entry to the last. Counts of many entries may be
    ``max_age`` seconds old.
    """
    wanted = parse_id(refusals.transfer.NOT_FOUND, transfer_id)
    begin, end = instant(since), instant(until)
    async with platform.database.transaction() as tx:
        stored = await transfer_store.by_id(tx, wanted)
        if stored is None:
            raise refusals.transfer.NOT_FOUND(id=transfer_id)
        key = "entries over time", wanted, stored.state.status, begin, end, points
        kept: TimelineCounts | None = platform.answer_cache.get(key, tx.now, max_age)
        age = 0 if kept is None else shared_count.age_of(kept.entries, max_age)
        make = partial(_count, tx, wanted, begin, end, points)
        return await shared_count.kept(platform, tx, key, age, make)


async def _count(
    tx: Transaction, transfer_id: UUID, begin: datetime | None, end: datetime | None, points: int
) -> TimelineCounts:
    first, last = await timeline_store.ends(tx, transfer_id) or (tx.now, tx.now)
    # In whole milliseconds, as whoever asks for a part names its ends.
    since = epoch_ms(first if begin is None else begin)
    until = max(since, epoch_ms(last if end is None else end)) + (1 if end is None else 0)
    width = max(1, -(-(until - since) // points))
    found = await timeline_store.over_time(
        tx, transfer_id, _time(since), end, timedelta(milliseconds=width)
    )
    parts: dict[datetime, TimelinePart] = {}
    for each in found:
        at = epoch_ms(each.part)
        made = TimelinePart(at=at, end=at + width, counts={}, failed={})
        part = parts.setdefault(each.part, made)
        part.counts[each.kind] = each.number
        if each.failed:
            part.failed[each.kind] = each.failed
    return TimelineCounts(
        transfer_id=str(transfer_id),
        since=since,
        until=until,
        entries=sum(each.number for each in found),
        points=list(parts.values()),
    )


def _time(at: int) -> datetime:
    return datetime.fromtimestamp(at / 1000, UTC)
