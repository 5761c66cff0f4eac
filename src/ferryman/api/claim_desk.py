"""Long polling: agents wait for work, and one query serves all of them."""

import asyncio
from collections import Counter
from collections.abc import AsyncIterator
from contextlib import asynccontextmanager
from uuid import UUID

import structlog

from ferryman.errors import OutsideError
from ferryman.services import listener
from ferryman.services.platform import Platform, wait_for_event
from ferryman.store.claim import Offer
from ferryman.wire.listener import ClaimRequest

log = structlog.get_logger("ferryman.claims")

_POLL_SECONDS = 0.25

_FEW = 10
"""So many agents of an app look themselves, and are noted, when they come. Of more, one is noted in
a while, since each is a write, and all wait for the look that serves all."""

_NOTE_SECONDS = 1.0


class ClaimDesk:
    """Wakes the agents of one process for which there is something to claim.

    ``closing`` wakes all of them.
    """

    def __init__(self, platform: Platform, closing: asyncio.Event) -> None:
        self._platform = platform
        self._closing = closing
        # Insertion order is the order in which they came, and are woken.
        self._waiting: dict[asyncio.Event, tuple[UUID, ClaimRequest]] = {}
        self._polling: asyncio.Task[None] | None = None
        self._of_app: Counter[UUID] = Counter()
        self._noted: dict[UUID, float] = {}

    @asynccontextmanager
    async def wait(self, app_id: UUID, request: ClaimRequest) -> AsyncIterator[asyncio.Event]:
        """Wait in the block; the event is set when it is time to claim, or to leave."""
        woken = asyncio.Event()
        self._waiting[woken] = app_id, request
        self._of_app[app_id] += 1
        if self._polling is None:
            self._polling = asyncio.create_task(self._poll())
        try:
            yield woken
        finally:
            self._waiting.pop(woken, None)
            self._of_app[app_id] -= 1
            if not self._of_app[app_id]:
                del self._of_app[app_id]

    def crowded(self, app_id: UUID) -> bool:
        """Return whether so many agents of this app wait that another one need not look itself.

        They found nothing, and the next look for all of them is soon.
        """
        return self._of_app[app_id] > _FEW

    def notes(self, app_id: UUID) -> bool:
        """Return whether to record that an agent of this app asked and got nothing."""
        now = asyncio.get_running_loop().time()
        if self._of_app[app_id] > _FEW and now < self._noted.get(app_id, 0.0) + _NOTE_SECONDS:
            return False
        self._noted[app_id] = now
        return True

    async def _poll(self) -> None:
        try:
            while self._waiting:
                if await wait_for_event(self._closing, _POLL_SECONDS):
                    for woken in self._waiting:
                        woken.set()
                    return
                await self._wake()
        finally:
            self._polling = None

    async def _wake(self) -> None:
        waiting = {woken: each for woken, each in self._waiting.items() if not woken.is_set()}
        if not waiting:
            return
        try:
            offers = Counter(await listener.offers(self._platform, waiting.values()))
        except OutsideError as exc:
            log.warning("claims.wait", code=exc.code)
            return
        except Exception:
            log.exception("claims.failed")
            return
        for woken, (app_id, request) in waiting.items():
            for offer in (Offer(app_id, request.agent_id), Offer(app_id, None)):
                if offers[offer] > 0:
                    offers[offer] -= 1
                    woken.set()
                    break
