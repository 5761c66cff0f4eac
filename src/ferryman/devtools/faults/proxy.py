"""The proxy between an app under test and the platform, which injects faults into calls."""

import asyncio
import re
import sys
from collections.abc import AsyncIterator
from contextlib import asynccontextmanager

import aiohttp
import msgspec
from aiohttp import web
from yarl import URL

from ferryman.devtools.faults.run import DeliveryRun, FaultRun
from ferryman.devtools.faults.sender import MARK
from ferryman.domain.fault_oracle import AppRefusal
from ferryman.domain.fault_plan import call_name
from ferryman.wire.problem import Problem

_HOP = {"connection", "keep-alive", "transfer-encoding", "upgrade", "te", "trailer", "host"}
_EXPIRED = "&fault=expired"
_SLOW_SECONDS = 1.0
_OBJECT_URL = re.compile(rb'(https?://[^"\s]+/objects/[^"\s]+)')
_REFUSALS = {
    "403": ("scope_missing", "an app with this permission", "one without it"),
    "404": ("app_data_not_found", "an id that exists", "an id that does not"),
    "409": ("transfer_settled", "a transfer that is not settled", "one that is"),
    "429": ("rate_limited", "fewer calls in a second", "more than that"),
    "500": ("internal_error", "a successful call", "an internal error of the platform"),
    "503": ("database_unavailable", "an answer from the database", "none"),
    "expired": ("url_expired", "a request before the URL expired", "one after that"),
}


class _Coded(msgspec.Struct, frozen=True):
    code: str = ""


class FaultProxy:
    """A proxy to the platform at ``upstream`` that injects the faults of ``faults``."""

    def __init__(self, faults: FaultRun, upstream: str) -> None:
        self._faults = faults
        self._upstream = upstream
        self._session: aiohttp.ClientSession | None = None

    @asynccontextmanager
    async def listening(self, host: str, port: int) -> AsyncIterator[None]:
        """Listen on that address for the length of the block."""
        site = web.Application(client_max_size=1 << 30)
        site.router.add_route("*", "/{path:.*}", self._answer)
        runner = web.AppRunner(site, access_log=None, shutdown_timeout=0.2)
        timeout = aiohttp.ClientTimeout(total=None)
        async with aiohttp.ClientSession(timeout=timeout, auto_decompress=False) as session:
            self._session = session
            await runner.setup()
            try:
                # Beside the socket that reserves the port.
                shared = sys.platform == "linux"
                await web.TCPSite(runner, host, port, reuse_port=shared).start()
                yield
            finally:
                await runner.cleanup()

    async def _answer(self, request: web.Request) -> web.StreamResponse:
        headers, copy = self._headers(request)
        name = call_name(request.method, request.path)
        kinds: list[str] = []
        if name is not None:
            if copy is not None and copy.barrier is not None:
                await copy.barrier.wait(copy.number)
            kinds = self._faults.called(name, copy)
        path = request.path_qs
        if path.endswith(_EXPIRED):
            self._faults.record_fault(f"  call {name}: 403, the URL has expired")
            return _refused("expired", 403)
        how = kinds[0] if kinds else None
        if name is not None:
            name = f"{name}:{self._faults.counts[name]}"
            if how is None:
                self._faults.record(f"  call {name}")
            else:
                self._faults.record_fault(f"  call {name}: {how}")
        if how == "kill":
            return await _kill(request, copy)
        if how in _REFUSALS and how != "expired":
            return _refused(how, int(how))
        response = await self._pass_on(request, headers, how, copy)
        if name is not None:
            refused = response.status >= 400
            refusal = AppRefusal(name, response.status, _code(response)) if refused else None
            self._faults.answered(copy, refusal)
        return response

    def _headers(self, request: web.Request) -> tuple[dict[str, str], DeliveryRun | None]:
        """Return the headers to send on, and the delivery whose token they hold, if any."""
        headers = {k: v for k, v in request.headers.items() if k.lower() not in _HOP}
        token, mark, number = headers.get("Authorization", "").rpartition(MARK)
        if not mark or not number.isdigit():
            return headers, None
        return {**headers, "Authorization": token}, self._faults.copies.get(int(number))

    async def _pass_on(
        self,
        request: web.Request,
        headers: dict[str, str],
        how: str | None,
        copy: DeliveryRun | None,
    ) -> web.StreamResponse:
        if self._session is None:
            raise RuntimeError("the proxy is closed")
        body = await request.read() if request.can_read_body else None
        async with self._session.request(
            request.method,
            URL(self._upstream + request.raw_path, encoded=True),  # to the letter: it may be signed
            headers=headers,
            data=body,
            allow_redirects=False,
        ) as answer:
            kept = {k: v for k, v in answer.headers.items() if k.lower() not in _HOP}
            if request.method == "HEAD":
                return web.Response(status=answer.status, headers=kept)
            if how is not None and answer.status < 400:
                data = await answer.read()
                return await _disturbed(request, how, copy, kept, data)
            if answer.status >= 400:
                kept.pop("Content-Length", None)
                return web.Response(status=answer.status, headers=kept, body=await answer.read())
            response = web.StreamResponse(status=answer.status, headers=kept)
            await response.prepare(request)
            async for chunk in answer.content.iter_any():
                await response.write(chunk)
            await response.write_eof()
            self._faults.touch()
            return response


async def _disturbed(
    request: web.Request, how: str, copy: DeliveryRun | None, headers: dict[str, str], data: bytes
) -> web.StreamResponse:
    """Pass on the platform's answer with a fault in it."""
    if how == "kill-after":
        return await _kill(request, copy)
    if how == "lost":
        return _break(request)
    headers = {k: v for k, v in headers.items() if k.lower() != "content-length"}
    if how == "expired":
        data = _OBJECT_URL.sub(lambda found: found[1] + _EXPIRED.encode(), data)
        return web.Response(status=200, headers=headers, body=data)
    response = web.StreamResponse(status=200, headers={**headers, "Content-Length": str(len(data))})
    await response.prepare(request)
    await response.write(data[: len(data) // 2])
    if how == "slow":
        await asyncio.sleep(_SLOW_SECONDS)
        await response.write(data[len(data) // 2 :])
        await response.write_eof()
        return response
    return await _kill(request, copy) if how == "limit" else _break(request)


def _code(response: web.StreamResponse) -> str:
    """Return the code in a refusal of the platform, or an empty text."""
    body = response.body if isinstance(response, web.Response) else None
    try:
        return msgspec.json.decode(body if isinstance(body, bytes) else b"", type=_Coded).code
    except msgspec.DecodeError:
        return ""


def _refused(how: str, status: int) -> web.Response:
    code, expected, found = _REFUSALS[how]
    problem = Problem(
        type=f"urn:ferryman:error:{code}",
        title=code.replace("_", " ").capitalize(),
        status=status,
        detail=f"Expected {expected}; found {found}. This fault is injected on purpose.",
        code=code,
        expected=expected,
        found=found,
        fix="This fault is injected on purpose.",
    )
    headers = {"Retry-After": "1"} if status == 429 else None
    return web.Response(
        status=status,
        body=msgspec.json.encode(problem),
        content_type="application/problem+json",
        headers=headers,
    )


async def _kill(request: web.Request, copy: DeliveryRun | None) -> web.StreamResponse:
    """Kill the function that called; for an app outside the worker, close the connection."""
    if copy is not None:
        copy.kill()
    return _break(request)


def _break(request: web.Request) -> web.StreamResponse:
    """Close the connection after what was already written."""
    if request.transport is not None:
        request.transport.close()
    return web.Response()
