"""Read the timeline of a transfer by page, or follow it live."""

import asyncio
from collections.abc import AsyncIterator
from dataclasses import dataclass
from time import monotonic

from ferryman import refusals
from ferryman.domain.limits import ADMIN_PAGE, LABEL_CHARACTERS
from ferryman.services.platform import (
    Platform,
    check_text,
    decode_position,
    encode_cursor,
    instant,
    page_size,
    parse_id,
    wait_for_event,
)
from ferryman.store import diagnosis as diagnosis_store
from ferryman.store import timeline as timeline_store
from ferryman.store import transfer as transfer_store
from ferryman.store.timeline import EntryFilter
from ferryman.vocab import ListSort
from ferryman.wire.transfer import TimelineEntry, TimelinePage

_POLL_SECONDS = 0.25
_OVERLAP_SECONDS = 10.0
_LAST_SECONDS = 10.0
"""How long to wait, once a transfer has settled, for attempts that are still running."""


@dataclass(frozen=True, slots=True, kw_only=True)
class TimelineQuery:
    """A filter of entries; ``kind`` is a kind, or a noun for all its kinds.

    ``after`` and ``before`` are numbers of entries, both exclusive; ``since`` (inclusive) and
    ``until`` (exclusive) are epoch milliseconds.
    """

    kind: str | None = None
    message_id: str | None = None
    after: int | None = None
    before: int | None = None
    since: int | None = None
    until: int | None = None
    sort: ListSort = ListSort.OLDEST


async def page(
    platform: Platform,
    transfer_id: str,
    wanted: TimelineQuery | None = None,
    *,
    cursor: str | None = None,
    size: int | None = None,
) -> TimelinePage:
    """Return a page of entries in the order that is asked for."""
    wanted = wanted or TimelineQuery()
    limit = page_size(size, default=ADMIN_PAGE, greatest=ADMIN_PAGE)
    parsed_id = parse_id(refusals.transfer.NOT_FOUND, transfer_id)
    check_text("kind", wanted.kind or "", longest=LABEL_CHARACTERS)
    query = ("timeline", parsed_id, wanted)
    place = decode_position(cursor, *query) or None
    newest = wanted.sort is ListSort.NEWEST
    bounds = EntryFilter(
        kind=wanted.kind,
        message_id=_message(wanted.message_id),
        after=(wanted.after or 0) if newest or place is None else place,
        before=place if newest and place is not None else wanted.before,
        since=instant(wanted.since),
        until=instant(wanted.until),
    )
    async with platform.database.transaction() as tx:
        if await transfer_store.by_id(tx, parsed_id) is None:
            raise refusals.transfer.NOT_FOUND(id=transfer_id)
        entries = await timeline_store.page(tx, parsed_id, bounds, size=limit + 1, newest=newest)
    more = len(entries) > limit
    return TimelinePage(
        items=entries[:limit],
        next_cursor=encode_cursor(str(entries[limit - 1].seq), *query) if more else None,
    )


def _message(message_id: str | None) -> str | None:
    """Return the id as entries have it; raises ``NotFound`` for anything else."""
    return None if message_id is None else str(parse_id(refusals.message.NOT_FOUND, message_id))


async def follow(
    platform: Platform,
    transfer_id: str,
    after: int,
    closing: asyncio.Event,
    *,
    kind: str | None = None,
) -> AsyncIterator[TimelineEntry]:
    """Yield entries after ``after`` as they are written, until the transfer has settled.

    A function acknowledges before it returns, so attempts that still run then are waited for, but
    not for long. It also ends when ``closing`` is set; the caller then continues on another
    replica. Sequence numbers are drawn before transactions commit, so an entry can appear after a
    later one. What was read in the last seconds is therefore read again, and entries already
    yielded are skipped. Those seconds are real ones: a virtual clock may have been moved.
    """
    parsed_id = parse_id(refusals.transfer.NOT_FOUND, transfer_id)
    given: dict[int, float] = {}
    polls_left = _LAST_SECONDS / _POLL_SECONDS
    while True:
        async with platform.database.transaction() as tx:
            stored = await transfer_store.by_id(tx, parsed_id)
            if stored is None:
                raise refusals.transfer.NOT_FOUND(id=transfer_id)
            over = stored.state.status.final
            # Asked before the entries are read: what ends in between is among them.
            if over and polls_left > 0 and await diagnosis_store.running(tx, parsed_id):
                polls_left -= 1
                over = False
            entries = await timeline_store.page(
                tx, parsed_id, EntryFilter(after=after), size=ADMIN_PAGE
            )
        now = monotonic()
        fresh = [entry for entry in entries if entry.seq not in given]
        for entry in fresh:
            given[entry.seq] = now
            if kind is None or entry.kind == kind or entry.kind.startswith(f"{kind}."):
                yield entry
        if len(entries) == ADMIN_PAGE:
            after = entries[-1].seq
        elif not fresh and over:
            return
        else:
            old = [seq for seq, at in given.items() if at < now - _OVERLAP_SECONDS]
            after = max([after, *old])
            given = {seq: at for seq, at in given.items() if seq > after}
            if await wait_for_event(closing, _POLL_SECONDS):
                return
