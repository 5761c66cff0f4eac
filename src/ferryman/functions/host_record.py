"""Rules for an app whose hosts keep dying: the next one yields the processor, then must wait.

Starting a host costs more than most calls, whatever becomes of it. A death is a host that ended by
itself, had to be ended, or could not load its handler. Times are seconds of any steady clock.
"""

import math
from dataclasses import dataclass, replace

from ferryman.domain.outcome import Outcome
from ferryman.vocab import FailureCause

_HALF_LIFE = 120.0
"""Seconds in which half of a record is forgotten."""

_FORGIVEN = 0.8
"""What an answer leaves of a record: one call in ten may die without a wait for the others."""

_SUSPECT = 0.5
_FREE = 2.0
"""Deaths, with what is left of earlier ones, from which on there is a wait."""

_LONGEST_REST = 30.0
_ANSWERS = frozenset({FailureCause.FUNCTION_RAISED, FailureCause.RETRY_REQUESTED})


@dataclass(frozen=True, slots=True)
class HostRecord:
    """Deaths of an app's hosts, less what is forgotten and forgiven: ``weight`` as of ``at``."""

    weight: float = 0.0
    at: float = 0.0
    rests_until: float = 0.0

    def weight_at(self, now: float) -> float:
        """Return what is left of it."""
        return self.weight * math.pow(0.5, max(0.0, now - self.at) / _HALF_LIFE)

    def suspect(self, now: float) -> bool:
        """Return whether a host of the app yields the processor until it has answered."""
        return self.weight_at(now) >= _SUSPECT

    def is_over(self, now: float) -> bool:
        """Return whether it is too little to matter."""
        return now >= self.rests_until and not self.suspect(now)

    def died(self, now: float) -> "HostRecord":
        """Return the record after a death: no host of the app starts for the next seconds."""
        weight = self.weight_at(now) + 1
        return HostRecord(weight, now, max(self.rests_until, now + rest(weight)))

    def answered(self, now: float) -> "HostRecord":
        """Return the record after a call that left its host fit for another one."""
        return replace(self, weight=self.weight_at(now) * _FORGIVEN, at=now)


def rest(weight: float) -> float:
    """Return for how many seconds no host starts: none after one death, then 1, doubling to 30."""
    if weight < _FREE:
        return 0.0
    return float(min(_LONGEST_REST, 2 ** min(weight - _FREE, 10.0)))


def is_death(outcome: Outcome) -> bool:
    """Return whether a call cost its host by other than a return or an exception."""
    return not outcome.ok and outcome.cause not in _ANSWERS
