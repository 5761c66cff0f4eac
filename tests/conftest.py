"""Real services for all tests: PostgreSQL, a database of its own for a test, the platform."""

import asyncio
import os
from collections.abc import Iterator
from pathlib import Path
from typing import Any
from urllib.parse import urlsplit, urlunsplit
from uuid import uuid4

import asyncpg
import pytest

from ferryman.errors import ConfigError
from ferryman.functions import toolchain
from ferryman.store.embedded import EmbeddedPostgres
from ferryman.store.migrate import migrate
from tests.support import PlatformProcess, unavailable
from tools.ceph import Ceph, missing
from tools.ceph import ceph as run_ceph


def pytest_collection_modifyitems(items: list[pytest.Item]) -> None:
    """The long form of the crash tests runs where it is asked for."""
    if os.environ.get("FERRYMAN_SOAK"):
        return
    for item in items:
        if item.get_closest_marker("soak"):
            item.add_marker(pytest.mark.skip(reason="runs for long: FERRYMAN_SOAK=1, make soak"))


@pytest.fixture(scope="session")
def postgres(tmp_path_factory: pytest.TempPathFactory) -> Iterator[str]:
    """The address of a PostgreSQL: FERRYMAN_TEST_DATABASE_URL, else an embedded one."""
    if given := os.environ.get("FERRYMAN_TEST_DATABASE_URL"):
        yield given
        return
    server = EmbeddedPostgres(tmp_path_factory.mktemp("database"))
    url = server.start()
    try:
        # Nothing here has to outlive a power cut.
        _execute(url, "ALTER SYSTEM SET fsync = off", "SELECT pg_reload_conf()")
        yield url
    finally:
        server.stop()


@pytest.fixture(scope="session")
def template(postgres: str) -> Iterator[str]:
    """The name of a database with the current schema, to be cloned."""
    name = f"ferryman_template_{uuid4().hex[:8]}"
    _execute(postgres, f'CREATE DATABASE "{name}"')
    asyncio.run(_migrate(database_url(postgres, name)))
    yield name
    _execute(postgres, f'DROP DATABASE "{name}" WITH (FORCE)')


@pytest.fixture
def database(postgres: str, template: str) -> Iterator[str]:
    """The address of a database with the current schema, for this test alone."""
    name = f"ferryman_test_{uuid4().hex[:12]}"
    _execute(postgres, f'CREATE DATABASE "{name}" TEMPLATE "{template}"')
    yield database_url(postgres, name)
    _execute(postgres, f'DROP DATABASE "{name}" WITH (FORCE)')


@pytest.fixture
def empty_database(postgres: str) -> Iterator[str]:
    """The address of a database with nothing in it, for this test alone."""
    name = f"ferryman_empty_{uuid4().hex[:12]}"
    _execute(postgres, f'CREATE DATABASE "{name}"')
    yield database_url(postgres, name)
    _execute(postgres, f'DROP DATABASE "{name}" WITH (FORCE)')


@pytest.fixture(scope="session")
def running_platform(
    tmp_path_factory: pytest.TempPathFactory, request: pytest.FixtureRequest
) -> Iterator[PlatformProcess]:
    """A platform on the virtual clock, started through the command line and shared by tests.

    Each test uses an app and a migration of its own. Moving the clock moves it for all.
    """
    folder = tmp_path_factory.mktemp("platform")
    url = None
    if os.environ.get("FERRYMAN_TEST_DATABASE_URL"):
        postgres: str = request.getfixturevalue("postgres")
        name = f"ferryman_serve_{uuid4().hex[:8]}"
        _execute(postgres, f'CREATE DATABASE "{name}"')
        url = database_url(postgres, name)
    platform = PlatformProcess(folder / "data", database_url=url)
    try:
        platform.start()
        yield platform
    finally:
        platform.close()
        if url is not None:
            _execute(postgres, f'DROP DATABASE "{name}" WITH (FORCE)')


@pytest.fixture
def platform_process(running_platform: PlatformProcess) -> Iterator[PlatformProcess]:
    """The shared platform; what a test left running is settled, or it would slow the next."""
    yield running_platform
    running_platform.settle_all()


@pytest.fixture(scope="session")
def ceph() -> Iterator[Ceph]:
    """A real S3 server, which checks every signature and digest."""
    if reason := missing():
        pytest.skip(reason)
    with run_ceph() as server:
        yield server


@pytest.fixture(scope="session")
def javascript() -> None:
    """What runs functions in JavaScript; esbuild is installed where it is used first."""
    for left in (2, 1, 0):
        try:
            toolchain.node()
            toolchain.esbuild()
            return
        except ConfigError as missing:
            # A registry that is not reached once may be the next time.
            if not left or not os.environ.get("CI"):
                unavailable(str(missing))


@pytest.fixture
def app_folder(tmp_path: Path) -> Path:
    """Where a test's cloud app lives."""
    return tmp_path / "cloud-app"


def database_url(server: str, name: str) -> str:
    """The address of another database of the same server."""
    return urlunsplit(urlsplit(server)._replace(path=f"/{name}"))


def _execute(url: str, *statements: str) -> None:
    async def run() -> None:
        connection: Any = await asyncpg.connect(url)
        try:
            for statement in statements:
                await connection.execute(statement)
        finally:
            await connection.close()

    asyncio.run(run())


async def _migrate(url: str) -> None:
    connection: Any = await asyncpg.connect(url)
    try:
        await migrate(connection)
    finally:
        await connection.close()
