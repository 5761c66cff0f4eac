"""A real HTTP server on loopback that does, one request after another, what it is told.

It stands for any server on the way (a proxy, a store, a platform that is being restarted), to
see how our client takes what no platform of ours would do.
"""

import socket
from collections.abc import Iterator
from contextlib import contextmanager
from dataclasses import dataclass, field
from http.server import BaseHTTPRequestHandler

from tests.kit.http_server import serving


@dataclass
class Seen:
    """A request that arrived; header names are lower case."""

    method: str
    path: str
    headers: dict[str, str]
    body: bytes


@dataclass
class Reply:
    """What to answer; ``cut`` ends the connection after so many bytes of the body."""

    status: int = 200
    body: bytes = b"{}"
    headers: dict[str, str] = field(default_factory=dict)
    cut: int | None = None
    hang_up: bool = False


@dataclass
class BadServer:
    """Where it is, what it was sent, and what it has still to answer."""

    url: str
    seen: list[Seen]
    replies: list[Reply]


@contextmanager
def bad_server(*replies: Reply) -> Iterator[BadServer]:
    """Serve ``replies`` in order, then 200 ``{}``."""
    record = BadServer("", [], list(replies))

    class Handler(BaseHTTPRequestHandler):
        protocol_version = "HTTP/1.1"

        def serve(self) -> None:
            size = int(self.headers.get("content-length", 0))
            headers = {name.lower(): value for name, value in self.headers.items()}
            record.seen.append(Seen(self.command, self.path, headers, self.rfile.read(size)))
            reply = record.replies.pop(0) if record.replies else Reply()
            if not reply.hang_up:
                self._answer(reply)
            if reply.hang_up or reply.cut is not None:
                self.close_connection = True
                self.connection.shutdown(socket.SHUT_RDWR)

        def _answer(self, reply: Reply) -> None:
            self.send_response(reply.status)
            for name, value in reply.headers.items():
                self.send_header(name, value)
            self.send_header("content-length", str(len(reply.body)))
            self.end_headers()
            self.wfile.write(reply.body[: reply.cut])

    for method in ("GET", "POST", "PUT", "DELETE"):
        setattr(Handler, f"do_{method}", Handler.serve)
    with serving(Handler) as record.url:
        yield record
