"""The synchronous way to the platform, over urllib3. Safe to use from several threads."""

import time
from collections.abc import Callable, Iterator, Mapping
from dataclasses import dataclass, field, replace
from typing import TypeVar, cast

import urllib3
from urllib3.exceptions import HTTPError, LocationValueError, SSLError

from ferryman.sdk.bandwidth import Throttle
from ferryman.sdk.errors import ClientError
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
)
from ferryman.sdk.retry import RetryPolicy

T = TypeVar("T")

# Python counts a socket's timeout for one sendall as a whole, so a large body goes in pieces:
# the timeout then means "no progress", whatever the size of the body.
_PIECE = 1 << 20


@dataclass(slots=True)
class UrllibBody:
    """An opened answer of urllib3."""

    response: urllib3.BaseHTTPResponse
    took: float
    status: int = field(init=False)
    headers: dict[str, str] = field(init=False)

    def __post_init__(self) -> None:
        self.status = self.response.status
        self.headers = {k.lower(): v for k, v in self.response.headers.items()}


class HttpTransport:
    """Carries operations to a platform and back.

    ``patience`` is how many seconds a call may keep failing before it is an error; failed
    connections, 408, 429 and 5xx are tried again until then. ``throttle`` bounds how fast parts
    and files go, of all threads together. ``headers`` go with each call of the platform. Raises
    ``error``.
    """

    def __init__(
        self,
        base_url: str,
        credentials: Credentials,
        *,
        patience: float = 20.0,
        error: type[ClientError] = ClientError,
        policy: RetryPolicy | None = None,
        sleep: Callable[[float], object] = time.sleep,
        throttle: Throttle | None = None,
        headers: Mapping[str, str] | None = None,
    ) -> None:
        self.base_url: str = check_base(base_url)
        self._credentials = credentials
        self._headers = headers
        patience += 0.0 if throttle is None else throttle.patience
        self.exchange: Exchange = Exchange(policy or RetryPolicy(patience=patience), error)
        self._sleep = sleep
        self._throttle = throttle
        self._pool = urllib3.PoolManager(maxsize=16, retries=False)

    def call(self, operation: Operation[T], *, patience: float | None = None) -> T:
        """Carry out one operation, trying again as far as the patience goes.

        ``patience`` in seconds takes the place of the transport's own; 0 is one try.
        """
        exchange = self.exchange
        if patience is not None:
            exchange = replace(exchange, policy=RetryPolicy(patience=patience))
        return self.run(exchange.call(operation))

    def run(self, flow: Flow[T], *, sleep: Callable[[float], object] | None = None) -> T:
        """Drive a flow to its end; ``sleep`` takes the place of the transport's own."""
        pause = sleep or self._sleep
        try:
            command = next(flow)
            while True:
                try:
                    result = (
                        pause(command.seconds) if isinstance(command, Wait) else self._do(command)
                    )
                except NoAnswerError as lost:
                    command = flow.throw(lost)
                else:
                    command = flow.send(result)
        except StopIteration as end:
            value: T = end.value
            return value

    def close(self) -> None:
        """Let go of the connections; a later call opens new ones."""
        self._pool.clear()

    def _do(self, command: Send | Open | Read | Close) -> object:
        match command:
            case Send(request):
                return self._guard(lambda: self._send(request))
            case Open(request):
                return self._guard(lambda: self._open(request))
            case Read(body, size):
                return self._guard(lambda: self._read(body, size))
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
        started = time.monotonic()
        body = self._open(request)
        data = body.response.read()
        body.response.release_conn()
        return Answer(
            status=body.status, headers=body.headers, body=data, took=time.monotonic() - started
        )

    def _begin(self, request: Request) -> urllib3.BaseHTTPResponse:
        url, headers = address(self.base_url, self._credentials, request, self._headers)
        body: bytes | Iterator[bytes] | None
        if isinstance(request.body, memoryview):
            # urllib3 sends any buffer as it is; its annotation names bytes only.
            body = cast("Iterator[bytes]", pieces(request.body, self._throttle, request.meanwhile))
            headers["content-length"] = str(request.body.nbytes)
        else:
            body = request.body
        return self._pool.request(
            request.method,
            url,
            body=body,
            headers=headers,
            timeout=urllib3.Timeout(connect=10.0, read=request.timeout),
            redirect=False,
            preload_content=False,
            decode_content=False,
        )

    def _guard(self, act: Callable[[], T]) -> T:
        started = time.monotonic()
        try:
            return act()
        except (HTTPError, OSError) as failure:
            raise NoAnswerError(
                reason_of(failure),
                took=time.monotonic() - started,
                retryable=not isinstance(failure, SSLError | LocationValueError),
            ) from failure


def pieces(
    body: memoryview,
    throttle: Throttle | None = None,
    meanwhile: Callable[[], object] | None = None,
) -> Iterator[memoryview]:
    """Cut a body into views of at most 1 MiB, each when it may go; nothing is copied."""
    size = _PIECE if throttle is None else throttle.piece
    for start in range(0, body.nbytes, size):
        if meanwhile is not None:
            meanwhile()
        piece = body[start : start + size]
        if throttle is not None:
            throttle.spend(piece.nbytes)
        yield piece


def reason_of(failure: BaseException) -> str:
    """Say why a connection failed; only the kind, since the text may hold a signed URL."""
    cause = failure.__cause__ or failure.__context__ or failure
    text = cause.strerror if isinstance(cause, OSError) else None
    return text or type(failure).__name__
