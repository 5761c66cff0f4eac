"""The picture of a timeline: each of its entries, or how many there are, where there are many."""

from dataclasses import dataclass

from ferryman.console.bins import bins_of
from ferryman.console.marks import backlog_of, marks_of
from ferryman.console.pages.timeline_window import Window
from ferryman.console.picture import Frame, Picture, binned_picture, picture_of
from ferryman.console.visit import Visit
from ferryman.console.zoom import Zoom, steps_of
from ferryman.wire.overview import Backlog, TimelineCounts
from ferryman.wire.transfer import TransferView

_PARTS = 96


@dataclass(frozen=True, slots=True)
class Shown:
    """A picture with the steps to other parts of the time, and the counts that it is made of."""

    picture: Picture | None
    steps: list[tuple[str, str, Zoom]]
    seen: Zoom
    counts: TimelineCounts | None


async def shown_of(
    visit: Visit, view: TransferView, window: Window, zoom: Zoom, now: int | None
) -> Shown:
    """Return the picture of the time that is looked at; ``now`` of a transfer that runs."""
    path, age = f"/transfers/{view.transfer_id}", visit.count_age
    newest, counts = window.newest, None
    backlog = None
    if not window.whole or zoom:
        backlog = await visit.calls.get(f"{path}/backlog", Backlog, maxAge=age)
    frame = Frame(
        # What was chosen has an end: the present is beyond it.
        now=now if zoom.end is None else None,
        deadline=view.deadline if now is not None and zoom.end is None else None,
        start=zoom.start,
        end=zoom.end,
        backlog=backlog_of(newest, now) if backlog is None else backlog.points,
    )
    if window.whole:
        until = now if zoom.end is None else zoom.end
        picture = picture_of(
            marks_of(newest, until, view.returned_at or view.export_completed_at), frame
        )
        ends = (newest[0].at, newest[-1].at + 1) if newest else (0, 1)
    else:
        part = {"from": zoom.start, "to": zoom.end}
        counts = await visit.calls.get(
            f"{path}/timeline/counts", TimelineCounts, points=_PARTS, maxAge=age, **part
        )
        picture = binned_picture(bins_of(counts), frame)
        ends = (counts.since, counts.until)
    start = ends[0] if zoom.start is None else zoom.start
    seen = Zoom(start, max(start + 1, ends[1] if zoom.end is None else zoom.end))
    return Shown(picture, steps_of((seen.start or 0, seen.end or 1), zoom), seen, counts)
