"""PUT small bodies to signed URLs over kept connections, at a tenth of the cost of urllib3.

``Connections`` opens them, so proxies and TLS are the same as for other calls. The usual answer, a
short 200, is read here; ``http.client`` reads any other.
"""

import re
import time
from collections.abc import Iterable, Iterator, Mapping
from http.client import HTTPResponse
from io import BufferedReader
from socket import socket
from threading import Lock
from typing import cast

from urllib3.util import wait_for_read

from ferryman.network.connections import Connections
from ferryman.sdk.operation import Answer

LARGEST_BODY = 256 * 1024
"""The largest body that goes this way, in bytes."""

_MOST_IDLE = 16
_URL = re.compile(r"https?://[!$-.0->A-~]+/[!-~]*")
_HEADER = re.compile(r"[!#-'*+.^-`|~0-9A-Za-z-]+: ?[ -~]*")


def fits(url: str, headers: Mapping[str, str]) -> bool:
    """Return whether a request is plain ASCII, which can be written as it is."""
    return _URL.fullmatch(url) is not None and all(
        _HEADER.fullmatch(f"{name}: {value}") for name, value in headers.items()
    )


class PutConnections:
    """Connections that are kept between PUTs; safe to use from several threads."""

    def __init__(self, connections: Connections) -> None:
        self._connections = connections
        self._idle: dict[str, list[socket]] = {}
        self._lock = Lock()

    def put(
        self, url: str, headers: Mapping[str, str], body: Iterable[memoryview], timeout: float
    ) -> Answer | None:
        """Send a request that ``fits`` and read its answer; raises ``OSError``, ``HTTPException``.

        It returns None, with nothing sent, where a proxy carries requests rather than bytes.
        ``timeout`` is in seconds, for each piece of the body and until the answer begins.
        """
        started = time.monotonic()
        scheme, _, host, path = url.split("/", 3)
        origin = f"{scheme}//{host}"
        connection = self._take(origin)
        if connection is None:
            return None
        try:
            connection.settimeout(timeout)
            lines = [f"PUT /{path} HTTP/1.1", f"host: {host}"]
            lines += [f"{name}: {value}" for name, value in headers.items()]
            _write(connection, "\r\n".join([*lines, "\r\n"]).encode("ascii"), iter(body))
            answer, reusable = _read(connection, started)
        except BaseException:
            connection.close()
            raise
        if reusable:
            self._keep(origin, connection)
        else:
            connection.close()
        return answer

    def close(self) -> None:
        """Close the connections that are not in use."""
        with self._lock:
            idle, self._idle = self._idle, {}
        for connections in idle.values():
            for connection in connections:
                connection.close()

    def _take(self, origin: str) -> socket | None:
        while True:
            with self._lock:
                idle = self._idle.get(origin)
                connection = idle.pop() if idle else None
            if connection is None:
                break
            if not wait_for_read(connection, timeout=0.0):
                return connection
            connection.close()  # by the server, meanwhile
        opened = self._connections.open(origin)
        return None if opened is None else opened.sock

    def _keep(self, origin: str, connection: socket) -> None:
        with self._lock:
            idle = self._idle.setdefault(origin, [])
            if len(idle) < _MOST_IDLE:
                idle.append(connection)
                return
        connection.close()


def _write(connection: socket, head: bytes, body: Iterator[memoryview]) -> None:
    try:
        connection.sendall(b"".join((head, next(body, b""))))
        for piece in body:
            connection.sendall(piece)
    except BrokenPipeError:
        pass  # refused before all of it had come: the answer says why


def _read(connection: socket, started: float) -> tuple[Answer, bool]:
    """Read an answer; whether the connection can be used again is returned beside it."""
    with connection.makefile("rb") as reader:
        data = reader.peek(1)
        if not data:
            raise ConnectionResetError("the connection was closed without an answer")
        head, end, rest = data.partition(b"\r\n\r\n")
        first, *lines = head.decode("latin-1").split("\r\n")
        pairs = (line.partition(":") for line in lines)
        headers = {name.lower(): value.strip() for name, _, value in pairs}
        usual = (
            end
            and first.startswith("HTTP/1.1 200 ")
            and headers.get("content-length") == str(len(rest))
            and headers.get("connection", "keep-alive").lower() == "keep-alive"
            and "transfer-encoding" not in headers
        )
        if usual:
            took = time.monotonic() - started
            return Answer(status=200, headers=headers, body=rest, took=took), True
        response = HTTPResponse(cast("socket", _Peeked(reader)), method="PUT")
        response.begin()
        body = response.read()
        answer = Answer(
            status=response.status,
            headers={name.lower(): value for name, value in response.getheaders()},
            body=body,
            took=time.monotonic() - started,
        )
        return answer, not response.will_close


class _Peeked:
    """Replays to ``http.client`` what has been read, then the rest."""

    def __init__(self, reader: BufferedReader) -> None:
        self._reader = reader

    def makefile(self, _mode: str) -> BufferedReader:
        return self._reader
