"""The part of a timeline that a page shows: its newest entries, or those around one of them."""

from collections.abc import Sequence
from dataclasses import dataclass

from ferryman.console.visit import Visit
from ferryman.wire.transfer import TimelineEntry, TimelinePage

MOST = (1 << 63) - 2
"""The greatest number of an entry that a page may be asked for."""

ROWS = 200
_PICTURE = 500


@dataclass(frozen=True, slots=True)
class Window:
    """Entries in the order in which they happened.

    ``older`` and ``newer`` are the entries beyond which there are more; 0: there are none.
    ``newest`` are the last entries of the transfer, and ``whole`` says that they are all.
    """

    entries: Sequence[TimelineEntry]
    older: int
    newer: int
    newest: Sequence[TimelineEntry]
    whole: bool

    @property
    def known(self) -> Sequence[TimelineEntry]:
        """Return all entries that were read."""
        return [*self.entries, *self.newest]


async def window_of(
    visit: Visit, path: str, *, kind: str = "", before: int = 0, after: int = 0, entry: int = 0
) -> Window:
    """Return the entries after one, before one, around the chosen one, or the newest."""
    page = await _newest(visit, path, size=_PICTURE)
    newest = page.items[::-1]
    whole = page.next_cursor is None
    rows = page
    if kind and not (before or after):
        rows = await _newest(visit, path, kind=kind)
    shown = rows.items[:ROWS]
    if after or before or (entry and entry < shown[-1].seq if shown else False):
        return await _elsewhere(
            visit, path, Window([], 0, 0, newest, whole), kind, (before, after, entry)
        )
    more = rows.next_cursor is not None or len(rows.items) > len(shown)
    return Window(shown[::-1], shown[-1].seq if more and shown else 0, 0, newest, whole)


async def _elsewhere(
    visit: Visit, path: str, window: Window, kind: str, place: tuple[int, int, int]
) -> Window:
    before, after, entry = place
    around = ROWS if before or after else ROWS // 2
    earlier, later = TimelinePage(items=[]), TimelinePage(items=[])
    if not after:
        earlier = await _newest(visit, path, kind=kind, before=before or entry + 1, size=around)
    if not before:
        later = await visit.calls.get(
            f"{path}/timeline", TimelinePage, kind=kind, after=after or entry, pageSize=around
        )
    entries = [*earlier.items[::-1], *later.items]
    first, last = (entries[0].seq, entries[-1].seq) if entries else (0, 0)
    return Window(
        entries,
        first if after or earlier.next_cursor else 0,
        last if before or later.next_cursor else 0,
        window.newest,
        window.whole,
    )


async def _newest(
    visit: Visit, path: str, *, kind: str = "", before: int = 0, size: int = ROWS
) -> TimelinePage:
    return await visit.calls.get(
        f"{path}/timeline",
        TimelinePage,
        kind=kind,
        before=before or None,
        sort="newest",
        pageSize=size,
    )


async def entry_of(visit: Visit, path: str, seq: int) -> TimelineEntry | None:
    """Return one entry of a transfer."""
    page = await visit.calls.get(
        f"{path}/timeline", TimelinePage, after=max(0, seq - 1), before=seq + 1
    )
    return next(iter(page.items), None)
