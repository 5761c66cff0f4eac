"""Remember transfers as acknowledgements left them, to save the next ones a trip (ADR 99)."""

from collections.abc import Collection
from dataclasses import dataclass
from time import monotonic
from uuid import UUID

from ferryman.store.acknowledgement import Seen

_KEPT_SECONDS = 2.0
"""A transfer that was not written for so long is read again: the primary may have changed."""

_PAUSE = 8
"""How many batches in a row read a transfer, the one that found it changed included."""

_MOST = 1_000


@dataclass(slots=True)
class _Known:
    seen: Seen
    until: float
    pause: int


class KnownTransfers:
    """Transfers of this process at the row version that it wrote; bounded.

    They may have changed since, so what is decided on them is written only if they have not.
    """

    def __init__(self) -> None:
        self._known: dict[UUID, _Known] = {}

    def of(self, transfer_ids: Collection[UUID]) -> dict[UUID, Seen]:
        """Return those of the transfers that nobody else is likely to have changed."""
        now = monotonic()
        return {
            each: known.seen
            for each in transfer_ids
            if (known := self._known.get(each)) is not None
            and known.pause == 0
            and now < known.until
        }

    def wrote(self, seen: Seen) -> None:
        """Remember a transfer that was just written."""
        before = self._known.pop(seen.transfer_id, None)
        if len(self._known) >= _MOST:
            self._known.clear()
        pause = 0 if before is None else max(0, before.pause - 1)
        self._known[seen.transfer_id] = _Known(seen, monotonic() + _KEPT_SECONDS, pause)

    def changed(self, transfer_id: UUID) -> None:
        """Note that a transfer was not as remembered: others write it too."""
        self._known[transfer_id].pause = _PAUSE

    def forget(self) -> None:
        """Forget all."""
        self._known.clear()
