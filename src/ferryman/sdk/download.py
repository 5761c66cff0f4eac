"""Reading a file of app data: every part is proven by its sha256 before a byte of it is given.

``Source`` knows what the file must be and where it is; ``PartReader`` fetches one part after
another, renews the URL and goes on where the connection broke; ``Download`` holds a part until
its digest is proven.
"""

from collections.abc import Callable
from dataclasses import dataclass
from hashlib import sha256
from http import HTTPStatus
from itertools import count

from ferryman.sdk.cloud_calls import FORGE, data_url, file_parts
from ferryman.sdk.exchange import Close, Exchange, Flow, NoAnswerError, OpenedBody, Read, Wait
from ferryman.sdk.hold import Hold
from ferryman.sdk.operation import Answer, Request, refusal
from ferryman.wire.app_data import FileParts

# A signed URL may expire between two calls, and a new one mends that; more is another fault.
_TRIES_PER_URL = 3
# A byte may flip on the way, and fetching the part again mends that; more is another fault.
_TRIES_PER_PART = 3
# urllib3 holds three times as much while it reads, and a reader of ranges has eight of them.
_PIECE = 256 * 1024
_LONGEST_REFUSAL = 64 * 1024

Write = Callable[[bytes], object]


@dataclass(frozen=True, slots=True)
class Stretch:
    """Bytes from ``start`` up to and without ``end`` that have this ``sha256``."""

    start: int
    end: int
    sha256: str


class RangesIgnoredError(Exception):
    """A range of a file was asked for, and all of it began to come: something between does so.

    A cache that fetches a whole file to answer one range is such a thing.
    """


class Source:
    """One file: what it must be, and a signed URL of it; may be shared by readers.

    ``ranged`` until a range was answered with the whole file.
    """

    def __init__(self, exchange: Exchange, key: str, base: str = FORGE) -> None:
        self.exchange: Exchange = exchange
        self.key: str = key
        self.size: int = 0
        self.sha256: str = ""
        self.stretches: list[Stretch] = []
        self.url: str = ""
        self.ranged: bool = True
        self._base = base

    def look(self) -> Flow[None]:
        """Ask what the file is."""
        facts = yield from self.exchange.call(file_parts(self._base, self.key))
        self.size, self.sha256, self.url = facts.size, facts.sha256, facts.url
        self.stretches = stretches(facts)
        if self.stretches[-1].end != self.size:
            raise self.exchange.error(
                None,
                f"The parts of {self.key} make {self.stretches[-1].end} bytes, and the file has "
                f"{self.size}. Report it to whoever runs the platform.",
            )

    def renew(self, refused: str) -> Flow[None]:
        """Get another URL in place of the one that was refused or may have expired."""
        if self.url == refused:
            self.url = (yield from self.exchange.call(data_url(self._base, self.key))).url


def stretches(facts: FileParts) -> list[Stretch]:
    """Return what can be proven by itself: the parts, or the whole file where one is unknown."""
    found: list[Stretch] = []
    start = 0
    for part in facts.parts:
        if part.sha256 is None:
            return [Stretch(0, facts.size, facts.sha256)]
        found.append(Stretch(start, start + part.size, part.sha256))
        start += part.size
    return found or [Stretch(0, facts.size, facts.sha256)]


class PartReader:
    """Fetches stretches of a file over one connection. Its methods are flows, one at a time.

    ``status`` and ``headers`` are those of the first answer.
    """

    def __init__(self, source: Source) -> None:
        self.status: int = 0
        self.headers: dict[str, str] = {}
        self._source = source
        self._exchange = source.exchange
        self._body: OpenedBody | None = None
        self._offset = 0

    def open(self, offset: int, end: int | None = None) -> Flow[None]:
        """Open the file from ``offset`` up to ``end``; raises the exchange's error.

        With an ``end`` short of the file's, raises ``RangesIgnoredError`` where ranges are not
        kept, before a byte is read.
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
        raise refusal(answer, self._exchange.error, f"Download of {self._source.key}")

    def take(
        self,
        wanted: Stretch,
        write: Write,
        rewind: Callable[[], object],
        *,
        end: int | None = None,
    ) -> Flow[None]:
        """Fetch a stretch by ``write``, and return once it is proven.

        ``rewind`` is called before all of it is written once more. ``end`` bounds what the store
        is asked for. Raises the exchange's error when it comes wrong again and again, and
        ``RangesIgnoredError`` as ``open`` does.
        """
        for tries in range(1, _TRIES_PER_PART + 1):
            digest = sha256()
            yield from self._fetch(wanted, write, digest.update, end)
            if digest.hexdigest() == wanted.sha256:
                return
            yield from self.close()
            if tries < _TRIES_PER_PART:
                rewind()
        raise self._exchange.error(
            None,
            f"Bytes {wanted.start} to {wanted.end} of {self._source.key} do not have the sha256 "
            f"that they were written with, {_TRIES_PER_PART} times in a row. None of them was "
            "given out. Check the object store and what is between.",
        )

    def close(self) -> Flow[None]:
        """Let go of the connection."""
        if self._body is not None:
            yield Close(self._body)
            self._body = None

    def _fetch(self, wanted: Stretch, write: Write, hash_: Write, end: int | None) -> Flow[None]:
        at, spent = wanted.start, 0.0
        tries = count(1)
        while at < wanted.end:
            if self._body is not None and self._offset < at and not self._source.ranged:
                yield from self._skip(at - self._offset)
                self._offset = at
            if self._body is None or self._offset != at:
                yield from self.close()
                yield from self.open(at, end)
            took = 0.0
            try:
                data: bytes = yield Read(self._body, min(_PIECE, wanted.end - at))
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
        """The store does not know ranges: read past what is there already."""
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

    def _broken(self, at: int) -> Exception:
        return self._exchange.error(
            None,
            f"Download of {self._source.key} broke off at byte {at} of {self._source.size} and "
            "could not be resumed. Check that the object store can be reached, and read the file "
            "again.",
        )


class Download:
    """One file being read from its beginning. Its methods are flows; no two may run at once.

    At most one part is held, in memory up to ``hold.HELD_IN_MEMORY`` and else on disk.
    """

    def __init__(self, exchange: Exchange, key: str, base: str = FORGE) -> None:
        self._base = base
        self.source: Source = Source(exchange, key, base)
        self.reader: PartReader = PartReader(self.source)
        self._next = 0
        self._hold = Hold()

    def open(self) -> Flow[None]:
        """Ask what the file is, and open it; raises the exchange's error."""
        yield from self.source.look()
        yield from self.reader.open(0)

    def read(self, size: int) -> Flow[bytes]:
        """Read up to ``size`` proven bytes; empty at the end, which is never short of the file.

        Raises ``ValueError`` once it is closed.
        """
        while not (data := self._hold.read(size)):
            if self._next == len(self.source.stretches):
                break
            self._hold.empty()
            wanted = self.source.stretches[self._next]
            yield from self.reader.take(wanted, self._hold.write, self._hold.empty)
            self._next += 1
            self._hold.prove()
        return data

    def from_the_beginning(self) -> "Download":
        """Make another one of the same file, still to be opened."""
        return Download(self.source.exchange, self.source.key, self._base)

    def close(self) -> Flow[None]:
        """Let go of the connection and of what is held."""
        self._hold.close()
        yield from self.reader.close()


class Opened:
    """What the file objects of both faces say of the answer they read."""

    _download: Download

    @property
    def ok(self) -> bool:
        """Always True: any other answer was raised as ``MigrationAPIError``."""
        return True

    @property
    def status(self) -> int:
        """The HTTP status, 200."""
        return self._download.reader.status

    @property
    def status_text(self) -> str:
        """The words for the status, ``OK``."""
        return HTTPStatus(self._download.reader.status).phrase

    @property
    def headers(self) -> dict[str, str]:
        """The headers of the answer; names are lower case."""
        return dict(self._download.reader.headers)


def _refused(body: OpenedBody) -> Flow[Answer]:
    try:
        data: bytes = yield Read(body, _LONGEST_REFUSAL)
    except NoAnswerError:
        data = b""
    yield Close(body)
    return Answer(status=body.status, headers=body.headers, body=data)
