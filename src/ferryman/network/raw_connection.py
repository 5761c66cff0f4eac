"""Open a connection without an HTTP client, to explain why one failed.

A client that refuses a certificate does not tell whose it was. No request is sent over these
connections, so a certificate can be read without being trusted.
"""

import os
import re
import socket
import ssl
from contextlib import suppress
from urllib.parse import urlsplit

from ferryman.network.certificate import Certificate, read_certificate
from ferryman.network.faults import Failure, NetworkFault, certificate_fault, tunnel_fault
from ferryman.network.proxies import Proxy
from ferryman.network.trust import tls_context

CONNECT_SECONDS = 10.0
_PORTS = {"http": 80, "https": 443}
_LONGEST_HEAD = 1 << 16
_STATUS = re.compile(rb"HTTP/1\.[01] (\d{3})(?: ([ -~]{0,60}))?")


class ConnectionFailed(OSError):
    """A connection could not be opened; ``failure`` says why."""

    def __init__(self, failure: Failure) -> None:
        super().__init__(str(failure))
        self.failure = failure


def target(url: str) -> tuple[str, int]:
    """Return host and port of a URL."""
    parts = urlsplit(url)
    return parts.hostname or "", parts.port or _PORTS.get(parts.scheme, 443)


def connect(url: str, proxy: Proxy | None, seconds: float = CONNECT_SECONDS) -> socket.socket:
    """Connect to the server of ``url``, through a tunnel of the proxy if there is one.

    For http a proxy needs no tunnel: the connection is to the proxy. Raises ``ConnectionFailed``.
    """
    host, port = target(url)
    if proxy is None:
        return _connected(host, port, seconds, None, (host, port))
    connection = _connected(proxy.host, proxy.port, seconds, proxy, (host, port))
    try:
        if proxy.scheme == "https":
            connection = _wrapped(connection, proxy, (host, port))
        if urlsplit(url).scheme == "https":
            open_tunnel(connection, proxy, host, port)
    except BaseException:
        connection.close()
        raise
    return connection


def open_tunnel(connection: socket.socket, proxy: Proxy, host: str, port: int) -> None:
    """Have the proxy connect to a host; raises ``ConnectionFailed``."""
    place = f"[{host}]:{port}" if ":" in host else f"{host}:{port}"
    lines = [f"CONNECT {place} HTTP/1.1", f"Host: {place}"]
    lines += [f"{name}: {value}" for name, value in proxy.headers.items()]
    head = b""
    try:
        connection.sendall("\r\n".join([*lines, "\r\n"]).encode())
        # Byte by byte: what follows the head is the server's.
        while not head.endswith(b"\r\n\r\n") and len(head) < _LONGEST_HEAD:
            byte = connection.recv(1)
            if not byte:
                break
            head += byte
    except OSError as error:
        raise _failed(
            NetworkFault.PROXY_CLOSED, error.strerror or "no answer", (host, port), proxy
        ) from error
    check_tunnel(head, (host, port), proxy)


def check_tunnel(head: bytes, place: tuple[str, int], proxy: Proxy) -> None:
    """Raise ``ConnectionFailed`` unless a proxy's answer to CONNECT says that it did."""
    if not head:
        raise _failed(NetworkFault.PROXY_CLOSED, "a closed connection", place, proxy)
    status = _STATUS.match(head)
    if status is None:
        raise _failed(NetworkFault.PROXY_NOT_ONE, "an answer that is not HTTP", place, proxy)
    number = int(status[1])
    if not 200 <= number < 300:
        phrase = (status[2] or b"").decode().strip()
        found = f"status {number}{f' ({phrase})' if phrase else ''}"
        if b"text/html" in head.lower():
            found += " and a page of HTML"
        raise _failed(tunnel_fault(number), found, place, proxy)


def certificate_of(url: str, proxy: Proxy | None) -> Certificate | None:
    """Return the certificate of the server of ``url``, trusted or not; None if it gives none."""
    # Only to say whose certificate was refused: nothing is sent over this connection.
    context = ssl.create_default_context()
    context.check_hostname = False
    context.verify_mode = ssl.CERT_NONE
    with (
        suppress(OSError, ValueError),
        connect(url, proxy) as connection,
        context.wrap_socket(connection, server_hostname=target(url)[0]) as secure,
    ):
        return read_certificate(secure.getpeercert(binary_form=True) or b"")
    return None


def refused_certificate(
    error: ssl.SSLError, place: tuple[str, int], shown: Certificate | None, proxy: str = ""
) -> Failure:
    """Return the failure for what TLS said, and for the certificate that was shown."""
    host, port = place
    if not isinstance(error, ssl.SSLCertVerificationError):
        reason = str(error.reason or "no handshake").replace("_", " ").lower()
        fault, found = NetworkFault.TLS_FAILED, f"an answer that is not its TLS ({reason})"
    else:
        fault = certificate_fault(error.verify_code)
        found = f"one that OpenSSL refuses: {error.verify_message.rstrip('.')}"
        if shown is not None:
            found = f"one of {shown.subject or 'nobody'}, issued by {shown.issuer or 'nobody'}"
            found += f", valid until {shown.ends:%Y-%m-%d %H:%M} UTC"
            found += f" ({error.verify_message.rstrip('.')})"
    return Failure(fault=fault, found=found, host=host, port=port, proxy=proxy)


def unconnected(error: OSError, place: tuple[str, int], proxy: Proxy | None) -> Failure:
    """Return the failure for an error of opening a connection."""
    timed_out = isinstance(error, TimeoutError)
    found = "no answer in time" if timed_out else _reason(error)
    if proxy is not None:
        return _failure(NetworkFault.PROXY_UNREACHABLE, found, place, proxy)
    if isinstance(error, socket.gaierror):
        fault = NetworkFault.NAME_UNKNOWN
    else:
        fault = NetworkFault.CONNECT_TIMED_OUT if timed_out else NetworkFault.CONNECTION_REFUSED
    return _failure(fault, found, place, None)


def _reason(error: OSError) -> str:
    # asyncio puts its own words where the system's belong.
    if isinstance(error, socket.gaierror) or not error.errno or error.errno < 0:
        return error.strerror or "no connection"
    return os.strerror(error.errno)


def _connected(
    host: str, port: int, seconds: float, proxy: Proxy | None, place: tuple[str, int]
) -> socket.socket:
    try:
        return socket.create_connection((host, port), seconds)
    except OSError as error:
        raise ConnectionFailed(unconnected(error, place, proxy)) from error


def _wrapped(connection: socket.socket, proxy: Proxy, place: tuple[str, int]) -> socket.socket:
    try:
        return tls_context().wrap_socket(connection, server_hostname=proxy.host)
    except ssl.SSLError as error:
        raise _failed(
            NetworkFault.PROXY_NOT_ONE, f"no TLS that we trust ({error.reason})", place, proxy
        ) from error


def _failure(
    fault: NetworkFault, found: str, place: tuple[str, int], proxy: Proxy | None
) -> Failure:
    host, port = place
    through = "" if proxy is None else proxy.url
    return Failure(fault=fault, found=found, host=host, port=port, proxy=through)


def _failed(
    fault: NetworkFault, found: str, place: tuple[str, int], proxy: Proxy
) -> ConnectionFailed:
    return ConnectionFailed(_failure(fault, found, place, proxy))
