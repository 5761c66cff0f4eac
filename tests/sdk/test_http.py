"""Both transports against servers that misbehave: the same conversations, sync and async."""

import asyncio
import gzip
import hashlib
import json
import socket
import time
from collections.abc import Callable
from typing import TypeVar

import pytest

from ferryman import AsyncMigration, ClientError, Migration, MigrationAPIError
from ferryman.sdk.async_http import AsyncHttpTransport
from ferryman.sdk.exchange import Flow
from ferryman.sdk.http import HttpTransport
from ferryman.sdk.operation import Operation, Request, json_operation

from .badserver import Reply, bad_server
from .cutting import cutting_proxy

T = TypeVar("T")

NUMBERS = json_operation("POST", "/numbers", list[int], query={"a": "b&c"}, body={"x": 1})
Call = Callable[[str, Operation[list[int]], float], list[int]]


def call_sync(url: str, operation: Operation[T], retry_seconds: float) -> T:
    transport = HttpTransport(url, "secret", retry_seconds=retry_seconds)
    try:
        return transport.call(operation)
    finally:
        transport.close()


def call_async(url: str, operation: Operation[T], retry_seconds: float) -> T:
    async def run() -> T:
        transport = AsyncHttpTransport(url, "secret", retry_seconds=retry_seconds)
        try:
            return await transport.call(operation)
        finally:
            await transport.close()

    return asyncio.run(run())


both = pytest.mark.parametrize("call", [call_sync, call_async])


@both
def test_a_request_arrives_as_it_was_meant(call: Call) -> None:
    with bad_server(Reply(body=b"[1]")) as server:
        assert call(server.url, NUMBERS, 0) == [1]
    (seen,) = server.seen
    assert (seen.method, seen.path, seen.body) == ("POST", "/numbers?a=b%26c", b'{"x":1}')
    assert seen.headers["authorization"] == "Bearer secret"
    assert seen.headers["content-type"] == "application/json"


@pytest.mark.parametrize("client", [HttpTransport, AsyncHttpTransport])
@pytest.mark.parametrize("token", ["secret\n", "\tsecret", "sec ret", "secr\u00e9t"])
def test_a_token_that_no_header_carries_is_not_shown(
    client: type[HttpTransport | AsyncHttpTransport], token: str
) -> None:
    with pytest.raises(ValueError, match="expected a token of printable ASCII") as refused:
        client("http://127.0.0.1:9", token, retry_seconds=0)
    assert token.strip() not in str(refused.value)


@both
def test_retry_after_is_kept(call: Call) -> None:
    refused = Reply(503, headers={"Retry-After": "1"})
    with bad_server(refused, Reply(body=b"[1]")) as server:
        started = time.monotonic()
        assert call(server.url, NUMBERS, 60) == [1]
        assert time.monotonic() - started >= 1
    assert len(server.seen) == 2


@both
@pytest.mark.parametrize("status", [408, 429, 500, 502, 503, 504])
def test_answers_that_pass_are_waited_out(call: Call, status: int) -> None:
    with bad_server(Reply(status), Reply(status), Reply(body=b"[1]")) as server:
        assert call(server.url, NUMBERS, 60) == [1]
    assert [seen.body for seen in server.seen] == [b'{"x":1}'] * 3


@both
@pytest.mark.parametrize("status", [400, 401, 403, 404, 409, 501])
def test_answers_that_stay_are_not(call: Call, status: int) -> None:
    with bad_server(Reply(status)) as server, pytest.raises(ClientError) as caught:
        call(server.url, NUMBERS, 10)
    assert caught.value.status == status
    assert len(server.seen) == 1


@both
def test_a_wait_longer_than_the_patience_is_an_error_at_once(call: Call) -> None:
    refused = Reply(429, headers={"Retry-After": "600"})
    with bad_server(refused) as server, pytest.raises(ClientError) as caught:
        call(server.url, NUMBERS, 10)
    assert caught.value.status == 429
    assert len(server.seen) == 1


@both
@pytest.mark.parametrize(
    "reply", [Reply(hang_up=True), Reply(body=b"[1, 2, 3]", cut=4), Reply(body=b"[1]", cut=0)]
)
def test_a_connection_that_breaks_is_made_again(call: Call, reply: Reply) -> None:
    with bad_server(reply, Reply(body=b"[1]")) as server:
        assert call(server.url, NUMBERS, 60) == [1]
    assert len(server.seen) == 2
    assert server.seen[0].body == server.seen[1].body


@both
def test_nobody_there_is_an_error_without_status(call: Call) -> None:
    with socket.socket() as closed:
        closed.bind(("127.0.0.1", 0))
        url = f"http://127.0.0.1:{closed.getsockname()[1]}"
        with pytest.raises(
            ClientError,
            match=r"no answer: expected a server at .*; found Connection refused\. Check",
        ) as caught:
            call(url, NUMBERS, 0.3)
    assert caught.value.status is None


@both
def test_redirects_are_not_followed(call: Call) -> None:
    with (
        bad_server(Reply(302, headers={"Location": "/elsewhere"})) as server,
        pytest.raises(ClientError) as caught,
    ):
        call(server.url, NUMBERS, 5)
    assert caught.value.status == 302
    assert len(server.seen) == 1


@both
def test_a_server_that_hangs_is_left(call: Call) -> None:
    with socket.socket() as silent:
        silent.bind(("127.0.0.1", 0))
        silent.listen()
        url = f"http://127.0.0.1:{silent.getsockname()[1]}"
        hurried = json_operation("GET", "/x", list[int], timeout=0.2)
        with pytest.raises(ClientError) as caught:
            call(url, hurried, 0)
    assert caught.value.status is None


@pytest.mark.parametrize("size", [0, 1, (1 << 20) - 1, 1 << 20, 3_500_000])
@pytest.mark.parametrize("face", ["sync", "async"])
def test_a_part_of_any_size_goes_whole_and_with_its_length(face: str, size: int) -> None:
    data = bytes(range(256)) * (size // 256) + bytes(size % 256)

    with bad_server() as server:
        request = Request(method="PUT", url=f"{server.url}/o?s=a%2Fb", body=memoryview(data))
        if face == "sync":
            transport = HttpTransport(server.url, "secret")
            transport.run(transport.exchange.deliver(request))
            transport.close()
        else:
            asyncio.run(_send(server.url, request))
    (seen,) = server.seen
    assert seen.body == data
    assert seen.path == "/o?s=a%2Fb"
    assert seen.headers["content-length"] == str(size)
    assert "transfer-encoding" not in seen.headers
    assert "authorization" not in seen.headers


async def _send(url: str, request: Request) -> None:
    transport = AsyncHttpTransport(url, "secret", retry_seconds=0)
    flow: Flow[object] = transport.exchange.deliver(request)
    await transport.run(flow)
    await transport.close()


def test_a_part_whose_answer_is_lost_is_sent_again_in_whole() -> None:
    data = bytes(range(256)) * 10_000

    async def work(url: str) -> None:
        transport = AsyncHttpTransport(url, "secret", retry_seconds=60)
        try:
            assert await transport.call(NUMBERS) == [1]
            request = Request(method="PUT", url=f"{url}/o", body=memoryview(data))
            flow: Flow[object] = transport.exchange.deliver(request)
            await transport.run(flow)
        finally:
            await transport.close()

    with bad_server(Reply(body=b"[1]"), Reply(hang_up=True)) as server:
        asyncio.run(work(server.url))
    assert [seen.method for seen in server.seen] == ["POST", "PUT", "PUT"]
    assert [seen.body == data for seen in server.seen[1:]] == [True, True]


def put_sync(url: str, ready: Callable[[], None], data: bytes) -> None:
    transport = HttpTransport(url, "secret", retry_seconds=60)
    try:
        assert transport.call(NUMBERS) == [1]
        ready()
        request = Request(method="PUT", url=f"{url}/o", body=memoryview(data))
        transport.run(transport.exchange.deliver(request))
    finally:
        transport.close()


def put_async(url: str, ready: Callable[[], None], data: bytes) -> None:
    async def work() -> None:
        transport = AsyncHttpTransport(url, "secret", retry_seconds=60)
        try:
            assert await transport.call(NUMBERS) == [1]
            ready()
            request = Request(method="PUT", url=f"{url}/o", body=memoryview(data))
            flow: Flow[object] = transport.exchange.deliver(request)
            await transport.run(flow)
        finally:
            await transport.close()

    asyncio.run(work())


@pytest.mark.parametrize("put", [put_sync, put_async])
@pytest.mark.parametrize("share", [0.0, 0.3, 0.9])
def test_a_part_on_a_kept_connection_that_is_cut_is_sent_again_in_whole(
    put: Callable[[str, Callable[[], None], bytes], None], share: float
) -> None:
    """By the next connection. aiohttp before 3.14.4 made one with a body that was used up."""
    data = bytes(range(256)) * 16_000

    with bad_server(Reply(body=b"[1]")) as server, cutting_proxy(server.url) as proxy:

        def cut() -> None:
            assert proxy.came
            proxy.cut_after = 1 + int(len(data) * share)

        put(proxy.url, cut, data)
    assert len(proxy.came) == 2
    assert proxy.came[0] < len(data) < proxy.came[1] < len(data) + 1000
    whole = [seen for seen in server.seen if len(seen.body) == len(data)]
    assert [hashlib.sha256(each.body).digest() for each in whole] == [hashlib.sha256(data).digest()]


CONTENT = gzip.compress(bytes(range(256)) * 5000, mtime=0)


def proof(url: str) -> Reply:
    """What the file has to be, and where it is."""
    sha256 = hashlib.sha256(CONTENT).hexdigest()
    part = {"number": 1, "size": len(CONTENT), "sha256": sha256}
    facts = {"url": f"{url}/f?sig", "size": len(CONTENT), "sha256": sha256, "parts": [part]}
    return Reply(body=json.dumps(facts).encode())


def replies_of_a_broken_download(url: str) -> list[Reply]:
    """The URL, the first half of the file, the URL again, the rest."""
    half = len(CONTENT) // 2
    signed = Reply(body=b'{"url": "%s/f?sig"}' % url.encode())
    return [
        proof(url),
        Reply(body=CONTENT, cut=half),
        signed,
        Reply(206, body=CONTENT[half:], headers={"Content-Range": "bytes"}),
    ]


def test_a_payload_is_a_file_that_survives_a_broken_connection() -> None:
    with bad_server() as server:
        server.replies.extend(replies_of_a_broken_download(server.url))
        with (
            Migration(server.url, "secret") as migration,
            migration.get_app_data_payload("k") as payload,
            gzip.open(payload) as lines,
        ):
            assert (payload.ok, payload.status) == (True, 200)
            assert lines.read() == gzip.decompress(CONTENT)
    assert server.seen[3].headers["range"].startswith("bytes=")
    assert "authorization" not in server.seen[3].headers


def test_an_async_payload_survives_a_broken_connection() -> None:
    async def read(url: str) -> bytes:
        async with (
            AsyncMigration(url, "secret") as migration,
            await migration.get_app_data_payload("k") as payload,
        ):
            return b"".join([piece async for piece in payload.iter_bytes(1000)])

    with bad_server() as server:
        server.replies.extend(replies_of_a_broken_download(server.url))
        assert asyncio.run(read(server.url)) == CONTENT


def test_content_that_says_it_is_encoded_is_not_decoded() -> None:
    packed = Reply(body=CONTENT, headers={"Content-Encoding": "gzip"})
    with bad_server() as server:
        server.replies.extend([proof(server.url), packed])
        with Migration(server.url, "secret") as migration:
            assert migration.get_app_data_payload("k").content() == CONTENT


def test_a_client_needs_an_address_and_a_token(monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.delenv("FERRYMAN_URL", raising=False)
    monkeypatch.setenv("FERRYMAN_TOKEN", "t")
    with pytest.raises(ValueError, match="FERRYMAN_URL"):
        Migration()


@pytest.mark.parametrize("url", ["localhost:8400", "ftp://x", "/tmp"])
@pytest.mark.parametrize("client", [Migration, AsyncMigration])
def test_an_address_that_is_none_is_refused_at_once(
    client: type[Migration | AsyncMigration], url: str
) -> None:
    with pytest.raises(ValueError, match="expected the platform's URL"):
        client(url, "t")


def test_errors_never_show_a_signature() -> None:
    with bad_server() as server:
        server.replies.append(Reply(body=b'{"url": "%s/f?sig=SECRET"}' % server.url.encode()))
        server.replies.extend([Reply(404, body=b"SECRET"), Reply(403)])
        with (
            Migration(server.url, "SECRET") as migration,
            pytest.raises(MigrationAPIError) as caught,
        ):
            migration.get_app_data_payload("k")
    assert "SECRET" not in str(caught.value)


@both
def test_what_the_platform_says_of_the_version_is_logged_once(
    call: Call, caplog: pytest.LogCaptureFixture
) -> None:
    text = f"{call.__name__}: this SDK is too old"
    reply = Reply(body=b"[1]", headers={"Ferryman-Notice": text})
    with bad_server(reply, reply) as server:
        for _ in range(2):
            assert call(server.url, NUMBERS, 0) == [1]
    assert [line.getMessage() for line in caplog.records] == [f"platform.notice {text}"]
