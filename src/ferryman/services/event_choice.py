"""Select the events that a follower of all transfers is sent."""

from collections.abc import Callable
from dataclasses import dataclass

from ferryman.clock import epoch_ms
from ferryman.domain.access import PLATFORM, Actor
from ferryman.domain.limits import LABEL_CHARACTERS
from ferryman.services import customer as customer_service
from ferryman.services import list_filter
from ferryman.services.platform import Platform, check_text, decode_position, encode_cursor
from ferryman.store import event as event_store
from ferryman.store.event import EventGroup
from ferryman.wire.event import StreamPage

_BATCH = 2_000
_LATE_MS = 10_000
"""Seconds that a transaction may take after it has drawn its numbers."""


@dataclass(frozen=True, slots=True, kw_only=True)
class EventQuery:
    """A filter of entries; ``kind`` is a kind, or a noun for all its kinds."""

    migration_id: str | None = None
    app: str | None = None
    customer: str | None = None
    kind: str | None = None


async def chosen(
    platform: Platform, wanted: EventQuery, by: Actor = PLATFORM
) -> Callable[[EventGroup], bool]:
    """Return whether an entry is wanted and visible; raise for an unknown thing in the filter."""
    check_text("kind", wanted.kind or "", longest=LABEL_CHARACTERS)
    async with platform.database.reading() as tx:
        reach = await customer_service.narrowed(tx, by.reach, wanted.customer)
        app_ids = await list_filter.app_ids(tx, reach, wanted.app)
        migration_id = await list_filter.migration_id(tx, reach, wanted.migration_id)
    # Apps may be registered later, so those of a token are compared by their keys.
    apps = None if wanted.app is None or app_ids is None else frozenset(app_ids)
    kind = wanted.kind

    def fits(group: EventGroup) -> bool:
        return (
            reach.has(group.customer, group.cloud_app_key)
            and (apps is None or group.app_id in apps)
            and (migration_id is None or group.migration_id == str(migration_id))
            and (kind is None or group.kind == kind or group.kind.startswith(f"{kind}."))
        )

    return fits


async def page(
    platform: Platform,
    wanted: EventQuery,
    fits: Callable[[EventGroup], bool],
    by: Actor = PLATFORM,
    *,
    cursor: str | None,
) -> StreamPage:
    """Return what fits among the next entries; without a cursor none, and the cursor of now."""
    query = ("events", wanted, by.reach)
    after = decode_position(cursor, *query)
    async with platform.database.reading() as tx:
        if cursor is None:
            after, found = await event_store.last(tx), []
        else:
            found = await event_store.after(tx, after, size=_BATCH)
        recent = epoch_ms(tx.now) - _LATE_MS
    resume = after
    for each in found:
        if each.entry.seq > resume + 1 and each.entry.at > recent:
            break  # what is missing may still be committed, so that this is read again
        resume = each.entry.seq
    return StreamPage(
        items=[each.entry for each in found if fits(each.group)],
        next_cursor=encode_cursor(str(resume), *query),
    )
