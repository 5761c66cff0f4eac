"""Answers of the proxies beside a container service: refusals, and what others have answered."""

import re
from collections.abc import Callable, Set
from contextlib import suppress

import aiohttp
import msgspec
from aiohttp import web

from ferryman import refusals
from ferryman.api.problem_documents import problem_of, row_status
from ferryman.errors import PlatformError
from ferryman.refusals.row import rows_of

_STATUS = {row.code: row_status(row) for row in rows_of(refusals.service)}
HOP_BY_HOP = {
    *("connection", "keep-alive", "transfer-encoding", "upgrade", "te", "trailer", "host"),
    *("proxy-authorization", "proxy-authenticate", "proxy-connection", "expect"),
}
BODY_BYTES = 8 << 20
"""The longest body of an event or a call; files go past the proxies, by signed URLs."""


def refusal(error: PlatformError) -> web.Response:
    """Return a refusal of ours as a problem document."""
    status = _STATUS.get(error.code) or 500
    return web.Response(
        status=status,
        body=msgspec.json.encode(problem_of(error, status)),
        content_type="application/problem+json",
        headers={"Cache-Control": "no-store"},
    )


async def body_of(request: web.Request) -> bytes | None:
    """Return the body of a request, None if it has none; raise ``Invalid`` if it is too long."""
    if not request.can_read_body:
        return None
    try:
        return await request.read()
    except web.HTTPRequestEntityTooLarge:
        raise refusals.service.BODY_TOO_LARGE(most=BODY_BYTES >> 20) from None


def headers_to_pass(
    message: web.Request | aiohttp.ClientResponse, left_out: Set[str] = frozenset()
) -> list[tuple[str, str]]:
    """Return the headers that go on, each as often as it came.

    Those of one connection stay behind, also what it names itself. Bytes that no header may have
    are replaced, for one odd header is no reason to lose an answer.
    """
    headers = message.headers
    named = {name.strip().lower() for name in ",".join(headers.getall("Connection", ())).split(",")}
    behind = {*HOP_BY_HOP, *named, *left_out}
    return [(name, _text(value)) for name, value in headers.items() if name.lower() not in behind]


def _text(value: str) -> str:
    text = value.encode("utf-8", "surrogateescape").decode("utf-8", "replace")
    return re.sub(r"[\x00-\x1f\x7f]", " ", text)


async def passed_on(
    request: web.Request,
    answer: aiohttp.ClientResponse,
    broken: Callable[[], None] = lambda: None,
) -> web.StreamResponse:
    """Pass an answer on, piece by piece.

    If it breaks off, so does ours, and ``broken`` is called. Whoever asked may have gone meanwhile,
    which is no fault of the answer.
    """
    kept = headers_to_pass(answer)
    if request.method == "HEAD":
        return web.Response(status=answer.status, headers=kept)
    response = web.StreamResponse(status=answer.status, headers=kept)
    with suppress(ConnectionError):
        await response.prepare(request)
        while True:
            try:
                chunk = await answer.content.readany()
            except (aiohttp.ClientError, OSError):
                broken()
                if request.transport is not None:
                    request.transport.close()
                return response
            if not chunk:
                break
            await response.write(chunk)
        await response.write_eof()
    return response
