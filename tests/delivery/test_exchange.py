"""What is on the wire when an event is posted, and which connections are used again."""

import asyncio
import contextlib
import ssl
from collections.abc import AsyncIterator, Awaitable, Callable
from dataclasses import dataclass, field
from pathlib import Path

import pytest
from yarl import URL

from ferryman.delivery.remote import RemoteSender, open_sender, open_session
from ferryman.domain.outcome import Outcome
from ferryman.network.proxies import Proxies
from tests.networks.authority import Authority

OK = b"HTTP/1.1 200 OK\r\nContent-Length: 2\r\n\r\nok"
REFUSED = b"HTTP/1.1 500 Internal Server Error\r\nContent-Length: 0\r\n\r\n"
Talk = Callable[[asyncio.StreamReader, asyncio.StreamWriter], Awaitable[None]]


@dataclass
class Remote:
    """A server that answers each request on a connection by ``talk``."""

    talk: Talk
    security: ssl.SSLContext | None = None
    port: int = 0
    connections: int = 0
    ended: list[asyncio.Event] = field(default_factory=list)

    @property
    def url(self) -> str:
        scheme = "http" if self.security is None else "https"
        return f"{scheme}://127.0.0.1:{self.port}/events"

    async def serve(self, reader: asyncio.StreamReader, writer: asyncio.StreamWriter) -> None:
        self.connections += 1
        self.ended.append(ended := asyncio.Event())
        with contextlib.suppress(OSError, asyncio.IncompleteReadError):
            while not reader.at_eof():
                await self.talk(reader, writer)
        writer.close()
        ended.set()


@contextlib.asynccontextmanager
async def serving(
    talk: Talk, security: ssl.SSLContext | None = None
) -> AsyncIterator[tuple[Remote, RemoteSender]]:
    remote = Remote(talk, security)
    server = await asyncio.start_server(remote.serve, "127.0.0.1", 0, ssl=security)
    remote.port = server.sockets[0].getsockname()[1]
    async with server, open_session(private=True) as session:
        yield remote, RemoteSender(session)


async def read_request(reader: asyncio.StreamReader) -> tuple[bytes, bytes]:
    """Return the head and the body of the next request."""
    head = await reader.readuntil(b"\r\n\r\n")
    length = head.lower().partition(b"content-length: ")[2].partition(b"\r\n")[0]
    return head, await reader.readexactly(int(length))


def answering(answer: bytes, seen: list[tuple[bytes, bytes]]) -> Talk:
    async def talk(reader: asyncio.StreamReader, writer: asyncio.StreamWriter) -> None:
        seen.append(await read_request(reader))
        writer.write(answer)

    return talk


async def post(
    remote: Remote, sender: RemoteSender, headers: dict[str, str] | None = None, body: str = "{}"
) -> Outcome:
    return await sender.post(remote.url, body, headers or {}, 60.0)


async def test_a_request_has_these_headers_and_no_others() -> None:
    seen: list[tuple[bytes, bytes]] = []
    async with serving(answering(OK, seen)) as (remote, sender):
        tokens = {"Authorization": "Bearer x", "traceparent": "00-1-2-00"}
        outcome = await post(remote, sender, tokens, '{"label": "Zürich"}')
        assert (outcome.ok, outcome.body) == (True, "ok")
        [(head, body)] = seen
        first, *lines = head.decode().rstrip().split("\r\n")
        assert first == "POST /events HTTP/1.1"
        assert sorted(lines) == [
            "Accept-Encoding: identity",
            "Accept: */*",
            "Authorization: Bearer x",
            "Content-Length: 20",
            "Content-Type: application/json",
            f"Host: 127.0.0.1:{remote.port}",
            "User-Agent: Ferryman",
            "traceparent: 00-1-2-00",
        ]
        assert body.decode() == '{"label": "Zürich"}'


async def test_headers_of_one_event_do_not_stay_for_the_next() -> None:
    seen: list[tuple[bytes, bytes]] = []
    async with serving(answering(OK, seen)) as (remote, sender):
        await post(remote, sender, {"x-first": "1"})
        await post(remote, sender, {"x-second": "2"})
        assert [b"x-first" in head for head, _ in seen] == [True, False]
        assert [b"x-second" in head for head, _ in seen] == [False, True]
        assert remote.connections == 1  # which was used again


async def test_a_url_is_asked_for_as_it_is_registered() -> None:
    seen: list[tuple[bytes, bytes]] = []
    async with serving(answering(OK, seen)) as (remote, sender):
        for written in ("/a%2Fb/%C3%A9?x=(1)&y=%20", "/a%2fb/%c3%a9?x=%281%29&y=+"):
            url = URL(f"http://127.0.0.1:{remote.port}{written}", encoded=True)
            assert (await sender.post(url, "{}", {}, 60.0)).ok
            assert seen[-1][0].startswith(f"POST {written} HTTP/1.1\r\n".encode())


@pytest.mark.parametrize(
    ("answer", "status"),
    [
        (b"HTTP/1.1 103 Early Hints\r\nLink: </x>\r\n\r\n" + OK, 200),
        (b"HTTP/1.1 100 Continue\r\n\r\nHTTP/1.1 102 Processing\r\n\r\n" + OK, 200),
        (b"HTTP/1.1 101 Switching Protocols\r\nUpgrade: x\r\nConnection: upgrade\r\n\r\n", 101),
    ],
)
async def test_only_a_final_answer_counts(answer: bytes, status: int) -> None:
    async with serving(answering(answer, [])) as (remote, sender):
        outcome = await post(remote, sender)
        assert (outcome.status, outcome.ok) == (status, status == 200)


@pytest.mark.parametrize(
    "answer",
    [
        OK + b"HTTP/1.1 200 OK\r\nContent-Length: 5\r\n\r\nagain",
        b"HTTP/1.1 200 OK\r\nConnection: close\r\nContent-Length: 2\r\n\r\nok",
        b"HTTP/1.0 200 OK\r\nContent-Length: 2\r\n\r\nok",
        b"HTTP/1.1 101 Switching Protocols\r\nUpgrade: x\r\nConnection: upgrade\r\n\r\n",
        b"HTTP/1.1 200 OK\r\nContent-Length: 1000000\r\n\r\n" + b"x" * 70_000,
    ],
    ids=["answered twice", "to be closed", "old", "upgraded", "long"],
)
async def test_a_connection_that_is_not_clean_is_closed(answer: bytes) -> None:
    async with serving(answering(answer, [])) as (remote, sender):
        first = await post(remote, sender)
        assert "again" not in first.output
        async with asyncio.timeout(60):
            await remote.ended[0].wait()
        second = await post(remote, sender)
        assert (second.status, second.output) == (first.status, first.output)
        assert remote.connections == 2


async def test_what_comes_between_two_events_is_no_answer_to_the_second() -> None:
    """As from a server that answers late, or tells an idle connection that it will be closed."""
    talking: list[asyncio.StreamWriter] = []

    async def talk(reader: asyncio.StreamReader, writer: asyncio.StreamWriter) -> None:
        await read_request(reader)
        writer.write(OK if not talking else REFUSED)
        talking.append(writer)

    async with serving(talk) as (remote, sender):
        assert (await post(remote, sender)).ok
        talking[0].write(OK.replace(b"ok", b"no"))
        for _ in range(10):  # until it has come
            await asyncio.sleep(0)
        outcome = await post(remote, sender)
        assert (outcome.status, remote.connections) == (500, 2)


@pytest.mark.parametrize("secure", [False, True], ids=["http", "https"])
async def test_an_early_answer_counts_and_ends_the_connection(
    secure: bool, tmp_path: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    """The rest of the event would otherwise precede the next one, and nobody reads it."""
    over = asyncio.Event()
    security = None
    if secure:
        authority = Authority(tmp_path, "Harbour Root")
        monkeypatch.setenv("SSL_CERT_FILE", str(authority.file))
        security = ssl.create_default_context(ssl.Purpose.CLIENT_AUTH)
        security.load_cert_chain(authority.issue("127.0.0.1"))

    async def talk(reader: asyncio.StreamReader, writer: asyncio.StreamWriter) -> None:
        await reader.readuntil(b"\r\n\r\n")
        writer.write(b"HTTP/1.1 413 Too Large\r\nContent-Length: 0\r\n\r\n")
        await over.wait()
        await reader.read()

    async with serving(talk, security) as (remote, sender):
        for _ in range(2):
            outcome = await post(remote, sender, body="x" * (1 << 25))
            assert (outcome.status, outcome.stage) == (413, "after")
        assert remote.connections == 2
        over.set()
        async with asyncio.timeout(60):
            for ended in remote.ended:
                await ended.wait()


async def test_a_connection_is_closed_when_time_is_up() -> None:
    async def talk(reader: asyncio.StreamReader, writer: asyncio.StreamWriter) -> None:
        await read_request(reader)

    async with serving(talk) as (remote, sender):
        for seconds in (0.5, 5.0, 50.0):  # a slow machine may need longer to connect
            outcome = await sender.post(remote.url, "{}", {}, seconds)
            if outcome.stage == "during":
                break
        assert outcome.hung
        async with asyncio.timeout(60):
            await remote.ended[-1].wait()


async def test_a_header_cannot_begin_another() -> None:
    async with serving(answering(OK, [])) as (remote, sender):
        outcome = await post(remote, sender, {"Authorization": "Bearer x\r\nX-Other: y"})
        assert (outcome.ok, outcome.stage) == (False, "before")


async def test_a_login_in_the_url_does_not_give_way_to_a_token() -> None:
    seen: list[tuple[bytes, bytes]] = []
    async with serving(answering(OK, seen)) as (remote, sender):
        url = remote.url.replace("//", "//user:word@")
        outcome = await sender.post(url, "{}", {"Authorization": "Bearer x"}, 60.0)
        assert (outcome.ok, outcome.stage, seen) == (False, "before", [])
        assert (await sender.post(url, "{}", {}, 60.0)).ok
        assert b"\r\nAuthorization: Basic dXNlcjp3b3Jk\r\n" in seen[0][0]


async def test_a_proxy_that_asks_for_a_login_gets_it_with_each_event_over_http() -> None:
    seen: list[tuple[bytes, bytes]] = []
    async with serving(answering(OK, seen)) as (proxy, _):
        proxies = Proxies(http=f"http://user:word@127.0.0.1:{proxy.port}")
        async with open_sender(private=True, proxies=proxies) as sender:
            for _ in range(2):
                assert (await sender.post("http://remote.example/in", "{}", {}, 60.0)).ok
    for head, _ in seen:
        assert head.startswith(b"POST http://remote.example/in HTTP/1.1\r\n")
        assert b"\r\nProxy-Authorization: Basic dXNlcjp3b3Jk\r\n" in head
        assert head.count(b"\r\nHost: remote.example\r\n") == 1
