"""Small bodies are PUT over kept connections; whatever is answered is read as urllib3 reads it."""

from collections.abc import Iterator, Mapping
from importlib.metadata import version
from urllib.parse import urlsplit

import pytest

from ferryman.sdk.errors import TransportError
from ferryman.sdk.http import HttpTransport
from ferryman.sdk.operation import Answer, Operation, Request
from ferryman.sdk.put_connections import LARGEST_BODY, fits

from .badserver import BadServer, Reply, bad_server
from .cutting import Cutting, cutting_proxy


@pytest.fixture
def server() -> Iterator[BadServer]:
    with bad_server() as server:
        yield server


@pytest.fixture
def way(server: BadServer) -> Iterator[Cutting]:
    """Counts the connections to the server."""
    with cutting_proxy(server.url) as way:
        yield way


@pytest.fixture
def transport(way: Cutting) -> Iterator[HttpTransport]:
    transport = HttpTransport(way.url, "token", retry_seconds=90.0, sleep=lambda _seconds: None)
    yield transport
    transport.close()


def put(
    transport: HttpTransport,
    body: bytes = b"some",
    *,
    path: str = "/key?signature=s%2Bs",
    headers: Mapping[str, str] | None = None,
) -> Answer:
    request = Request(
        method="PUT",
        url=f"{transport.base_url}{path}",
        headers=headers or {"Content-Length": str(len(body)), "x-signed": "yes"},
        body=memoryview(body),
    )
    return transport.run(transport.exchange.deliver(request))


def test_one_connection_serves_many(
    server: BadServer, way: Cutting, transport: HttpTransport
) -> None:
    server.replies[:] = [Reply(body=b"", headers={"ETag": '"e"'}) for _ in range(3)]
    answers = [put(transport, bytes([number])) for number in range(3)]
    assert [(each.status, each.headers["etag"], each.body) for each in answers] == [
        (200, '"e"', b"")
    ] * 3
    assert [each.body for each in server.seen] == [b"\0", b"\1", b"\2"]
    assert len(way.came) == 1


def test_a_request_is_written_as_it_was_signed(
    server: BadServer, way: Cutting, transport: HttpTransport
) -> None:
    put(transport)
    [seen] = server.seen
    assert (seen.method, seen.path, seen.body) == ("PUT", "/key?signature=s%2Bs", b"some")
    assert seen.headers == {
        "host": urlsplit(way.url).netloc,
        "user-agent": f"ferryman-python/{version('ferryman')}",
        "content-length": "4",
        "x-signed": "yes",
    }


@pytest.mark.parametrize("size", [0, 1, LARGEST_BODY, LARGEST_BODY + 1, 3 << 20])
def test_a_body_of_any_size_arrives(server: BadServer, transport: HttpTransport, size: int) -> None:
    body = bytes(range(256)) * (size // 256) + bytes(size % 256)
    assert put(transport, body).status == 200
    assert server.seen[0].body == body


def test_a_refusal_is_read_whole(server: BadServer, transport: HttpTransport) -> None:
    text = b"<Error><Code>BadDigest</Code></Error>" * 1000
    server.replies[:] = [Reply(400, text), Reply(412, b"there"), Reply(body=b"")]
    assert [(put(transport).status, put(transport).body)] == [(400, b"there")]
    assert put(transport).status == 200


def test_an_answer_that_ends_with_the_connection_is_read(
    server: BadServer, way: Cutting, transport: HttpTransport
) -> None:
    server.replies[:] = [Reply(body=b"", headers={"Connection": "close"}), Reply(body=b"")]
    assert [put(transport).status for _ in range(2)] == [200, 200]
    assert len(way.came) == 2


def test_no_answer_is_tried_again(server: BadServer, transport: HttpTransport) -> None:
    server.replies[:] = [Reply(hang_up=True), Reply(503), Reply(body=b"")]
    assert put(transport).status == 200
    assert len(server.seen) == 3


def test_a_cut_answer_is_no_answer(server: BadServer, transport: HttpTransport) -> None:
    server.replies[:] = [Reply(400, b"0123456789", cut=4), Reply(body=b"")]
    assert put(transport).status == 200


def test_a_connection_that_was_closed_meanwhile_is_not_used(
    server: BadServer, way: Cutting, transport: HttpTransport
) -> None:
    put(transport)
    server.replies[:] = [Reply(body=b"", headers={"Connection": "close"})]
    put(transport)
    put(transport)
    assert len(server.seen) == 3
    assert len(way.came) == 2


def test_a_server_that_is_gone_is_named(transport: HttpTransport) -> None:
    request = Request(method="PUT", url="http://127.0.0.1:9/key?secret", body=memoryview(b"x"))
    with pytest.raises(TransportError, match=r"PUT http://127.0.0.1:9/key got no answer") as lost:
        transport.run(
            transport.exchange.call(_anything(request)),
        )
    assert "secret" not in str(lost.value)


def _anything(request: Request) -> Operation[None]:
    return Operation(request=request, parse=lambda _answer: None)


@pytest.mark.parametrize(
    ("url", "headers", "plain"),
    [
        ("http://h/k?a=b", {"content-length": "1"}, True),
        ("https://[::1]:8443/k", {"x-amz-meta": "a b"}, True),
        ("http://h/k\r\nx: y", {}, False),
        ("http://h/ü", {}, False),
        ("http://h/a b", {}, False),
        ("http://h/k", {"x": "y\r\nz: 1"}, False),
        ("http://h/k", {"x y": "z"}, False),
        ("http://h/k", {"x": "ü"}, False),
        ("ftp://h/k", {}, False),
        ("http://user@h/k", {}, False),
        ("http://h?k", {}, False),
    ],
)
def test_only_what_is_plain_ascii_is_written_as_it_is(
    url: str, headers: dict[str, str], *, plain: bool
) -> None:
    assert fits(url, headers) == plain
