"""The platform's own TLS: what it refuses to serve, and what it serves to whom."""

import asyncio
import json
import os
import socket
import ssl
import sys
from collections.abc import Callable, Iterator
from concurrent.futures import ThreadPoolExecutor
from contextlib import suppress
from dataclasses import dataclass
from hashlib import sha256
from pathlib import Path
from threading import Event
from typing import Any

import pytest
from cryptography.hazmat.primitives import serialization
from cryptography.hazmat.primitives.asymmetric import ec, ed25519, rsa
from cryptography.x509 import load_der_x509_certificate, load_pem_x509_certificate

from ferryman.config import Settings
from ferryman.errors import ConfigError
from ferryman.server.certificate import key_pair
from ferryman.server.http_server import HttpServer
from ferryman.server.listening import sockets
from tests.kit import forked
from tests.kit.function_app import FunctionMigration
from tests.kit.platform import PlatformProcess, free_port, wait_until
from tests.networks.authority import Authority, PrivateKey
from tests.networks.programs import scratch
from tests.networks.test_sandboxed import DATA, PYTHON

HOST = "127.0.0.1"


def locked(key: ec.EllipticCurvePrivateKey) -> bytes:
    """Return a key in PEM that needs a password."""
    return key.private_bytes(
        serialization.Encoding.PEM,
        serialization.PrivateFormat.PKCS8,
        serialization.BestAvailableEncryption(b"harbour"),
    )


def plain(key: ec.EllipticCurvePrivateKey | rsa.RSAPrivateKey) -> bytes:
    return key.private_bytes(
        serialization.Encoding.PEM,
        serialization.PrivateFormat.TraditionalOpenSSL,
        serialization.NoEncryption(),
    )


def cut(ca: Authority, folder: Path) -> Path:
    """Return a file with a certificate, its key and the beginning of another certificate."""
    file = folder / "cut.pem"
    file.write_bytes(ca.issue(HOST).read_bytes() + ca.file.read_bytes()[:200])
    return file


def other_key(folder: Path, data: bytes) -> Path:
    file = folder / "other-key.pem"
    file.write_bytes(data)
    return file


Case = Callable[[Authority, Path], tuple[Path | None, Path | None]]


def _good(ca: Authority) -> Path:
    return ca.issue(HOST)


REFUSED: dict[str, tuple[Case, str]] = {
    "no key": (lambda ca, _: (_good(ca), None), "--tls-cert alone"),
    "no certificate": (lambda ca, _: (None, _good(ca)), "--tls-key alone"),
    "a missing file": (
        lambda ca, folder: (_good(ca), folder / "gone.pem"),
        "--tls-key={folder}/gone.pem, which cannot be read: No such file",
    ),
    "a folder": (lambda ca, folder: (folder, _good(ca)), "cannot be read: Is a directory"),
    "the key in its place": (
        lambda ca, folder: (other_key(folder, plain(ca.key)), _good(ca)),
        "no certificate in PEM in --tls-cert={folder}/other-key.pem",
    ),
    "the certificate in its place": (
        lambda ca, _: (_good(ca), ca.file),
        "no private key in PEM in --tls-key={folder}/Harbour-Root.pem",
    ),
    "a key with a password": (
        lambda ca, folder: (_good(ca), other_key(folder, locked(ca.key))),
        "no private key in PEM",
    ),
    "another key": (
        lambda ca, folder: (_good(ca), other_key(folder, plain(ca.key))),
        "a key of another certificate",
    ),
    "another curve": (
        lambda ca, folder: (
            _good(ca),
            other_key(folder, plain(ec.generate_private_key(ec.SECP521R1()))),
        ),
        "one on secp521r1",
    ),
    "a short key": (
        lambda ca, folder: (
            _good(ca),
            other_key(folder, plain(rsa.generate_private_key(65537, 1024))),  # noqa: S505
        ),
        "one of 1024 bits",
    ),
    "a chain that is cut": (
        lambda ca, folder: (cut(ca, folder), folder / "cut.pem"),
        "which OpenSSL cannot use",
    ),
    "an expired one": (lambda ca, _: (ca.issue(HOST, expired=True),) * 2, "CN=127.0.0.1, valid"),
}


@pytest.mark.parametrize("name", REFUSED)
def test_what_no_client_would_accept_is_refused_by_name(name: str, tmp_path: Path) -> None:
    case, said = REFUSED[name]
    certificate, key = case(Authority(tmp_path, "Harbour Root"), tmp_path)
    with pytest.raises(ConfigError) as refused:
        key_pair(Settings(tls_cert=certificate, tls_key=key))
    assert refused.value.code == "tls_invalid"
    assert said.format(folder=tmp_path) in refused.value.found


async def nothing(scope: Any, receive: Any, send: Any) -> None:
    """An application that answers every request with nothing."""
    while scope["type"] == "lifespan":
        event = (await receive())["type"]
        await send({"type": f"{event}.complete"})
        if event == "lifespan.shutdown":
            return
    await send({"type": "http.response.start", "status": 200, "headers": []})
    await send({"type": "http.response.body", "body": b""})


KEYS: dict[str, Callable[[], PrivateKey]] = {
    "rsa": lambda: rsa.generate_private_key(65537, 2048),
    "p384": lambda: ec.generate_private_key(ec.SECP384R1()),
    "ed25519": ed25519.Ed25519PrivateKey.generate,
}


@pytest.mark.parametrize("kind", KEYS)
async def test_a_key_that_is_accepted_can_be_served(kind: str, tmp_path: Path) -> None:
    """The HTTP server has a TLS of its own, which knows fewer kinds than the check could."""
    ca = Authority(tmp_path, "Harbour Root")
    file = ca.issue(HOST, key=KEYS[kind]())
    port = free_port()
    [listening] = sockets(HOST, port, 1)
    listening.listen()  # so that the connection waits for the server
    server = HttpServer(nothing, Settings(port=port, tls_cert=file, tls_key=file), listening)
    try:
        context = ssl.create_default_context(cafile=str(ca.file))
        reader, writer = await asyncio.open_connection(HOST, port, ssl=context)
        writer.write(b"GET / HTTP/1.1\r\nHost: ferryman\r\nConnection: close\r\n\r\n")
        assert (await reader.readline()).startswith(b"HTTP/1.1 200")
        writer.close()
    finally:
        await server.close()


def test_it_is_refused_before_anything_is_started(tmp_path: Path) -> None:
    file = Authority(tmp_path, "Harbour Root").issue(HOST, expired=True)
    data = tmp_path / "data"
    own = {k: v for k, v in os.environ.items() if not k.startswith("FERRYMAN_")}
    ended = forked.run(
        [sys.executable, "-m", "ferryman", "serve", "--data-dir", str(data)],
        env={**own, "FERRYMAN_TLS_CERT": str(file), "FERRYMAN_TLS_KEY": str(file)},
        capture_output=True,
        text=True,
        timeout=120,
        check=False,
    )
    assert ended.returncode == 2, ended.stderr
    assert "tls_invalid" in ended.stderr
    assert "Traceback" not in ended.stderr
    assert not data.exists()


@dataclass(frozen=True)
class Secure:
    """A platform with two API processes at https, and who signed its certificate."""

    platform: PlatformProcess
    ca: Authority
    file: Path

    def shown(self, **options: ssl.TLSVersion) -> tuple[int, str | None]:
        """Return the serial number of the certificate on a new connection, and the protocol."""
        context = ssl.create_default_context(cafile=str(self.ca.file))
        for name, value in options.items():
            setattr(context, name, value)
        with (
            socket.create_connection((HOST, self.platform.port), timeout=100) as plain_socket,
            context.wrap_socket(plain_socket, server_hostname=HOST) as connection,
        ):
            der = connection.getpeercert(binary_form=True)
            assert der is not None
            return load_der_x509_certificate(der).serial_number, connection.version()


@pytest.fixture(scope="module")
def secure(tmp_path_factory: pytest.TempPathFactory) -> Iterator[Secure]:
    with scratch("own-tls") as folder, pytest.MonkeyPatch.context() as patch:
        ca = Authority(folder, "Harbour Root")
        file = folder / "served.pem"
        file.write_bytes(ca.issue(HOST).read_bytes())
        # For the clients of this process; the platform passes it on to functions.
        patch.setenv("SSL_CERT_FILE", str(ca.file))
        with PlatformProcess(
            tmp_path_factory.mktemp("own-tls") / "data",
            clock="real",
            env={
                "FERRYMAN_API_PROCESSES": "2",
                "FERRYMAN_FUNCTIONS": "sandboxed",
                "FERRYMAN_TLS_CERT": str(file),
                "FERRYMAN_TLS_KEY": str(file),
            },
        ) as platform:
            assert platform.url.startswith("https://")
            # One that starts with a file that a test has broken would be refused.
            wait_until(lambda: platform.log.read_text().count("api.serves") == 2)
            yield Secure(platform, ca, file)


@pytest.mark.e2e
def test_the_sdk_and_a_function_in_its_sandbox_reach_it(secure: Secure, tmp_path: Path) -> None:
    running = secure.platform
    found = running.hosting()
    if not found.startswith("sandboxed"):
        pytest.skip(found)
    migration = FunctionMigration.begin(running, tmp_path / "app", code=PYTHON)
    said = migration.printed(migration.send("notes", DATA))
    digest, url = said.splitlines()[:2]
    assert digest == sha256(DATA).hexdigest()
    assert url.startswith(running.url)
    running.settle_all()


@pytest.mark.e2e
def test_it_speaks_two_versions_of_tls_and_no_plain_http(secure: Secure) -> None:
    assert secure.shown(maximum_version=ssl.TLSVersion.TLSv1_2)[1] == "TLSv1.2"
    assert secure.shown()[1] == "TLSv1.3"
    with socket.create_connection((HOST, secure.platform.port), timeout=100) as plain_socket:
        plain_socket.sendall(b"GET /healthz HTTP/1.1\r\nHost: ferryman\r\n\r\n")
        with suppress(ConnectionResetError):
            assert not plain_socket.recv(4096).startswith(b"HTTP")


@pytest.mark.e2e
def test_a_renewed_certificate_is_served_and_no_call_breaks(secure: Secure, tmp_path: Path) -> None:
    """Calls that wait meanwhile are answered; a wrong file in between changes nothing."""
    running = secure.platform
    app = FunctionMigration.begin(running, tmp_path / "app", code=PYTHON, start=False)
    before = load_pem_x509_certificate(secure.file.read_bytes()).serial_number
    over = Event()

    def poll() -> list[int]:
        """Wait for a transfer again and again, each time on a connection of its own."""
        asked = {"serverAppKeys": [app.registration["serverAppKey"]], "agentId": "agent"}
        body = json.dumps({**asked, "waitSeconds": 5}).encode()
        statuses = []
        while not over.is_set():
            reply = app.server.call(
                "POST", "/server/v1/listeners/claim", raw=body, headers={"Connection": "close"}
            )
            statuses.append(reply.status)
        return statuses

    def log() -> str:
        return running.log.read_text()

    with ThreadPoolExecutor(2) as pool:
        polled = [pool.submit(poll) for _ in range(2)]
        try:
            secure.file.write_bytes(b"half of a")
            wait_until(lambda: log().count("certificate.refused") >= 2)
            assert secure.shown()[0] == before
            renewed = secure.ca.issue(HOST)
            serial = load_pem_x509_certificate(renewed.read_bytes()).serial_number
            secure.file.write_bytes(renewed.read_bytes())
            wait_until(lambda: log().count("certificate.renewed") >= 2)
            # A connection goes to one of the two processes, which nobody chooses, and where the
            # server before may still take it for a moment.
            wait_until(lambda: {secure.shown()[0] for _ in range(8)} == {serial})
        finally:
            over.set()
        for each in polled:
            assert {*each.result()} == {200}
    running.settle_all()
