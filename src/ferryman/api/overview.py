"""Answer what needs attention, and numbers over time, for those who watch the platform."""

from typing import Annotated

from litestar import get
from litestar.params import QueryParameter

from ferryman.api.parameters import (
    Author,
    CountAge,
    EntryFrom,
    EntryTo,
    Id,
    MaxAge,
    OfApp,
    OfCustomer,
    OwnPlatform,
)
from ferryman.services import chart, overview
from ferryman.services.timeline_counts import timeline_counts
from ferryman.wire.overview import Backlog, Charts, Overview, TimelineCounts

_Hours = Annotated[
    int, QueryParameter(name="hours", ge=1, le=720, description="Length of the time until now.")
]
_Points = Annotated[
    int, QueryParameter(name="points", ge=1, le=chart.MOST_POINTS, description="Number of points.")
]


@get("/overview")
async def get_overview(
    platform: OwnPlatform, actor: Author, customer: OfCustomer = None, max_age: MaxAge = 0
) -> Overview:
    """Return what needs attention, most urgent first, and the most urgent running transfers."""
    return await overview.overview(platform, actor, customer=customer, max_age=max_age)


@get("/charts")
async def get_charts(
    platform: OwnPlatform,
    actor: Author,
    *,
    hours: _Hours = 24,
    points: _Points = chart.POINTS,
    cloud_app_key: OfApp = None,
    customer: OfCustomer = None,
    max_age: MaxAge = 0,
) -> Charts:
    """Return files, bytes, attempts by outcome and the delay of first attempts over time."""
    return await chart.charts(
        platform,
        actor,
        hours=hours,
        points=points,
        app=cloud_app_key,
        customer=customer,
        max_age=max_age,
    )


@get("/transfers/{transfer_id:str}/backlog")
async def get_backlog(
    platform: OwnPlatform,
    transfer_id: Id,
    points: _Points = chart.POINTS,
    max_age: CountAge = 0,
) -> Backlog:
    """Return how many files of a transfer were uploaded and acknowledged over time."""
    return await chart.backlog(platform, transfer_id, points=points, max_age=max_age)


@get("/transfers/{transfer_id:str}/timeline/counts")
async def get_timeline_counts(
    platform: OwnPlatform,
    transfer_id: Id,
    since: EntryFrom = None,
    until: EntryTo = None,
    points: _Points = chart.POINTS,
    max_age: CountAge = 0,
) -> TimelineCounts:
    """Count the entries of a transfer's timeline by kind, in equal parts of a time range."""
    return await timeline_counts(
        platform, transfer_id, since=since, until=until, points=points, max_age=max_age
    )
