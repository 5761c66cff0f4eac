"""Stream the events of all transfers; a stream can be resumed."""

from collections.abc import AsyncIterator, Awaitable, Callable
from time import monotonic
from typing import Annotated, Any

import msgspec
from litestar import Request, Response, get
from litestar.di import NamedDependency
from litestar.params import QueryParameter
from litestar.response import ServerSentEvent, ServerSentEventMessage

from ferryman.api.admin_auth import Authenticator
from ferryman.api.parameters import (
    Author,
    Cursor,
    EntryKind,
    OfApp,
    OfCustomer,
    OfMigration,
    OwnPlatform,
)
from ferryman.api.timeline import with_heartbeat
from ferryman.services import event_choice
from ferryman.services.event_hub import EventHub
from ferryman.store.event import EventGroup

_TICK_SECONDS = 3.5
"""How often the token is checked: a stream ends within 5 seconds of it."""

HEARTBEAT_SECONDS = 15.0
"""Shorter than the 50 to 60 seconds of silence after which proxies cut a connection."""


_Brief = Annotated[
    bool | None,
    QueryParameter(
        name="brief",
        description="`true`: the stream says only which transfers have new entries, and how many.",
    ),
]


@get("/events")
async def stream_events(
    request: Request[Any, Any, Any],
    platform: OwnPlatform,
    actor: Author,
    event_hub: NamedDependency[EventHub],
    authenticator: NamedDependency[Authenticator],
    *,
    migration_id: OfMigration = None,
    cloud_app_key: OfApp = None,
    customer: OfCustomer = None,
    kind: EntryKind = None,
    brief: _Brief = None,
    cursor: Cursor = None,
) -> Response[Any]:
    """List what happened to all transfers since a cursor; `Accept: text/event-stream` streams it.

    The stream begins now, or after `Last-Event-ID`. Without a cursor, the list is empty and returns
    one. After a reconnect some entries may come again; `seq` identifies them.
    """
    wanted = event_choice.EventQuery(
        migration_id=migration_id, app=cloud_app_key, customer=customer, kind=kind
    )
    fits = await event_choice.chosen(platform, wanted, actor)
    if "text/event-stream" not in request.headers.get("accept", ""):
        return Response(await event_choice.page(platform, wanted, fits, actor, cursor=cursor))
    last = request.headers.get("last-event-id", "")
    resume = int(last) if last.isascii() and last.isdigit() and len(last) < 19 else None
    messages = _changes(event_hub, fits) if brief else _entries(event_hub, fits, resume)
    return ServerSentEvent(_events(messages, lambda: authenticator.still_admits(request)))


async def _entries(
    hub: EventHub, fits: Callable[[EventGroup], bool], resume: int | None
) -> AsyncIterator[ServerSentEventMessage]:
    async for each in hub.follow(fits, resume):
        if each.entry is None:
            data, kind = {"skipped": each.skipped}, "skipped"
            text = msgspec.json.encode(data).decode()
        else:
            text, kind = msgspec.json.encode(each.entry).decode(), each.entry.kind
        yield ServerSentEventMessage(data=text, id=str(each.resume), event=kind)


async def _changes(
    hub: EventHub, fits: Callable[[EventGroup], bool]
) -> AsyncIterator[ServerSentEventMessage]:
    async for changes, resume in hub.follow_changes(fits):
        text = msgspec.json.encode(changes).decode()
        yield ServerSentEventMessage(data=text, id=str(resume), event="changed")


async def _events(
    messages: AsyncIterator[ServerSentEventMessage], admitted: Callable[[], Awaitable[bool]]
) -> AsyncIterator[ServerSentEventMessage]:
    # At once, so that a proxy passes on that the stream has begun.
    yield ServerSentEventMessage(data=None, comment="")
    checked = spoke = monotonic()
    async for each in with_heartbeat(messages, _TICK_SECONDS):
        if monotonic() - checked >= _TICK_SECONDS:
            if not await admitted():
                return  # the token was revoked or expired meanwhile
            checked = monotonic()
        if each is None:
            if monotonic() - spoke >= HEARTBEAT_SECONDS - _TICK_SECONDS:
                spoke = monotonic()
                yield ServerSentEventMessage(data=None, comment="")
            continue
        spoke = monotonic()
        yield each
