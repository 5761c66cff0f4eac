"""The forms of custom entities, in `@forge/kvs` and in `storage` of `@forge/api` up to 7."""

from ferryman import refusals
from ferryman.api.key_value_form import write_of
from ferryman.domain.entity_query import AttributeCondition, Filters
from ferryman.domain.key_value import KeyChange
from ferryman.kvs_vocab import Sort
from ferryman.services.entity import EntitySearch
from ferryman.wire.key_value import (
    EntityFilters,
    EntityQuery,
    KeyToRead,
    KeyToWrite,
    TransactionRequest,
)


def search_of(asked: EntityQuery) -> EntitySearch:
    """Return what a query looks for."""
    where = asked.range
    return EntitySearch(
        entity=asked.entity_name,
        index=asked.index_name,
        partition=tuple(asked.partition),
        where=None
        if where is None
        else AttributeCondition("", where.condition, tuple(where.values)),
        filters=None if asked.filters is None else filters_of(asked.filters),
        back=asked.sort is Sort.DESC,
        cursor=asked.cursor,
        limit=asked.limit,
    )


def filters_of(sent: EntityFilters) -> Filters:
    """Return the conditions of a query, or of a part of a transaction."""
    if (sent.every is None) == (sent.some is None):
        raise refusals.entity.FILTER_EMPTY()
    return Filters(
        tuple(
            AttributeCondition(each.property, each.condition, tuple(each.values))
            for each in (sent.every if sent.some is None else sent.some) or ()
        ),
        every=sent.some is None,
    )


def changes_of(asked: TransactionRequest) -> list[KeyChange]:
    """Return the parts of a transaction."""
    return [
        *(_change(each) for each in asked.set),
        *(_change(each, delete=True) for each in asked.delete),
        *(_change(each) for each in asked.check),
    ]


def _change(asked: KeyToRead | KeyToWrite, *, delete: bool = False) -> KeyChange:
    writes = isinstance(asked, KeyToWrite)
    if asked.conditions is None:
        if not writes and not delete:
            raise refusals.key_value.REQUEST_INVALID(found="a check without conditions")
    elif not asked.entity_name:
        raise refusals.key_value.REQUEST_INVALID(found="conditions of a key that is of no entity")
    return KeyChange(
        name=(asked.entity_name or "", asked.key),
        write=write_of(asked) if isinstance(asked, KeyToWrite) else None,
        delete=delete,
        conditions=None if asked.conditions is None else filters_of(asked.conditions),
    )
