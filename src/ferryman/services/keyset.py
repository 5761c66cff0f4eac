"""Keyset pagination, for lists sorted by a time and an id, and for lists sorted by values.

A cursor holds the sort values of the last row, not the row. So a list continues at its place even
if that row has since been deleted or changed. ``platform.decode_cursor`` refuses the cursor of
another query.
"""

from datetime import UTC, datetime, timedelta
from typing import TypeVar
from uuid import UUID

import msgspec

from ferryman import refusals
from ferryman.domain.limits import KEY_CHARACTERS
from ferryman.services.platform import check_text, decode_cursor, encode_cursor

T = TypeVar("T", bound=tuple[object, ...])

_EPOCH = datetime(1970, 1, 1, tzinfo=UTC)


def encode_place(at: datetime, row_id: UUID, *query: object) -> str:
    """Return the cursor of a place, valid only for that query."""
    return encode_cursor(f"{(at - _EPOCH) // timedelta(microseconds=1)}.{row_id}", *query)


def decode_place(cursor: str | None, *query: object) -> tuple[datetime, UUID] | None:
    """Return the place in a cursor, None without one; raises ``Invalid`` (``cursor_invalid``)."""
    text = decode_cursor(cursor, *query)
    if text is None:
        return None
    number, _, row_id = text.partition(".")
    try:
        return _EPOCH + timedelta(microseconds=int(number)), UUID(row_id)
    except (ValueError, OverflowError):
        raise refusals.request.CURSOR_INVALID(cursor=cursor) from None


def encode_values(values: tuple[object, ...], *query: object) -> str:
    """Return the cursor of a row by the values that sort its list, valid only for that query."""
    return encode_cursor(msgspec.json.encode(values).decode(), *query)


def decode_values(cursor: str | None, form: type[T], *query: object) -> T | None:
    """Return the values in a cursor, None without one; raises ``Invalid`` (``cursor_invalid``)."""
    text = decode_cursor(cursor, *query)
    if text is None:
        return None
    try:
        values = msgspec.json.decode(text, type=form)
    except (msgspec.MsgspecError, UnicodeError):
        raise refusals.request.CURSOR_INVALID(cursor=cursor) from None
    for value in values:
        if isinstance(value, str):
            check_text("cursor", value, longest=KEY_CHARACTERS)
    return values
