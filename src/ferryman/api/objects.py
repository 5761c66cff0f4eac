"""Object URLs of the local store: signed PUT of a part, signed GET and HEAD of a file.

A raw ASGI application, because bytes must not pass through a framework: no body is ever held
whole, nothing is read before the signature is known to be ours, and nothing is compressed.
"""

import asyncio
from collections.abc import Awaitable, Callable, Sequence
from contextlib import suppress
from datetime import datetime
from urllib.parse import unquote_to_bytes

import msgspec
from litestar.enums import ScopeType
from litestar.types import Receive, Scope, Send
from litestar.types.asgi_types import HTTPScope

from ferryman.api.disconnection import disconnected
from ferryman.api.problems import problem_of, status_of
from ferryman.api.ranges import byte_range
from ferryman.errors import Invalid, PlatformError
from ferryman.objects.disposition import disposition
from ferryman.objects.folder import StoredObject
from ferryman.objects.incoming import size_mismatch
from ferryman.objects.local import LocalStore
from ferryman.objects.signing import Grant, Operation

_DRAIN_BYTES = 16 << 20
_DRAIN_SECONDS = 5.0

Headers = list[tuple[bytes, bytes]]


class ObjectsApp:
    """Serves ``/objects/KEY?…`` of ``store``; ``now`` gives platform time."""

    def __init__(self, store: LocalStore, now: Callable[[], Awaitable[datetime]]) -> None:
        self._store = store
        self._now = now

    async def __call__(self, scope: Scope, receive: Receive, send: Send) -> None:
        """Answer one request; a refusal is a problem document and ends the connection."""
        if scope["type"] != ScopeType.HTTP:
            return
        try:
            grant = await self._grant(scope)
            if grant.operation is Operation.PART:
                await self._take_part(grant, scope, receive, send)
                return
            found = await self._store.find(grant.key)
        except PlatformError as error:
            await _refuse(error, receive, send)
            return
        try:
            wanted = byte_range(_wanted_range(scope, found), found.size)
        except PlatformError as error:
            size = (b"content-range", b"bytes */%d" % found.size)
            await _refuse(error, receive, send, [size])
            return
        await self._give_file(grant, found, wanted, scope, receive, send)

    async def _grant(self, scope: HTTPScope) -> Grant:
        # As it was sent: a mount cuts the prefix off ``path`` and puts a slash at its end.
        key = unquote_to_bytes(scope["raw_path"]).decode("latin-1").removeprefix("/objects/")
        query = scope["query_string"].decode("latin-1")
        return self._store.check(scope["method"], key, query, await self._now())

    async def _take_part(
        self, grant: Grant, scope: HTTPScope, receive: Receive, send: Send
    ) -> None:
        _check_length(scope, grant.size)
        with self._store.receive(grant) as part:
            more = True
            while more:
                message = await receive()
                if message["type"] != "http.request":
                    return  # the sender went away: nobody to answer, nothing kept
                part.write(message["body"])
                more = message["more_body"]
            await part.keep()
        await _start(send, 200, [(b"etag", _quoted(grant.sha256)), (b"content-length", b"0")])
        await _body(send, b"", more=False)

    async def _give_file(
        self,
        grant: Grant,
        found: StoredObject,
        wanted: tuple[int, int] | None,
        scope: HTTPScope,
        receive: Receive,
        send: Send,
    ) -> None:
        start, end = wanted or (0, found.size)
        headers = _file_headers(found, grant.name, end - start)
        if wanted:
            headers.append(
                (b"content-range", f"bytes {start}-{end - 1}/{found.size}".encode("ascii"))
            )
        await _start(send, 206 if wanted else 200, headers)
        if scope["method"] == "HEAD":
            end = start
        gone = asyncio.create_task(disconnected(receive))
        try:
            async for chunk in self._store.read(found, start, end):
                await _body(send, chunk, more=True)
                if gone.done():
                    return
        finally:
            gone.cancel()
        await _body(send, b"", more=False)


def _wanted_range(scope: HTTPScope, found: StoredObject) -> str | None:
    """The header ``Range``, unless ``If-Range`` names another file (RFC 9110, section 13.1.5)."""
    same = _header(scope, b"if-range") in {None, _quoted(found.etag).decode("ascii")}
    return _header(scope, b"range") if same else None


def _check_length(scope: HTTPScope, size: int) -> None:
    header = _header(scope, b"content-length")
    if header is None:
        # Without both headers a request has no body (RFC 9112, section 6.3): an empty part.
        if size == 0 and _header(scope, b"transfer-encoding") is None:
            return
        raise Invalid(
            "length_required",
            expected=f"Content-Length: {size}",
            found="no Content-Length",
            fix="Send the part in one body of known length, not in chunks.",
        )
    if header != str(size):
        raise size_mismatch(size, f"Content-Length: {header[:32]}")


def _file_headers(found: StoredObject, name: str, length: int) -> Headers:
    return [
        (b"content-type", b"application/octet-stream"),
        (b"content-length", str(length).encode("ascii")),
        (b"content-disposition", disposition(name).encode("ascii")),
        (b"accept-ranges", b"bytes"),
        (b"etag", _quoted(found.etag)),
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
    await _start(send, status, headers)
    await _body(send, body, more=False)
    with suppress(TimeoutError):
        await asyncio.wait_for(_drain(receive), _DRAIN_SECONDS)


async def _drain(receive: Receive) -> None:
    """Throw away what is still coming, within bounds.

    A client that writes its whole body before it reads would otherwise see a broken connection
    in place of the answer.
    """
    left = _DRAIN_BYTES
    while left > 0:
        message = await receive()
        if message["type"] != "http.request" or not message["more_body"]:
            return
        left -= len(message["body"])


def _header(scope: HTTPScope, name: bytes) -> str | None:
    for found, value in scope["headers"]:
        if found == name:
            return value.decode("latin-1")
    return None


def _quoted(etag: str) -> bytes:
    return f'"{etag}"'.encode("ascii")


async def _start(send: Send, status: int, headers: Headers) -> None:
    await send({"type": "http.response.start", "status": status, "headers": headers})


async def _body(send: Send, body: bytes, *, more: bool) -> None:
    await send({"type": "http.response.body", "body": body, "more_body": more})
