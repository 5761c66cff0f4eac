"""Read the timeline of a transfer by page, or follow it live."""

import asyncio
from collections.abc import AsyncIterator

from ferryman import refusals
from ferryman.clock import epoch_ms
from ferryman.domain.limits import ADMIN_PAGE, LABEL_CHARACTERS
from ferryman.services.platform import (
    Platform,
    check_text,
    decode_position,
    encode_cursor,
    page_size,
    parse_id,
    wait_for_event,
)
from ferryman.store import timeline as timeline_store
from ferryman.store import transfer as transfer_store
from ferryman.wire.transfer import TimelineEntry, TimelinePage

_POLL_SECONDS = 0.25
_OVERLAP_MS = 10_000


async def page(
    platform: Platform,
    transfer_id: str,
    *,
    kind: str | None = None,
    cursor: str | None,
    size: int | None,
) -> TimelinePage:
    """Return a page of entries, oldest first; ``kind`` is a kind, or a noun for all its kinds."""
    limit = page_size(size, default=ADMIN_PAGE, greatest=ADMIN_PAGE)
    parsed_id = parse_id(refusals.transfer.NOT_FOUND, transfer_id)
    check_text("kind", kind or "", longest=LABEL_CHARACTERS)
    query = ("timeline", parsed_id, kind)
    after = decode_position(cursor, *query)
    async with platform.database.transaction() as tx:
        if await transfer_store.by_id(tx, parsed_id) is None:
            raise refusals.transfer.NOT_FOUND(id=transfer_id)
        entries = await timeline_store.page(tx, parsed_id, kind=kind, after=after, size=limit + 1)
    more = len(entries) > limit
    return TimelinePage(
        items=entries[:limit],
        next_cursor=encode_cursor(str(entries[limit - 1].seq), *query) if more else None,
    )


async def follow(
    platform: Platform,
    transfer_id: str,
    after: int,
    closing: asyncio.Event,
    *,
    kind: str | None = None,
) -> AsyncIterator[TimelineEntry]:
    """Yield entries after ``after`` as they are written, until the transfer has settled.

    It also ends when ``closing`` is set; the caller then continues on another replica. Sequence
    numbers are drawn before transactions commit, so an entry can appear after a later one. The last
    seconds are therefore read again, and entries already yielded are skipped.
    """
    parsed_id = parse_id(refusals.transfer.NOT_FOUND, transfer_id)
    given: dict[int, int] = {}
    while True:
        async with platform.database.transaction() as tx:
            stored = await transfer_store.by_id(tx, parsed_id)
            if stored is None:
                raise refusals.transfer.NOT_FOUND(id=transfer_id)
            entries = await timeline_store.page(tx, parsed_id, after=after, size=ADMIN_PAGE)
            horizon = epoch_ms(tx.now) - _OVERLAP_MS
        fresh = [entry for entry in entries if entry.seq not in given]
        for entry in fresh:
            given[entry.seq] = entry.at
            if kind is None or entry.kind == kind or entry.kind.startswith(f"{kind}."):
                yield entry
        if len(entries) == ADMIN_PAGE:
            after = entries[-1].seq
        elif not fresh and stored.state.status.final:
            return
        else:
            old = [seq for seq, at in given.items() if at < horizon]
            after = max([after, *old])
            given = {seq: at for seq, at in given.items() if seq > after}
            if await wait_for_event(closing, _POLL_SECONDS):
                return
