"""Why a connection failed, as one row for each cause: what was expected, and how to fix it."""

from dataclasses import dataclass
from enum import StrEnum
from typing import NamedTuple


class NetworkFault(StrEnum):
    """The cause of a failed connection; stable, and the ``code`` of a ``TransportError``."""

    PROXY_UNREACHABLE = "proxy_unreachable"
    PROXY_AUTHENTICATION = "proxy_authentication"
    PROXY_REFUSED = "proxy_refused"
    PROXY_FAILED = "proxy_failed"
    PROXY_CLOSED = "proxy_closed"
    PROXY_NOT_ONE = "proxy_not_one"
    NAME_UNKNOWN = "name_unknown"
    CONNECTION_REFUSED = "connection_refused"
    CONNECT_TIMED_OUT = "connect_timed_out"
    CERTIFICATE_UNTRUSTED = "certificate_untrusted"
    CERTIFICATE_EXPIRED = "certificate_expired"
    CERTIFICATE_NAME = "certificate_name"
    CERTIFICATE_PURPOSE = "certificate_purpose"
    TLS_FAILED = "tls_failed"


class _Row(NamedTuple):
    expected: str
    fix: str
    retryable: bool


_LOGIN = (
    "Put the user and password of the proxy into HTTPS_PROXY, as http://USER:PASSWORD@HOST:PORT "
    "with special characters escaped (%40 for @), or name {host} in NO_PROXY if it can be "
    "reached directly."
)
_FAULTS: dict[NetworkFault, _Row] = {
    NetworkFault.PROXY_UNREACHABLE: _Row(
        "the proxy {proxy} to answer",
        "Correct HTTPS_PROXY, HTTP_PROXY or ALL_PROXY, or name {host} in NO_PROXY if it can be "
        "reached directly.",
        retryable=True,
    ),
    NetworkFault.PROXY_AUTHENTICATION: _Row(
        "the proxy {proxy} to let us in", _LOGIN, retryable=False
    ),
    NetworkFault.PROXY_REFUSED: _Row(
        "the proxy {proxy} to connect to {host}:{port}",
        "Ask whoever runs the proxy to allow CONNECT to {host}, port {port}; many allow port 443 "
        "alone.",
        retryable=False,
    ),
    NetworkFault.PROXY_FAILED: _Row(
        "the proxy {proxy} to connect to {host}:{port}",
        "The proxy answers and does not reach {host}: check the address, and that the proxy "
        "resolves the name.",
        retryable=True,
    ),
    NetworkFault.PROXY_CLOSED: _Row(
        "the proxy {proxy} to connect to {host}:{port}",
        "Look into the proxy's log: it may allow other clients or ports, or be overloaded.",
        retryable=True,
    ),
    NetworkFault.PROXY_NOT_ONE: _Row(
        "a proxy that speaks HTTP at {proxy}",
        "Correct HTTPS_PROXY, HTTP_PROXY or ALL_PROXY: something else answers there. The scheme "
        "is that of the proxy itself, which is http for nearly all of them.",
        retryable=False,
    ),
    NetworkFault.NAME_UNKNOWN: _Row(
        "the name {host} to be known",
        "Correct the address. If only a proxy knows the name, set HTTPS_PROXY.",
        retryable=True,
    ),
    NetworkFault.CONNECTION_REFUSED: _Row(
        "a server at {host}:{port}",
        "Check the address, and that the platform is running. If only a proxy may connect there, "
        "set HTTPS_PROXY.",
        retryable=True,
    ),
    NetworkFault.CONNECT_TIMED_OUT: _Row(
        "a server at {host}:{port}",
        "Check the address and the firewall. If only a proxy may connect there, set HTTPS_PROXY.",
        retryable=True,
    ),
    NetworkFault.CERTIFICATE_UNTRUSTED: _Row(
        "a certificate of {host} from an authority that this machine trusts",
        "If your company issues or replaces certificates, name a PEM file with its authority in "
        "SSL_CERT_FILE, or add it to the system's store.",
        retryable=False,
    ),
    NetworkFault.CERTIFICATE_EXPIRED: _Row(
        "a certificate of {host} that is valid now",
        "Renew it, or whatever issued it, and check the clock of this machine.",
        retryable=False,
    ),
    NetworkFault.CERTIFICATE_NAME: _Row(
        "a certificate for {host}",
        "Correct the address, or use a certificate with this name.",
        retryable=False,
    ),
    NetworkFault.CERTIFICATE_PURPOSE: _Row(
        "certificates of {host} that may be used for this",
        "Issue the certificate for servers (extended key usage serverAuth), by an authority that "
        "may sign certificates (basic constraints CA:TRUE, key usage keyCertSign).",
        retryable=False,
    ),
    NetworkFault.TLS_FAILED: _Row(
        "{host}:{port} to speak TLS",
        "Check the port, and whether the address begins with http:// or https://.",
        retryable=False,
    ),
}


_UNREACHABLE = (
    NetworkFault.NAME_UNKNOWN,
    NetworkFault.CONNECTION_REFUSED,
    NetworkFault.CONNECT_TIMED_OUT,
)


@dataclass(frozen=True, slots=True, kw_only=True)
class Failure:
    """One failed connection; ``found`` is a noun phrase that holds no secret and no URL."""

    fault: NetworkFault
    found: str
    host: str
    port: int
    proxy: str = ""

    @property
    def expected(self) -> str:
        """Return what was expected, as a noun phrase."""
        return self._fill(_FAULTS[self.fault].expected)

    @property
    def fix(self) -> str:
        """Return what to do about it."""
        return self._fill(_FAULTS[self.fault].fix)

    @property
    def retryable(self) -> bool:
        """Return whether another try, unchanged, may succeed."""
        return _FAULTS[self.fault].retryable

    @property
    def unreachable(self) -> bool:
        """Return whether nothing answers, so that it may be the address, or nothing runs there."""
        return self.fault in _UNREACHABLE

    @property
    def concerns_proxy(self) -> bool:
        """Return whether the proxy is the cause."""
        return self.fault.startswith("proxy_")

    @property
    def concerns_certificate(self) -> bool:
        """Return whether a certificate is the cause."""
        return self.fault.startswith("certificate_")

    def __str__(self) -> str:
        return f"expected {self.expected}; found {self.found}. {self.fix}"

    def _fill(self, text: str) -> str:
        return text.format(host=self.host, port=self.port, proxy=self.proxy)


def tunnel_fault(status: int) -> NetworkFault:
    """Return the cause of a status with which a proxy refuses to connect."""
    if status == 407:
        return NetworkFault.PROXY_AUTHENTICATION
    if status in (500, 502, 503, 504):
        return NetworkFault.PROXY_FAILED
    if status in (400, 404, 405, 501):
        return NetworkFault.PROXY_NOT_ONE
    return NetworkFault.PROXY_REFUSED


_EXPIRED = (9, 10, 11, 12)
_NAME = (62, 63, 64)
_PURPOSE = (24, 26, 27, 28, 32, 79, 86, 89, 92)


def certificate_fault(verify_code: int) -> NetworkFault:
    """Return the cause of a code with which OpenSSL refuses a certificate."""
    if verify_code in _EXPIRED:
        return NetworkFault.CERTIFICATE_EXPIRED
    if verify_code in _NAME:
        return NetworkFault.CERTIFICATE_NAME
    if verify_code in _PURPOSE:
        return NetworkFault.CERTIFICATE_PURPOSE
    return NetworkFault.CERTIFICATE_UNTRUSTED
