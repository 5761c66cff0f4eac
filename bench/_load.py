"""The load of the request benchmark, in a process of its own.

    python -m bench._load PORT CONNECTIONS FILE

Sends the requests of FILE, one JSON object a line, each once, over so many connections that are
kept open, and prints requests a second. Written on asyncio's protocols: an HTTP client would
take more of the processor than what is measured. Anything but 200 ends it.
"""

import asyncio
import json
import sys
import time
from collections.abc import Iterator
from functools import partial
from pathlib import Path

HEADERS_END = b"\r\n\r\n"


class Connection(asyncio.Protocol):
    """Sends the next request as soon as the answer before is whole."""

    def __init__(self, requests: Iterator[bytes], done: "asyncio.Future[None]") -> None:
        self._requests = requests
        self._done = done
        self._buffer = b""

    def connection_made(self, transport: asyncio.BaseTransport) -> None:
        assert isinstance(transport, asyncio.Transport)
        self._transport = transport
        self._next()

    def data_received(self, data: bytes) -> None:
        self._buffer += data
        head, end, body = self._buffer.partition(HEADERS_END)
        if not end:
            return
        length = int(head.lower().partition(b"content-length:")[2].partition(b"\r\n")[0])
        if len(body) < length:
            return
        if not head.startswith(b"HTTP/1.1 200"):
            self._finish(SystemExit(f"expected 200; found {self._buffer.decode()}"))
            return
        self._buffer = b""
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
        if self._done.done():
            return
        if failure is None:
            self._done.set_result(None)
        else:
            self._done.set_exception(failure)


def raw(line: str, port: int) -> bytes:
    """A request as it goes over the wire."""
    request = json.loads(line)
    body = json.dumps(request["body"]).encode() if "body" in request else b""
    head = (
        f"{request['method']} {request['path']} HTTP/1.1\r\nhost: 127.0.0.1:{port}\r\n"
        f"authorization: Bearer {request['token']}\r\naccept: application/json\r\n"
        f"content-type: application/json\r\ncontent-length: {len(body)}\r\n\r\n"
    )
    return head.encode() + body


async def send(port: int, connections: int, requests: list[bytes]) -> float:
    """Requests a second."""
    left = iter(requests)
    loop = asyncio.get_running_loop()
    started = time.perf_counter()
    done = []
    for _ in range(connections):
        end = loop.create_future()
        await loop.create_connection(partial(Connection, left, end), "127.0.0.1", port)
        done.append(end)
    await asyncio.gather(*done)
    return len(requests) / (time.perf_counter() - started)


def main(port: str, connections: str, file: str) -> None:
    """Send what the file says."""
    lines = Path(file).read_text(encoding="utf-8").splitlines()
    requests = [raw(line, int(port)) for line in lines]
    print(asyncio.run(send(int(port), int(connections), requests)))


if __name__ == "__main__":
    main(*sys.argv[1:])
