"""The values of a custom entity that a query, or a condition of a transaction, is about."""

from collections.abc import Callable, Mapping, Sequence
from dataclasses import dataclass

from ferryman import refusals
from ferryman.domain.entity import Entity, Index, behind, check_attribute, encoded, partition_of
from ferryman.domain.limits import KVS_CONDITIONS, KVS_GREATEST_PAGE, KVS_PAGE, KVS_RANGE_BYTES
from ferryman.kvs_vocab import AttributeType, Comparison

_BEHIND_TEXTS = behind(encoded("") or b"")
_BEHIND_KEYS = "\x7f"
_RANGES = frozenset(Comparison) - {
    Comparison.NOT_EQUAL_TO,
    Comparison.CONTAINS,
    Comparison.NOT_CONTAINS,
    Comparison.EXISTS,
    Comparison.NOT_EXISTS,
}
_NEGATED = {
    Comparison.NOT_EQUAL_TO: Comparison.EQUAL_TO,
    Comparison.NOT_CONTAINS: Comparison.CONTAINS,
    Comparison.NOT_EXISTS: Comparison.EXISTS,
}


@dataclass(frozen=True, slots=True)
class AttributeCondition:
    """A comparison of an attribute with values."""

    attribute: str
    comparison: Comparison
    values: tuple[object, ...]


@dataclass(frozen=True, slots=True)
class Filters:
    """Conditions of which all must hold, or at least one."""

    conditions: tuple[AttributeCondition, ...]
    every: bool = True


@dataclass(frozen=True, slots=True)
class PlaceSpan:
    """Places from ``first`` to those before ``behind``, in one partition of an index."""

    partition: bytes
    first: bytes
    behind: bytes

    @property
    def first_key(self) -> str:
        """Return the first key, for the index in the order of keys."""
        return _key(self.first)

    @property
    def behind_key(self) -> str:
        """Return a text behind the last key."""
        return _key(self.behind)


def _key(place: bytes) -> str:
    # Keys are ASCII without control characters other than blanks.
    if place >= _BEHIND_TEXTS:
        return _BEHIND_KEYS
    text = place[1:].decode(errors="ignore").replace("\0", "\x01")
    return text + _BEHIND_KEYS if place.endswith(b"\xff") else text


def check_filters(entity: Entity, filters: Filters) -> None:
    """Refuse conditions of no, too many or unknown attributes, or with too few values."""
    if not filters.conditions:
        raise refusals.entity.FILTER_EMPTY()
    if len(filters.conditions) > KVS_CONDITIONS:
        raise refusals.entity.TOO_MANY_CONDITIONS(
            limit=KVS_CONDITIONS, count=len(filters.conditions)
        )
    for each in filters.conditions:
        entity.type_of(each.attribute)
        _check_count(each.comparison, each.values)


def _check_count(comparison: Comparison, values: Sequence[object]) -> None:
    needed = 2 if comparison is Comparison.BETWEEN else 1
    if len(values) != needed:
        raise refusals.entity.VALUES_INSUFFICIENT(
            comparison=comparison.value, needed=needed, count=len(values)
        )


def page_limit(asked: int | None) -> int:
    """Return the number of values of a page."""
    if asked is None:
        return KVS_PAGE
    if not 1 <= asked <= KVS_GREATEST_PAGE:
        raise refusals.entity.LIMIT_INVALID(
            greatest=KVS_GREATEST_PAGE, asked=asked, default=KVS_PAGE
        )
    return asked


def span(
    entity: Entity, index: Index, partition: Sequence[object], where: AttributeCondition | None
) -> PlaceSpan:
    """Return the range of an index that a query selects.

    ``where`` is about the range attribute, whatever attribute it names.
    """
    if len(partition) != len(index.partition):
        raise refusals.entity.PARTITION_INVALID(
            index=index.name, names=", ".join(index.partition) or "none", count=len(partition)
        )
    parts = []
    for name, value in zip(index.partition, partition, strict=True):
        check_attribute(entity.attributes[name], name, value)
        parts.append(encoded(value) or b"")
    digest = partition_of(parts)
    if where is None:
        return PlaceSpan(digest, b"", b"\xff")
    if where.comparison not in _RANGES:
        raise refusals.entity.RANGE_INVALID(found=where.comparison.value)
    _check_count(where.comparison, where.values)
    return PlaceSpan(digest, *_bounds(where.comparison, _range_values(entity, index, where.values)))


def _range_values(entity: Entity, index: Index, values: Sequence[object]) -> list[bytes]:
    kind = AttributeType.STRING if index.range is None else entity.attributes[index.range]
    places = []
    for value in values:
        if kind is not AttributeType.STRING or not isinstance(value, str):  # blank ones as well
            check_attribute(kind, index.range or "key", value)
        place = encoded(value)
        if place is None:
            raise refusals.entity.VALUE_MISTYPED(
                name=index.range, type="a string, a number or a boolean", found="another value"
            )
        # A longer one is behind everything that it begins with, as its beginning with a byte more.
        places.append(place[: KVS_RANGE_BYTES + 2])
    return places


def _bounds(comparison: Comparison, values: Sequence[bytes]) -> tuple[bytes, bytes]:
    """Return the first place, and the one behind the last; one place follows another by a zero."""
    [low, *more] = values
    high = more[0] if more else low
    match comparison:
        case Comparison.BEGINS_WITH:
            return low, low + b"\xff"
        case Comparison.GREATER_THAN:
            return low + b"\0", behind(low)
        case Comparison.GREATER_THAN_EQUAL_TO:
            return low, behind(low)
        case Comparison.LESS_THAN:
            return low[:1], low
        case Comparison.LESS_THAN_EQUAL_TO:
            return low[:1], low + b"\0"
        case _:  # EQUAL_TO and BETWEEN
            return low, high + b"\0"


def matches(filters: Filters | None, value: object) -> bool:
    """Return whether a value meets the conditions; a value that is not there has no attributes."""
    if filters is None:
        return True
    attributes = value if isinstance(value, Mapping) else {}
    met = (_holds(each, attributes) for each in filters.conditions)
    return all(met) if filters.every else any(met)


def _holds(condition: AttributeCondition, attributes: Mapping[str, object]) -> bool:
    comparison = _NEGATED.get(condition.comparison, condition.comparison)
    there = condition.attribute in attributes
    if comparison is Comparison.EXISTS:
        holds = there
    else:
        found = attributes.get(condition.attribute)
        holds = there and _compared(comparison, found, condition.values)
    return holds is (comparison is condition.comparison)


def _compared(comparison: Comparison, found: object, values: Sequence[object]) -> bool:
    [first, *_] = values
    match comparison:
        case Comparison.EQUAL_TO:
            return _same(found, first)
        case Comparison.CONTAINS:
            if isinstance(found, list):
                return any(_same(each, first) for each in found)
            return isinstance(found, str) and isinstance(first, str) and first in found
        case Comparison.BEGINS_WITH:
            return isinstance(found, str) and isinstance(first, str) and found.startswith(first)
        case Comparison.BETWEEN:
            low, high = _order(found, first), _order(found, values[1])
            return low is not None and high is not None and low >= 0 >= high
        case _:
            order = _order(found, first)
            return order is not None and _ORDERS[comparison](order)


_ORDERS: dict[Comparison, Callable[[int], bool]] = {
    Comparison.GREATER_THAN: lambda order: order > 0,
    Comparison.GREATER_THAN_EQUAL_TO: lambda order: order >= 0,
    Comparison.LESS_THAN: lambda order: order < 0,
    Comparison.LESS_THAN_EQUAL_TO: lambda order: order <= 0,
}


def _same(one: object, other: object) -> bool:
    # True is no 1 in JSON, though it is in Python.
    return isinstance(one, bool) == isinstance(other, bool) and one == other


def _order(one: object, other: object) -> int | None:
    """Return the order of two values as an index has it; None if they are of different types."""
    left, right = encoded(one), encoded(other)
    if left is None or right is None or left[0] != right[0]:
        return None
    return (left > right) - (left < right)
