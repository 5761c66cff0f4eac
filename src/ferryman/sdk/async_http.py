"""The asynchronous transport, over aiohttp."""

import asyncio
import time
from collections.abc import AsyncIterator, Awaitable, Callable
from dataclasses import dataclass, field
from typing import TypeVar

from ferryman.sdk.exchange import (
    Close,
    Command,
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
from ferryman.sdk.retry import RetryPolicy

try:
    import aiohttp
    from yarl import URL

    from ferryman.network.aiohttp_client import AsyncNetwork
except ImportError as _missing:
    raise ImportError(
        "The asynchronous client needs aiohttp: pip install 'WHEEL[async]', WHEEL being the path "
        "of Ferryman's wheel."
    ) from _missing

T = TypeVar("T")

_PIECE = 1 << 20


@dataclass(slots=True)
class AiohttpBody:
    """Holds an answer of aiohttp whose body is still to be read."""

    response: aiohttp.ClientResponse
    took: float
    status: int = field(init=False)
    headers: dict[str, str] = field(init=False)

    def __post_init__(self) -> None:
        self.status = self.response.status
        self.headers = {k.lower(): v for k, v in self.response.headers.items()}


class AsyncHttpTransport:
    """Does what ``HttpTransport`` does, for one event loop at a time."""

    def __init__(self, base_url: str, credentials: Credentials, *, retry_seconds: float) -> None:
        self.base_url: str = check_base(base_url)
        self._credentials = check_credentials(credentials)
        self.exchange: Exchange = Exchange(RetryPolicy(retry_seconds=retry_seconds))
        self._network = AsyncNetwork()
        self._network.arguments(self.base_url)  # which tells wrong settings here and now
        self._session: aiohttp.ClientSession | None = None
        self._loop: asyncio.AbstractEventLoop | None = None

    async def call(self, operation: Operation[T]) -> T:
        """Carry out one operation, retrying for the transport's ``retry_seconds``."""
        return await self.run(self.exchange.call(operation))

    async def run(self, flow: Flow[T]) -> T:
        """Drive a flow to its end and return its result."""
        try:
            command = next(flow)
            while True:
                try:
                    result = await self._do(command)
                except NoAnswerError as lost:
                    command = flow.throw(lost)
                else:
                    command = flow.send(result)
        except StopIteration as end:
            value: T = end.value
            return value

    async def close(self) -> None:
        """Close the connections; a later call opens new ones."""
        session, self._session = self._session, None
        if session is not None:
            await session.close()

    async def _do(self, command: Command) -> object:
        match command:
            case Send(request):
                return await self._guard(request, lambda: self._send(request))
            case Open(request):
                return await self._guard(request, lambda: self._open(request))
            case Read(body, size):
                return await self._guard(None, lambda: body.response.content.read(size))
            case Close(body):
                return body.response.close()
            case Wait(seconds, _):
                return await asyncio.sleep(seconds, None)

    async def _send(self, request: Request) -> Answer:
        started = time.monotonic()
        body = await self._open(request)
        async with body.response:
            data = await body.response.read()
        return Answer(
            status=body.status, headers=body.headers, body=data, took=time.monotonic() - started
        )

    async def _open(self, request: Request) -> AiohttpBody:
        started = time.monotonic()
        url, headers = address(self.base_url, self._credentials, request)
        body: bytes | AsyncIterator[bytes] | None
        if isinstance(request.body, memoryview):
            body = _pieces(request.body)
            headers["content-length"] = str(request.body.nbytes)
        else:
            body = request.body
        response = await self._opened().request(
            request.method,
            # A signed URL must arrive byte for byte as it was signed.
            URL(url, encoded=True),
            data=body,
            headers=headers,
            timeout=aiohttp.ClientTimeout(total=None, sock_connect=10.0, sock_read=request.timeout),
            allow_redirects=False,
            **self._network.arguments(url),
        )
        return AiohttpBody(response, time.monotonic() - started)

    def _opened(self) -> aiohttp.ClientSession:
        loop = asyncio.get_running_loop()
        if self._session is None or self._session.closed or self._loop is not loop:
            # A function host may run each event in a loop of its own: a session outlives none.
            self._loop = loop
            self._session = aiohttp.ClientSession(auto_decompress=False)
        return self._session

    async def _guard(self, request: Request | None, act: Callable[[], Awaitable[T]]) -> T:
        """Act, and tell why there was no answer; without a ``request`` it had begun before."""
        started = time.monotonic()
        try:
            return await act()
        except (TimeoutError, aiohttp.ClientError, OSError) as error:
            took, failure = time.monotonic() - started, None
            if request is not None:
                url = self.base_url if request.url.startswith("/") else request.url
                failure = await self._network.failure(error, url)
            retryable = not isinstance(error, aiohttp.ClientSSLError | aiohttp.InvalidURL)
            raise NoAnswerError(
                _reason(error) if failure is None else str(failure),
                took=took,
                retryable=retryable if failure is None else failure.retryable,
                failure=failure,
            ) from error


async def _pieces(body: memoryview) -> AsyncIterator[bytes]:
    for start in range(0, body.nbytes, _PIECE):
        yield bytes(body[start : start + _PIECE])


def _reason(failure: BaseException) -> str:
    # Only the kind: the text may hold a signed URL.
    text = failure.strerror if isinstance(failure, OSError) else None
    return text or type(failure).__name__
