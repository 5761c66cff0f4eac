"""Events of all transfers (admin surface). Times are epoch milliseconds."""

from typing import Any

from ferryman.wire.base import Wire


class StreamEntry(Wire, frozen=True):
    """An entry of the stream of all transfers, and whose it is; ``seq`` identifies it."""

    seq: int
    at: int
    kind: str
    data: dict[str, Any]
    transfer_id: str
    migration_id: str
    cloud_app_key: str
    environment: str
    customer: str


class StreamPage(Wire, frozen=True):
    """Entries of all transfers after ``cursor``; ``next_cursor`` is there even if there is none."""

    items: list[StreamEntry]
    next_cursor: str


class StreamChanges(Wire, frozen=True):
    """How many entries each transfer has had; not ``complete``: others have changed too."""

    changes: dict[str, int]
    complete: bool = True
