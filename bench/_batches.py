"""Many small files by the plain calls of the server surface, in a process of its own.

    python -m bench._batches files URL TRANSFER COUNT SIZE < TOKEN
    python -m bench._batches puts URL TRANSFER COUNT SIZE < TOKEN

Prints the seconds: of ``files``, all three calls; of ``puts``, the PUTs alone, the ceiling for
whoever sends the files. Written on asyncio's protocols, since an HTTP client would take more of the
processor than what is measured. Anything but 200 ends it.
"""

import asyncio
import base64
import json
import os
import sys
import time
from collections.abc import Iterable, Iterator
from functools import partial
from hashlib import md5, sha256
from typing import Any
from urllib.parse import urlsplit

BATCH = 500
PARALLEL = 8
HEADERS_END = b"\r\n\r\n"


class Connection(asyncio.Protocol):
    """Sends the next request as soon as the answer before is whole."""

    def __init__(self, requests: Iterator[bytes], answers: list[bytes]) -> None:
        self._requests = requests
        self._answers = answers
        self._buffer = bytearray()
        self._wanted = -1
        self.done = asyncio.get_running_loop().create_future()

    def connection_made(self, transport: asyncio.BaseTransport) -> None:
        assert isinstance(transport, asyncio.Transport)
        self._transport = transport
        self._next()

    def data_received(self, data: bytes) -> None:
        self._buffer += data
        if self._wanted < 0:
            end = self._buffer.find(HEADERS_END)
            if end < 0:
                return
            head = bytes(self._buffer[:end]).lower()
            if not head.startswith(b"http/1.1 200"):
                self._finish(SystemExit(f"expected 200; found {self._buffer.decode()[:2000]}"))
                return
            length = int(head.partition(b"content-length:")[2].partition(b"\r\n")[0] or 0)
            self._wanted = end + len(HEADERS_END) + length
        if len(self._buffer) >= self._wanted:
            self._answers.append(bytes(self._buffer))
            self._buffer.clear()
            self._wanted = -1
            self._next()

    def connection_lost(self, exc: Exception | None) -> None:
        self._finish(exc or SystemExit("the connection was closed"))

    def _next(self) -> None:
        request = next(self._requests, None)
        if request is None:
            self._finish(None)
            self._transport.close()
        else:
            self._transport.write(request)

    def _finish(self, failure: BaseException | None) -> None:
        if self.done.done():
            return
        if failure is None:
            self.done.set_result(None)
        else:
            self.done.set_exception(failure)


async def send(netloc: str, requests: Iterable[bytes], *, parallel: int = PARALLEL) -> list[bytes]:
    """Send requests, each once, and return the answers."""
    host, _, port = netloc.partition(":")
    left, answers = iter(requests), list[bytes]()
    done = []
    for _ in range(parallel):
        make = partial(Connection, left, answers)
        _, connection = await asyncio.get_running_loop().create_connection(make, host, int(port))
        done.append(connection.done)
    await asyncio.gather(*done)
    return answers


def raw(method: str, url: str, headers: dict[str, str], body: bytes) -> bytes:
    """Return a request as it goes over the wire."""
    parts = urlsplit(url)
    lines = [f"{method} {parts.path}?{parts.query} HTTP/1.1", f"Host: {parts.netloc}"]
    lines += [f"{name}: {text}" for name, text in headers.items()]
    return "\r\n".join([*lines, "", ""]).encode() + body


class Caller:
    """Calls of the server surface."""

    def __init__(self, url: str, token: str) -> None:
        self._url = url
        self._token = token

    async def call(self, path: str, body: object) -> Any:
        """Make one POST, as JSON."""
        data = json.dumps(body).encode()
        headers = {
            "Authorization": f"Bearer {self._token}",
            "Content-Type": "application/json",
            "Content-Length": str(len(data)),
        }
        request = raw("POST", self._url + path, headers, data)
        [answer] = await send(urlsplit(self._url).netloc, [request], parallel=1)
        return json.loads(answer.partition(HEADERS_END)[2])


def digests(body: bytes) -> dict[str, Any]:
    """Return a body as the only part of a file."""
    found = md5(body, usedforsecurity=False)
    return {
        "number": 1,
        "size": len(body),
        "sha256": sha256(body).hexdigest(),
        "md5": found.hexdigest(),
        "etag": base64.b16encode(found.digest()).decode().lower(),
    }


async def many(url: str, token: str, transfer_id: str, count: int, size: int) -> dict[str, float]:
    """Seconds of each call, for files in batches one after the other."""
    caller = Caller(url, token)
    bodies = [os.urandom(size) for _ in range(64)]
    spent = {"begin": 0.0, "puts": 0.0, "complete": 0.0, "files": 0.0}
    for first in range(0, count, BATCH):
        started = time.perf_counter()
        batch = [bodies[number % 64] for number in range(first, min(first + BATCH, count))]
        parts = [digests(body) for body in batch]
        files = [{"label": str(first + n), "part": part} for n, part in enumerate(parts)]
        path = f"/server/v1/transfers/{transfer_id}/app-data/batch"
        begun = [each["upload"] for each in (await caller.call(path, {"files": files}))["files"]]
        puts = [
            raw(part["method"], part["url"], part["headers"], body)
            for part, body in zip((each["part"] for each in begun), batch, strict=True)
        ]
        sending = time.perf_counter()
        await send(urlsplit(begun[0]["part"]["url"]).netloc, puts)
        sent = time.perf_counter()
        complete = [
            {"uploadId": each["uploadId"], "parts": [part]}
            for each, part in zip(begun, parts, strict=True)
        ]
        answer = await caller.call("/server/v1/uploads/complete", {"files": complete})
        assert all(each["receipt"] for each in answer["files"])
        ended = time.perf_counter()
        spent["begin"] += sending - started
        spent["puts"] += sent - sending
        spent["complete"] += ended - sent
        spent["files"] += ended - started
    return spent


def main(what: str, url: str, transfer_id: str, count: str, size: str) -> None:
    """Print what was asked for; ``all`` prints each."""
    token = sys.stdin.readline().strip()
    spent = asyncio.run(many(url, token, transfer_id, int(count), int(size)))
    print(spent if what == "all" else spent[what])


if __name__ == "__main__":
    main(*sys.argv[1:])
