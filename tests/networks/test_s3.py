"""The platform's own way to an object store: through a proxy, to a private authority."""

from collections.abc import Iterator
from uuid import uuid4

import pytest
from moto.server import ThreadedMotoServer

from ferryman.errors import OutsideError
from ferryman.objects.s3.address import S3Address
from ferryman.objects.s3.client import s3_store
from tests.kit.platform import wait_until
from tests.networks.authority import Authority
from tests.networks.conftest import Network
from tests.networks.programs import HOST, PASSWORD, Forward, scratch, squid, tls_servers


@pytest.fixture(scope="module")
def store() -> Iterator[tuple[int, Authority]]:
    """An S3 API behind TLS, and the authority of its certificate."""
    server = ThreadedMotoServer("127.0.0.1", port=0, verbose=False)
    server.start()
    try:
        port = server.get_host_and_port()[1]
        with scratch("s3") as folder:
            authority = Authority(folder, "Store Root")
            with tls_servers(port, {"store": authority.issue(HOST)}) as ports:
                yield ports["store"], authority
    finally:
        server.stop()


@pytest.fixture
def proxy(store: tuple[int, Authority], network: Network) -> Iterator[Forward]:
    """Squid with a login; keys of the store are in the environment."""
    network.monkeypatch.setenv("AWS_ACCESS_KEY_ID", "k")
    network.monkeypatch.setenv("AWS_SECRET_ACCESS_KEY", "s")
    with squid([store[0]], login=True) as running:
        yield running


def _address(store: tuple[int, Authority]) -> S3Address:
    return S3Address(bucket="harbour", endpoint=f"https://{HOST}:{store[0]}", region="us-east-1")


async def test_a_store_is_reached_through_the_proxy(
    store: tuple[int, Authority], proxy: Forward, network: Network
) -> None:
    network.use(proxy, store[1].file, PASSWORD)
    async with s3_store(_address(store)) as s3:
        with pytest.raises(OutsideError) as caught:
            await s3.begin(str(uuid4()))
    # In S3's own words: it was reached.
    assert caught.value.code == "bucket_missing"
    wait_until(lambda: f"CONNECT {HOST}:{store[0]}" in proxy.seen)


@pytest.mark.parametrize("missing", ["authority", "login"])
async def test_why_a_store_is_not_reached(
    store: tuple[int, Authority], proxy: Forward, network: Network, missing: str
) -> None:
    password = None if missing == "login" else PASSWORD
    network.use(proxy, None if missing == "authority" else store[1].file, password)
    async with s3_store(_address(store), attempts=1) as s3:
        with pytest.raises(OutsideError) as caught:
            await s3.begin(str(uuid4()))
    found = caught.value.found
    assert ("issued by Store Root" if missing == "authority" else "status 407") in found, found
