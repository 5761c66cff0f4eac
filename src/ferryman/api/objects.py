"""Object URLs of the local store: signed PUT of a part or file, signed GET and HEAD of a file.

A raw ASGI application, because the bytes must bypass the framework: no large body is ever held in
memory as a whole, nothing is read before the signature is verified, and nothing is compressed.
"""

import asyncio
from collections.abc import Awaitable, Callable, Sequence
from contextlib import suppress
from datetime import datetime
from urllib.parse import unquote_to_bytes

import msgspec
import structlog
from litestar.enums import ScopeType
from litestar.types import ASGIApp, Receive, Scope, Send
from litestar.types.asgi_types import HTTPScope

from ferryman import refusals
from ferryman.api.concurrency_limit import READ_BYTES, ConcurrencyLimit, bodies
from ferryman.api.http import begun, byte_range, disconnected
from ferryman.api.problem_documents import problem_of, status_of
from ferryman.errors import PlatformError, RateLimited
from ferryman.objects.local import LocalStore
from ferryman.objects.signed_url import Grant, UrlOperation, disposition
from ferryman.objects.stored_object import StoredObject

log = structlog.get_logger("ferryman.api")

_DRAIN_BYTES = 16 << 20
_DRAIN_SECONDS = 5.0

Headers = list[tuple[bytes, bytes]]


PATH = "/objects"


class ObjectsApp:
    """ASGI application for ``/objects/KEY?…`` of ``store``; ``now`` returns platform time.

    All other requests go to ``rest``. It stands before the framework, whose routing costs as much
    as all that is done here for a small file.
    """

    def __init__(
        self,
        store: LocalStore,
        now: Callable[[], Awaitable[datetime]],
        rest: ASGIApp,
        readers: ConcurrencyLimit,
        share: int = 1,
    ) -> None:
        self._store = store
        self._now = now
        self._rest = rest
        self._readers = readers
        self._bodies = bodies(share)

    async def __call__(self, scope: Scope, receive: Receive, send: Send) -> None:
        """Answer one request; a refusal is a problem document and closes the connection."""
        if scope["type"] != ScopeType.HTTP or not scope["path"].startswith(f"{PATH}/"):
            await self._rest(scope, receive, send)
            return
        scope["path_template"] = PATH
        try:
            await self._answer(scope, receive, send)
        except PlatformError:
            raise  # the answer has begun, so breaking the connection is all that can be said
        except Exception:
            log.exception("request.failed", method=scope["method"], path=PATH)
            raise

    async def _answer(self, scope: HTTPScope, receive: Receive, send: Send) -> None:
        try:
            grant = await self._grant(scope)
            if grant.operation is not UrlOperation.READ:
                await self._take_part(grant, scope, receive, send)
                return
            # To find a small file and to read it takes one thread, as each of them does.
            stored = await self._store.find(grant.key, READ_BYTES)
        except PlatformError as error:
            await _refuse(error, receive, send)
            return
        try:
            span = byte_range(_wanted_range(scope, stored), stored.size)
        except PlatformError as error:
            size = (b"content-range", b"bytes */%d" % stored.size)
            await _refuse(error, receive, send, [size])
            return
        # A URL that was signed before its app was told counts by file.
        reader = grant.app or grant.key
        try:
            self._readers.check(reader)
        except RateLimited as refusal:
            await _refuse(refusal, receive, send)
            return
        with self._readers.counting(reader):
            await self._give_file(grant, stored, span, scope, receive, send)

    async def _grant(self, scope: HTTPScope) -> Grant:
        # The raw path: what a server or a proxy makes of it was not signed.
        key = unquote_to_bytes(scope["raw_path"]).decode("latin-1").removeprefix(f"{PATH}/")
        query = scope["query_string"].decode("latin-1")
        return self._store.check(scope["method"], key, query, await self._now())

    async def _take_part(
        self, grant: Grant, scope: HTTPScope, receive: Receive, send: Send
    ) -> None:
        _check_length(scope, grant.size)
        name = f"{grant.key}/{grant.number}"
        self._bodies.check(name)
        with self._bodies.counting(name), self._store.receive(grant) as part:
            more = True
            while more:
                message = await receive()
                if message["type"] != "http.request":
                    raise refusals.request.DISCONNECTED()  # nothing to keep
                await part.take(message["body"])
                more = message["more_body"]
            await part.keep()
        await _start(send, 200, [(b"etag", _quoted(grant.sha256)), (b"content-length", b"0")])
        await _body(send, b"", more=False)

    async def _give_file(
        self,
        grant: Grant,
        stored: StoredObject,
        span: tuple[int, int] | None,
        scope: HTTPScope,
        receive: Receive,
        send: Send,
    ) -> None:
        start, end = span or (0, stored.size)
        last = start if scope["method"] == "HEAD" else end
        chunks = None
        if stored.content is None:
            try:
                chunks = await begun(self._store.read(stored, start, last, READ_BYTES))
            except PlatformError as error:
                await _refuse(error, receive, send)
                return
        headers = _file_headers(stored, grant.name, end - start)
        if span:
            headers.append(
                (b"content-range", f"bytes {start}-{end - 1}/{stored.size}".encode("ascii"))
            )
        await _start(send, 206 if span else 200, headers)
        if chunks is None:
            await _body(send, (stored.content or b"")[start:last], more=False)
            return
        gone = asyncio.create_task(disconnected(receive))
        try:
            async for chunk in chunks:
                await _body(send, chunk, more=True)
                if gone.done():
                    return
        finally:
            gone.cancel()
        await _body(send, b"", more=False)


def _wanted_range(scope: HTTPScope, stored: StoredObject) -> str | None:
    """Return the header ``Range``, unless ``If-Range`` names another file (RFC 9110, 13.1.5)."""
    same = _header(scope, b"if-range") in {None, _quoted(stored.etag).decode("ascii")}
    return _header(scope, b"range") if same else None


def _check_length(scope: HTTPScope, size: int) -> None:
    header = _header(scope, b"content-length")
    if header is None:
        # Without both headers a request has no body (RFC 9112, section 6.3): an empty part.
        if size == 0 and _header(scope, b"transfer-encoding") is None:
            return
        raise refusals.request.LENGTH_REQUIRED(size=size)
    if header != str(size):
        raise refusals.upload.SIZE_MISMATCH(size=size, found=f"Content-Length: {header[:32]}")


def _file_headers(stored: StoredObject, name: str, length: int) -> Headers:
    return [
        (b"content-type", b"application/octet-stream"),
        (b"content-length", str(length).encode("ascii")),
        (b"content-disposition", disposition(name).encode("ascii")),
        (b"accept-ranges", b"bytes"),
        (b"etag", _quoted(stored.etag)),
        (b"cache-control", b"private, no-store"),
        (b"x-content-type-options", b"nosniff"),
    ]


async def _refuse(
    error: PlatformError, receive: Receive, send: Send, more: Sequence[tuple[bytes, bytes]] = ()
) -> None:
    status = status_of(error)
    body = msgspec.json.encode(problem_of(error, status))
    headers: Headers = [
        (b"content-type", b"application/problem+json"),
        (b"content-length", str(len(body)).encode("ascii")),
        (b"cache-control", b"no-store"),
        (b"connection", b"close"),
        *more,
    ]
    if isinstance(error, RateLimited):
        headers.append((b"retry-after", b"%d" % error.retry_after))
    await _start(send, status, headers)
    await _body(send, body, more=False)
    with suppress(TimeoutError):
        await asyncio.wait_for(_drain(receive), _DRAIN_SECONDS)


async def _drain(receive: Receive) -> None:
    """Discard the rest of the body, within bounds.

    A client that writes its whole body before it reads would otherwise see a broken connection
    instead of the answer.
    """
    left = _DRAIN_BYTES
    while left > 0:
        message = await receive()
        if message["type"] != "http.request" or not message["more_body"]:
            return
        left -= len(message["body"])


def _header(scope: HTTPScope, name: bytes) -> str | None:
    for header, value in scope["headers"]:
        if header == name:
            return value.decode("latin-1")
    return None


def _quoted(etag: str) -> bytes:
    return f'"{etag}"'.encode("ascii")


async def _start(send: Send, status: int, headers: Headers) -> None:
    await send({"type": "http.response.start", "status": status, "headers": headers})


async def _body(send: Send, body: bytes, *, more: bool) -> None:
    await send({"type": "http.response.body", "body": body, "more_body": more})
