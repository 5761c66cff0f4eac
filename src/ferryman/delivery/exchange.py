"""One POST on a connection of an aiohttp session, without what the session adds (ADR 0131).

aiohttp looks names up, connects, secures, pools connections, and parses the answer. A session would
also prepare redirects, cookies and logins for each request, and start a task for its body, which
together cost as much processor time as everything else that a worker does for a message.
"""

import asyncio
from collections.abc import Mapping
from dataclasses import dataclass
from functools import lru_cache
from typing import Any
from weakref import WeakSet

import aiohttp
from aiohttp.client_proto import ResponseHandler
from aiohttp.connector import Connection
from aiohttp.http import HttpProcessingError, StreamWriter
from multidict import CIMultiDict
from yarl import URL

from ferryman.delivery.egress_proxy import EgressProxy
from ferryman.domain.outcome import Stage
from ferryman.network.proxies import Proxy

BODY_BYTES = 1 << 16
"""How much of an answer's body is read."""

_TARGETS = 4096
"""URLs whose requests are kept to ask for connections with."""

_NO_TIMEOUT = aiohttp.ClientTimeout(total=None)
"""The whole attempt has its own timeout."""

_HEADERS = {
    # A compressed response could be small on the wire and huge in memory.
    "Accept-Encoding": "identity",
    "User-Agent": "Ferryman",
    "Content-Type": "application/json",
}


@dataclass(slots=True)
class Posted:
    """What is posted, and how far that got; ``stage`` is ``during`` once sending has begun."""

    url: str | URL
    body: bytes
    headers: Mapping[str, str]
    stage: Stage = "before"
    proxy: Proxy | None = None


@dataclass(frozen=True, slots=True)
class PostAnswer:
    """The answer; ``body`` has at most one byte more than :data:`BODY_BYTES`."""

    status: int
    headers: Mapping[str, str]
    body: bytes


class Poster:
    """Posts on connections of ``session``, or through the ``egress`` proxy."""

    def __init__(self, session: aiohttp.ClientSession, egress: EgressProxy | None = None) -> None:
        self._session = session
        self._egress = egress
        # A request without a proxy is never changed, so all posts to its URL share it.
        self._direct = lru_cache(_TARGETS)(self._request)
        self._used: WeakSet[ResponseHandler] = WeakSet()

    async def post(self, posted: Posted) -> PostAnswer:
        """Post once; raises as aiohttp does. Redirects are not followed."""
        session, request = await self._route(posted)
        if "Authorization" in request.headers and "Authorization" in posted.headers:
            raise ValueError("the URL has a login, but the request is authorized otherwise")
        if session.connector is None:
            raise RuntimeError("the session is closed")
        connection = await self._connect(session.connector, request)
        try:
            answer = await _exchange(connection, request, posted)
        except BaseException:
            _close(connection)
            raise
        if _unsent(connection):
            _close(connection)
        else:
            if connection.protocol is not None:
                self._used.add(connection.protocol)
            connection.release()  # closes it too, unless the answer was read to its end
        return answer

    async def _connect(
        self, connector: aiohttp.BaseConnector, request: aiohttp.ClientRequest
    ) -> Connection:
        """Return a connection on which nothing came since the answer before."""
        while True:
            connection = await connector.connect(request, [], _NO_TIMEOUT)
            protocol = connection.protocol
            if protocol is None or protocol not in self._used or not protocol.should_close:
                return connection
            # A server sent more than it was asked for; this would count as the next answer.
            connection.close()

    async def _route(self, posted: Posted) -> tuple[aiohttp.ClientSession, aiohttp.ClientRequest]:
        """Return the session that connects, and the request that says where to."""
        try:
            url = URL(posted.url)
        except ValueError as error:
            raise aiohttp.InvalidURL(posted.url) from error
        if self._egress is None or (proxy := self._egress.proxy_of(url)) is None:
            return self._session, self._direct(url)
        posted.proxy = proxy
        url, more = await self._egress.arguments(url, proxy)
        for_proxy: dict[str, Any] = {
            "proxy": URL(more.pop("proxy")),
            "proxy_headers": CIMultiDict(more.pop("proxy_headers") or {}),
        }
        return self._egress.session, self._request(url, **for_proxy, **more)

    def _request(
        self, url: URL, headers: Mapping[str, str] | None = None, **more: Any
    ) -> aiohttp.ClientRequest:
        if url.scheme not in ("http", "https"):
            raise aiohttp.NonHttpUrlClientError(url)
        return aiohttp.ClientRequest(
            "POST",
            url,
            headers={**_HEADERS, **(headers or {})},
            loop=asyncio.get_running_loop(),
            session=self._session,
            **more,
        )


async def _exchange(
    connection: Connection, request: aiohttp.ClientRequest, posted: Posted
) -> PostAnswer:
    protocol = connection.protocol
    if protocol is None:
        raise aiohttp.ServerDisconnectedError
    protocol.set_response_params(read_until_eof=True, read_bufsize=BODY_BYTES)
    headers: CIMultiDict[str] = CIMultiDict(request.headers)
    headers.update(posted.headers)
    headers["Content-Length"] = str(len(posted.body))
    path = request.url.raw_path_qs
    if request.proxy is not None and not request.is_ssl():
        path = str(request.url)
        headers.update(request.proxy_headers or {})
    writer = StreamWriter(protocol, request.loop)
    await writer.write_headers(f"POST {path} HTTP/1.1", headers)
    posted.stage = "during"
    # Without waiting until it is sent, since an answer may come before.
    await writer.write(posted.body, drain=False)
    return await _answer(protocol, request)


async def _answer(protocol: ResponseHandler, request: aiohttp.ClientRequest) -> PostAnswer:
    try:
        message, content = await protocol.read()
        while 100 <= message.code < 200 and message.code != 101:
            message, content = await protocol.read()
    except HttpProcessingError as error:
        raise aiohttp.ClientResponseError(
            request.request_info,
            (),
            status=error.code,
            message=error.message,
            headers=error.headers,
        ) from error
    body = b""
    while len(body) <= BODY_BYTES and not content.at_eof():
        body += await content.read(BODY_BYTES + 1 - len(body))
    return PostAnswer(message.code, message.headers, body)


def _unsent(connection: Connection) -> int:
    """Return how many bytes wait in memory to be sent."""
    transport: Any = connection.transport
    if transport is None:
        return 0
    waiting: int = transport.get_write_buffer_size()
    # With TLS, that is only what is not encrypted yet; asyncio offers no other way to the rest.
    tls = getattr(transport, "_ssl_protocol", None)
    below = None if tls is None else tls._transport  # noqa: SLF001
    return waiting if below is None else waiting + int(below.get_write_buffer_size())


def _close(connection: Connection) -> None:
    """Close at once, even if the other side never reads the rest."""
    if _unsent(connection) and connection.transport is not None:
        connection.transport.abort()
    connection.close()
