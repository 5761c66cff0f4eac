"""Reading a file of app data: the sha256 of a part is verified before a byte of it is returned.

``PartReader`` fetches one part after another, renews the URL and resumes where the connection
broke; ``Download`` holds a part until its digest is verified.
"""

from collections.abc import Callable
from hashlib import sha256
from itertools import count
from typing import TYPE_CHECKING

from ferryman.sdk.errors import ClientError, TransportError
from ferryman.sdk.exchange import Close, Exchange, Flow, NoAnswerError, OpenedBody, Read, Wait
from ferryman.sdk.operation import Answer, Request, refusal
from ferryman.sdk.operations.cloud import FORGE
from ferryman.sdk.remote_file import ByteRange, RangesIgnoredError, RemoteFile

if TYPE_CHECKING:
    from tempfile import SpooledTemporaryFile

HELD_IN_MEMORY = 32 << 20
"""The bytes of a part that are held in memory; a larger part waits in a temporary file."""

# A signed URL may expire between two calls, and a new one fixes that; more is another fault.
_TRIES_PER_URL = 3
# A byte may flip on the way, and fetching the part again fixes that; more is another fault.
_TRIES_PER_PART = 3
# urllib3 holds three times as much while it reads, and a reader of ranges has eight of them.
_PIECE = 256 * 1024
_LONGEST_REFUSAL = 64 * 1024

Write = Callable[[bytes], object]


class PartReader:
    """Fetches ranges of a file over one connection. Its methods are flows, run one at a time.

    ``status`` and ``headers`` are those of the first answer.
    """

    def __init__(self, source: RemoteFile) -> None:
        self.status: int = 0
        self.headers: dict[str, str] = {}
        self._source = source
        self._exchange = source.exchange
        self._body: OpenedBody | None = None
        self._offset = 0

    def open(self, offset: int, end: int | None = None) -> Flow[None]:
        """Open the file from ``offset`` up to ``end``; raises the exchange's error.

        With an ``end`` before the file's, raises ``RangesIgnoredError`` where ranges are ignored,
        before a byte is read.
        """
        bounded = end is not None and (offset, end) != (0, self._source.size)
        if bounded and not self._source.ranged:
            raise RangesIgnoredError
        for _ in range(_TRIES_PER_URL):
            url = self._source.url
            request = Request(method="GET", url=url, headers=self._range(offset, end))
            try:
                body = yield from self._exchange.open(request)
            except NoAnswerError as lost:
                raise self._exchange.unanswered(request, lost) from lost
            if body.status == 200 and (offset or bounded):
                self._source.ranged = False
                if bounded:
                    yield Close(body)
                    raise RangesIgnoredError
            if body.status in {200, 206}:
                self._body, self._offset = body, offset
                if not self.status:
                    self.status, self.headers = body.status, body.headers
                if body.status == 200 and offset:
                    yield from self._skip(offset)
                return
            answer = yield from _refused(body)
            yield from self._source.renew(url)
        raise refusal(answer, f"Download of {self._source.key}")

    def take(
        self,
        span: ByteRange,
        write: Write,
        rewind: Callable[[], object],
        *,
        end: int | None = None,
    ) -> Flow[None]:
        """Pass the bytes of a range to ``write``; returns once their digest is verified.

        ``rewind`` is called before all of it is written again. ``end`` limits the range that the
        store is asked for. Raises ``ClientError`` when the digest is wrong three times, and
        ``RangesIgnoredError`` as ``open`` does.
        """
        for tries in range(1, _TRIES_PER_PART + 1):
            digest = sha256()
            yield from self._fetch(span, write, digest.update, end)
            if digest.hexdigest() == span.sha256:
                return
            yield from self.close()
            if tries < _TRIES_PER_PART:
                rewind()
        raise ClientError(
            None,
            f"Bytes {span.start} to {span.end} of {self._source.key} do not have the sha256 "
            f"that they were written with, {_TRIES_PER_PART} times in a row. None of them was "
            "given out. Check the object store and what is between.",
        )

    def close(self) -> Flow[None]:
        """Close the connection."""
        if self._body is not None:
            yield Close(self._body)
            self._body = None

    def _fetch(self, span: ByteRange, write: Write, hash_: Write, end: int | None) -> Flow[None]:
        at, spent = span.start, 0.0
        tries = count(1)
        while at < span.end:
            if self._body is not None and self._offset < at and not self._source.ranged:
                yield from self._skip(at - self._offset)
                self._offset = at
            if self._body is None or self._offset != at:
                yield from self.close()
                yield from self.open(at, end)
            took = 0.0
            try:
                data: bytes = yield Read(self._body, min(_PIECE, span.end - at))
            except NoAnswerError as lost:
                data, took = b"", lost.took
            if data:
                write(data)
                hash_(data)
                at += len(data)
                self._offset = at
                tries, spent = count(1), 0.0
                continue
            pause = self._exchange.policy.pause(None, tries=next(tries), spent=spent + took)
            if pause is None:
                raise self._broken(at)
            spent += took + pause
            yield from self.close()
            yield Wait(pause)
            yield from self._source.renew(self._source.url)

    def _skip(self, left: int) -> Flow[None]:
        """Read past the bytes that are there already, from a store without ranges."""
        offset = left
        while left:
            try:
                skipped: bytes = yield Read(self._body, min(left, _PIECE))
            except NoAnswerError:
                skipped = b""
            if not skipped:
                raise self._broken(offset)
            left -= len(skipped)

    def _range(self, offset: int, end: int | None) -> dict[str, str]:
        if offset == 0 and end is None:
            return {}
        headers = {"range": f"bytes={offset}-{'' if end is None else end - 1}"}
        if etag := self.headers.get("etag"):
            headers["if-range"] = etag
        return headers

    def _broken(self, at: int) -> TransportError:
        return TransportError(
            None,
            f"Download of {self._source.key} broke off at byte {at} of {self._source.size} and "
            "could not be resumed. Check that the object store can be reached, and read the file "
            "again.",
        )


class Download:
    """Reads one file from its beginning. Its methods are flows, run one at a time.

    At most one part is held: in memory up to ``HELD_IN_MEMORY`` bytes, else on disk.
    """

    def __init__(self, exchange: Exchange, key: str, base: str = FORGE) -> None:
        self._base = base
        self.source: RemoteFile = RemoteFile(exchange, key, base)
        self.reader: PartReader = PartReader(self.source)
        self._next = 0
        self._part: SpooledTemporaryFile[bytes] | None = None
        self._verified = False

    def open(self) -> Flow[None]:
        """Ask for the file's digests, and open it; raises the exchange's error."""
        yield from self.source.fetch_facts()
        yield from self.reader.open(0)
        # Imported only here, to keep the start of functions fast.
        from tempfile import SpooledTemporaryFile

        # Not before: one that cannot be opened is dropped without being closed.
        self._part = SpooledTemporaryFile(HELD_IN_MEMORY)  # noqa: SIM115

    def read(self, size: int) -> Flow[bytes]:
        """Return up to ``size`` verified bytes; empty at the end, never before it.

        Raises ``ClientError``, and ``ValueError`` unless it is open.
        """
        part = self._part
        if part is None:
            raise ValueError("read of a download that is not open")

        def rewind() -> None:
            part.seek(0)
            part.truncate()

        while not (data := part.read(size) if self._verified else b""):
            if self._next == len(self.source.ranges):
                break
            self._verified = False
            rewind()
            yield from self.reader.take(self.source.ranges[self._next], part.write, rewind)
            self._next += 1
            part.seek(0)
            self._verified = True
        return data

    def from_the_beginning(self) -> "Download":
        """Return another download of the same file, not opened yet."""
        return Download(self.source.exchange, self.source.key, self._base)

    def close(self) -> Flow[None]:
        """Close the connection and drop the part that is held."""
        if self._part is not None:
            self._part.close()
        yield from self.reader.close()


def _refused(body: OpenedBody) -> Flow[Answer]:
    try:
        data: bytes = yield Read(body, _LONGEST_REFUSAL)
    except NoAnswerError:
        data = b""
    yield Close(body)
    return Answer(status=body.status, headers=body.headers, body=data)
