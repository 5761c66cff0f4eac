"""The invocations of one service: which ids it may call under, for how long, and with what token.

Each service has its own, so the id of another's event is unknown here.
"""

from collections import OrderedDict
from collections.abc import Callable
from dataclasses import dataclass

from ferryman import refusals

LIFE_SECONDS = 55 * 60.0
"""As long as a remote may count on its token: a service may answer first and work afterwards."""

MOST = 100_000
"""Of more, the oldest are forgotten, so that memory stays bounded."""


@dataclass(slots=True)
class _Invocation:
    token: str
    began: float
    ended: str | None = None


class Invocations:
    """The invocations of a service; ``clock`` returns seconds that only ever grow."""

    def __init__(self, clock: Callable[[], float]) -> None:
        self._clock = clock
        self._by_id: OrderedDict[str, _Invocation] = OrderedDict()

    def begin(self, invocation: str, token: str) -> None:
        """Note an event that is sent to the service; raise ``Invalid`` for an id that is known."""
        if invocation in self._by_id:
            raise refusals.service.EVENT_MALFORMED(found="one that came before")
        oldest = next(iter(self._by_id.values()), None)
        # Those that are over are kept for as long again, so that a late call learns why.
        while oldest is not None and (
            len(self._by_id) >= MOST or self._clock() - oldest.began > 2 * LIFE_SECONDS
        ):
            self._by_id.popitem(last=False)
            oldest = next(iter(self._by_id.values()), None)
        self._by_id[invocation] = _Invocation(token, self._clock())

    def end(self, invocation: str, reason: str) -> None:
        """End an invocation that failed: its event comes again, under another id."""
        if known := self._by_id.get(invocation):
            known.ended = known.ended or reason

    def end_all(self, reason: str) -> None:
        """End all: the program that worked on them is gone."""
        for invocation in self._by_id:
            self.end(invocation, reason)

    def token(self, invocation: str) -> str:
        """Return the app's token for a call; raise ``NotAuthenticated`` or ``Expired``."""
        known = self._by_id.get(invocation)
        if known is None:
            raise refusals.service.INVOCATION_UNKNOWN()
        late = self._clock() - known.began > LIFE_SECONDS
        if known.ended is not None or late:
            raise refusals.service.INVOCATION_OVER(
                minutes=round(LIFE_SECONDS / 60), found=known.ended or "its time has passed"
            )
        return known.token
