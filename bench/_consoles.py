"""Open consoles, as browsers keep them: ``python -m bench._consoles URL COUNT PAGE… < TOKEN``.

Each follows the stream and asks for its page again when something happened, as often as
console.js does. Prints ``open`` when all follow; a line of standard input ends it, and then it
prints how often pages were asked for.
"""

import asyncio
import sys
import time
from contextlib import suppress

import aiohttp

_FIRST, _LEAST, _LEAST_OF_LISTS, _SHARE = 0.15, 0.5, 1.0, 4
_POLL = 5.0


class _Consoles:
    """Many consoles of one session."""

    def __init__(self, http: aiohttp.ClientSession, root: str, cookie: str) -> None:
        self._http = http
        self._root = root
        self._headers = {"cookie": cookie}
        self.refreshed = 0

    async def open_one(self, page: str, ready: asyncio.Semaphore) -> None:
        """Follow the stream, and keep a page as it is now."""
        changed = asyncio.Event()
        async with asyncio.TaskGroup() as group:
            group.create_task(self._follow(changed, ready))
            group.create_task(self._keep(page, changed))

    async def _follow(self, changed: asyncio.Event, ready: asyncio.Semaphore) -> None:
        async with self._http.get(f"{self._root}/stream", headers=self._headers) as answer:
            assert answer.status == 200, answer.status
            ready.release()
            async for _ in answer.content.iter_any():
                changed.set()

    async def _keep(self, page: str, changed: asyncio.Event) -> None:
        least = _LEAST if page.startswith("transfers/") else _LEAST_OF_LISTS
        began = took = 0.0
        while True:
            with suppress(TimeoutError):
                await asyncio.wait_for(changed.wait(), _POLL)
            changed.clear()
            rest = began + max(least, _SHARE * took) - time.monotonic()
            await asyncio.sleep(max(_FIRST, rest))
            began = time.monotonic()
            headers = self._headers | {"x-requested-with": "console"}
            async with self._http.get(f"{self._root}/{page}", headers=headers) as answer:
                # A busy platform may refuse; the page stays as it is, and asks again.
                assert answer.status in (200, 503), answer.status
                await answer.read()
            took = time.monotonic() - began
            self.refreshed += 1


async def _run(url: str, count: int, pages: list[str], token: str) -> None:
    root = f"{url}/console"
    connector = aiohttp.TCPConnector(limit=0)
    timeout = aiohttp.ClientTimeout(total=None)
    async with aiohttp.ClientSession(connector=connector, timeout=timeout) as http:
        form = {"token": token, "next": ""}
        async with http.post(f"{root}/sign-in", data=form, allow_redirects=False) as answer:
            assert answer.status == 303, answer.status
            cookie = "; ".join(f"{each.key}={each.value}" for each in answer.cookies.values())
        consoles, ready = _Consoles(http, root, cookie), asyncio.Semaphore(0)
        tasks = [
            asyncio.create_task(consoles.open_one(pages[number % len(pages)], ready))
            for number in range(count)
        ]
        for _ in range(count):
            await ready.acquire()
        print("open", flush=True)
        await asyncio.to_thread(sys.stdin.readline)
        failed = [each.exception() for each in tasks if each.done()]
        for each in tasks:
            each.cancel()
        await asyncio.gather(*tasks, return_exceptions=True)
    if failed:
        raise SystemExit(f"{len(failed)} consoles ended: {failed[0]!r}")
    print(consoles.refreshed, flush=True)


if __name__ == "__main__":
    asyncio.run(_run(sys.argv[1], int(sys.argv[2]), sys.argv[3:], sys.stdin.readline().strip()))
