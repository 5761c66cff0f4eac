"""The same for aiohttp: where a request goes, whom to trust, and why it failed."""

import asyncio
import os
import ssl
from collections.abc import Mapping
from typing import Any

import aiohttp

from ferryman.network.faults import Failure, NetworkFault, tunnel_fault
from ferryman.network.proxies import Proxies, Proxy
from ferryman.network.raw_connection import certificate_of, refused_certificate, target, unconnected
from ferryman.network.trust import tls_context


class AsyncNetwork:
    """The proxies and authorities of the environment, which is read once."""

    def __init__(self, environ: Mapping[str, str] | None = None) -> None:
        self._environ = os.environ if environ is None else environ
        self._proxies = Proxies.from_environment(self._environ)

    def arguments(self, url: str) -> dict[str, Any]:
        """Return the arguments of a request to ``url``; ``ConfigError`` for a wrong setting."""
        proxy = self._proxies.of(url)
        options: dict[str, Any] = {}
        if url.startswith("https:"):
            options["ssl"] = tls_context(self._environ)
        if proxy is not None:
            options |= {"proxy": proxy.url, "proxy_headers": proxy.headers}
        return options

    async def failure(self, error: BaseException, url: str) -> Failure | None:
        """Return why a request to ``url`` failed; None if it is nothing that we know.

        For a certificate that was refused, it connects once more to see whose it is.
        """
        proxy, place = self._proxies.of(url), target(url)
        certificate = getattr(error, "certificate_error", None)
        if isinstance(certificate, ssl.SSLError):
            shown = await asyncio.to_thread(certificate_of, url, proxy)
            return refused_certificate(certificate, place, shown, proxy.url if proxy else "")
        return failure_of(error, place, proxy)


def failure_of(error: BaseException, place: tuple[str, int], proxy: Proxy | None) -> Failure | None:
    """Return why a connection failed; None if it is nothing that we know."""
    through = "" if proxy is None else proxy.url
    match error:
        case aiohttp.ClientHttpProxyError():
            found = f"status {error.status}" + (f" ({error.message})" if error.message else "")
            if error.headers and "text/html" in error.headers.get("Content-Type", ""):
                found += " and a page of HTML"
            fault = tunnel_fault(error.status)
        case aiohttp.ClientConnectorSSLError() if isinstance(error.os_error, ssl.SSLError):
            return refused_certificate(error.os_error, place, None, through)
        case aiohttp.ConnectionTimeoutError():
            return unconnected(TimeoutError(), place, proxy)
        case aiohttp.ClientConnectorError():
            return unconnected(error.os_error, place, proxy)
        case aiohttp.ClientResponseError(status=400) if proxy is not None:
            fault, found = NetworkFault.PROXY_NOT_ONE, "an answer that is not HTTP"
        case aiohttp.ServerDisconnectedError() if proxy is not None:
            fault, found = NetworkFault.PROXY_CLOSED, "a closed connection"
        case _:
            return None
    return Failure(fault=fault, found=found, host=place[0], port=place[1], proxy=through)
