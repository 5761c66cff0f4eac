"""The connections of urllib3: through the proxy of each URL, to whom this machine trusts."""

import os
import ssl
from collections.abc import Iterator, Mapping
from socket import socket
from threading import Lock
from typing import Any, cast

import urllib3
from urllib3.connection import HTTPConnection, HTTPSConnection
from urllib3.connectionpool import HTTPSConnectionPool
from urllib3.exceptions import ConnectTimeoutError, NewConnectionError

from ferryman.network.faults import Failure
from ferryman.network.proxies import Proxies, Proxy
from ferryman.network.trust import tls_context

_CONNECT_SECONDS = 10.0


class _Tunnelled(HTTPSConnection):
    """A connection whose proxy says why it opens no tunnel."""

    used_proxy: Proxy

    def _tunnel(self) -> None:
        # Imported only here, to keep the start of functions fast.
        from ferryman.network.raw_connection import open_tunnel

        host, port = str(self._tunnel_host), self._tunnel_port or 443
        open_tunnel(cast("socket", self.sock), self.used_proxy, host, port)


class Connections:
    """Pools of connections, one for each proxy and one for what is reached directly.

    The environment is read once, at the start. Safe to use from several threads.
    """

    def __init__(self, environ: Mapping[str, str] | None = None) -> None:
        self._environ = os.environ if environ is None else environ
        self._proxies = Proxies.from_environment(self._environ)
        self._managers: dict[tuple[Proxy | None, bool], urllib3.PoolManager] = {}
        self._lock = Lock()

    def proxy_of(self, url: str) -> Proxy | None:
        """Return the proxy for a URL; raises ``ConfigError`` (``proxy_invalid``)."""
        return self._proxies.of(url)

    def for_url(self, url: str) -> urllib3.PoolManager:
        """Return what sends requests to ``url``; raises ``ConfigError`` for a wrong setting."""
        key = (self.proxy_of(url), url.startswith("https:"))
        with self._lock:
            if key not in self._managers:
                self._managers[key] = self._manager(*key)
            return self._managers[key]

    def open(self, url: str) -> HTTPConnection | None:
        """Return a new connection to the server of ``url``; None if a proxy has to be asked."""
        manager = self.for_url(url)
        pool = manager.connection_from_url(url)
        # With the pool's settings of TLS.
        connection = cast("HTTPSConnection", pool._new_conn())  # noqa: SLF001
        connection.timeout = _CONNECT_SECONDS
        if pool.proxy is None:
            connection.connect()
        elif isinstance(pool, HTTPSConnectionPool):
            pool._prepare_proxy(connection)  # noqa: SLF001
        else:
            return None
        return connection

    def close(self) -> None:
        """Close the connections; a later call opens new ones."""
        for manager in self._managers.values():
            manager.clear()

    def failure(self, error: BaseException, url: str) -> Failure | None:
        """Return why a request to ``url`` failed; None if it is nothing that we know.

        For a certificate that was refused, it connects once more to see whose it is.
        """
        # Imported only here, to keep the start of functions fast.
        from ferryman.network.raw_connection import (
            ConnectionFailed,
            certificate_of,
            refused_certificate,
            target,
            unconnected,
        )

        proxy, place = self.proxy_of(url), target(url)
        for each in _causes(error):
            match each:
                case ConnectionFailed():
                    return each.failure
                case ssl.SSLError():
                    shown = None
                    if isinstance(each, ssl.SSLCertVerificationError):
                        shown = certificate_of(url, proxy)
                    return refused_certificate(each, place, shown, proxy.url if proxy else "")
                case NewConnectionError() if isinstance(each.__cause__, OSError):
                    return unconnected(each.__cause__, place, proxy)
                case ConnectTimeoutError():
                    return unconnected(TimeoutError(), place, proxy)
        return None

    def _manager(self, proxy: Proxy | None, secure: bool) -> urllib3.PoolManager:
        more: dict[str, Any] = {"maxsize": 16, "retries": False}
        if secure:
            more["ssl_context"] = tls_context(self._environ)
        if proxy is None:
            return urllib3.PoolManager(**more)
        if proxy.scheme == "https":
            more["proxy_ssl_context"] = tls_context(self._environ)
        manager = urllib3.ProxyManager(proxy.url, proxy_headers=proxy.headers, **more)
        connections = type("_ThroughProxy", (_Tunnelled,), {"used_proxy": proxy})
        pools = type("_PoolThroughProxy", (HTTPSConnectionPool,), {"ConnectionCls": connections})
        manager.pool_classes_by_scheme = {**manager.pool_classes_by_scheme, "https": pools}
        return manager


def _causes(error: BaseException) -> Iterator[BaseException]:
    """Yield an error and what led to it, as urllib3 wraps it in several ways."""
    seen: set[int] = set()
    waiting: list[object] = [error]
    while waiting:
        each = waiting.pop(0)
        if not isinstance(each, BaseException) or id(each) in seen:
            continue
        seen.add(id(each))
        yield each
        waiting += [
            *each.args,
            getattr(each, "reason", None),
            getattr(each, "original_error", None),
            each.__cause__,
            each.__context__,
        ]
