"""Custom entities of an app's key-value store: which values they take, and where an index has them.

An index is a list of places in the order of their bytes, so that a page of it is read at once.
"""

import struct
from collections.abc import Iterator, Mapping, Sequence
from dataclasses import dataclass
from hashlib import sha256

from ferryman import refusals
from ferryman.domain.limits import KVS_PARTITION_BYTES, KVS_RANGE_BYTES
from ferryman.kvs_vocab import AttributeType

BY_KEY = "by-key"
"""The index that every entity has, in the order of the keys."""

_INTEGERS = range(-(2**31), 2**31)
_BOOLEAN, _NUMBER, _TEXT = b"\x01", b"\x02", b"\x03"
_SIGN = 1 << 63
_ALL_BITS = (1 << 64) - 1


@dataclass(frozen=True, slots=True)
class Index:
    """An index: values of equal ``partition`` attributes, in the order of the ``range`` attribute.

    ``range`` is None for the order of the keys.
    """

    name: str
    range: str | None
    partition: tuple[str, ...] = ()


@dataclass(frozen=True, slots=True)
class Entity:
    """A kind of values that the manifest declares, by ``app.storage.entities``."""

    name: str
    attributes: Mapping[str, AttributeType]
    indexes: Mapping[str, Index]

    @property
    def key(self) -> str:
        """Return the name, which is unique in an app."""
        return self.name

    def index(self, name: str) -> Index:
        """Return an index; raise :class:`Invalid` (``kvs_invalid_entity_index``)."""
        if name == BY_KEY:
            return Index(BY_KEY, None)
        if name not in self.indexes:
            known = ", ".join([*self.indexes, BY_KEY])
            raise refusals.entity.INDEX_UNKNOWN(entity=self.name, known=known)
        return self.indexes[name]

    def type_of(self, attribute: str) -> AttributeType:
        """Return the type; raise :class:`Invalid` (``kvs_invalid_entity_attribute``)."""
        if attribute not in self.attributes:
            known = ", ".join(self.attributes)
            raise refusals.entity.ATTRIBUTE_UNKNOWN(entity=self.name, known=known)
        return self.attributes[attribute]


@dataclass(frozen=True, slots=True)
class IndexPlace:
    """The place of a value in an index: a partition, and ``place``, which orders the partition."""

    index: str
    partition: bytes
    place: bytes


def check_value(entity: Entity, value: object) -> None:
    """Refuse a value that is no object, or has an attribute of another name or type."""
    if not isinstance(value, Mapping):
        raise refusals.entity.VALUE_NO_OBJECT(entity=entity.name)
    for name, found in value.items():
        check_attribute(entity.type_of(name), name, found)
    for _ in _places(entity, value):
        pass


def check_attribute(kind: AttributeType, name: str, found: object) -> None:
    """Refuse a value that is not of an attribute's type; it is not repeated."""
    if not _is(kind, found):
        raise refusals.entity.VALUE_MISTYPED(name=name, type=_EXPECTED[kind], found=_named(found))


_EXPECTED = {
    AttributeType.STRING: "a string that is not blank",
    AttributeType.INTEGER: "an integer of 32 bits",
    AttributeType.FLOAT: "a number",
    AttributeType.BOOLEAN: "true or false",
    AttributeType.ANY: "anything",
}


def _is(kind: AttributeType, found: object) -> bool:
    match kind:
        case AttributeType.STRING:
            return isinstance(found, str) and bool(found.strip())
        case AttributeType.INTEGER:
            return type(found) is int and found in _INTEGERS
        case AttributeType.FLOAT:
            return type(found) in (int, float) and encoded(found) is not None
        case AttributeType.BOOLEAN:
            return isinstance(found, bool)
        case AttributeType.ANY:
            return True


def _named(found: object) -> str:
    match found:
        case int() if not isinstance(found, bool):
            return "an integer" if found in _INTEGERS else "an integer of more than 32 bits"
        case str():
            return "a string" if found.strip() else "a blank string"
    return _KINDS.get(type(found), "an object")


_KINDS: dict[type, str] = {
    bool: "a boolean",
    float: "a number with a fraction",
    list: "an array",
    type(None): "null",
}


def places(entity: Entity, value: object) -> tuple[IndexPlace, ...]:
    """Return where the indexes have a value; those whose attributes it lacks do not have it.

    Attributes that an index cannot have count as lacking: they were stored before it was declared.
    """
    if not isinstance(value, Mapping):
        return ()
    return tuple(_places(entity, value, strict=False))


def _places(
    entity: Entity, value: Mapping[str, object], *, strict: bool = True
) -> Iterator[IndexPlace]:
    for index in entity.indexes.values():
        whole = [encoded(value.get(name)) for name in index.partition]
        place = b"" if index.range is None else encoded(value.get(index.range))
        parts = [each for each in whole if each is not None]
        if place is None or len(parts) < len(whole):
            continue
        if fits(place, parts):
            yield IndexPlace(index.name, partition_of(parts), place)
        elif strict:
            raise refusals.entity.INDEXED_TOO_LARGE(
                index=index.name, range=KVS_RANGE_BYTES, partition=KVS_PARTITION_BYTES
            )


def fits(place: bytes, parts: Sequence[bytes]) -> bool:
    """Return whether an index can have a value with these attributes."""
    return len(place) - 1 <= KVS_RANGE_BYTES and (
        sum(len(part) - 1 for part in parts) <= KVS_PARTITION_BYTES
    )


def encoded(value: object) -> bytes | None:
    """Encode a value as bytes that sort like its type; None for a value that no index can have."""
    match value:
        case bool():
            return _BOOLEAN + bytes([value])
        case int() | float():
            try:
                return _NUMBER + _ordered(float(value))
            except OverflowError:
                return None
        case str():
            return _TEXT + value.encode()
        case _:
            return None


def behind(place: bytes) -> bytes:
    """Return the end of all places of the same type."""
    return bytes([place[0] + 1])


def partition_of(parts: Sequence[bytes]) -> bytes:
    """Return a digest of the partition attributes, as only equal ones are ever looked for."""
    digest = sha256()
    for part in parts:
        digest.update(len(part).to_bytes(4, "big") + part)
    return digest.digest()[:16]


def _ordered(number: float) -> bytes:
    """Return a number of JavaScript in eight bytes that compare as the numbers do."""
    # Adding zero makes 0 of -0; both are equal.
    bits = struct.unpack(">Q", struct.pack(">d", number + 0.0))[0]
    return struct.pack(">Q", bits ^ (_ALL_BITS if bits & _SIGN else _SIGN))
