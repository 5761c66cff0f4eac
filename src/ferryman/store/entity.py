"""Places in the indexes of entities for the values that apps keep (ADR 88)."""

from collections.abc import Sequence
from dataclasses import dataclass
from typing import Any

from ferryman.domain.entity import IndexPlace
from ferryman.domain.entity_query import PlaceSpan
from ferryman.domain.key_value import Name, Write
from ferryman.store.database import SQL, Transaction
from ferryman.store.key_value import (
    PAGE_BYTES,
    AppSite,
    SiteRow,
    ValueRow,
    has_more,
    value_row,
)

Position = tuple[bytes, str]
"""The place and the key after which a page begins."""


@dataclass(frozen=True, slots=True, kw_only=True)
class IndexSpan:
    """Places of an index of an entity; ``back`` from the last one."""

    entity: str
    index: str
    span: PlaceSpan
    back: bool


async def page(
    tx: Transaction, app_site_id: int, which: IndexSpan, *, after: Position | None, size: int
) -> tuple[list[tuple[Position, ValueRow]], bool]:
    """Return up to ``size`` values by place and key, and whether there are more.

    A transaction must be open: its statements are planned by their indexes.
    """
    await SQL.walk_indexes(tx.connection)
    span = which.span
    place, key = after or (span.behind if which.back else span.first, "")  # no key is empty
    given: dict[str, Any] = {
        "app_site_id": app_site_id,
        "entity": which.entity,
        "index_name": which.index,
        "partition": span.partition,
        "after_place": place,
        "after_key": key,
        "size": size + 1,
        "bytes": PAGE_BYTES,
        "now": tx.now,
    }
    if which.back:
        found = SQL.page_of_index_back(tx.connection, first=span.first, **given)
    else:
        found = SQL.page_of_index(tx.connection, behind=span.behind, **given)
    rows = [row async for row in found]
    values = [((row["place"], row["key"]), value_row(tx, row, secret=False)) for row in rows[:size]]
    return values, has_more(rows, size)


async def replace(tx: Transaction, app_site_id: int, writes: Sequence[Write]) -> None:
    """IndexPlace values that were just set, and nowhere else."""
    await SQL.clear_places(
        tx.connection,
        app_site_id=app_site_id,
        entities=[write.entity for write in writes],
        keys=[write.key for write in writes],
    )
    await add(tx, app_site_id, [(write.name, write.places) for write in writes])


async def add(
    tx: Transaction, app_site_id: int, placed: Sequence[tuple[Name, Sequence[IndexPlace]]]
) -> None:
    """IndexPlace values that are nowhere yet."""
    flat = [(entity, key, place) for (entity, key), places in placed for place in places]
    if flat:
        await SQL.add_places(
            tx.connection,
            app_site_id=app_site_id,
            entities=[entity for entity, _, _ in flat],
            keys=[key for _, key, _ in flat],
            index_names=[place.index for _, _, place in flat],
            partitions=[place.partition for _, _, place in flat],
            places=[place.place for _, _, place in flat],
        )


async def hold_all(tx: Transaction, where: AppSite) -> SiteRow | None:
    """Return an app's row for a site, and lock it against writes until the commit."""
    row = await SQL.hold_places(tx.connection, app_id=where.app_id, site=where.site)
    return None if row is None else SiteRow(row["app_site_id"], row["placed_by"])


async def clear(tx: Transaction, app_site_id: int) -> None:
    """Take all values out of all indexes."""
    await SQL.clear_all_places(tx.connection, app_site_id=app_site_id)


async def values_to_place(
    tx: Transaction, app_site_id: int, *, after: Name, size: int
) -> list[tuple[Name, bytes]]:
    """Return up to ``size`` values of entities, by entity and key."""
    rows = SQL.values_to_place(
        tx.connection,
        app_site_id=app_site_id,
        after_entity=after[0],
        after_key=after[1],
        size=size,
    )
    return [((row["entity"], row["key"]), row["value"]) async for row in rows]


async def set_placed_by(tx: Transaction, app_site_id: int, digest: bytes) -> None:
    """Note the digest of the entities by which all values are indexed."""
    await SQL.set_placed_by(tx.connection, app_site_id=app_site_id, digest=digest)
