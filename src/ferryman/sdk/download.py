"""Reading a file of app data: renews its URL and goes on where the connection broke."""

from http import HTTPStatus
from itertools import count

from ferryman.sdk.cloud_calls import FORGE, data_url
from ferryman.sdk.exchange import Close, Exchange, Flow, NoAnswerError, OpenedBody, Read, Wait
from ferryman.sdk.operation import Answer, Request, refusal

# A signed URL may expire between two calls, and a new one mends that; more is another fault.
_TRIES_PER_URL = 3
_SKIP = 1 << 20
_LONGEST_REFUSAL = 64 * 1024


class Download:
    """One file being read. Its methods are flows; no two may run at once."""

    def __init__(self, exchange: Exchange, key: str, base: str = FORGE) -> None:
        self.key: str = key
        self.status: int = 0
        self.headers: dict[str, str] = {}
        self.offset: int = 0
        self.size: int | None = None
        self._base = base
        self._exchange = exchange
        self._body: OpenedBody | None = None
        self._ended = False

    def open(self) -> Flow[None]:
        """Ask for a URL and open the file at ``offset``; raises the exchange's error."""
        for _ in range(_TRIES_PER_URL):
            url = (yield from self._exchange.call(data_url(self._base, self.key))).url
            request = Request(method="GET", url=url, headers=self._range())
            try:
                body = yield from self._exchange.open(request)
            except NoAnswerError as lost:
                raise self._exchange.unanswered(request, lost) from lost
            if body.status in {200, 206}:
                yield from self._accept(body)
                return
            answer = yield from _refused(body)
        raise refusal(answer, self._exchange.error, f"Download of {self.key}")

    def read(self, size: int) -> Flow[bytes]:
        """Read up to ``size`` bytes; empty at the end, which is never short of the file."""
        spent = 0.0
        for tries in count(1):
            if self._ended:
                return b""
            try:
                data: bytes = yield Read(self._body, size)
                self.offset += len(data)
                if data:
                    return data
                self._ended = self.size is None or self.offset == self.size
                took = 0.0
            except NoAnswerError as lost:
                took = lost.took
            if not self._ended:
                pause = self._exchange.policy.pause(None, tries=tries, spent=spent + took)
                if pause is None:
                    raise self._broken()
                spent += took + pause
                yield from self.close()
                yield Wait(pause)
                yield from self.open()
        return b""

    def close(self) -> Flow[None]:
        """Let go of the connection."""
        if self._body is not None:
            yield Close(self._body)
            self._body = None

    def _accept(self, body: OpenedBody) -> Flow[None]:
        self._body = body
        if self.offset == 0:
            self.status, self.headers = body.status, body.headers
            length = body.headers.get("content-length", "")
            self.size = int(length) if length.isdigit() else None
        elif body.status == 200:
            # The store does not know ranges: read past what is there already.
            left = self.offset
            while left:
                try:
                    skipped: bytes = yield Read(body, min(left, _SKIP))
                except NoAnswerError:
                    skipped = b""
                if not skipped:
                    raise self._broken()
                left -= len(skipped)

    def _range(self) -> dict[str, str]:
        if self.offset == 0:
            return {}
        headers = {"range": f"bytes={self.offset}-"}
        if etag := self.headers.get("etag"):
            headers["if-range"] = etag
        return headers

    def _broken(self) -> Exception:
        of = "" if self.size is None else f" of {self.size}"
        return self._exchange.error(
            None,
            f"Download of {self.key} broke off at byte {self.offset}{of} and could not be "
            "resumed. Check that the object store can be reached, and read the file again.",
        )


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
        return self._download.status

    @property
    def status_text(self) -> str:
        """The words for the status, ``OK``."""
        return HTTPStatus(self._download.status).phrase

    @property
    def headers(self) -> dict[str, str]:
        """The headers of the answer; names are lower case."""
        return dict(self._download.headers)


def _refused(body: OpenedBody) -> Flow[Answer]:
    try:
        data: bytes = yield Read(body, _LONGEST_REFUSAL)
    except NoAnswerError:
        data = b""
    yield Close(body)
    return Answer(status=body.status, headers=body.headers, body=data)
