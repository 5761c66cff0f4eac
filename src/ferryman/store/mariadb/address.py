"""Where a MariaDB is, and who signs in there."""

import socket
from dataclasses import dataclass, field, replace
from typing import Self
from urllib.parse import parse_qs, unquote, urlsplit

from ferryman import refusals

_PORT = 3306


@dataclass(frozen=True, slots=True, kw_only=True)
class Address:
    """A server, by socket or host, with an account of it."""

    socket_path: str | None = None
    host: str = "localhost"
    port: int = _PORT
    user: str = "root"
    password: str = field(default="", repr=False)
    database: str | None = None

    @classmethod
    def parse(cls, url: str) -> Self:
        """Read FERRYMAN_MARIADB_URL.

        Raises :class:`OutsideError` (``sql_url_invalid``), which does not repeat it.
        """
        try:
            parts = urlsplit(url)
            port = parts.port or _PORT
        except ValueError:
            raise refusals.sql.URL_INVALID(found="one that cannot be parsed") from None
        if parts.scheme not in ("mariadb", "mysql") or not parts.hostname or not parts.username:
            raise refusals.sql.URL_INVALID(found="another scheme, or no host or user")
        given = parse_qs(parts.query)
        if parts.path.strip("/") or parts.fragment or not {"socket"}.issuperset(given):
            raise refusals.sql.URL_INVALID(found="a database, or other parameters than socket")
        return cls(
            socket_path=given["socket"][0] if given else None,
            host=parts.hostname,
            port=port,
            user=unquote(parts.username),
            password=unquote(parts.password or ""),
        )

    def of_app(self, database: str, password: str) -> Self:
        """Return the address of an app's database, for the account of the same name."""
        return replace(self, user=database, password=password, database=database)

    def open(self, seconds: float) -> socket.socket:
        """Connect to the server; raises ``OSError``."""
        if self.socket_path is None:
            return socket.create_connection((self.host, self.port), seconds)
        opened = socket.socket(socket.AF_UNIX, socket.SOCK_STREAM)
        opened.settimeout(seconds)
        try:
            opened.connect(self.socket_path)
        except BaseException:
            opened.close()
            raise
        return opened
