"""No byte is given that is not proven, and what breaks is taken up: without a network."""

from collections.abc import Iterator
from hashlib import sha256
from io import BytesIO
from typing import Any

import pytest

from ferryman import MigrationAPIError
from ferryman.sdk.download import HELD_IN_MEMORY, Download
from ferryman.sdk.exchange import Exchange, Flow, NoAnswerError, Open, Read, Send
from ferryman.sdk.operation import Answer
from ferryman.sdk.remote_file import ByteRange, RemoteFile, byte_ranges
from ferryman.sdk.retry import RetryPolicy
from ferryman.wire.app_data import FilePart, FileParts

from .driving import Body, answer, drive

EXCHANGE = Exchange(RetryPolicy(retry_seconds=60, roll=lambda: 1.0))
AT_ONCE = Exchange(RetryPolicy(retry_seconds=0))
URL = answer(200, {"url": "http://store/f?new"})
LENGTH = {"content-length": "6", "etag": '"e"'}


def hexdigest(data: bytes) -> str:
    return sha256(data).hexdigest()


def facts(*parts: bytes, **changes: Any) -> Answer:
    """What the platform says of a file of these parts."""
    named = [
        {"number": number, "size": len(part), "sha256": hexdigest(part)}
        for number, part in enumerate(parts, start=1)
    ]
    whole = b"".join(parts)
    said = {"url": "http://store/f?sig", "size": len(whole), "sha256": hexdigest(whole)}
    return answer(200, {**said, "parts": named, **changes})


@pytest.fixture
def download() -> Iterator[Download]:
    download = Download(EXCHANGE, "k")
    yield download
    drive(download.close(), [])


def test_a_part_comes_once_it_is_whole_and_a_broken_one_by_a_new_url(download: Download) -> None:
    first = Body(200, LENGTH, [b"ab", NoAnswerError("reset")])
    drive(download.open(), [facts(b"abc", b"def"), first])
    resumed = Body(206, {"content-length": "4"}, [b"c", b"def"])
    done = drive(download.read(9), [URL, resumed])
    assert done.result == b"abc"
    assert done.requests[1].url == "http://store/f?new"
    assert done.requests[1].headers == {"range": "bytes=2-", "if-range": '"e"'}
    assert first.closed
    assert drive(download.read(2), []).result == b"de"
    assert drive(download.read(9), []).result == b"f"
    assert drive(download.read(9), []).result == b""
    assert (download.reader.status, download.source.size) == (200, 6)


def test_an_end_before_the_end_is_a_broken_download(download: Download) -> None:
    drive(download.open(), [facts(b"abcdef"), Body(200, LENGTH, [b"abc"])])
    assert drive(download.read(9), [URL, Body(206, {}, [b"def"])]).result == b"abcdef"


def test_a_store_without_ranges_is_read_past_what_is_there(download: Download) -> None:
    first = Body(200, LENGTH, [b"abc", NoAnswerError("reset")])
    drive(download.open(), [facts(b"abcdef"), first])
    whole = Body(200, LENGTH, [b"ab", b"c", b"def"])
    assert drive(download.read(9), [URL, whole]).result == b"abcdef"


def test_a_download_that_cannot_be_resumed_is_an_error_never_a_short_file() -> None:
    download = Download(AT_ONCE, "k")
    drive(download.open(), [facts(b"abcdef"), Body(200, LENGTH, [b"abc"])])
    with pytest.raises(MigrationAPIError, match="byte 3 of 6"):
        drive(download.read(9), [])
    drive(download.close(), [])


def test_an_expired_url_is_replaced(download: Download) -> None:
    expired = Body(403, {}, [b"no"])
    drive(download.open(), [facts(b"abcdef"), expired, URL, Body(200, {}, [])])
    assert expired.closed


@pytest.mark.parametrize("wrong", [b"abX", b"Abc", b"\0\0\0"])
def test_a_flipped_part_is_fetched_again(wrong: bytes, download: Download) -> None:
    drive(download.open(), [facts(b"abc", b"def"), Body(200, LENGTH, [wrong, b"def"])])
    again = Body(200, {}, [b"abc", b"def"])
    assert drive(download.read(9), [again]).result == b"abc"
    assert drive(download.read(9), []).result == b"def"


@pytest.mark.parametrize(
    "stored",
    [b"abXdef", b"abcdeX", b"defabc", b"abcabc", b"abcde\0", b"\0" * 6],
    ids=["flipped", "flipped-later", "swapped", "twice", "one-byte", "empty"],
)
def test_what_stays_wrong_is_an_error_before_a_wrong_byte(
    stored: bytes, download: Download
) -> None:
    """Also after the error nothing wrong comes, however often it is read."""
    drive(download.open(), [facts(b"abc", b"def"), Body(200, LENGTH, [])])
    given = b""
    for _ in range(3):
        given += until_it_fails(download, stored)
    assert given == (b"abc" if stored.startswith(b"abc") else b"")


def until_it_fails(download: Download, stored: bytes) -> bytes:
    """What a reader gets before the error."""
    given = b""
    try:
        while data := from_store(download.read(1), stored):
            given += data
    except MigrationAPIError as error:
        if "do not have the sha256" in error.message:
            return given
        raise
    raise AssertionError("the end came without an error")


def from_store(flow: Flow[bytes], stored: bytes) -> bytes:
    """Drive a flow against a store that has ``stored`` and knows ranges."""
    try:
        command = next(flow)
        while True:
            result: object = None
            if isinstance(command, Send):
                result = URL
            elif isinstance(command, Open):
                wanted = command.request.headers.get("range", "bytes=0-")
                start = int(wanted.removeprefix("bytes=").partition("-")[0])
                result = Body(206, {}, [stored[start : start + 1] for start in range(start, 6)])
            elif isinstance(command, Read):
                result = command.body.pieces.pop(0) if command.body.pieces else b""
            command = flow.send(result)
    except StopIteration as end:
        data: bytes = end.value
        return data


def test_what_proves_a_file_are_its_parts_or_the_whole() -> None:
    parts = [FilePart(number=1, size=3, sha256="a"), FilePart(number=2, size=0, sha256="b")]
    told = FileParts(url="u", size=3, sha256="w", parts=parts)
    assert byte_ranges(told) == [ByteRange(0, 3, "a"), ByteRange(3, 3, "b")]
    parts[1] = FilePart(number=2, size=0, sha256=None)
    assert byte_ranges(told) == [ByteRange(0, 3, "w")]


def test_what_nobody_named_a_digest_of_is_no_file() -> None:
    parts = [FilePart(number=1, size=3, sha256=None)]
    assert byte_ranges(FileParts(url="u", size=3, sha256=None, parts=parts)) == []


def test_digests_of_parts_that_are_not_those_of_the_file_are_an_error() -> None:
    source = RemoteFile(EXCHANGE, "k")
    with pytest.raises(MigrationAPIError, match="digest"):
        drive(source.fetch_facts(), [facts(b"abc", partsSha256="0" * 64)])


def test_parts_that_do_not_make_the_file_are_an_error() -> None:
    source = RemoteFile(EXCHANGE, "k")
    with pytest.raises(MigrationAPIError, match=r"make 3 bytes .* the file has 4"):
        drive(source.fetch_facts(), [facts(b"abc", size=4)])


def test_a_closed_file_is_not_an_empty_one(download: Download) -> None:
    drive(download.open(), [facts(b"abc"), Body(200, {}, [b"abc"])])
    drive(download.close(), [])
    with pytest.raises(ValueError, match="closed"):
        drive(download.read(9), [])


def test_a_long_part_waits_on_disk(download: Download) -> None:
    part = bytes(HELD_IN_MEMORY + 1)
    drive(download.open(), [facts(part), Body(200, {}, [part])])
    assert drive(download.read(1), []).result == b"\0"
    assert download._part is not None
    assert not isinstance(download._part._file, BytesIO)
