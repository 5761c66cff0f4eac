"""A server before the platform that ends each connection after one answer, without saying so."""

import asyncio
import re
import ssl
from collections.abc import Iterator
from contextlib import contextmanager
from dataclasses import dataclass, field
from pathlib import Path

from tests.java.inspecting import HOST, certificate
from tests.kit.tcp_server import TcpServer


@dataclass
class BriefServer:
    """Passes one request of each connection on to the platform at ``port``; speaks TLS."""

    port: int
    folder: Path
    requests: list[str] = field(default_factory=list)
    """The methods, in the order in which they came."""
    listens_at: int = 0

    def __post_init__(self) -> None:
        self.ca = self.folder / "brief-ca.pem"
        self._tls = ssl.SSLContext(ssl.PROTOCOL_TLS_SERVER)
        self._tls.load_cert_chain(certificate(self.folder, self.ca))

    @property
    def url(self) -> str:
        return f"https://{HOST}:{self.listens_at}"

    async def serve(self, reader: asyncio.StreamReader, writer: asyncio.StreamWriter) -> None:
        """Carry one request and its answer."""
        await writer.start_tls(self._tls)
        inner, outer = await asyncio.open_connection("127.0.0.1", self.port)
        try:
            head, body = await _message(reader)
            self.requests.append(head.split(b" ")[0].decode())
            outer.write(head + body)
            head, body = await _message(inner)
            # The platform names its own address in the URLs of parts.
            named = body.replace(f"http://127.0.0.1:{self.port}".encode(), self.url.encode())
            old, new = (f"content-length: {len(each)}\r".encode() for each in (body, named))
            assert old in head
            writer.write(head.replace(old, new) + named)
            await writer.drain()
        finally:
            outer.close()


async def _message(source: asyncio.StreamReader) -> tuple[bytes, bytes]:
    """Read one message: its head and its body."""
    head = await source.readuntil(b"\r\n\r\n")
    length = re.search(rb"(?i)content-length: *(\d+)", head)
    return head, await source.readexactly(int(length[1]) if length else 0)


@contextmanager
def brief(port: int, folder: Path) -> Iterator[BriefServer]:
    """Run it."""
    relay = BriefServer(port, folder)
    server = TcpServer(relay.serve)
    try:
        relay.listens_at = int(server.url.rpartition(":")[2])
        yield relay
    finally:
        server.close()
