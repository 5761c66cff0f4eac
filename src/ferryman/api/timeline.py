"""The timeline of a transfer, for the operator: a page of it, or a stream."""

import asyncio
from collections.abc import AsyncIterator, Awaitable, Callable
from time import monotonic
from typing import Annotated, Any, TypeVar

import msgspec
from litestar import Request, Response, get
from litestar.di import NamedDependency
from litestar.params import QueryParameter
from litestar.response import ServerSentEvent, ServerSentEventMessage

from ferryman.api.admin_auth import Authenticator
from ferryman.api.parameters import (
    Closing,
    Cursor,
    EntryFrom,
    EntryKind,
    EntryTo,
    Id,
    OwnPlatform,
    PageSize,
)
from ferryman.services import timeline
from ferryman.services import transfer as transfer_service
from ferryman.services.timeline import TimelineQuery
from ferryman.vocab import ListSort
from ferryman.wire.transfer import TimelineEntry

_MOST = (1 << 63) - 1
_After = Annotated[
    int | None,
    QueryParameter(
        name="after", ge=0, le=_MOST, description="Only entries whose `seq` is greater."
    ),
]
_Before = Annotated[
    int | None,
    QueryParameter(name="before", ge=0, le=_MOST, description="Only entries whose `seq` is less."),
]
_OfMessage = Annotated[
    str | None, QueryParameter(name="messageId", description="Only entries about this message.")
]
_Sort = Annotated[
    ListSort, QueryParameter(name="sort", description="`oldest` (the default) or `newest` first.")
]


@get("/transfers/{transfer_id:str}/timeline")
async def get_timeline(
    request: Request[Any, Any, Any],
    platform: OwnPlatform,
    closing: Closing,
    authenticator: NamedDependency[Authenticator],
    transfer_id: Id,
    *,
    kind: EntryKind = None,
    message_id: _OfMessage = None,
    after: _After = None,
    before: _Before = None,
    since: EntryFrom = None,
    until: EntryTo = None,
    sort: _Sort = ListSort.OLDEST,
    cursor: Cursor = None,
    size: PageSize = None,
) -> Response[Any]:
    """List what happened, in order; `Accept: text/event-stream` also streams what happens next.

    A stream takes `kind` alone, and goes on after `Last-Event-ID`.
    """
    if "text/event-stream" not in request.headers.get("accept", ""):
        wanted = TimelineQuery(
            kind=kind,
            message_id=message_id,
            after=after,
            before=before,
            since=since,
            until=until,
            sort=sort,
        )
        page = await timeline.page(platform, transfer_id, wanted, cursor=cursor, size=size)
        return Response(page)
    await transfer_service.view(platform, transfer_id)  # refuse before the stream has begun
    last = request.headers.get("last-event-id", "0")
    number = int(last) if last.isdecimal() and len(last) < 19 else 0
    entries = timeline.follow(platform, transfer_id, number, closing, kind=kind)
    events = _events(entries, lambda: authenticator.still_admits(request))
    # nginx collects an answer before it forwards it, unless it is asked not to.
    return ServerSentEvent(events, headers={"X-Accel-Buffering": "no"})


async def _events(
    entries: AsyncIterator[TimelineEntry], admitted: Callable[[], Awaitable[bool]]
) -> AsyncIterator[ServerSentEventMessage]:
    checked = monotonic()
    async for entry in with_heartbeat(entries):
        if monotonic() - checked >= _RECHECK_SECONDS:
            if not await admitted():
                return  # the token was revoked or expired meanwhile
            checked = monotonic()
        if entry is None:
            yield ServerSentEventMessage(data=None, comment="")
            continue
        yield ServerSentEventMessage(
            data=msgspec.json.encode(entry).decode(), id=str(entry.seq), event=entry.kind
        )


T = TypeVar("T")

_RECHECK_SECONDS = 3.5
"""A stream ends within 5 seconds of its token."""

HEARTBEAT_SECONDS = 4.0
"""Shorter than the 50 to 60 seconds of silence after which proxies cut a connection."""


async def with_heartbeat(
    items: AsyncIterator[T], seconds: float = HEARTBEAT_SECONDS
) -> AsyncIterator[T | None]:
    """Yield ``items`` as they come, and None whenever ``seconds`` pass without one."""
    coming = asyncio.ensure_future(anext(items, None))
    try:
        while True:
            done, _ = await asyncio.wait({coming}, timeout=seconds)
            if not done:
                yield None
                continue
            item = coming.result()
            if item is None:
                return
            yield item
            coming = asyncio.ensure_future(anext(items, None))
    finally:
        coming.cancel()
