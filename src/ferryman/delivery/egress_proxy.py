"""Post through the operator's proxy, to an address that the platform checked (ADR 0069).

A proxy that is given a name resolves it itself, and might connect to an address that no app may
reach. So we resolve the name and ask the proxy for an address; TLS still checks that the
certificate is for the name.
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


class EgressProxy:
    """Finds the proxy of a request, and how to ask it for a checked address.

    ``session`` may connect to private addresses, since a proxy may have one. With ``private`` no
    address is checked: the proxy is given the name.
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
        """Return the URL to request, and further arguments of the request.

        Raises ``AddressRefusedError`` if no app may reach the address, and ``OSError`` if the name
        cannot be resolved.
        """
        by_proxy = {"proxy": proxy.url, "proxy_headers": proxy.headers}
        if self._private:
            return url, by_proxy
        if url.scheme != "https":
            raise AddressRefusedError(
                "through a proxy, only https is posted to addresses that apps choose"
            )
        host = url.raw_host or ""
        address = await self._public_address(host, url.port or _PORTS["https"])
        named = {"headers": {"Host": _authority(url)}, "server_hostname": host}
        # Keep the path as it is written: a token may sign it.
        return URL(str(url).replace(_authority(url), _place(url, address), 1), encoded=True), {
            **by_proxy,
            **named,
        }

    async def _public_address(self, host: str, port: int) -> str:
        found = [host]
        if not is_address(host):
            resolved = await self._names.resolve(host, port, socket.AF_UNSPEC)
            found = [each["host"] for each in resolved]
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
