"""Queries of the custom entities of an app, by their indexes (ADR 88)."""

import base64
from dataclasses import dataclass

import msgspec

from ferryman import refusals
from ferryman.domain import entity_query as query_rules
from ferryman.domain import key_value as key_value_rules
from ferryman.domain.entity_query import AttributeCondition, Filters
from ferryman.services import entity_places
from ferryman.services import key_value as key_value_service
from ferryman.services.platform import Platform, decode_cursor, encode_cursor
from ferryman.store import entity as entity_store
from ferryman.store import key_value as key_value_store
from ferryman.store.app import AppRow
from ferryman.store.entity import IndexSpan, Position
from ferryman.store.key_value import AppSite, KeySpan, ValueRow

Placed = list[tuple[Position, ValueRow]]


@dataclass(frozen=True, slots=True, kw_only=True)
class EntitySearch:
    """A query: ``where`` is about the range of the index, ``filters`` about any attribute."""

    entity: str
    index: str
    partition: tuple[object, ...] = ()
    where: AttributeCondition | None = None
    filters: Filters | None = None
    back: bool = False
    cursor: str | None = None
    limit: int | None = None


async def page(
    platform: Platform, app: AppRow, asked: EntitySearch
) -> tuple[list[ValueRow], str | None]:
    """Return a page of an index, without the values that the filters leave out, and a cursor.

    The filters come after the page was cut: it may be empty though others follow.
    """
    entity = key_value_service.entities_of(app).get(asked.entity)
    index, size = entity.index(asked.index), query_rules.page_limit(asked.limit)
    if asked.filters is not None:
        query_rules.check_filters(entity, asked.filters)
    span = query_rules.span(entity, index, asked.partition, asked.where)
    where = key_value_service.site_of(app)
    query = ("entities", where.app_id, where.site, entity.name, index, span, asked.back)
    after = _position(decode_cursor(asked.cursor, *query), asked.cursor)
    if index.range is None:
        keys = KeySpan(
            entity=entity.name, first=span.first_key, behind=span.behind_key, back=asked.back
        )
        rows, more = await _by_key(platform, where, keys, after, size)
    else:
        places = IndexSpan(entity=entity.name, index=index.name, span=span, back=asked.back)
        rows, more = await _by_place(platform, app, places, after, size)
    cursor = encode_cursor(_text(rows[-1][0]), *query) if more else None
    return [row for _, row in rows if _kept(asked.filters, row)], cursor


def _kept(filters: Filters | None, row: ValueRow) -> bool:
    return filters is None or query_rules.matches(filters, msgspec.json.decode(row.value))


async def _by_key(
    platform: Platform, where: AppSite, keys: KeySpan, after: Position | None, size: int
) -> tuple[Placed, bool]:
    async with platform.database.reading() as tx:
        rows, more = await key_value_store.page(
            tx, where, keys, after=after[1] if after else None, size=size
        )
    return [((b"", row.key), row) for row in rows], more


async def _by_place(
    platform: Platform, app: AppRow, places: IndexSpan, after: Position | None, size: int
) -> tuple[Placed, bool]:
    where, entities = key_value_service.site_of(app), key_value_service.entities_of(app)
    async with platform.database.reading() as tx:
        site = await key_value_store.find_site(tx, where)
    if site is None:
        return [], False
    if site.placed_by != entities.digest:
        await entity_places.place_all(platform, where, entities)
    async with platform.database.transaction() as tx:
        return await entity_store.page(tx, site.app_site_id, places, after=after, size=size)


def _text(position: Position) -> str:
    place, key = position
    return f"{base64.b64encode(place).decode()} {key}"


def _position(text: str | None, cursor: str | None) -> Position | None:
    """Return the place and key after which a page begins; refuse what no page ended with."""
    if text is None:
        return None
    place, blank, key = text.partition(" ")
    key_value_rules.check_characters(key)
    try:
        if blank:
            return base64.b64decode(place, validate=True), key
    except ValueError:
        pass
    raise refusals.request.CURSOR_INVALID(cursor=cursor)
