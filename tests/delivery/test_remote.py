"""Posting to remotes: real servers that misbehave, and what comes of it."""

import asyncio
import contextlib
import json
import socket
import ssl
from collections.abc import AsyncIterator, Awaitable, Callable, Iterator
from datetime import UTC, datetime
from pathlib import Path

import aiohttp
import aiohttp.abc
import pytest
from aiohttp import web
from cryptography import x509
from cryptography.hazmat.primitives import hashes, serialization
from cryptography.hazmat.primitives.asymmetric import rsa

from ferryman.delivery.remote import RemoteSender, open_session
from ferryman.domain.outcome import Outcome

Answer = Callable[[web.Request], Awaitable[web.StreamResponse]]
PAYLOAD = {"eventType": "avi:ecosystem.migration:uploaded:app_data", "label": "Zürich \N{SNOWMAN}"}


@contextlib.asynccontextmanager
async def serving(answer: Answer, security: ssl.SSLContext | None = None) -> AsyncIterator[str]:
    """A remote on a free port; yields its address."""
    app = web.Application(client_max_size=1 << 26)
    app.router.add_route("*", "/{path:.*}", answer)
    runner = web.AppRunner(app, access_log=None, shutdown_timeout=0.1)
    await runner.setup()
    site = web.TCPSite(runner, "127.0.0.1", 0, ssl_context=security)
    await site.start()
    port = runner.addresses[0][1]
    try:
        yield f"{'https' if security else 'http'}://127.0.0.1:{port}/events"
    finally:
        await runner.cleanup()


@contextlib.asynccontextmanager
async def sender() -> AsyncIterator[RemoteSender]:
    async with open_session(private=True) as session:
        yield RemoteSender(session)


async def post(answer: Answer, *, seconds: float = 60.0) -> Outcome:
    """One attempt at a remote that answers so."""
    async with serving(answer) as url, sender() as remote:
        return await remote.post(url, json.dumps(PAYLOAD), {"Authorization": "Bearer x"}, seconds)


async def post_late(answer: Answer) -> tuple[Outcome, float]:
    """One attempt at a remote that never ends its answer, and its limit.

    A slow machine may need longer for a connection, so the limit grows until the event was sent.
    """
    for seconds in (0.5, 5.0, 50.0):
        outcome = await post(answer, seconds=seconds)
        if outcome.stage != "before":
            break
    return outcome, seconds


async def post_to(url: str, seconds: float = 60.0) -> Outcome:
    """One attempt at an address where no remote of ours is."""
    async with sender() as remote:
        return await remote.post(url, json.dumps(PAYLOAD), {}, seconds)


async def test_the_event_arrives_as_it_was_given() -> None:
    seen: list[tuple[str, object]] = []
    headers: dict[str, str] = {}

    async def answer(request: web.Request) -> web.Response:
        seen.append((request.method, await request.json()))
        headers.update(request.headers)
        return web.Response(text="thanks")

    outcome = await post(answer)
    assert (outcome.ok, outcome.status, outcome.output) == (True, 200, "thanks")
    assert outcome.duration > 0
    assert seen == [("POST", PAYLOAD)]
    assert headers["Authorization"] == "Bearer x"
    assert headers["Content-Type"] == "application/json"
    assert int(headers["Content-Length"]) == len(json.dumps(PAYLOAD))


@pytest.mark.parametrize("status", [200, 201, 202, 204, 299])
async def test_any_2xx_is_a_success(status: int) -> None:
    async def answer(request: web.Request) -> web.Response:
        return web.Response(status=status)

    outcome = await post(answer)
    assert (outcome.ok, outcome.status, outcome.stage) == (True, status, None)


@pytest.mark.parametrize(
    ("status", "cause"),
    [
        (400, "app_failed"),
        (401, "credentials_refused"),
        (403, "credentials_refused"),
        (404, "path_unknown"),
        (405, "path_unknown"),
        (409, "app_failed"),
        (429, "app_failed"),
        (500, "app_failed"),
        (503, "app_failed"),
    ],
)
async def test_other_answers_are_failures_with_their_words(status: int, cause: str) -> None:
    async def answer(request: web.Request) -> web.Response:
        return web.Response(status=status, text="the reason\0" + "x" * 10_000)

    outcome = await post(answer)
    assert (outcome.ok, outcome.status, outcome.stage) == (False, status, "after")
    assert (outcome.cause, outcome.reason) == (cause, f"The remote answered {status}.")
    assert outcome.error is not None
    assert outcome.error.startswith(f"The remote answered {status}.\nthe reason")
    assert len(outcome.error.encode()) <= 4096


@pytest.mark.parametrize("status", [301, 302, 303, 307, 308])
async def test_redirects_are_not_followed(status: int) -> None:
    paths: list[str] = []

    async def answer(request: web.Request) -> web.Response:
        paths.append(request.path)
        return web.Response(status=status, headers={"Location": "/elsewhere"})

    outcome = await post(answer)
    assert (outcome.ok, outcome.status, outcome.stage) == (False, status, "after")
    assert outcome.cause == "redirected"
    assert "redirect to '/elsewhere', which is not followed" in str(outcome.error)
    assert paths == ["/events"]


@pytest.mark.parametrize("status", [200, 500])
async def test_a_huge_body_is_not_read(status: int) -> None:
    written = 0

    async def answer(request: web.Request) -> web.StreamResponse:
        nonlocal written
        response = web.StreamResponse(status=status)
        await response.prepare(request)
        with contextlib.suppress(OSError):
            for _ in range(100):
                await response.write(b"x" * (1 << 20))
                written += 1
        return response

    outcome = await post(answer)
    assert (outcome.ok, outcome.status) == (status == 200, status)
    assert "Ferryman reads 64 KiB of an answer; this one is longer" in (
        outcome.output if outcome.ok else str(outcome.error)
    )
    assert written < 50


@pytest.mark.parametrize("more", [0, 1])
async def test_an_answer_says_whether_it_was_read_whole(more: int) -> None:
    async def answer(request: web.Request) -> web.StreamResponse:
        return web.Response(body=b"x" * ((64 << 10) + more))

    outcome = await post(answer)
    assert len(outcome.body) == 64 << 10
    assert outcome.output.startswith("[Ferryman reads 64 KiB" if more else "x")


async def test_a_remote_that_hangs_is_given_up() -> None:
    async def answer(request: web.Request) -> web.Response:
        await asyncio.Event().wait()
        raise AssertionError

    outcome, seconds = await post_late(answer)
    assert (outcome.ok, outcome.stage, outcome.status) == (False, "during", None)
    assert outcome.cause == "not_answered_in_time"
    assert f"had not answered in full after {seconds:g} s" in str(outcome.error)
    assert outcome.duration > 0.4


async def test_a_body_that_drips_counts_against_the_limit() -> None:
    async def answer(request: web.Request) -> web.StreamResponse:
        response = web.StreamResponse()
        await response.prepare(request)
        with contextlib.suppress(OSError):
            while True:
                await response.write(b".")
                await asyncio.sleep(0.01)
        return response

    outcome, _ = await post_late(answer)
    assert (outcome.ok, outcome.stage) == (False, "during")
    assert outcome.cause == "not_answered_in_time"


async def test_a_remote_that_hangs_up_is_a_failure() -> None:
    async def answer(request: web.Request) -> web.Response:
        await request.read()
        assert request.transport is not None
        request.transport.close()
        return web.Response()

    outcome = await post(answer)
    assert (outcome.ok, outcome.stage) == (False, "during")
    assert outcome.cause == "connection_broke"
    assert "closed the connection" in str(outcome.error)


async def _raw(data: bytes) -> Outcome:
    gone = asyncio.Event()

    async def answer(reader: asyncio.StreamReader, writer: asyncio.StreamWriter) -> None:
        await reader.readuntil(b"\r\n\r\n")
        writer.write(data)
        writer.close()
        with contextlib.suppress(OSError):
            await writer.wait_closed()
        gone.set()

    server = await asyncio.start_server(answer, "127.0.0.1", 0)
    async with server, sender() as remote:
        port = server.sockets[0].getsockname()[1]
        outcome = await remote.post(f"http://127.0.0.1:{port}/", json.dumps(PAYLOAD), {})
        await gone.wait()
        return outcome


@pytest.mark.parametrize(
    "data",
    [
        b"",
        b"SSH-2.0-OpenSSH\r\n",
        b"HTTP/1.1 200 OK\r\nContent-Length: 10\r\n\r\nshort",
        b"HTTP/1.1 200 OK\r\nTransfer-Encoding: chunked\r\n\r\nzz\r\n",
        b"HTTP/1.1 200 OK\r\nContent-Encoding: gzip\r\nContent-Length: 4\r\n\r\nxxxx",
        b"HTTP/1.1 200 OK\r\nX: " + b"x" * 100_000 + b"\r\n\r\n",
    ],
)
async def test_what_is_no_whole_answer_is_a_failure(data: bytes) -> None:
    outcome = await _raw(data)
    assert (outcome.ok, outcome.stage) == (False, "during")
    assert outcome.error


async def test_a_refused_connection_sent_nothing(unused_port: int) -> None:
    outcome = await post_to(f"http://127.0.0.1:{unused_port}/")
    assert (outcome.ok, outcome.stage) == (False, "before")
    assert outcome.cause == "connection_refused"
    assert "No connection to the remote could be made" in str(outcome.error)


@pytest.mark.parametrize("url", ["not an address", "ftp://127.0.0.1/", "http://[", "", "http://"])
async def test_an_unusable_address_sent_nothing(url: str) -> None:
    outcome = await post_to(url)
    assert (outcome.ok, outcome.stage, outcome.cause) == (False, "before", "address_unusable")


class NoNames(aiohttp.abc.AbstractResolver):
    """Knows no name, as on a machine without a network, and asks nobody."""

    async def resolve(
        self, host: str, port: int = 0, family: socket.AddressFamily = socket.AF_INET
    ) -> list[aiohttp.abc.ResolveResult]:
        raise socket.gaierror(socket.EAI_NONAME, "Name or service not known")

    async def close(self) -> None:
        pass


async def test_an_unknown_name_sent_nothing() -> None:
    async def attempt() -> Outcome:
        connector = aiohttp.TCPConnector(resolver=NoNames())
        async with aiohttp.ClientSession(connector=connector) as session:
            return await RemoteSender(session).post(
                "http://nowhere.invalid/", json.dumps(PAYLOAD), {}
            )

    outcome = await attempt()
    assert (outcome.ok, outcome.stage) == (False, "before")
    assert outcome.cause == "name_not_resolved"
    assert "could not be resolved" in str(outcome.error)


async def test_a_connection_that_is_never_accepted_sent_nothing() -> None:
    """The system takes the connection; nobody ever answers the greeting of TLS."""
    with socket.create_server(("127.0.0.1", 0)) as server:
        outcome = await post_to(f"https://127.0.0.1:{server.getsockname()[1]}/", 0.5)
    assert (outcome.ok, outcome.stage) == (False, "before")
    assert outcome.cause == "not_answered_in_time"


def self_signed() -> bytes:
    """A key and a certificate for 127.0.0.1 that no authority has signed, as PEM."""
    key = rsa.generate_private_key(public_exponent=65537, key_size=2048)
    name = x509.Name([x509.NameAttribute(x509.NameOID.COMMON_NAME, "127.0.0.1")])
    certificate = (
        x509.CertificateBuilder(name, name, key.public_key(), x509.random_serial_number())
        .not_valid_before(datetime(2000, 1, 1, tzinfo=UTC))
        .not_valid_after(datetime(2100, 1, 1, tzinfo=UTC))
        .sign(key, hashes.SHA256())
    )
    private = key.private_bytes(
        serialization.Encoding.PEM,
        serialization.PrivateFormat.PKCS8,
        serialization.NoEncryption(),
    )
    return private + certificate.public_bytes(serialization.Encoding.PEM)


async def test_a_certificate_nobody_vouches_for_sent_nothing(tmp_path: Path) -> None:
    pem = tmp_path / "key-and-certificate.pem"
    pem.write_bytes(self_signed())
    security = ssl.create_default_context(ssl.Purpose.CLIENT_AUTH)
    security.load_cert_chain(pem)

    async def attempt() -> Outcome:
        async def answer(request: web.Request) -> web.Response:
            raise AssertionError

        async with serving(answer, security) as url, sender() as remote:
            return await remote.post(url, json.dumps(PAYLOAD), {})

    outcome = await attempt()
    assert (outcome.ok, outcome.stage) == (False, "before")
    assert outcome.cause == "tls_failed"
    assert "No secure connection" in str(outcome.error)


@pytest.fixture
def unused_port() -> Iterator[int]:
    """A port that nobody listens on, nor can while the test has it."""
    with socket.socket() as bound:
        bound.bind(("127.0.0.1", 0))
        yield bound.getsockname()[1]
