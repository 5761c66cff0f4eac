"""Post messages to URLs of apps, with limits on the time and on the size of the response."""

import asyncio
from collections.abc import AsyncIterator, Callable, Mapping
from contextlib import AsyncExitStack, asynccontextmanager
from dataclasses import dataclass, replace
from typing import Any

import aiohttp
from aiohttp.abc import AbstractResolver, AbstractStreamWriter
from aiohttp.payload import BytesPayload
from yarl import URL

from ferryman.clock import wall_now
from ferryman.delivery.backoff import asked_delay
from ferryman.delivery.egress_proxy import EgressProxy
from ferryman.delivery.resolver import BoundedResolver
from ferryman.delivery.ssrf_guard import AddressRefusedError, public_socket
from ferryman.domain.outcome import Outcome, Stage, failed, succeeded
from ferryman.network.aiohttp_client import failure_of
from ferryman.network.proxies import Proxies, Proxy
from ferryman.network.raw_connection import target
from ferryman.network.trust import tls_context
from ferryman.vocab import FailureCause

_BODY_BYTES = 1 << 16
_CUT = "[Ferryman reads 64 KiB of an answer; this one is longer.]\n"
_NO_TIMEOUT = aiohttp.ClientTimeout(total=None)
"""The whole attempt has its own timeout."""


@dataclass(frozen=True, slots=True)
class Receiver:
    """A kind of URL: the statuses that count as success, and words for error messages."""

    noun: str
    accepts: Callable[[int], bool]
    expected: str
    final_address: str


REMOTE = Receiver(
    noun="remote",
    accepts=lambda status: 200 <= status < 300,
    expected="a status from 200 to 299",
    final_address="put the final address into the manifest's remotes[].baseUrl",
)
SERVICE = replace(REMOTE, noun="container service", final_address="answer at the endpoint's route")


def open_session(*, private: bool, names: AbstractResolver | None = None) -> aiohttp.ClientSession:
    """Open the HTTP client that posts to apps; ``private`` also allows non-public addresses.

    All apps share it, so it keeps no cookies. The caller bounds the number of connections.
    """
    connector = aiohttp.TCPConnector(
        limit=0,
        resolver=names or BoundedResolver(),
        socket_factory=None if private else public_socket,
        ssl=tls_context(),
    )
    return aiohttp.ClientSession(connector=connector, cookie_jar=aiohttp.DummyCookieJar())


@asynccontextmanager
async def open_sender(
    *, private: bool, proxies: Proxies | None = None, names: AbstractResolver | None = None
) -> AsyncIterator["RemoteSender"]:
    """Open what posts to apps, through ``proxies`` if there are any."""
    async with AsyncExitStack() as stack:
        direct = await stack.enter_async_context(open_session(private=private, names=names))
        egress = None
        if proxies is not None:
            to_proxies = await stack.enter_async_context(open_session(private=True))
            egress = EgressProxy(to_proxies, proxies, names or BoundedResolver(), private=private)
        yield RemoteSender(direct, egress)


class RemoteSender:
    """Posts events through a session of :func:`open_session`, or through the ``egress`` proxy."""

    def __init__(self, session: aiohttp.ClientSession, egress: EgressProxy | None = None) -> None:
        self._session = session
        self._egress = egress

    async def post(
        self,
        url: str | URL,
        payload: str,
        headers: Mapping[str, str],
        timeout: float = 5.0,  # noqa: ASYNC109 - the whole attempt's limit, part of the contract
        receiver: Receiver = REMOTE,
    ) -> Outcome:
        """Make one attempt; a status that ``receiver`` accepts within ``timeout`` is a success.

        The timeout is in seconds and includes the body, of which at most 64 KiB are read. Redirects
        are not followed, because the token is signed for this URL only. Nothing that the other side
        does raises an exception.
        """
        clock = asyncio.get_running_loop()
        began = clock.time()
        request = _Body(payload.encode(), content_type="application/json")
        try:
            async with asyncio.timeout(timeout):
                status, answer_headers, body = await self._exchange(url, request, headers)
        except TimeoutError:
            return failed(
                request.stage,
                FailureCause.NOT_ANSWERED_IN_TIME,
                f"The {receiver.noun} had not answered in full after {timeout:g} s.",
                duration=clock.time() - began,
                hung=True,
            )
        except (aiohttp.ClientError, OSError, ValueError) as error:
            # ValueError: a URL or response that the client cannot parse.
            cause, reason = _reason(error, receiver.noun, url, request.proxy)
            return failed(request.stage, cause, reason, duration=clock.time() - began)
        duration, read = clock.time() - began, body[:_BODY_BYTES].decode("utf-8", "replace")
        text = read if len(body) <= _BODY_BYTES else _CUT + read
        if receiver.accepts(status):
            return succeeded(duration=duration, status=status, output=text, body=read)
        reason = f"The {receiver.noun} answered {status}"
        if 200 <= status < 300:
            reason += f", and only {receiver.expected} counts"
        if 300 <= status < 400:
            location = answer_headers.get("Location", "")[:500]
            reason += (
                f", a redirect to {location!r}, which is not followed: {receiver.final_address}"
            )
        return failed(
            "after",
            cause_of(status),
            f"{reason}.\n{text}",
            duration=duration,
            status=status,
            retry_after=asked_delay(status, answer_headers.get("Retry-After"), wall_now()),
        )

    async def _exchange(
        self, url: str | URL, request: "_Body", headers: Mapping[str, str]
    ) -> tuple[int, Mapping[str, str], bytes]:
        session, more = self._session, dict[str, Any]()
        if self._egress is not None and (proxy := self._egress.proxy_of(URL(url))) is not None:
            request.proxy, session = proxy, self._egress.session
            url, more = await self._egress.arguments(URL(url), proxy)
        async with session.post(
            url,
            data=request,
            headers={
                # A compressed response could be small on the wire and huge in memory.
                "Accept-Encoding": "identity",
                "User-Agent": "Ferryman",
                **headers,
                **more.pop("headers", {}),
            },
            allow_redirects=False,
            timeout=_NO_TIMEOUT,
            **more,
        ) as response:
            body = bytearray()
            while len(body) <= _BODY_BYTES:
                chunk = await response.content.read(_BODY_BYTES + 1 - len(body))
                if not chunk:
                    break
                body += chunk
            else:
                # Otherwise the client would read the rest of the response to reuse the connection.
                response.close()
            return response.status, response.headers, bytes(body)


class _Body(BytesPayload):
    """A request body that knows whether the client has started sending it."""

    stage: Stage = "before"
    proxy: Proxy | None = None

    async def write_with_length(
        self, writer: AbstractStreamWriter, content_length: int | None
    ) -> None:
        self.stage = "during"
        await super().write_with_length(writer, content_length)


def cause_of(status: int) -> FailureCause:
    """Return the failure cause for a status that does not count as success."""
    match status:
        case 401 | 403:
            return FailureCause.CREDENTIALS_REFUSED
        case 404 | 405:
            return FailureCause.PATH_UNKNOWN
    if 200 <= status < 300:
        return FailureCause.ANSWERED_NOT_200
    return FailureCause.REDIRECTED if 300 <= status < 400 else FailureCause.APP_FAILED


_KINDS: tuple[tuple[type[Exception], FailureCause, str], ...] = (
    (AddressRefusedError, FailureCause.ADDRESS_REFUSED, "The {} may not be connected to"),
    (
        aiohttp.ClientConnectorDNSError,
        FailureCause.NAME_NOT_RESOLVED,
        "The name of the {} could not be resolved",
    ),
    (
        aiohttp.ClientSSLError,
        FailureCause.TLS_FAILED,
        "No secure connection to the {} could be made",
    ),
    (
        aiohttp.ClientConnectorError,
        FailureCause.CONNECTION_REFUSED,
        "No connection to the {} could be made",
    ),
    (aiohttp.InvalidURL, FailureCause.ADDRESS_UNUSABLE, "The address of the {} is not usable"),
    (
        aiohttp.NonHttpUrlClientError,
        FailureCause.ADDRESS_UNUSABLE,
        "The address of the {} is not usable",
    ),
    (
        aiohttp.ClientPayloadError,
        FailureCause.CONNECTION_BROKE,
        "The {} closed the connection before its answer was complete",
    ),
    (
        aiohttp.ServerDisconnectedError,
        FailureCause.CONNECTION_BROKE,
        "The {} closed the connection before its answer was complete",
    ),
    (aiohttp.ClientOSError, FailureCause.CONNECTION_BROKE, "The connection to the {} broke"),
    (ConnectionError, FailureCause.CONNECTION_BROKE, "The connection to the {} broke"),
)
"""Causes of the client's exceptions; the first matching class counts."""


def _reason(
    error: Exception, noun: str, url: str | URL, proxy: Proxy | None
) -> tuple[FailureCause, str]:
    failure = None if proxy is None else failure_of(error, target(str(url)), proxy)
    if failure is not None and failure.concerns_proxy:
        return FailureCause.CONNECTION_REFUSED, f"No connection to the {noun}: {failure}"
    if isinstance(error, aiohttp.ClientConnectorError):
        refused = error.os_error
        error = refused if isinstance(refused, AddressRefusedError) else error
    for kind, cause, words in _KINDS:
        if isinstance(error, kind):
            return cause, f"{words.format(noun)}: {error}"
    text = f"The exchange with the {noun} failed ({type(error).__name__}): {error}"
    return FailureCause.DELIVERY_FAILED, text
