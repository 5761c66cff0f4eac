"""S3 that is down, busy, slow, refuses, or breaks off: each is told apart, none loses anything."""

import asyncio
from collections.abc import AsyncIterator, Awaitable, Callable, Iterator
from contextlib import asynccontextmanager
from typing import Any

import pytest

from ferryman.api.problem_documents import status_of
from ferryman.errors import ConfigError, OutsideError, PlatformError
from ferryman.ids import new_id
from ferryman.objects.s3.address import parse_address
from ferryman.objects.s3.client import s3_store
from ferryman.objects.s3.errors import refusal_of
from ferryman.objects.s3.store import S3Store
from ferryman.sdk.retry import RETRYABLE
from ferryman.wire.upload import StoredPart
from tests.kit.platform import free_port
from tools.ceph import Ceph

from .s3_servers import keys_of

KEY = str(new_id())
Answering = Callable[[bytes], tuple[int, bytes, int] | None]
"""From the head of a request to status, body and the length to claim; None never answers."""


@pytest.fixture(autouse=True)
def _keys() -> Iterator[None]:
    with keys_of(Ceph("")):
        yield


@asynccontextmanager
async def s3_that(answer: Answering, **changes: Any) -> AsyncIterator[S3Store]:
    """A store whose S3 is as ill as ``answer`` makes it."""

    async def serve(reader: asyncio.StreamReader, writer: asyncio.StreamWriter) -> None:
        try:
            while head := await reader.readuntil(b"\r\n\r\n"):
                said = answer(head)
                if said is None:
                    await reader.read()
                    return
                status, body, length = said
                start = f"HTTP/1.1 {status} X\r\nContent-Length: {length}\r\n\r\n".encode()
                writer.write(start + body)
                await writer.drain()
                if length != len(body):
                    return
        except (asyncio.IncompleteReadError, ConnectionError):
            pass
        finally:
            writer.close()

    server = await asyncio.start_server(serve, "127.0.0.1", 0)
    port = server.sockets[0].getsockname()[1]
    async with server, opened(port, **changes) as store:
        yield store


@asynccontextmanager
async def opened(port: int, **changes: Any) -> AsyncIterator[S3Store]:
    address = parse_address(f"s3://bucket?endpoint=http://127.0.0.1:{port}")
    async with s3_store(address, **{"attempts": 1, **changes}) as store:
        yield store


def error_body(code: str) -> bytes:
    return f"<Error><Code>{code}</Code><Message>m</Message></Error>".encode()


def saying(status: int, body: bytes) -> Answering:
    return lambda _head: (status, body, len(body))


async def read_all(store: S3Store) -> bytes:
    return b"".join([chunk async for chunk in store.stream(KEY)])


async def list_all(store: S3Store) -> list[object]:
    return [each async for each in store.files()] + [each async for each in store.unfinished()]


CALLS: list[Callable[[S3Store], Awaitable[object]]] = [
    lambda store: store.begin(KEY),
    lambda store: store.list_parts(KEY, "ref"),
    lambda store: store.complete(KEY, "ref", [StoredPart(number=1, size=1, etag="e")]),
    lambda store: store.abort(KEY, "ref"),
    lambda store: store.delete(KEY),
    lambda store: store.check(),
    read_all,
    list_all,
]


def failure(call: Awaitable[object]) -> Awaitable[PlatformError]:
    async def run() -> PlatformError:
        with pytest.raises(PlatformError) as refused:
            await call
        return refused.value

    return run()


@pytest.mark.parametrize(
    ("status", "code", "ours"),
    [
        (503, "SlowDown", "store_busy"),
        (429, "TooManyRequests", "store_busy"),
        (500, "InternalError", "store_unavailable"),
        (403, "AccessDenied", "store_refused"),
        (403, "SignatureDoesNotMatch", "store_refused"),
        (403, "RequestTimeTooSkewed", "store_clock_skewed"),
        (403, "QuotaExceeded", "store_full"),
        (404, "NoSuchBucket", "bucket_missing"),
        (400, "RequestTimeout", "store_unavailable"),
        (409, "OperationAborted", "store_unavailable"),
        (502, "BadGateway", "store_unavailable"),
        (400, "InvalidPart", "store_unsuitable"),
        (400, "EntityTooSmall", "store_unsuitable"),
        (400, "InvalidArgument", "store_unsuitable"),
        (400, "MalformedXML", "store_unsuitable"),
        (400, "InvalidRequest", "store_unsuitable"),
        (405, "MethodNotAllowed", "store_unsuitable"),
        (501, "NotImplemented", "store_unsuitable"),
    ],
)
def test_every_call_says_what_s3_answered(status: int, code: str, ours: str) -> None:
    async def scene() -> None:
        async with s3_that(saying(status, error_body(code))) as store:
            for call in CALLS:
                error = await failure(call(store))
                assert (error.code, type(error)) == (ours, OutsideError)
                assert code in error.found
                assert "ferryman-secret" not in str(error)

    asyncio.run(scene())


@pytest.mark.parametrize(
    ("status", "code", "passes"),
    [
        (503, "SlowDown", True),
        (500, "InternalError", True),
        (400, "RequestTimeout", True),
        (400, "InvalidPart", False),
    ],
)
def test_the_sdk_repeats_only_what_may_pass(status: int, code: str, passes: bool) -> None:
    error = refusal_of(code, status, "CompleteMultipartUpload")
    assert (status_of(error) in RETRYABLE) is passes
    assert ("again gives the same answer" in error.fix) is not passes


def test_a_redirect_is_a_wrong_region() -> None:
    assert refusal_of("PermanentRedirect", 301, "PutObject").code == "store_refused"


@pytest.mark.parametrize("status", [400, 404, 405, 501])
def test_a_refusal_without_a_code_is_told_by_its_status(status: int) -> None:
    """An answer to HEAD has no body."""
    error = refusal_of(str(status), status, "HeadObject")
    assert error.code == "store_unsuitable"
    assert str(status) in error.found


def test_a_store_that_is_down_is_unavailable() -> None:
    async def scene() -> None:
        async with opened(free_port()) as store:
            for call in CALLS:
                assert (await failure(call(store))).code == "store_unavailable"

    asyncio.run(scene())


def test_a_store_that_never_answers_is_unavailable() -> None:
    async def scene() -> None:
        async with s3_that(lambda _head: None, read_seconds=0.3) as store:
            codes = await asyncio.gather(*(failure(call(store)) for call in CALLS))
            assert {error.code for error in codes} == {"store_unavailable"}

    asyncio.run(scene())


def test_a_busy_store_is_asked_again() -> None:
    asked: list[bytes] = []

    def answer(head: bytes) -> tuple[int, bytes, int]:
        asked.append(head)
        if len(asked) == 1:
            return saying(503, error_body("SlowDown"))(head) or (0, b"", 0)
        body = (
            b"<InitiateMultipartUploadResult><UploadId>u</UploadId></InitiateMultipartUploadResult>"
        )
        return 200, body, len(body)

    async def scene() -> None:
        async with s3_that(answer, attempts=2) as store:
            assert await store.begin(KEY) == "u"

    asyncio.run(scene())
    assert len(asked) == 2


def test_a_stream_that_breaks_off_goes_on_where_it_was() -> None:
    whole = bytes(range(200))
    asked: list[str] = []

    def answer(head: bytes) -> tuple[int, bytes, int]:
        ranges = [line for line in head.decode().splitlines() if line.lower().startswith("range")]
        start = int(ranges[0].partition("=")[2].rstrip("-")) if ranges else 0
        asked.append(ranges[0] if ranges else "all")
        return (206 if ranges else 200), whole[start : start + 70], len(whole) - start

    async def scene() -> None:
        async with s3_that(answer) as store:
            assert await read_all(store) == whole

    asyncio.run(scene())
    assert asked[0] == "all"
    assert len(asked) == 3


def test_a_stream_that_gives_nothing_ends() -> None:
    asked: list[bytes] = []

    def answer(head: bytes) -> tuple[int, bytes, int]:
        asked.append(head)
        return 200, b"", 100

    async def scene() -> None:
        async with s3_that(answer) as store:
            assert (await failure(read_all(store))).code == "store_unavailable"

    asyncio.run(scene())
    assert 1 < len(asked) < 10


def test_keys_that_are_not_there_or_half_there_are_told(monkeypatch: pytest.MonkeyPatch) -> None:
    async def scene() -> str:
        async with opened(1) as store:
            await store.begin(KEY)
        raise AssertionError("it needs keys")

    monkeypatch.setenv("AWS_EC2_METADATA_DISABLED", "true")
    monkeypatch.delenv("AWS_SECRET_ACCESS_KEY")
    with pytest.raises(OutsideError) as half:
        asyncio.run(scene())
    assert half.value.code == "store_refused"
    monkeypatch.delenv("AWS_ACCESS_KEY_ID")
    with pytest.raises(ConfigError) as none:
        asyncio.run(scene())
    assert none.value.code == "store_keys_missing"


def test_more_parts_than_one_page_are_all_listed() -> None:
    def page(numbers: range, *, more: bool) -> bytes:
        part = "<Part><PartNumber>{}</PartNumber><Size>5</Size><ETag>e</ETag></Part>"
        parts = "".join(part.format(number) for number in numbers)
        marker = f"<NextPartNumberMarker>{numbers[-1]}</NextPartNumberMarker>"
        truncated = f"<IsTruncated>{str(more).lower()}</IsTruncated>"
        return f"<ListPartsResult>{truncated}{marker}{parts}</ListPartsResult>".encode()

    def answer(head: bytes) -> tuple[int, bytes, int]:
        marked = b"part-number-marker=1000" in head
        body = page(range(1001, 1500), more=False) if marked else page(range(1, 1001), more=True)
        return 200, body, len(body)

    async def scene() -> None:
        async with s3_that(answer) as store:
            held = await store.list_parts(KEY, "ref")
            assert [part.number for part in held] == list(range(1, 1500))

    asyncio.run(scene())
