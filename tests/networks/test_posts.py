"""The platform's own posts through a proxy, and the guard that stays in force."""

import socket
from collections.abc import Iterator

import pytest
from aiohttp.abc import AbstractResolver, ResolveResult

from ferryman.config import Settings
from ferryman.delivery.remote import open_sender
from ferryman.domain.outcome import Outcome
from ferryman.network.proxies import Proxies
from tests.kit.platform import wait_until
from tests.networks.conftest import Network, Site
from tests.networks.programs import HOST, PASSWORD, Forward, squid


class Names(AbstractResolver):
    """Looks up names of ``.example``: each begins with the last part of its address."""

    def __init__(self, address: str) -> None:
        self._address = address

    async def resolve(
        self, host: str, port: int = 0, family: socket.AddressFamily = socket.AF_INET
    ) -> list[ResolveResult]:
        return [
            ResolveResult(
                hostname=host, host=self._address, port=port, family=family, proto=0, flags=0
            )
        ]

    async def close(self) -> None:
        pass


@pytest.fixture
def proxy(site: Site, network: Network) -> Iterator[Forward]:
    with squid(site.connect, login=True) as running:
        network.monkeypatch.setenv("SSL_CERT_FILE", str(site.ca.file))
        yield running


async def post(
    proxy: Forward, url: str, *, address: str = "1.1.1.1", private: bool = False, login: bool = True
) -> Outcome:
    """Post to a remote whose name has that address here; the proxy knows another one."""
    proxies = Proxies(https=proxy.url(PASSWORD if login else "secret"), http=proxy.url(PASSWORD))
    async with open_sender(private=private, proxies=proxies, names=Names(address)) as sender:
        return await sender.post(url, "{}", {"Authorization": "JWT x"}, 30)


async def test_a_proxy_gets_the_name_where_private_addresses_are_allowed(
    site: Site, proxy: Forward
) -> None:
    outcome = await post(proxy, f"{site.url()}/healthz", private=True)
    assert outcome.status == 405, outcome  # of the platform, which stands for a remote
    wait_until(lambda: f"CONNECT {HOST}:{site.ports['good']}" in proxy.seen)


async def test_a_proxy_gets_the_address_that_was_checked(site: Site, proxy: Forward) -> None:
    """It refuses the port, so nothing leaves this machine."""
    outcome = await post(proxy, f"https://{HOST}:8443/x")
    assert outcome.cause == "connection_refused"
    assert "found status 403" in str(outcome.error)
    wait_until(lambda: "CONNECT 1.1.1.1:8443" in proxy.seen)
    assert HOST not in proxy.seen


@pytest.mark.parametrize("address", ["127.0.0.1", "10.1.2.3", "169.254.169.254", "fd00::1"])
async def test_a_proxy_is_not_asked_for_inner_addresses(
    site: Site, proxy: Forward, address: str
) -> None:
    for url in (
        f"{site.url()}/x",
        f"https://[{address}]/x" if ":" in address else f"https://{address}/x",
    ):
        outcome = await post(proxy, url, address=address)
        assert outcome.cause == "address_refused", outcome
    assert "CONNECT" not in proxy.seen


async def test_plain_http_would_give_the_proxy_the_name(proxy: Forward) -> None:
    outcome = await post(proxy, f"http://{HOST}/x")
    assert outcome.cause == "address_refused"
    assert "only https" in str(outcome.error)
    assert HOST not in proxy.seen


async def test_a_login_that_is_refused_is_told_without_it(site: Site, proxy: Forward) -> None:
    outcome = await post(proxy, f"{site.url()}/x", private=True, login=False)
    assert outcome.cause == "connection_refused"
    assert "to let us in; found status 407" in str(outcome.error)
    assert "secret" not in str(outcome.error)


def test_the_setting(network: Network) -> None:
    network.monkeypatch.setenv("HTTPS_PROXY", "http://proxy.example:3128")
    assert Settings().proxies is None
    proxies = Settings(remote_proxy="environment").proxies
    assert proxies is not None
    assert str(proxies.of("https://remote.example")) == "http://proxy.example:3128"
