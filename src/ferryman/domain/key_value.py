"""Rules of an app's key-value store: keys, values, lifetimes and groups (kvs-limits)."""

import re
from collections.abc import Collection
from dataclasses import dataclass
from datetime import timedelta

from ferryman import refusals
from ferryman.domain.entity import IndexPlace
from ferryman.domain.entity_query import Filters
from ferryman.domain.limits import (
    KVS_BYTES_AT_ONCE,
    KVS_DEPTH,
    KVS_GREATEST_PAGE,
    KVS_KEY_CHARACTERS,
    KVS_KEYS_AT_ONCE,
    KVS_LIFE,
    KVS_PAGE,
    KVS_VALUE_BYTES,
)
from ferryman.kvs_vocab import KeyPolicy, LifetimeUnit, ReturnedValue

_FOREIGN = re.compile(r"[^A-Za-z0-9:._\-#\s]", re.ASCII)
_TEXT = re.compile(rb'"[^"\\]*(?:\\.[^"\\]*)*"', re.DOTALL)
_NO_BRACKETS = bytes(byte for byte in range(256) if chr(byte) not in "[]{}")

_SECONDS = {
    LifetimeUnit.SECONDS: 1,
    LifetimeUnit.MINUTES: 60,
    LifetimeUnit.HOURS: 3_600,
    LifetimeUnit.DAYS: 86_400,
}


NO_ENTITY = ""
"""The entity of values that are of none."""

Name = tuple[str, str]
"""The entity of a value and its key there; the order of all that write several values."""


@dataclass(frozen=True, slots=True, kw_only=True)
class Write:
    """A value to be set; ``value`` is its JSON, ``lifetime`` None for ever.

    ``places`` is where the indexes of its entity have it.
    """

    key: str
    value: bytes
    lifetime: timedelta | None = None
    override: bool = True
    entity: str = NO_ENTITY
    places: tuple[IndexPlace, ...] = ()

    @property
    def name(self) -> Name:
        """Return what no other value has."""
        return self.entity, self.key

    @property
    def size(self) -> int:
        """Return the bytes that it takes of the app's quota."""
        return len(self.key) + len(self.value)


@dataclass(frozen=True, slots=True, kw_only=True)
class KeyChange:
    """A part of a transaction: without ``write``, a deletion; with neither, only a check.

    ``conditions`` are about the value before.
    """

    name: Name
    write: Write | None = None
    delete: bool = False
    conditions: Filters | None = None


def check_key(key: str, entity: str = NO_ENTITY) -> None:
    """Refuse a key that Forge refuses."""
    if not key and entity:
        raise refusals.entity.KEY_EMPTY(longest=KVS_KEY_CHARACTERS)
    if not key:
        raise refusals.key_value.KEY_TOO_SHORT(longest=KVS_KEY_CHARACTERS)
    if len(key) > KVS_KEY_CHARACTERS:
        raise refusals.key_value.KEY_TOO_LONG(longest=KVS_KEY_CHARACTERS, length=len(key))
    check_characters(key)
    if key.isspace():
        raise refusals.key_value.KEY_INVALID(found="blanks alone")


def check_characters(text: str) -> None:
    """Refuse a character that no key has; the rest of the text is not repeated."""
    if foreign := _FOREIGN.search(text):
        found = f"U+{ord(foreign[0]):04X} at character {foreign.start() + 1}"
        raise refusals.key_value.KEY_INVALID(found=found)


def check_value(value: bytes) -> None:
    """Refuse the JSON of a value that is too large or too deep; it may be empty if left out."""
    if not value:
        raise refusals.key_value.VALUE_MISSING()
    if len(value) > KVS_VALUE_BYTES:
        raise refusals.key_value.VALUE_TOO_LARGE(limit=KVS_VALUE_BYTES, size=len(value))
    if _depth(value) > KVS_DEPTH:
        raise refusals.key_value.VALUE_TOO_DEEP(limit=KVS_DEPTH)


def _depth(value: bytes) -> int:
    """Return how many levels of objects and arrays valid JSON has."""
    if value.count(b"[") + value.count(b"{") <= KVS_DEPTH:
        return 0  # it cannot be too deep
    depth = deepest = 0
    for bracket in _TEXT.sub(b"", value).translate(None, _NO_BRACKETS):
        depth += 1 if bracket in b"[{" else -1
        deepest = max(deepest, depth)
    return deepest


def lifetime(value: float, unit: LifetimeUnit) -> timedelta:
    """Return the lifetime of a value; refuse one that is not positive, or longer than a year."""
    seconds = value * _SECONDS[unit]
    if not 0 < seconds <= KVS_LIFE.total_seconds():
        raise refusals.key_value.LIFETIME_INVALID(days=KVS_LIFE.days, value=value, unit=unit.value)
    return timedelta(seconds=seconds)


def check_answer(policy: KeyPolicy | None, returned: ReturnedValue | None) -> None:
    """Refuse to ask for a value where the policy says that there is none."""
    if returned is not None and policy is KeyPolicy.FAIL_IF_EXISTS:
        raise refusals.key_value.RETURN_VALUE_INVALID()


def page_limit(asked: int | None) -> int:
    """Return the number of values of a page."""
    if asked is None:
        return KVS_PAGE
    if not 1 <= asked <= KVS_GREATEST_PAGE:
        raise refusals.key_value.LIMIT_INVALID(
            greatest=KVS_GREATEST_PAGE, asked=asked, default=KVS_PAGE
        )
    return asked


def check_group(keys: Collection[Name], size: int) -> None:
    """Refuse a batch or transaction of no, too many or repeated keys, or of too many bytes."""
    if not keys:
        raise refusals.key_value.NO_KEYS(limit=KVS_KEYS_AT_ONCE)
    if len(keys) > KVS_KEYS_AT_ONCE:
        raise refusals.key_value.TOO_MANY_KEYS(limit=KVS_KEYS_AT_ONCE, count=len(keys))
    if len(set(keys)) < len(keys):
        raise refusals.key_value.KEY_REPEATED()
    if size > KVS_BYTES_AT_ONCE:
        raise refusals.key_value.TOO_LARGE(limit=KVS_BYTES_AT_ONCE, size=size)
