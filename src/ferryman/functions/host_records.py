"""Keep the records of apps whose hosts died lately."""

from time import monotonic

import structlog

from ferryman.domain.outcome import Outcome
from ferryman.functions.host_record import HostRecord, is_death

log = structlog.get_logger("ferryman.functions")

_MOST = 10_000
"""Records kept; those of the most recent deaths."""


class HostRecords:
    """The records of one worker; those of apps without a death are left out."""

    def __init__(self, *, rests: bool) -> None:
        self._rests = rests
        self._records: dict[str, HostRecord] = {}

    @property
    def resting(self) -> dict[str, float]:
        """Return the owners for which no host should start yet, and for how many seconds."""
        if not self._rests or not self._records:
            return {}
        now = monotonic()
        return {
            owner: record.rests_until - now
            for owner, record in self._records.items()
            if now < record.rests_until
        }

    def forget(self, owner: str) -> None:
        """Forget all deaths of an owner's hosts."""
        self._records.pop(owner, None)

    def suspect(self, owner: str) -> bool:
        """Return whether a host of this owner yields the processor until it has answered."""
        record = self._records.get(owner)
        return record is not None and record.suspect(monotonic())

    def note(self, owner: str, outcome: Outcome, *, kept: bool) -> None:
        """Note how a call ended, and whether its host is ``kept`` for the next one."""
        if is_death(outcome):
            self.died(owner)
        elif kept and owner in self._records:
            now = monotonic()
            record = self._records[owner].answered(now)
            if record.is_over(now):
                del self._records[owner]
            else:
                self._records[owner] = record

    def died(self, owner: str) -> None:
        """Note that a host of this owner died."""
        now = monotonic()
        record = self._records.pop(owner, HostRecord()).died(now)
        self._records[owner] = record
        if len(self._records) > _MOST:
            del self._records[next(iter(self._records))]
        if self._rests and now < record.rests_until:
            log.warning("function.rests", app=owner, seconds=round(record.rests_until - now, 1))
