"""Send calls of the admin API, also with a body or an answer of any size."""

from collections.abc import Iterable, Iterator, Mapping
from contextlib import contextmanager
from typing import TypeVar, cast

from ferryman.network.connections import Connections
from ferryman.sdk.exchange import NoAnswerError
from ferryman.sdk.http import HttpTransport, UrllibBody, lost_answer, reason_of
from ferryman.sdk.operation import (
    Answer,
    Operation,
    Request,
    address,
    describe,
    json_operation,
    refusal,
)

T = TypeVar("T")

BASE = "/admin/v1"
LONG_SECONDS = 600.0
"""For calls that answer when all their work is done, and for answers that begin late."""

_CHUNK = 1 << 16

Query = Mapping[str, str | int | None]


class AdminHttp:
    """The admin API over urllib3, with the operator token.

    Reads are retried for ``retry_seconds``. Writes are not: a call whose answer was lost may
    have been carried out, and a clock that moves twice or a second migration is worse than asking
    the operator to look. Every method raises ``ClientError``.
    """

    def __init__(self, url: str, token: str, *, retry_seconds: float) -> None:
        self.url = url
        self._token = token
        self._reading = HttpTransport(url, token, retry_seconds=retry_seconds)
        self._writing = HttpTransport(url, token, retry_seconds=0)

    def get(self, path: str, result: type[T], query: Query | None = None) -> T:
        """Read a ``result``; members of ``query`` that are None are left out."""
        return self._reading.call(json_operation("GET", path, result, query=query))

    def post(self, path: str, result: type[T], body: object = None, *, timeout: float = 60.0) -> T:
        """Send ``body`` as JSON, and return the ``result``."""
        return self._writing.call(json_operation("POST", path, result, body=body, timeout=timeout))

    def send(self, operation: Operation[T], body: Iterable[bytes]) -> T:
        """Carry out an operation with a body of any size, whose length need not be known."""
        import urllib3

        request = operation.request
        url, headers = address(self.url, self._token, request)
        timeout = urllib3.Timeout(connect=10.0, read=request.timeout)
        connections = Connections()
        try:
            response = connections.for_url(url).request(
                request.method, url, body=body, headers=headers, timeout=timeout
            )
        except urllib3.exceptions.HTTPError as failure:
            lost = lost_answer(connections, failure, self.url)
            raise self._reading.exchange.unanswered(request, lost) from lost
        finally:
            connections.close()
        found = {name.lower(): value for name, value in response.headers.items()}
        answer = Answer(status=response.status, headers=found, body=response.data)
        if answer.status != 200:
            raise refusal(answer, describe(request))
        return operation.parse(answer)

    @contextmanager
    def open(
        self, path: str, headers: Mapping[str, str] | None = None, *, timeout: float = LONG_SECONDS
    ) -> Iterator[Iterator[bytes]]:
        """Give the chunks of an answer of any size as they come.

        ``timeout`` is the seconds that the answer, and each chunk of it, may take. Raises
        ``ClientError`` when the answer breaks off as well.
        """
        from urllib3.exceptions import HTTPError

        request = Request(method="GET", url=path, headers=headers or {}, timeout=timeout)
        exchange = self._reading.exchange
        try:
            body = cast("UrllibBody", self._reading.run(exchange.open(request)))
        except NoAnswerError as lost:
            raise exchange.unanswered(request, lost) from lost
        response = body.response
        try:
            if body.status != 200:
                answer = Answer(status=body.status, headers=body.headers, body=response.read())
                raise refusal(answer, describe(request))
            yield response.stream(_CHUNK)
        except HTTPError as failure:
            broken = NoAnswerError(reason_of(failure))
            raise exchange.unanswered(request, broken) from broken
        finally:
            response.close()


def lines(chunks: Iterable[bytes]) -> Iterator[bytes]:
    """Split an answer into lines; an unfinished last line is dropped."""
    rest = b""
    for chunk in chunks:
        *whole, rest = (rest + chunk).split(b"\n")
        yield from whole
