"""Select the entries of a timeline that a page shows: the newest, or those around one of them."""

from collections.abc import Sequence
from dataclasses import dataclass, field
from typing import Any

from ferryman.console.visit import Visit
from ferryman.console.zoom import Zoom
from ferryman.wire.transfer import TimelineEntry, TimelinePage

MOST = (1 << 63) - 2
"""The greatest number of an entry that a page may be asked for."""

ROWS = 200
_PICTURE = 500


@dataclass(frozen=True, slots=True)
class TimelineSelection:
    """The selection of a reader: kind and time, and the entry beyond or around which to look."""

    kind: str = ""
    before: int = 0
    after: int = 0
    entry: int = 0
    zoom: Zoom = field(default_factory=Zoom)

    @property
    def query(self) -> dict[str, str | int]:
        """Return it as parameters of an address, without the chosen entry."""
        beyond = {"before": self.before, "after": self.after}
        return self.kept | {name: value for name, value in beyond.items() if value}

    @property
    def kept(self) -> dict[str, str | int]:
        """Return what stays when one goes on to older or newer entries."""
        return {**({"kind": self.kind} if self.kind else {}), **self.zoom.query}


@dataclass(frozen=True, slots=True)
class Window:
    """Entries in the order in which they happened.

    ``older`` and ``newer`` are the entries beyond which there are more; 0: there are none.
    ``newest`` are the last entries of the time, and ``whole`` says that they are all.
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


async def window_of(visit: Visit, path: str, selection: TimelineSelection) -> Window:
    """Return the entries after one, before one, around the chosen one, or the newest."""
    timeline = _Timeline(visit, path, selection.zoom)
    page = await timeline.newest(size=_PICTURE)
    newest = page.items[::-1]
    whole = page.next_cursor is None
    rows = page
    if selection.kind and not (selection.before or selection.after):
        rows = await timeline.newest(kind=selection.kind)
    shown = rows.items[:ROWS]
    around = selection.entry and shown and selection.entry < shown[-1].seq
    if selection.after or selection.before or around:
        return await _elsewhere(timeline, Window([], 0, 0, newest, whole), selection)
    more = rows.next_cursor is not None or len(rows.items) > len(shown)
    return Window(shown[::-1], shown[-1].seq if more and shown else 0, 0, newest, whole)


async def _elsewhere(timeline: "_Timeline", window: Window, selection: TimelineSelection) -> Window:
    before, after, entry = selection.before, selection.after, selection.entry
    around = ROWS if before or after else ROWS // 2
    earlier, later = TimelinePage(items=[]), TimelinePage(items=[])
    if not after:
        earlier = await timeline.newest(
            kind=selection.kind, before=before or entry + 1, size=around
        )
    if not before:
        later = await timeline.page(kind=selection.kind, after=after or entry, pageSize=around)
    entries = [*earlier.items[::-1], *later.items]
    first, last = (entries[0].seq, entries[-1].seq) if entries else (0, 0)
    return Window(
        entries,
        first if after or earlier.next_cursor else 0,
        last if before or later.next_cursor else 0,
        window.newest,
        window.whole,
    )


@dataclass(frozen=True, slots=True)
class _Timeline:
    """The calls for a part of the time of a transfer."""

    visit: Visit
    path: str
    zoom: Zoom

    async def page(self, **query: Any) -> TimelinePage:
        part = {"from": self.zoom.start, "to": self.zoom.end}
        return await self.visit.calls.get(f"{self.path}/timeline", TimelinePage, **query, **part)

    async def newest(self, *, kind: str = "", before: int = 0, size: int = ROWS) -> TimelinePage:
        return await self.page(kind=kind, before=before or None, sort="newest", pageSize=size)


async def entry_of(visit: Visit, path: str, seq: int) -> TimelineEntry | None:
    """Return one entry of a transfer."""
    page = await visit.calls.get(
        f"{path}/timeline", TimelinePage, after=max(0, seq - 1), before=seq + 1
    )
    return next(iter(page.items), None)
