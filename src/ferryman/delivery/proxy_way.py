"""Post through the operator's proxy, to an address that the platform checked (ADR 0069).

A proxy that got the name would look it up itself, and might reach what an app must not. So it is
asked for an address; TLS still checks that the certificate is for the name.
"""

import socket
from typing import Any

import aiohttp
from aiohttp.abc import AbstractResolver
from yarl import URL

from ferryman.delivery.ssrf_guard import AddressRefusedError
from ferryman.domain.addresses import is_public
from ferryman.functions.sandbox.access import is_address
from ferryman.network.proxies import Proxies, Proxy

_PORTS = {"http": 80, "https": 443}


class ProxyWay:
    """The way through the proxies of the environment.

    ``session`` connects to proxies, wherever they are. With ``private`` a proxy gets the name, and
    decides itself.
    """

    def __init__(
        self,
        session: aiohttp.ClientSession,
        proxies: Proxies,
        names: AbstractResolver,
        *,
        private: bool,
    ) -> None:
        self.session = session
        self._proxies = proxies
        self._names = names
        self._private = private

    def proxy_of(self, url: URL) -> Proxy | None:
        """Return the proxy for a URL; None if it is reached directly."""
        return self._proxies.of(str(url))

    async def arguments(self, url: URL, proxy: Proxy) -> tuple[URL, dict[str, Any]]:
        """Return the URL to ask for, and the arguments of the request.

        Raises ``AddressRefusedError``, and ``OSError`` if the name is not known.
        """
        through = {"proxy": proxy.url, "proxy_headers": proxy.headers}
        if self._private:
            return url, through
        if url.scheme != "https":
            raise AddressRefusedError(
                "through a proxy, only https is posted to addresses that apps choose"
            )
        host = url.raw_host or ""
        address = await self._public_address(host, url.port or _PORTS["https"])
        named = {"headers": {"Host": _authority(url)}, "server_hostname": host}
        # The path as it is: a token may sign it.
        return URL(str(url).replace(_authority(url), _place(url, address), 1), encoded=True), {
            **through,
            **named,
        }

    async def _public_address(self, host: str, port: int) -> str:
        found = [host]
        if not is_address(host):
            known = await self._names.resolve(host, port, socket.AF_UNSPEC)
            found = [each["host"] for each in known]
        for address in found:
            if is_public(address):
                return address
        raise AddressRefusedError(
            f"{', '.join(found)} is not an address of the public internet; set "
            "FERRYMAN_PRIVATE_ADDRESSES=allow if the proxy may connect there"
        )


def _authority(url: URL) -> str:
    return url.raw_authority.rpartition("@")[2]


def _place(url: URL, address: str) -> str:
    host = f"[{address}]" if ":" in address else address
    port = url.explicit_port
    return host if port is None else f"{host}:{port}"
