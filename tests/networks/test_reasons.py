"""Why a connection failed, in the sentence that a user reads: both clients say the same."""

import asyncio
import re
from collections.abc import Callable, Iterator

import pytest

from ferryman import AsyncMigration, Migration
from ferryman.sdk.errors import CertificateError, ClientError, ProxyError, TransportError
from tests.kit.platform import free_port
from tests.kit.tcp_server import TcpServer
from tests.networks.conftest import Network, Site
from tests.networks.programs import HOST, PASSWORD, Forward, squid

Call = Callable[[str], ClientError]


def call_sync(url: str) -> ClientError:
    with Migration(url, "token", retry_seconds=0) as client, pytest.raises(ClientError) as caught:
        client.get_app_data_url("key")
    return caught.value


def call_async(url: str) -> ClientError:
    async def call() -> None:
        async with AsyncMigration(url, "token", retry_seconds=0) as client:
            await client.get_app_data_url("key")

    with pytest.raises(ClientError) as caught:
        asyncio.run(call())
    return caught.value


@pytest.fixture(params=[call_sync, call_async], ids=["sync", "async"])
def call(request: pytest.FixtureRequest) -> Call:
    found: Call = request.param
    return found


def says(error: ClientError, kind: type[ClientError], code: str, *sentences: str) -> None:
    """Check an error's class and code, and that its text holds the sentences and no secret."""
    text = str(error)
    assert type(error) is kind, text
    assert error.code == code, text
    for each in sentences:
        assert re.search(each, text), text
    for secret in (PASSWORD, "wörd", "w%C3%B6rd", "secret", "token"):
        assert secret not in text


def test_a_right_login_reaches_the_platform(
    site: Site, login_squid: Forward, network: Network, call: Call
) -> None:
    """What the others are compared with: the platform itself refuses the token."""
    network.use(login_squid, site.ca.file, PASSWORD)
    assert call(site.url()).code == "token_invalid"


@pytest.mark.parametrize("password", [None, "secret"])
def test_a_proxy_wants_a_login(
    site: Site, login_squid: Forward, network: Network, call: Call, password: str | None
) -> None:
    network.use(login_squid, site.ca.file, password)
    says(
        call(site.url()),
        ProxyError,
        "proxy_authentication",
        rf"expected the proxy {login_squid.url()} to let us in; found status 407 ",
        r"Put the user and password of the proxy into HTTPS_PROXY",
    )


def test_a_proxy_opens_no_tunnel_to_the_port(
    site: Site, plain_squid: Forward, network: Network, call: Call
) -> None:
    network.use(plain_squid, site.ca.file)
    port = site.ports["other port"]
    says(
        call(site.url("other port")),
        ProxyError,
        "proxy_refused",
        rf"expected the proxy {plain_squid.url()} to connect to {HOST}:{port}; found status 403 ",
        "and a page of HTML",
        rf"allow CONNECT to {HOST}, port {port}; many allow port 443 alone",
    )


def test_a_proxy_does_not_know_the_name(
    plain_squid: Forward, site: Site, network: Network, call: Call
) -> None:
    network.use(plain_squid, site.ca.file)
    says(
        call(f"https://nowhere.invalid:{site.ports['good']}"),
        ProxyError,
        "proxy_failed",
        "found status 50[03] ",
        "does not reach nowhere.invalid",
    )


def test_nobody_is_where_the_proxy_should_be(network: Network, call: Call) -> None:
    network.monkeypatch.setenv("ALL_PROXY", f"http://agent:secret@127.0.0.1:{free_port()}")
    says(
        call(f"https://{HOST}"),
        ProxyError,
        "proxy_unreachable",
        r"expected the proxy http://127\.0\.0\.1:\d+ to answer; found Connection refused\. ",
    )


def test_the_proxy_has_no_known_name(network: Network, call: Call) -> None:
    network.monkeypatch.setenv("HTTPS_PROXY", "http://agent:secret@proxy.invalid:3128")
    says(
        call(f"https://{HOST}"),
        ProxyError,
        "proxy_unreachable",
        r"expected the proxy http://proxy\.invalid:3128 to answer; found .*[Nn]ame",
    )


@pytest.fixture(params=[b"", b"220 mail.example ESMTP\r\n\r\n"], ids=["closes", "another protocol"])
def odd_proxy(request: pytest.FixtureRequest) -> Iterator[tuple[str, bytes]]:
    """Something that reads a request, answers so, and closes."""

    async def serve(reader: asyncio.StreamReader, writer: asyncio.StreamWriter) -> None:
        await reader.readuntil(b"\r\n\r\n")
        writer.write(request.param)
        await writer.drain()

    server = TcpServer(serve)
    yield server.url, request.param
    server.close()


def test_a_proxy_that_closes_or_is_none(
    odd_proxy: tuple[str, bytes], network: Network, call: Call
) -> None:
    url, answer = odd_proxy
    network.monkeypatch.setenv("HTTPS_PROXY", url.replace("://", "://agent:secret@"))
    if answer:
        says(call(f"https://{HOST}"), ProxyError, "proxy_not_one", "found an answer that is not H")
    else:
        says(call(f"https://{HOST}"), ProxyError, "proxy_closed", "found a closed connection")


def test_a_web_server_is_no_proxy(site: Site, network: Network, call: Call) -> None:
    network.monkeypatch.setenv("HTTPS_PROXY", f"http://127.0.0.1:{site.platform.port}")
    error = call(f"https://{HOST}")
    assert type(error) is ProxyError, error
    assert f"found status {404 if '404' in str(error) else 400}" in str(error)
    assert error.code == "proxy_not_one"


def test_a_page_of_the_proxy_in_place_of_an_answer(
    plain_squid: Forward, network: Network, call: Call
) -> None:
    """Over plain http the proxy answers itself, as a company's page that blocks does."""
    network.use(plain_squid, None)
    error = call("http://denied.example")
    assert error.status == 403
    assert re.search("403 and a page of HTML, and not by Ferryman but by squid", str(error)), error


CERTIFICATES = {
    "untrusted": (
        "certificate_untrusted",
        r"from an authority that this machine trusts; found one of platform\.example, issued by "
        r"Stranger Root, valid until 20\d\d-",
        "name a PEM file with its authority in SSL_CERT_FILE",
    ),
    "expired": (
        "certificate_expired",
        r"that is valid now; found one of platform\.example, issued by Harbour Root, valid until ",
        "Renew it",
    ),
    "other name": (
        "certificate_name",
        r"expected a certificate for platform\.example; found one of other\.example, issued by",
        "Correct the address",
    ),
    "for clients": (
        "certificate_purpose",
        "that may be used for this; found one of platform.example, issued by Harbour Root",
        "serverAuth",
    ),
    "by no authority": (
        "certificate_purpose",
        "that may be used for this; found one of platform.example, issued by Printer",
        "CA:TRUE",
    ),
}


@pytest.mark.parametrize("wrong", CERTIFICATES)
def test_a_certificate_is_refused(
    site: Site, plain_squid: Forward, network: Network, call: Call, wrong: str
) -> None:
    """Through a proxy; the certificate is told that was shown."""
    network.use(plain_squid, site.ca.file)
    code, found, fix = CERTIFICATES[wrong]
    says(call(site.url(wrong)), CertificateError, code, found, fix)


def test_a_proxy_that_looks_into_tls_is_named(site: Site, network: Network, call: Call) -> None:
    with squid(site.connect, inspects=site.inspector.with_key(), trusts=site.ca.file) as proxy:
        network.use(proxy, site.ca.file)
        says(
            call(site.url()),
            CertificateError,
            "certificate_untrusted",
            rf"found one of {HOST}, issued by Company Inspector",
        )


def test_the_other_side_speaks_no_tls(site: Site, network: Network, call: Call) -> None:
    network.monkeypatch.setenv("SSL_CERT_FILE", str(site.ca.file))
    says(
        call(f"https://127.0.0.1:{site.platform.port}"),
        TransportError,
        "tls_failed",
        "speak TLS; found an answer that is not its TLS",
    )


def test_a_name_that_nobody_knows(network: Network, call: Call) -> None:
    says(call("https://nowhere.invalid"), TransportError, "name_unknown", "If only a proxy knows")
