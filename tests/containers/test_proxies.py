"""The proxies beside a service, against what programs send by mistake or on purpose.

The service, the platform and Jira are one server here, which notes each request to the byte.
"""

import asyncio
import gzip
import re
from collections.abc import AsyncIterator
from contextlib import asynccontextmanager
from dataclasses import dataclass, field
from pathlib import Path

from ferryman.devtools.services.running import RunningService, ServiceSpec
from ferryman.functions.fixtures import ProductFixtures
from ferryman.functions.overrides import Overrides
from ferryman.functions.service_call import INVOCATION_ID, SIDECAR_TOKEN
from ferryman.functions.service_override import ServiceOverride

OWN = b"forge-proxy-authorization: Forge as=app,id=own"
MOST, MANY = 8 << 20, 150
FIXTURES = ProductFixtures("wiki/", (), ({"method": "GET", "path": "/x"},))
ANSWER = (
    b"HTTP/1.1 200 OK\r\nContent-Length: 4\r\nSet-Cookie: a=1\r\nSet-Cookie: b=2\r\n"
    b"X-Town: K\xf6ln\r\nX-Hop: one\r\nConnection: close, x-hop\r\n\r\ntide"
)


@dataclass
class Other:
    """The server behind the proxies; a request for `/hang` is answered when ``go`` is set."""

    base: str = ""
    got: list[bytes] = field(default_factory=list)
    hanging: int = 0
    full: asyncio.Event = field(default_factory=asyncio.Event)
    go: asyncio.Event = field(default_factory=asyncio.Event)

    async def answer(self, reader: asyncio.StreamReader, writer: asyncio.StreamWriter) -> None:
        """Answer one request."""
        try:
            request = await reader.readuntil(b"\r\n\r\n")
            length = re.search(rb"(?i)content-length: (\d+)", request)
            request += await reader.readexactly(int(length[1]) if length else 0)
            self.got.append(request)
            if b"/hang" in request.partition(b"\r\n")[0]:
                self.hanging += 1
                if self.hanging == MANY:
                    self.full.set()
                await self.go.wait()
            writer.write(ANSWER)
            await writer.drain()
        except (asyncio.IncompleteReadError, ConnectionError):
            pass  # who looks whether it listens sends nothing
        finally:
            writer.close()


@dataclass
class Beside:
    """A service with its proxies, and what `dev` would show of it."""

    other: Other
    ingress: str
    said: list[str]

    @property
    def egress(self) -> str:
        """Return the address that the service has in its environment."""
        return self.said[0].rpartition(" ")[2]

    async def send(self, text: bytes, base: str | None = None) -> bytes:
        """Send a request as it stands, and return the whole answer."""
        port = int((base or self.egress).rpartition(":")[2])
        reader, writer = await asyncio.open_connection("127.0.0.1", port, limit=1 << 24)
        try:
            writer.write(text)
            return await reader.read()
        finally:
            writer.close()

    async def event(self, invocation: str, path: str = "/events") -> bytes:
        """Send an event as the platform does."""
        head = f"POST {path} HTTP/1.1\r\nHost: x\r\nConnection: close\r\nContent-Length: 2\r\n"
        more = (
            f"{INVOCATION_ID}: {invocation}\r\n{SIDECAR_TOKEN}: token-of-{invocation}\r\n\r\n{{}}"
        )
        return await self.send((head + more).encode(), self.ingress)


@asynccontextmanager
async def beside(folder: Path) -> AsyncIterator[Beside]:
    other, said = Other(), list[str]()
    server = await asyncio.start_server(other.answer, "127.0.0.1", 0, backlog=500)
    other.base = f"http://127.0.0.1:{server.sockets[0].getsockname()[1]}"
    service = RunningService(
        ServiceSpec("importer", ServiceOverride(address=other.base), 1, None, ()),
        folder=folder,
        note=folder / "note",
        platform=lambda: other.base,
        overrides=lambda: Overrides(
            {}, {"jira": f"{other.base}/base"}, fixtures={"confluence": FIXTURES}
        ),
        say=lambda text, _style: said.append(text),
    )
    async with server:
        await service.start()
        try:
            found = Beside(other, service.address, said)
            assert b" 200 " in await found.event("own")
            other.got.clear()
            yield found
        finally:
            await service.close()
            other.go.set()


def request(line: bytes, *headers: bytes, body: bytes = b"") -> bytes:
    length = b"Content-Length: %d" % len(body)
    return b"\r\n".join([line, b"Host: x", b"Connection: close", *headers, length, b"", body])


async def test_a_call_and_its_answer_go_on_as_they_are(tmp_path: Path) -> None:
    """Each header as often as it came, and a packed body packed; what is not asked for, not."""
    packed = gzip.compress(b"the tide")
    async with beside(tmp_path) as own:
        answer = await own.send(
            request(
                b"POST /jira/a%2Fb?c=%20d HTTP/1.1",
                *(OWN, b"Content-Encoding: gzip", b"X-Two: 1", b"X-Two: 2", b"X-Town: K\xf6ln"),
                *(b"Cookie: c", b"Authorization: Bearer x", b"Expect: 100-continue"),
                body=packed,
            )
        )
        [got] = own.other.got
    head, _, body = got.partition(b"\r\n\r\n")
    line, *headers = head.split(b"\r\n")
    assert (line, body) == (b"POST /base/a%2Fb?c=%20d HTTP/1.1", packed)
    names = sorted(header.partition(b":")[0].lower() for header in headers)
    assert names == [
        b"content-encoding",
        b"content-length",
        b"host",
        *[b"x-town", b"x-two", b"x-two"],
    ]
    assert answer.count(b"\r\nSet-Cookie: ") == 2
    assert "X-Town: K\ufffdln".encode() in answer
    assert b"X-Hop" not in answer
    assert answer.endswith(b"\r\n\r\ntide")


async def test_what_is_refused_reaches_nobody(tmp_path: Path) -> None:
    """Each with the code that says why; a way out of a prefix is none, however it is written."""
    forge = b"/app/migration/forge/v1/"
    ways = [
        (b"GET http://127.0.0.1" + forge + b" HTTP/1.1", 404),
        (b"GET " + forge + b"..%2f..%2Fadmin HTTP/1.1", 404),
        (b"GET " + forge + b"%2e%2e/%2e./admin HTTP/1.1", 404),
        (b"GET " + forge + b"..\\admin HTTP/1.1", 404),
        (b"GET /app%2Fforge/x HTTP/1.1", 404),
        (b"GET /jira/./x HTTP/1.1", 404),
        (b"GET /jirax/x HTTP/1.1", 404),
        (b"CONNECT 127.0.0.1:80 HTTP/1.1", 404),
        (b"OPTIONS * HTTP/1.1", 404),
    ]
    async with beside(tmp_path) as own:
        for line, status in ways:
            answer = await own.send(request(line, OWN))
            assert answer.startswith(b"HTTP/1.1 %d " % status), (line, answer)
        twice = await own.send(request(b"GET /jira/x HTTP/1.1", OWN, OWN.replace(b"own", b"x")))
        assert b'"code":"service_authorization_malformed"' in twice
        long = await own.send(request(b"POST /jira/x HTTP/1.1", OWN, body=b"x" * (MOST + 1)))
        assert b"HTTP/1.1 413 " in long
        assert b'"code":"service_body_too_large"' in long
        assert own.other.got == []


async def test_an_odd_path_has_no_fixture(tmp_path: Path) -> None:
    """Two slashes begin no host, and what would not be one is no error of ours."""
    async with beside(tmp_path) as own:
        for path in (b"//[", b"//rest/x", b"/%"):
            line = b"GET /confluence" + path + b" HTTP/1.1"
            answer = await own.send(request(line, OWN))
            assert b'"code":"service_fixture_missing"' in answer, (path, answer)


async def test_events_that_are_worked_on_leave_room_for_their_calls(tmp_path: Path) -> None:
    """However many, for each waits for what it calls."""
    async with beside(tmp_path) as own, asyncio.TaskGroup() as tasks:
        events = [tasks.create_task(own.event(str(n), "/hang")) for n in range(MANY)]
        await own.other.full.wait()
        call = OWN.replace(b"own", b"7")
        assert b"200 OK" in await own.send(request(b"GET /app/forge/x HTTP/1.1", call))
        assert b"Authorization: Bearer token-of-7\r\n" in own.other.got[-1]
        own.other.go.set()
    assert all(b"200 OK" in event.result() for event in events)


async def test_nothing_of_a_request_that_is_not_http_is_shown(tmp_path: Path) -> None:
    async with beside(tmp_path) as own:
        answer = await own.send(b"GET / HTTP/1.1\r\nAuthorization\x01: Bearer secret\r\n\r\n")
        assert b" 400 " in answer
        assert own.other.got == []
        assert "cannot be answered" in own.said[-1]
        assert not [line for line in own.said if "secret" in line]
