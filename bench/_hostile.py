"""What the tokens of a hostile app can do: fill, stall and flood, all at once, until it is killed.

The first line of standard input is JSON: ``url``, ``transfer``, ``server`` and ``cloud`` (tokens).
"""

import asyncio
import json
import os
import sys
from collections.abc import Awaitable, Callable
from contextlib import suppress
from hashlib import sha256
from itertools import count
from pathlib import Path
from typing import Any
from urllib.parse import urlsplit

import aiohttp

FLOOD = int(os.environ.get("HOSTILE_CALLS", "200"))
"""Calls a second; all of one machine's cores would measure the cores."""

ONLY = tuple(os.environ.get("HOSTILE_ONLY", "").split())
"""Names of methods and functions: nothing else is done; to find out what costs what."""

EVENTS = 4.0
"""Files a second, each of which is an event for its function."""

ACTS = ("stall", "fork", "scratch", "output", "memory", "kill", "detach")
FORGE = "/app/migration/forge/v1"
BODY = b"x" * 1000
MIB = 1 << 20


class Hostile:
    """One app's tokens, and what is done with them."""

    def __init__(self, session: aiohttp.ClientSession, facts: dict[str, str]) -> None:
        self._session = session
        self._url, self._transfer = facts["url"], facts["transfer"]
        self._tokens = {"server": facts["server"], "cloud": facts["cloud"], "wrong": "guessed"}
        self._key = ""
        self._host, self._port = urlsplit(self._url).hostname, urlsplit(self._url).port

    async def act(self) -> None:
        """Do all of it, for ever."""
        self._key = await self.large()
        acts: list[Callable[[], Awaitable[None]]] = [
            self.events, self.flood, self.logs, self.fill, self.same_part, self.guess,
        ]  # fmt: skip
        crowds = [(self.silent, 300), (self.stall_reading, 250), (self.stall_sending, 100)]
        wanted = [*((act, 1) for act in acts), *crowds]
        async with asyncio.TaskGroup() as group:
            for act, size in wanted:
                for _ in range(size if _is_wanted(act.__name__) else 0):
                    group.create_task(_again(act))

    async def call(self, method: str, path: str, body: object = None, by: str = "server") -> Any:
        headers = {"Authorization": f"Bearer {self._tokens[by]}"}
        async with self._session.request(
            method, self._url + path, json=body, headers=headers
        ) as answer:
            await answer.read()
            return await answer.json() if answer.status == 200 else None

    async def events(self) -> None:
        acts = [act for act in ACTS if _is_wanted(act)]
        for number in count():
            label = f"{acts[number % len(acts)]} {number}"
            begun = await self.begin({"label": label, "part": part(1, BODY)})
            if begun is not None:
                target = begun["part"]
                async with self._session.put(target["url"], data=BODY, headers=target["headers"]):
                    pass
                stored = {**part(1, BODY), "etag": part(1, BODY)["sha256"]}
                await self.call(
                    "POST", f"/server/v1/uploads/{begun['uploadId']}/complete", {"parts": [stored]}
                )
            await asyncio.sleep(1 / EVENTS)

    async def large(self) -> str:
        """Return the key of a file that no buffer holds: of an earlier turn, or completed now.

        Later turns may not complete another one: the parts of the first fill the app's quota.
        """
        files = await self.call("GET", f"{FORGE}/data/{self._transfer}/all", by="cloud")
        there = [file["key"] for file in files or [] if file.get("label") == "large"]
        if there:
            return str(there[0])
        data = b"x" * (24 * MIB)
        begun = await self.begin({"label": "large"})
        await self.put(begun["uploadId"], 1, data)
        stored = {"parts": [{**part(1, data), "etag": part(1, data)["sha256"]}]}
        done = await self.call("POST", f"/server/v1/uploads/{begun['uploadId']}/complete", stored)
        return str(done["key"])

    async def begin(self, body: object) -> Any:
        return await self.call("POST", f"/server/v1/transfers/{self._transfer}/app-data", body)

    async def flood(self) -> None:
        paths = [f"{FORGE}/data/{self._transfer}/all", f"{FORGE}/data/none", "/app/nothing"]
        for number in count():
            group = [self.call("GET", paths[number % 3], by="cloud") for _ in range(FLOOD // 20)]
            await asyncio.gather(*group, asyncio.sleep(1 / 20))

    async def logs(self) -> None:
        for _ in count():
            line = {"message": "x" * 60_000}
            await self.call("POST", f"{FORGE}/log/{self._transfer}", line, by="cloud")
            await asyncio.sleep(0.02)

    async def fill(self) -> None:
        """Parts of files that are never completed."""
        data = b"x" * (8 * MIB)
        begun = await self.begin({"label": "filling"})
        if begun is None:
            await asyncio.sleep(1)
            return
        for number in range(1, 100):
            if not await self.put(begun["uploadId"], number, data):
                return

    async def same_part(self) -> None:
        """Ever new bodies for one part."""
        begun = await self.begin({"label": "again"})
        for number in range(200):
            data = b"%09d" % number * (MIB // 9)
            if begun is None or not await self.put(begun["uploadId"], 1, data):
                await asyncio.sleep(1)
                return

    async def put(self, upload_id: str, number: int, data: bytes) -> bool:
        asked = {"parts": [part(number, data)]}
        signed = await self.call("POST", f"/server/v1/uploads/{upload_id}/parts", asked)
        if signed is None:
            return False
        [target] = signed["parts"]
        async with self._session.put(target["url"], data=data, headers=target["headers"]) as answer:
            return answer.status == 200

    async def guess(self) -> None:
        await self.call("GET", "/admin/v1/apps", by="wrong")
        await asyncio.sleep(0.02)

    async def silent(self) -> None:
        await self.raw(b"")

    async def stall_sending(self) -> None:
        token = self._tokens["server"].encode()
        head = b"POST /server/v1/listeners/claim HTTP/1.1\r\nHost: x\r\nContent-Length: 99\r\n"
        await self.raw(head + b"Authorization: Bearer " + token + b"\r\n\r\n{")

    async def stall_reading(self) -> None:
        signed = await self.call("GET", f"{FORGE}/data/{self._key}", by="cloud")
        if signed is None:
            await asyncio.sleep(1)
            return
        url = urlsplit(signed["url"])
        await self.raw(f"GET {url.path}?{url.query} HTTP/1.1\r\nHost: x\r\n\r\n".encode())

    async def raw(self, text: bytes) -> None:
        """Say so much, and nothing more until the platform ends it."""
        _, writer = await asyncio.open_connection(self._host, self._port, limit=1024)
        try:
            writer.write(text)
            await writer.drain()
            await asyncio.sleep(50)
        finally:
            writer.transport.abort()
        await asyncio.sleep(1)


def part(number: int, data: bytes) -> dict[str, Any]:
    """A part as it is asked for."""
    return {"number": number, "size": len(data), "sha256": sha256(data).hexdigest()}


def _is_wanted(name: str) -> bool:
    return not ONLY or name in ONLY


async def _again(act: Callable[[], Awaitable[None]]) -> None:
    while True:
        try:
            await act()
        except (aiohttp.ClientError, OSError, TimeoutError, KeyError):
            await asyncio.sleep(1)


def _yield_processor() -> None:
    """Take only what nobody else wants: its processor time is that of another machine."""
    os.nice(19)
    # Where sessions are groups of the scheduler, priorities count within them alone.
    with suppress(OSError):
        os.setsid()
        Path("/proc/self/autogroup").write_text("19")


async def main() -> None:
    """Act until killed."""
    facts = json.loads(sys.stdin.readline())
    _yield_processor()
    timeout = aiohttp.ClientTimeout(total=60)
    async with aiohttp.ClientSession(
        timeout=timeout, connector=aiohttp.TCPConnector(limit=0)
    ) as session:
        await Hostile(session, facts).act()


if __name__ == "__main__":
    asyncio.run(main())
