"""The synchronous transport, over urllib3. Safe to use from several threads."""

import time
from collections.abc import Callable, Iterator, Mapping
from dataclasses import dataclass, field
from http.client import HTTPException
from typing import TypeVar, cast

import urllib3
from urllib3.exceptions import HTTPError, LocationValueError, SSLError

from ferryman.network.connections import Connections
from ferryman.sdk.bandwidth import Throttle
from ferryman.sdk.exchange import (
    Close,
    Exchange,
    Flow,
    NoAnswerError,
    Open,
    Read,
    Send,
    Wait,
)
from ferryman.sdk.operation import (
    Answer,
    Credentials,
    Operation,
    Request,
    address,
    check_base,
    check_credentials,
)
from ferryman.sdk.put_connections import LARGEST_BODY, PutConnections, fits
from ferryman.sdk.retry import RetryPolicy

T = TypeVar("T")

# Python counts a socket's timeout for one sendall as a whole, so a large body goes in pieces:
# the timeout then means "no progress", whatever the size of the body.
_PIECE = 1 << 20


@dataclass(slots=True)
class UrllibBody:
    """Holds an answer of urllib3 whose body is still to be read."""

    response: urllib3.BaseHTTPResponse
    took: float
    status: int = field(init=False)
    headers: dict[str, str] = field(init=False)

    def __post_init__(self) -> None:
        self.status = self.response.status
        self.headers = {k.lower(): v for k, v in self.response.headers.items()}


class HttpTransport:
    """Carries out operations against one platform.

    ``retry_seconds`` is how long failed connections, 408, 429 and 5xx are retried before the call
    is an error. ``throttle`` bounds the bandwidth of parts and files, of all threads together.
    ``headers`` go with each call of the platform. ``on_retry`` is told why before each pause.
    Proxies and authorities are those of the environment: ``ConfigError`` if one is not usable.
    Raises ``ClientError``.
    """

    def __init__(
        self,
        base_url: str,
        credentials: Credentials,
        *,
        retry_seconds: float = 20.0,
        policy: RetryPolicy | None = None,
        sleep: Callable[[float], object] = time.sleep,
        throttle: Throttle | None = None,
        headers: Mapping[str, str] | None = None,
        on_retry: Callable[[str], object] | None = None,
    ) -> None:
        self.base_url: str = check_base(base_url)
        self._credentials = check_credentials(credentials)
        self._headers = headers
        retry_seconds += 0.0 if throttle is None else throttle.retry_seconds
        self.exchange: Exchange = Exchange(policy or RetryPolicy(retry_seconds=retry_seconds))
        self._sleep = sleep
        self._throttle = throttle
        self._on_retry = on_retry
        self._connections = Connections()
        self._connections.for_url(self.base_url)  # which tells wrong settings here and now
        self._puts = PutConnections(self._connections)

    def call(self, operation: Operation[T], *, retry_seconds: float | None = None) -> T:
        """Carry out one operation, retrying for ``retry_seconds`` seconds.

        None is the transport's own, 0 a single try.
        """
        exchange = self.exchange
        if retry_seconds is not None:
            exchange = Exchange(RetryPolicy(retry_seconds=retry_seconds))
        return self.run(exchange.call(operation))

    def run(self, flow: Flow[T], *, sleep: Callable[[float], object] | None = None) -> T:
        """Drive a flow to its end and return its result; ``sleep`` replaces the transport's own."""
        pause = sleep or self._sleep
        try:
            command = next(flow)
            while True:
                try:
                    if isinstance(command, Wait):
                        if self._on_retry is not None:
                            self._on_retry(command.reason)
                        result = pause(command.seconds)
                    else:
                        result = self._do(command)
                except NoAnswerError as lost:
                    command = flow.throw(lost)
                else:
                    command = flow.send(result)
        except StopIteration as end:
            value: T = end.value
            return value

    def close(self) -> None:
        """Close the connections; a later call opens new ones."""
        self._connections.close()
        self._puts.close()

    def _do(self, command: Send | Open | Read | Close) -> object:
        match command:
            case Send(request):
                return self._guard(request, lambda: self._send(request))
            case Open(request):
                return self._guard(request, lambda: self._open(request))
            case Read(body, size):
                return self._guard(None, lambda: self._read(body, size))
            case Close(body):
                # Closing, not draining: an unread rest may be gigabytes.
                return body.response.close()

    def _open(self, request: Request) -> UrllibBody:
        started = time.monotonic()
        response = self._begin(request)
        return UrllibBody(response, time.monotonic() - started)

    def _read(self, body: UrllibBody, size: int) -> bytes:
        if self._throttle is not None:
            size = min(size, self._throttle.piece)
        data: bytes = body.response.read(size)
        if self._throttle is not None:
            self._throttle.spend(len(data))
        return data

    def _send(self, request: Request) -> Answer:
        if (answer := self._put(request)) is not None:
            return answer
        started = time.monotonic()
        body = self._open(request)
        data = body.response.read()
        body.response.release_conn()
        return Answer(
            status=body.status, headers=body.headers, body=data, took=time.monotonic() - started
        )

    def _put(self, request: Request) -> Answer | None:
        """Send a small body to a signed URL; None if the request is another."""
        body = request.body
        if not isinstance(body, memoryview) or body.nbytes > LARGEST_BODY:
            return None
        if request.method != "PUT" or request.url.startswith("/"):
            return None
        url, headers = address(self.base_url, self._credentials, request)
        headers["content-length"] = str(body.nbytes)
        if not fits(url, headers):
            return None
        sent = pieces(body, self._throttle, request.meanwhile)
        return self._puts.put(url, headers, sent, request.timeout)

    def _begin(self, request: Request) -> urllib3.BaseHTTPResponse:
        url, headers = address(self.base_url, self._credentials, request, self._headers)
        body: bytes | Iterator[bytes] | None
        if isinstance(request.body, memoryview):
            # urllib3 sends any buffer as it is; its annotation names bytes only.
            body = cast("Iterator[bytes]", pieces(request.body, self._throttle, request.meanwhile))
            headers["content-length"] = str(request.body.nbytes)
        else:
            body = request.body
        return self._connections.for_url(url).request(
            request.method,
            url,
            body=body,
            headers=headers,
            timeout=urllib3.Timeout(connect=10.0, read=request.timeout),
            redirect=False,
            preload_content=False,
            decode_content=False,
        )

    def _guard(self, request: Request | None, act: Callable[[], T]) -> T:
        """Act, and tell why there was no answer; without a ``request`` it had begun before."""
        started = time.monotonic()
        try:
            return act()
        except (HTTPError, HTTPException, OSError) as error:
            took = time.monotonic() - started
            url = "" if request is None else request.url
            url = self.base_url if url.startswith("/") else url
            raise lost_answer(self._connections, error, url, took) from error


def lost_answer(
    connections: Connections, error: BaseException, url: str, took: float = 0.0
) -> NoAnswerError:
    """Return why there was no answer from ``url``; if that is empty, it had begun to answer."""
    failure = connections.failure(error, url) if url else None
    if failure is not None:
        return NoAnswerError(str(failure), took=took, retryable=failure.retryable, failure=failure)
    retryable = not isinstance(error, SSLError | LocationValueError)
    return NoAnswerError(reason_of(error), took=took, retryable=retryable)


def pieces(
    body: memoryview,
    throttle: Throttle | None = None,
    meanwhile: Callable[[], object] | None = None,
) -> Iterator[memoryview]:
    """Yield views of at most 1 MiB of a body, as fast as ``throttle`` allows, without copying."""
    size = _PIECE if throttle is None else throttle.piece
    for start in range(0, body.nbytes, size):
        if meanwhile is not None:
            meanwhile()
        piece = body[start : start + size]
        if throttle is not None:
            throttle.spend(piece.nbytes)
        yield piece


def reason_of(failure: BaseException) -> str:
    """Return why a connection failed; only the kind, since the text may hold a signed URL."""
    cause = failure.__cause__ or failure.__context__ or failure
    text = cause.strerror if isinstance(cause, OSError) else None
    return text or type(failure).__name__
