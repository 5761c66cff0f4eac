"""Which proxy a URL goes through, by the variables that curl, Go and requests obey too. No IO."""

from base64 import b64encode
from collections.abc import Mapping
from dataclasses import dataclass, field
from ipaddress import IPv4Network, IPv6Network, ip_address, ip_network
from urllib.parse import unquote, urlsplit

_PORTS = {"http": 80, "https": 443}


@dataclass(frozen=True, slots=True)
class Proxy:
    """A forward proxy; ``login`` is never part of a text about it."""

    scheme: str
    host: str
    port: int
    login: str | None = field(default=None, repr=False)
    """User and password with a colon between them, unescaped."""

    def __str__(self) -> str:
        return self.url

    @property
    def url(self) -> str:
        """Return its address, without user and password."""
        host = f"[{self.host}]" if ":" in self.host else self.host
        return f"{self.scheme}://{host}:{self.port}"

    @property
    def headers(self) -> dict[str, str]:
        """Return the header that logs in, in UTF-8 (RFC 7617); none without a user."""
        if self.login is None:
            return {}
        return {"Proxy-Authorization": f"Basic {b64encode(self.login.encode()).decode()}"}


@dataclass(frozen=True, slots=True)
class _Direct:
    """One entry of NO_PROXY: a network, or a name and what ends in it; on one port or on all."""

    port: int | None
    network: IPv4Network | IPv6Network | None = None
    name: str = ""

    def covers(self, host: str, port: int) -> bool:
        if self.port not in (None, port):
            return False
        if self.network is not None:
            try:
                return ip_address(host) in self.network
            except ValueError:
                return False
        if self.name.startswith("."):
            return host.endswith(self.name)
        return host == self.name or host.endswith(f".{self.name}")


class Proxies:
    """The proxies for each scheme, and the hosts that are reached directly."""

    def __init__(self, http: str = "", https: str = "", direct: str = "") -> None:
        self._given = {"http": http, "https": https}
        names = direct.replace(",", " ").split()
        self._everything = "*" in names
        self._direct = [_direct(each) for each in names if each != "*"]

    @classmethod
    def from_environment(cls, environ: Mapping[str, str]) -> "Proxies":
        """Read HTTPS_PROXY, HTTP_PROXY, ALL_PROXY and NO_PROXY; names in lower case come first.

        An empty variable is no proxy.
        """

        def read(name: str) -> str | None:
            # In a CGI program HTTP_PROXY is the header "Proxy" of whoever calls it.
            upper = None if name == "http_proxy" and "REQUEST_METHOD" in environ else name.upper()
            return environ.get(name, environ.get(upper) if upper else None)

        general = read("all_proxy") or ""
        http, https = (read(f"{scheme}_proxy") for scheme in ("http", "https"))
        return cls(
            http=general if http is None else http,
            https=general if https is None else https,
            direct=read("no_proxy") or "",
        )

    def of(self, url: str) -> Proxy | None:
        """Return the proxy for a URL; None if it is reached directly.

        This machine always is, as ``localhost`` or as an address. Raises ``ConfigError``
        (``proxy_invalid``).
        """
        parts = urlsplit(url)
        host = (parts.hostname or "").rstrip(".")
        given = self._given.get(parts.scheme, "").strip()
        if not given or not host or _is_this_machine(host):
            return None
        port = parts.port or _PORTS[parts.scheme]
        if self._everything or any(each.covers(host, port) for each in self._direct):
            return None
        return read_proxy(given, f"{parts.scheme.upper()}_PROXY or ALL_PROXY")


def read_proxy(text: str, where: str) -> Proxy:
    """Read a proxy's address; raises ``ConfigError`` (``proxy_invalid``), without its password."""
    whole = text if "://" in text else f"http://{text}"
    try:
        parts = urlsplit(whole)
        scheme, host, port = parts.scheme.lower(), parts.hostname, parts.port
    except ValueError:
        scheme, host, port = "", None, None
    if host is None or scheme not in _PORTS:
        found = f"{scheme}://…" if scheme and scheme not in _PORTS else "something else"
        # Imported only here, to keep the start of functions fast.
        from ferryman import refusals

        raise refusals.network.PROXY_INVALID(where=where, found=found)
    login = None
    if parts.username is not None:
        login = f"{unquote(parts.username)}:{unquote(parts.password or '')}"
    return Proxy(scheme, host, port or _PORTS[scheme], login)


def _is_this_machine(host: str) -> bool:
    if host == "localhost" or host.endswith(".localhost"):
        return True
    try:
        return ip_address(host).is_loopback
    except ValueError:
        return False


def _direct(entry: str) -> _Direct:
    text, port = entry.lower(), None
    if (colon := text.rfind(":")) >= 0 and text[colon + 1 :].isdecimal():
        head = text[:colon]
        if ":" not in head or head.endswith("]"):
            text, port = head, int(text[colon + 1 :])
    text = text.strip("[]")
    try:
        return _Direct(port, network=ip_network(text, strict=False))
    except ValueError:
        return _Direct(port, name=text.removeprefix("*").rstrip("."))
