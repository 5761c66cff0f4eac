"""Readiness: each thing that is needed is missed by itself, and named."""

import asyncio
import subprocess
from collections.abc import Awaitable, Callable, Iterator
from contextlib import contextmanager
from pathlib import Path
from typing import Any

import asyncpg
import pytest

from ferryman.objects.local import LocalStore
from ferryman.services import health
from ferryman.services.health import HealthCheck
from ferryman.services.platform import Platform
from ferryman.store.database import Database
from ferryman.wire.health import Readiness
from tests.kit.services import Services

NAME = "SELECT quote_ident(current_database())"


@pytest.fixture(autouse=True)
def patience(monkeypatch: pytest.MonkeyPatch) -> None:
    """What is there is found, however slow the machine."""
    monkeypatch.setattr(health, "_SECONDS", 60.0)
    monkeypatch.setenv("FERRYMAN_HEARTBEAT_SECONDS", "600")


async def look(platform: Platform) -> Readiness:
    """Anew, not as it was a moment ago."""
    return await HealthCheck(platform).read()


def failing(found: Readiness) -> set[str]:
    return {name for name, check in found.checks.items() if not check.ok}


def store_of(services: Services) -> LocalStore:
    assert isinstance(services.platform.objects, LocalStore)
    return services.platform.objects


async def all_is_there(services: Services) -> None:
    store_of(services).claim()
    await services.worker().heartbeat()


async def test_all_that_is_needed(services: Services) -> None:
    await all_is_there(services)
    found = await look(services.platform)
    assert (found.status, failing(found)) == ("ready", set())


async def migration_away(services: Services) -> None:
    await services.fetch("DELETE FROM schema_history WHERE name = '0001_initial.sql'")


async def addition_of_a_later_version(services: Services) -> None:
    await services.fetch("INSERT INTO schema_history (name) VALUES ('0098_future.sql')")


async def contraction_of_a_later_version(services: Services) -> None:
    await services.fetch("INSERT INTO schema_history (name) VALUES ('0099_contract_future.sql')")


async def store_away(services: Services) -> None:
    folder = store_of(services)._files.objects
    folder.parent.rename(folder.parent.with_name("away"))


async def worker_away(services: Services) -> None:
    await services.fetch("DELETE FROM worker")


@pytest.mark.parametrize(
    ("take_away", "status", "missed"),
    [
        (migration_away, "unready", {"migrations", "workers"}),
        (contraction_of_a_later_version, "unready", {"migrations", "workers"}),
        (store_away, "degraded", {"objectStore"}),
        (worker_away, "degraded", {"workers"}),
    ],
)
async def test_what_is_away_is_named(
    services: Services,
    take_away: Callable[[Services], Awaitable[None]],
    status: str,
    missed: set[str],
) -> None:
    await all_is_there(services)
    await take_away(services)
    found = await look(services.platform)
    assert (found.status, failing(found)) == (status, missed)
    if take_away is migration_away:
        assert "0001_initial.sql" in found.checks["migrations"].found
    if take_away is contraction_of_a_later_version:
        assert "schema_newer" in found.checks["migrations"].found
        assert "0099_contract_future" in found.checks["migrations"].found


async def test_beside_additions_of_a_later_version_this_one_goes_on(services: Services) -> None:
    """Or an upgrade would take all replicas out of service before the first new one serves."""
    await all_is_there(services)
    await addition_of_a_later_version(services)
    found = await look(services.platform)
    assert (found.status, failing(found)) == ("ready", set())
    assert "0098_future.sql" in found.checks["migrations"].found


async def test_a_database_that_does_not_answer(services: Services) -> None:
    # Nothing listens at port 1.
    pool: Any = await asyncpg.create_pool("postgresql://me@127.0.0.1:1/db", min_size=0)
    platform = services.platform
    gone = Platform(Database(pool, virtual=False), platform.objects, platform.settings)
    found = await look(gone)
    pool.terminate()
    assert found.status == "unready"
    assert {"database", "migrations", "workers"} <= failing(found)


async def test_a_server_that_takes_no_writes_is_left(services: Services, database: str) -> None:
    """A standby, or a primary that was demoted while connections to it stayed open."""
    await all_is_there(services)
    pool = services.platform.database.pool
    [row] = await services.fetch(NAME)
    await services.fetch(f"ALTER DATABASE {row[0]} SET default_transaction_read_only = on")
    await pool.expire_connections()  # what comes now finds the server as it is now
    found = await look(services.platform)
    assert found.status == "unready"
    assert "takes no writes" in found.checks["database"].found
    connection: Any = await asyncpg.connect(
        database, server_settings={"default_transaction_read_only": "off"}
    )
    await connection.execute(f"ALTER DATABASE {row[0]} RESET default_transaction_read_only")
    await connection.close()
    async with asyncio.timeout(60):
        while (found := await look(services.platform)).status != "ready":
            assert "takes no writes" in found.checks["database"].found


async def test_the_free_space_is_told_and_a_store_that_takes_no_writes_is_named(
    services: Services, tmp_path: Path
) -> None:
    """Acknowledgements still work, so the replica stays in service."""
    await all_is_there(services)
    found = (await look(services.platform)).checks["disk"]
    assert found.ok
    assert "MiB free" in found.found
    with read_only_disk(tmp_path / "objects"):
        read_only = await look(services.platform)
    assert failing(read_only) == {"objectStore"}
    assert "takes no writes" in read_only.checks["objectStore"].found
    assert read_only.status == "degraded"


@contextmanager
def read_only_disk(folder: Path) -> Iterator[None]:
    """Let the folder take no writes, not even root's."""
    mount = ["mount", "--bind", str(folder), str(folder)]
    if subprocess.run(mount, capture_output=True, check=False).returncode != 0:
        pytest.skip("mounting a disk needs more rights than this user has")
    try:
        subprocess.run(["mount", "-o", "remount,ro,bind", str(folder)], check=True)
        yield
    finally:
        subprocess.run(["umount", str(folder)], check=True)
