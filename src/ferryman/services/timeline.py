"""The journal of a transfer, by page and as it grows."""

import asyncio
from collections.abc import AsyncIterator

from ferryman.clock import epoch_ms
from ferryman.domain.limits import ADMIN_PAGE
from ferryman.errors import not_found
from ferryman.services.platform import (
    Platform,
    decode_position,
    encode_cursor,
    page_size,
    parse_id,
    passed,
)
from ferryman.store import timeline
from ferryman.store import transfer as transfers
from ferryman.wire.transfer import TimelineEntry, TimelinePage

_POLL_SECONDS = 0.25
_OVERLAP_MS = 10_000


async def page(
    platform: Platform, transfer_id: str, *, cursor: str | None, size: int | None
) -> TimelinePage:
    """Entries after ``cursor``, oldest first."""
    limit = page_size(size, default=ADMIN_PAGE, greatest=ADMIN_PAGE)
    wanted = parse_id("transfer", transfer_id)
    query = ("timeline", wanted)
    after = decode_position(cursor, *query)
    async with platform.database.transaction() as tx:
        if await transfers.by_id(tx, wanted) is None:
            raise not_found("transfer", transfer_id)
        found = await timeline.page(tx, wanted, after=after, size=limit + 1)
    more = len(found) > limit
    return TimelinePage(
        items=found[:limit],
        next_cursor=encode_cursor(str(found[limit - 1].seq), *query) if more else None,
    )


async def follow(
    platform: Platform, transfer_id: str, after: int, closing: asyncio.Event
) -> AsyncIterator[TimelineEntry]:
    """Entries after ``after`` as they come, until the transfer has settled and all were given.

    Also ends when ``closing`` is set: the caller then follows on elsewhere.

    Numbers are drawn before transactions commit, so an entry can appear behind a later one:
    the last seconds are therefore read again, and what was given already is left out.
    """
    wanted = parse_id("transfer", transfer_id)
    given: dict[int, int] = {}
    while True:
        async with platform.database.transaction() as tx:
            stored = await transfers.by_id(tx, wanted)
            if stored is None:
                raise not_found("transfer", transfer_id)
            found = await timeline.page(tx, wanted, after=after, size=ADMIN_PAGE)
            horizon = epoch_ms(tx.now) - _OVERLAP_MS
        fresh = [entry for entry in found if entry.seq not in given]
        for entry in fresh:
            given[entry.seq] = entry.at
            yield entry
        if len(found) == ADMIN_PAGE:
            after = found[-1].seq
        elif not fresh and stored.state.status.final:
            return
        else:
            old = [seq for seq, at in given.items() if at < horizon]
            after = max([after, *old])
            given = {seq: at for seq, at in given.items() if seq > after}
            if await passed(closing, _POLL_SECONDS):
                return
