"""A forward proxy that asks for a password and looks into TLS, with an authority of its own."""

import asyncio
import base64
import datetime as dt
import ssl
from collections.abc import Iterator
from contextlib import contextmanager
from dataclasses import dataclass, field
from pathlib import Path

from cryptography import x509
from cryptography.hazmat.primitives import hashes, serialization
from cryptography.hazmat.primitives.asymmetric import ec
from cryptography.x509.oid import NameOID

from tests.kit.tcp_server import TcpServer

HOST = "platform.example"
USER, PASSWORD = "agent", "pass:wörd"


@dataclass
class InspectingProxy:
    """Passes all that is meant for ``HOST`` on to the platform at ``port``."""

    port: int
    folder: Path
    url: str = ""
    opened: list[str] = field(default_factory=list)
    """The targets of the tunnels that it opened."""
    refused: int = 0

    def __post_init__(self) -> None:
        self.ca = self.folder / "ca.pem"
        self._tls = ssl.SSLContext(ssl.PROTOCOL_TLS_SERVER)
        self._tls.load_cert_chain(certificate(self.folder, self.ca))

    async def serve(self, reader: asyncio.StreamReader, writer: asyncio.StreamWriter) -> None:
        """Answer CONNECT, then carry bytes."""
        head = (await reader.readuntil(b"\r\n\r\n")).decode("latin-1")
        method, target, _ = head.split(" ", 2)
        login = base64.b64encode(f"{USER}:{PASSWORD}".encode()).decode()
        if f"proxy-authorization: basic {login}".lower() not in head.lower():
            self.refused += 1
            writer.write(
                b"HTTP/1.1 407 Proxy Authentication Required\r\n"
                b'Proxy-Authenticate: Basic realm="proxy"\r\nContent-Length: 0\r\n\r\n'
            )
            await writer.drain()
            return
        assert method == "CONNECT"
        self.opened.append(target)
        writer.write(b"HTTP/1.1 200 OK\r\n\r\n")
        await writer.drain()
        await writer.start_tls(self._tls)
        inner, outer = await asyncio.open_connection("127.0.0.1", self.port)
        try:
            await asyncio.gather(_pipe(reader, outer), _pipe(inner, writer))
        finally:
            outer.close()


async def _pipe(reader: asyncio.StreamReader, writer: asyncio.StreamWriter) -> None:
    while data := await reader.read(65536):
        writer.write(data)
        await writer.drain()
    writer.close()


@contextmanager
def inspecting(port: int, folder: Path) -> Iterator[InspectingProxy]:
    """Run it; ``url`` names no user."""
    proxy = InspectingProxy(port, folder)
    server = TcpServer(proxy.serve)
    proxy.url = server.url
    try:
        yield proxy
    finally:
        server.close()


def certificate(folder: Path, ca: Path) -> Path:
    """Write an authority's certificate, and one of ``HOST`` with its key, which is returned."""
    authority_key, key = (ec.generate_private_key(ec.SECP256R1()) for _ in range(2))
    authority = _signed("Test authority", "Test authority", authority_key, authority_key, None)
    leaf = _signed(HOST, "Test authority", key, authority_key, HOST)
    ca.write_bytes(authority.public_bytes(serialization.Encoding.PEM))
    chain = folder / "platform.pem"
    chain.write_bytes(
        key.private_bytes(
            serialization.Encoding.PEM,
            serialization.PrivateFormat.PKCS8,
            serialization.NoEncryption(),
        )
        + leaf.public_bytes(serialization.Encoding.PEM)
    )
    return chain


def _signed(
    subject: str,
    issuer: str,
    key: ec.EllipticCurvePrivateKey,
    signer: ec.EllipticCurvePrivateKey,
    host: str | None,
) -> x509.Certificate:
    now = dt.datetime.now(dt.UTC)
    builder = (
        x509.CertificateBuilder()
        .subject_name(x509.Name([x509.NameAttribute(NameOID.COMMON_NAME, subject)]))
        .issuer_name(x509.Name([x509.NameAttribute(NameOID.COMMON_NAME, issuer)]))
        .public_key(key.public_key())
        .serial_number(x509.random_serial_number())
        .not_valid_before(now - dt.timedelta(days=1))
        .not_valid_after(now + dt.timedelta(days=1))
        .add_extension(x509.BasicConstraints(ca=host is None, path_length=None), critical=True)
    )
    if host is not None:
        names = x509.SubjectAlternativeName([x509.DNSName(host)])
        builder = builder.add_extension(names, critical=False)
    return builder.sign(signer, hashes.SHA256())
