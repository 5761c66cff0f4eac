"""The pieces that tests of the stores share: one store behind real HTTP, and a plain client."""

import asyncio
import http.client
import socket
import threading
from collections.abc import Coroutine, Iterator, Mapping
from contextlib import contextmanager
from dataclasses import dataclass
from datetime import UTC, datetime, timedelta
from hashlib import md5, sha256
from pathlib import Path
from typing import Any, TypeVar
from urllib.parse import urlsplit

from granian.constants import Interfaces
from granian.server.embed import Server
from litestar import Litestar

from ferryman.api.concurrency_limit import readers
from ferryman.api.objects import ObjectsApp
from ferryman.objects.local import LocalStore
from ferryman.objects.sealing import NO_KEYS, ObjectKeys
from ferryman.wire.upload import PartRequest, StoredPart
from tests.kit.platform import free_port

NOW = datetime(2026, 3, 1, 12, 0, tzinfo=UTC)
LATER = NOW + timedelta(hours=1)
SECRET = b"s" * 32
KEYS = ObjectKeys((b"k" * 32,))

T = TypeVar("T")
_runner = asyncio.Runner()


def run(work: Coroutine[Any, Any, T]) -> T:
    """Do it in the one event loop of these tests, where the stores keep their connections."""
    return _runner.run(work)


def close_loop() -> None:
    """At the very end."""
    _runner.close()


@dataclass(frozen=True)
class Answer:
    """A whole HTTP response."""

    status: int
    headers: Mapping[str, str]
    body: bytes


def request(
    method: str, url: str, body: bytes = b"", headers: Mapping[str, str] | None = None
) -> Answer:
    """Send exactly these headers (and Host); a Content-Length only when given or needed."""
    parts = urlsplit(url)
    connection = http.client.HTTPConnection(parts.hostname or "", parts.port, timeout=90)
    try:
        connection.putrequest(method, f"{parts.path}?{parts.query}", skip_accept_encoding=True)
        for name, value in (headers or {}).items():
            connection.putheader(name, value)
        connection.endheaders(body)
        response = connection.getresponse()
        return Answer(response.status, _lower(response.getheaders()), response.read())
    finally:
        connection.close()


def _lower(headers: list[tuple[str, str]]) -> dict[str, str]:
    return {name.lower(): value for name, value in headers}


def part_request(number: int, data: bytes) -> PartRequest:
    """What a gateway asks a URL for."""
    digest = md5(data, usedforsecurity=False).hexdigest()
    return PartRequest(number=number, size=len(data), sha256=sha256(data).hexdigest(), md5=digest)


def stored(number: int, data: bytes) -> StoredPart:
    """What a gateway says it sent."""
    digest = sha256(data).hexdigest()
    return StoredPart(number=number, size=len(data), sha256=digest, etag=digest)


@contextmanager
def serving(app: Any, port: int) -> Iterator[None]:
    """Run an ASGI application in a thread, as ``ferryman serve`` does in a process."""
    server = Server(app, port=port, interface=Interfaces.ASGINL, log_enabled=False)
    loop = asyncio.new_event_loop()
    thread = threading.Thread(target=loop.run_until_complete, args=(server.serve(),))
    thread.start()
    try:
        _await_port(port)
        yield
    finally:
        loop.call_soon_threadsafe(server.stop)
        thread.join()
        loop.close()


def _await_port(port: int) -> None:
    pause = threading.Event()
    for _ in range(3000):
        with socket.socket() as probe:
            if probe.connect_ex(("127.0.0.1", port)) == 0:
                return
        pause.wait(0.02)
    raise AssertionError("the server did not start")


async def standing_now() -> datetime:
    """Platform time of these tests."""
    return NOW


@contextmanager
def local_platform(root: Path, keys: ObjectKeys = NO_KEYS) -> Iterator[LocalStore]:
    """A local store whose URLs work; platform time is frozen at ``NOW``."""

    port = free_port()
    store = LocalStore(root, SECRET, f"http://127.0.0.1:{port}", keys=keys)
    with serving(
        ObjectsApp(store, standing_now, Litestar([], openapi_config=None), readers()), port
    ):
        yield store
