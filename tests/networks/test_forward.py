"""Every client through real forward proxies, to a name that only they resolve."""

import asyncio
from collections.abc import Callable, Iterator
from contextlib import AbstractContextManager
from hashlib import sha256

import pytest

from ferryman import AsyncMigration, Gateway, Migration
from ferryman.client.admin import AdminClient
from tests.kit.migration import AppMigration
from tests.kit.platform import wait_until
from tests.networks.conftest import Network, Site
from tests.networks.programs import HOST, PASSWORD, Forward, squid, tinyproxy

CONTENT = bytes(range(256)) * 37_000
"""9 MB: two parts."""


def _inspecting(site: Site) -> AbstractContextManager[Forward]:
    return squid(site.connect, inspects=site.inspector.with_key(), trusts=site.ca.file)


KINDS: dict[str, Callable[[Site], AbstractContextManager[Forward]]] = {
    "squid": lambda site: squid(site.connect),
    "squid with a login": lambda site: squid(site.connect, login=True),
    "squid that looks into TLS": _inspecting,
    "tinyproxy": lambda site: tinyproxy(site.connect),
}


@pytest.fixture(params=KINDS)
def proxy(request: pytest.FixtureRequest, site: Site, network: Network) -> Iterator[Forward]:
    """A proxy, in whose network this process is."""
    with KINDS[request.param](site) as running:
        ca = site.inspector if "looks" in request.param else site.ca
        network.use(running, ca.file, PASSWORD if "login" in request.param else None)
        yield running


def test_files_and_calls_pass(site: Site, proxy: Forward, migration: AppMigration) -> None:
    """Sync and async clients, large and small parts, the admin's client and an event stream."""
    server, cloud = migration.tokens["serverToken"], migration.tokens["cloudToken"]
    claimed = migration.claim()
    with Gateway(site.url(), server, migration.transfer_id, claim=claimed["claims"]) as gateway:
        with gateway.create_app_data("large") as file:
            file.write(CONTENT)
        with gateway.create_app_data("small") as file:
            file.write(b"harbour")
    written = [each["data"] for each in migration.timeline("app_data.uploaded")]
    keys = {each["label"]: each["key"] for each in written}
    with (
        Migration(site.url(), cloud) as client,
        client.get_app_data_payload(keys["small"]) as payload,
    ):
        assert payload.content() == b"harbour"

    async def read() -> bytes:
        async with (
            AsyncMigration(site.url(), cloud) as client,
            await client.get_app_data_payload(keys["large"]) as payload,
        ):
            return await payload.content()

    assert sha256(asyncio.run(read())).digest() == sha256(CONTENT).digest()
    admin = AdminClient(site.url(), site.platform.operator_token)
    assert admin.transfers.get(migration.transfer_id).transfer_id == migration.transfer_id
    with admin.transfers.stream_timeline(migration.transfer_id, 0, timeout=60) as chunks:
        assert next(iter(chunks))
    wait_until(lambda: HOST in proxy.seen)
