"""Answers of the proxies beside a container service: refusals, and what others have answered."""

from collections.abc import Callable
from contextlib import suppress

import aiohttp
import msgspec
from aiohttp import web

from ferryman import refusals
from ferryman.api.problems import problem_of, row_status
from ferryman.errors import PlatformError
from ferryman.refusals.row import rows_of

_STATUS = {row.code: row_status(row) for row in rows_of(refusals.service)}
HOP_BY_HOP = {
    *("connection", "keep-alive", "transfer-encoding", "upgrade", "te", "trailer", "host"),
    *("proxy-authorization", "proxy-authenticate", "proxy-connection"),
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


async def passed_on(
    request: web.Request,
    answer: aiohttp.ClientResponse,
    broken: Callable[[], None] = lambda: None,
) -> web.StreamResponse:
    """Pass an answer on, piece by piece.

    If it breaks off, so does ours, and ``broken`` is called. Whoever asked may have gone meanwhile,
    which is no fault of the answer.
    """
    kept = {k: v for k, v in answer.headers.items() if k.lower() not in HOP_BY_HOP}
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
