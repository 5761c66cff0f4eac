"""One real platform for the tests that need one."""

import tempfile
from collections.abc import Iterator
from pathlib import Path

import pytest

from ferryman import Gateway, Migration

from .running import Platform, Running, serving


@pytest.fixture(scope="session")
def platform() -> Iterator[Platform]:
    """A platform on the virtual clock, shared: every test has an app and a transfer of its own."""
    with tempfile.TemporaryDirectory(prefix="ferryman-sdk-") as name:
        # Started by root, the embedded database runs as a user of its own and must get in.
        Path(name).chmod(0o755)
        with serving(Path(name) / "data") as running:
            yield running


@pytest.fixture
def running(platform: Platform) -> Running:
    """A started transfer of a new app."""
    return platform.transfer(
        [
            {"type": "JiraProject", "key": f"P{n}", "sourceId": str(n), "name": f"Project {n}"}
            for n in range(3)
        ]
    )


@pytest.fixture
def gateway(running: Running) -> Iterator[Gateway]:
    """The server side of the transfer."""
    with Gateway(running.url, running.server_token, running.transfer_id) as gateway:
        yield gateway


@pytest.fixture
def migration(running: Running) -> Iterator[Migration]:
    """The cloud side of the transfer."""
    with Migration(running.url, running.cloud_token) as migration:
        yield migration
