"""Decide what the functions of one app may reach (pure rules)."""

from collections.abc import Iterable
from dataclasses import dataclass, replace
from ipaddress import ip_address
from pathlib import Path
from urllib.parse import urlsplit

_THIS_MACHINE = {"localhost": "127.0.0.1", "0.0.0.0": "127.0.0.1", "::": "::1"}  # noqa: S104
_MOST_PORTS = 100
_PORTS = {"http": 80, "https": 443}


@dataclass(frozen=True, slots=True)
class Origin:
    """A port of a host: a name in lower case, an address, ``*``, or ``*.`` before a name."""

    host: str
    port: int

    def covers(self, host: str, port: int) -> bool:
        """Return whether a connection to this port of this host is meant."""
        if port != self.port:
            return False
        if self.host.startswith("*"):
            return not is_address(host) and host.endswith(self.host[1:]) and host != self.host[1:]
        return host == self.host


@dataclass(frozen=True, slots=True)
class Access:
    """The network of an app's functions, and the ``folder`` that they may write to, if any.

    ``platform`` are addresses that the operator gave: the platform's API and the object store.
    ``granted`` are the vendor's words in the manifest, so they count only for public addresses,
    unless the operator allows private ones.
    """

    platform: frozenset[Origin] = frozenset()
    granted: frozenset[Origin] = frozenset()
    folder: Path | None = None

    def granting(self, urls: Iterable[str]) -> "Access":
        """Return this access, and one to these URLs as well."""
        return replace(self, granted=self.granted | {origin(url) for url in urls})

    @property
    def origins(self) -> frozenset[Origin]:
        """Return both."""
        return self.platform | self.granted

    @property
    def ports(self) -> tuple[int, ...]:
        """Return the ports of all hosts; of those that a manifest grants, at most a hundred."""
        own = {allowed.port for allowed in self.platform}
        granted = sorted({allowed.port for allowed in self.granted} - own)
        return *sorted(own), *granted[:_MOST_PORTS]

    @property
    def addresses(self) -> tuple[str, ...]:
        """Return the hosts that are given as addresses."""
        return tuple(sorted({allowed.host for allowed in self.origins if is_address(allowed.host)}))

    def knows(self, name: str) -> bool:
        """Return whether a name may be looked up."""
        return not is_address(name) and any(
            allowed.covers(name, allowed.port) for allowed in self.origins
        )

    def trusted(self, host: str, port: int) -> bool | None:
        """Return whether the operator allowed this host and port; None if no setting names them."""
        if any(allowed.covers(host, port) for allowed in self.platform):
            return True
        return False if any(allowed.covers(host, port) for allowed in self.granted) else None


NOWHERE = Access()


def access(
    platform: Iterable[str], granted: Iterable[str] = (), folder: Path | None = None
) -> Access:
    """Return the access to the platform's URLs and to what a manifest grants."""
    return Access(frozenset(map(origin, platform)), frozenset(map(origin, granted)), folder)


def origin(text: str) -> Origin:
    """Return the host and port of a URL, or of a host without a scheme; its path counts nothing."""
    parts = urlsplit(text if "://" in text else f"https://{text}")
    host = (parts.hostname or "").rstrip(".")
    return Origin(_THIS_MACHINE.get(host, host), parts.port or _PORTS.get(parts.scheme, 443))


def is_address(host: str) -> bool:
    """Return whether a host is given as an address."""
    try:
        ip_address(host)
    except ValueError:
        return False
    return True
