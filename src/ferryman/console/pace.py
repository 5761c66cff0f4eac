"""Limit how often open pages are updated: many consoles must not slow what they watch."""

import asyncio
from collections.abc import AsyncIterator, Iterator
from contextlib import AsyncExitStack, ExitStack, asynccontextmanager, contextmanager
from time import monotonic
from typing import Any

from litestar.types import ASGIApp, Receive, Scope, Send

SHARE = 0.2
"""The part of the time that this process makes pages which were only asked for again."""

LEAST_SHARE = 0.03
LONGEST_REST = 0.2
LONGEST_REST_OF_MANY = 1.0

QUEUE = 100
"""Requests that wait at most. More are refused, and their pages ask again later."""

PATIENCE = 2.0
"""Seconds that a page waits while people open others, so that it is made at last."""


def rest(took: float, waiting: int) -> float:
    """Return the pause in seconds after a page that took ``took``, while ``waiting`` others wait.

    A single console is updated at once; many share a small part of the time.
    """
    share = max(LEAST_SHARE, SHARE / (1 + waiting))
    longest = min(LONGEST_REST_OF_MANY, LONGEST_REST * (1 + waiting))
    return min(longest, took * (1 / share - 1))


class Pace:
    """Makes one page at a time, with a pause in proportion; pages that people open do not wait.

    A browser that asks again sees by the answer's time how busy it is, and asks less often.
    """

    def __init__(self) -> None:
        self._turn = asyncio.Lock()
        self._free = 0.0
        self._opening = 0
        self._quiet = asyncio.Event()
        self._quiet.set()
        self.waiting = 0

    @contextmanager
    def opening(self) -> Iterator[None]:
        """Let updates of open pages wait while a person opens a page."""
        self._opening += 1
        self._quiet.clear()
        try:
            yield
        finally:
            self._opening -= 1
            if not self._opening:
                self._quiet.set()

    @asynccontextmanager
    async def again(self, gone: "asyncio.Future[Any]") -> AsyncIterator[bool]:
        """Wait for a turn; yield False without one, as soon as the client is ``gone``."""
        turn = asyncio.create_task(self._take())
        self.waiting += 1
        try:
            await asyncio.wait({turn, gone}, return_when=asyncio.FIRST_COMPLETED)
        except BaseException:
            if not turn.cancel():
                self._turn.release()
            raise
        finally:
            self.waiting -= 1
        if turn.cancel():
            yield False
            return
        began = monotonic()
        try:
            yield not gone.done()
        finally:
            now = monotonic()
            self._free = now + rest(now - began, self.waiting)
            self._turn.release()

    async def _take(self) -> None:
        await self._turn.acquire()
        try:
            await asyncio.sleep(max(0.0, self._free - monotonic()))
            async with asyncio.timeout(PATIENCE):
                await self._quiet.wait()
        except TimeoutError:
            return
        except BaseException:
            self._turn.release()
            raise


class Paced:
    """ASGI middleware: pages that browsers only ask for again wait for their turn."""

    def __init__(self, app: ASGIApp) -> None:
        self._app = app
        self._pace = Pace()

    async def __call__(self, scope: Scope, receive: Receive, send: Send) -> None:
        """Answer one request."""
        own: Any = scope
        if own["method"] != "GET":
            # A form, whose body may come as slowly as its sender likes.
            await self._app(scope, receive, send)
        elif (b"x-requested-with", b"console") in own["headers"]:
            await self._again(scope, receive, send)
        else:
            await self._opened(scope, receive, send)

    async def _opened(self, scope: Scope, receive: Receive, send: Send) -> None:
        with ExitStack() as opening:
            opening.enter_context(self._pace.opening())

            async def sending(message: Any) -> None:
                # An answer that has begun, such as a stream, may go on for hours.
                opening.close()
                await send(message)

            await self._app(scope, receive, sending)

    async def _again(self, scope: Scope, receive: Receive, send: Send) -> None:
        if self._pace.waiting >= QUEUE:
            await _refuse(send)
            return
        gone = asyncio.create_task(_left(receive))
        body: list[Any] = [{"type": "http.request", "body": b"", "more_body": False}]

        async def received() -> Any:
            if body:
                return body.pop()
            await asyncio.wait({gone})
            return {"type": "http.disconnect"}

        try:
            async with AsyncExitStack() as turn:
                if not await turn.enter_async_context(self._pace.again(gone)):
                    return

                async def sending(message: Any) -> None:
                    # As above; and nobody waits for a slow reader.
                    await turn.aclose()
                    await send(message)

                await self._app(scope, received, sending)
        finally:
            gone.cancel()


async def _left(receive: Receive) -> None:
    """Return once the client has left; such a request has no body."""
    while (await receive())["type"] != "http.disconnect":
        pass


async def _refuse(send: Send) -> None:
    headers = [(b"content-length", b"0"), (b"retry-after", b"5"), (b"cache-control", b"no-store")]
    begin: Any = {"type": "http.response.start", "status": 503, "headers": headers}
    await send(begin)
    end: Any = {"type": "http.response.body", "body": b"", "more_body": False}
    await send(end)
