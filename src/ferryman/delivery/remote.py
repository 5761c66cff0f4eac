"""Post messages to URLs of apps, with limits on the time and on the size of the response."""

import asyncio
from collections.abc import AsyncIterator, Callable, Mapping
from contextlib import AsyncExitStack, asynccontextmanager
from dataclasses import dataclass, replace

import aiohttp
from aiohttp.abc import AbstractResolver
from yarl import URL

from ferryman.clock import wall_now
from ferryman.delivery.backoff import asked_delay
from ferryman.delivery.egress_proxy import EgressProxy
from ferryman.delivery.exchange import BODY_BYTES, Posted, Poster
from ferryman.delivery.resolver import BoundedResolver
from ferryman.delivery.ssrf_guard import AddressRefusedError, public_socket
from ferryman.domain.outcome import Outcome, failed, succeeded
from ferryman.network.aiohttp_client import failure_of
from ferryman.network.proxies import Proxies, Proxy
from ferryman.network.raw_connection import target
from ferryman.network.trust import tls_context
from ferryman.vocab import FailureCause

_CUT = "[Ferryman reads 64 KiB of an answer; this one is longer.]\n"


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
        self._poster = Poster(session, egress)

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
        request = Posted(url, payload.encode(), headers)
        try:
            async with asyncio.timeout(timeout):
                answer = await self._poster.post(request)
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
        duration, status = clock.time() - began, answer.status
        read = answer.body[:BODY_BYTES].decode("utf-8", "replace")
        text = read if len(answer.body) <= BODY_BYTES else _CUT + read
        if receiver.accepts(status):
            return succeeded(duration=duration, status=status, output=text, body=read)
        reason = f"The {receiver.noun} answered {status}"
        if 200 <= status < 300:
            reason += f", and only {receiver.expected} counts"
        if 300 <= status < 400:
            location = answer.headers.get("Location", "")[:500]
            reason += (
                f", a redirect to {location!r}, which is not followed: {receiver.final_address}"
            )
        return failed(
            "after",
            cause_of(status),
            f"{reason}.\n{text}",
            duration=duration,
            status=status,
            retry_after=asked_delay(status, answer.headers.get("Retry-After"), wall_now()),
        )


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
