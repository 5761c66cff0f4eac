"""Keyset pagination of lists that are sorted by a time and an id.

A cursor is the place of the last row, not the row. So a list goes on where it was, even if that row
is gone or has moved meanwhile. ``platform.decode_cursor`` refuses the cursor of another query.
"""

from datetime import UTC, datetime, timedelta
from uuid import UUID

from ferryman import refusals
from ferryman.services.platform import decode_cursor, encode_cursor

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
