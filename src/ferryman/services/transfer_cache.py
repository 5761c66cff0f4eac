"""A cache of transfers as the last acknowledgement wrote them, which saves a query (ADR 99)."""

from collections.abc import Collection
from dataclasses import dataclass
from time import monotonic
from uuid import UUID

from ferryman.store.acknowledgement import Seen

_KEPT_SECONDS = 2.0
"""After this time without a write a transfer is read again: the primary may have changed."""

_PAUSE = 8
"""How many batches read a transfer after one found it changed, that one included."""

_MOST = 1_000


@dataclass(slots=True)
class _Known:
    seen: Seen
    until: float
    pause: int


class TransferCache:
    """Keeps transfers at the row version that this process wrote; bounded.

    Another process may have changed them since: write a decision only if the version is the same.
    """

    def __init__(self) -> None:
        self._known: dict[UUID, _Known] = {}

    def of(self, transfer_ids: Collection[UUID]) -> dict[UUID, Seen]:
        """Return the cached ones of these transfers; none that others probably changed."""
        now = monotonic()
        return {
            each: known.seen
            for each in transfer_ids
            if (known := self._known.get(each)) is not None
            and known.pause == 0
            and now < known.until
        }

    def wrote(self, seen: Seen) -> None:
        """Keep a transfer that was just written."""
        before = self._known.pop(seen.transfer_id, None)
        if len(self._known) >= _MOST:
            self._known.clear()
        pause = 0 if before is None else max(0, before.pause - 1)
        self._known[seen.transfer_id] = _Known(seen, monotonic() + _KEPT_SECONDS, pause)

    def changed(self, transfer_id: UUID) -> None:
        """Pause the cache for a transfer that another process changed."""
        self._known[transfer_id].pause = _PAUSE

    def forget(self) -> None:
        """Drop everything."""
        self._known.clear()
