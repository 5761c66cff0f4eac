"""Long polling: agents wait for work, and one query serves all of them."""

import asyncio
from collections import Counter
from collections.abc import AsyncIterator
from contextlib import asynccontextmanager
from time import monotonic
from uuid import UUID

import structlog
from litestar.types import Receive

from ferryman.api.http import disconnected
from ferryman.errors import OutsideError
from ferryman.services import listener
from ferryman.services.platform import Platform, wait_for_event
from ferryman.store.app import AppRow
from ferryman.store.claim import Offer
from ferryman.wire.listener import ClaimAnswer, ClaimRequest

log = structlog.get_logger("ferryman.claims")

_POLL_SECONDS = 0.25

_FEW = 10
"""Up to this many waiting agents of an app each query and are recorded when they come.

More of them wait for the query that serves all. One is recorded a second, since each is a write.
"""

_NOTE_SECONDS = 1.0

_LONGEST_WAIT = 30.0
_CROWDED_WAIT = 1.0
"""An agent of a crowd that waits at least this long leaves its first query to the shared one."""


class ClaimPoll:
    """Holds the claims of agents that wait, and wakes those for which there is a transfer.

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

    async def claim(self, app: AppRow, request: ClaimRequest, receive: Receive) -> ClaimAnswer:
        """Claim the next transfer whose listener has to be called; wait for one for up to 30 s.

        ``receive`` tells when the client of the HTTP request is gone; its body has been read.
        """
        until = monotonic() + min(max(request.wait_seconds, 0.0), _LONGEST_WAIT)
        # Wait first and query then, so that nothing is missed in between.
        async with self.wait(app.app_id, request) as woken:
            # Do not claim for an agent that was killed: restarted under another name, it would
            # never get the transfer.
            gone = asyncio.create_task(disconnected(receive))
            gone.add_done_callback(lambda _: woken.set())
            waits = self.crowded(app.app_id) and request.wait_seconds >= _CROWDED_WAIT
            try:
                noted = False
                while not gone.done():
                    transfer = None
                    if waits:
                        listener.check(app, request)
                    else:
                        woken.clear()
                        transfer = await listener.claim(self._platform, app, request)
                    waits = False
                    if transfer is None and not noted:
                        noted = True
                        if self.notes(app.app_id):
                            await listener.note_asking(self._platform, app, request.agent_id)
                    left = until - monotonic()
                    if transfer is not None or left <= 0 or self._closing.is_set():
                        return ClaimAnswer(transfer=transfer)
                    if not gone.done() and not await wait_for_event(woken, left):
                        return ClaimAnswer(transfer=None)
            finally:
                gone.cancel()
        return ClaimAnswer(transfer=None)

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

    @property
    def busy(self) -> bool:
        """Return whether so many agents wait that one app may have a crowd."""
        return len(self._waiting) > _FEW

    def crowded(self, app_id: UUID) -> bool:
        """Return whether so many agents of this app wait that another one need not query itself.

        They found nothing, and the next query for all of them is soon.
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
        # In a crowd, most queries find nothing.
        for woken, (app_id, request) in waiting.items() if offers else ():
            for offer in (Offer(app_id, request.agent_id), Offer(app_id, None)):
                if offers[offer] > 0:
                    offers[offer] -= 1
                    woken.set()
                    break
