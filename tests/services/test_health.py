"""Readiness: each thing that is needed is missed by itself, and named."""

import asyncio
from collections.abc import Awaitable, Callable
from typing import Any

import asyncpg
import pytest

from ferryman.objects.local import LocalStore
from ferryman.services import health
from ferryman.services.health import HealthCheck
from ferryman.services.platform import Platform
from ferryman.store.database import Database
from ferryman.wire.health import Readiness

from .conftest import Play
from .stage import Stage

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


def store_of(stage: Stage) -> LocalStore:
    assert isinstance(stage.platform.objects, LocalStore)
    return stage.platform.objects


async def all_is_there(stage: Stage) -> None:
    store_of(stage).claim()
    await stage.worker().look()


def test_all_that_is_needed(play: Play[None]) -> None:
    async def scene(stage: Stage) -> None:
        await all_is_there(stage)
        found = await look(stage.platform)
        assert (found.status, failing(found)) == ("ready", set())

    play(scene)


async def migration_away(stage: Stage) -> None:
    await stage.fetch("DELETE FROM schema_history WHERE name = '0001_initial.sql'")


async def store_away(stage: Stage) -> None:
    folder = store_of(stage)._objects
    folder.parent.rename(folder.parent.with_name("away"))


async def worker_away(stage: Stage) -> None:
    await stage.fetch("DELETE FROM worker")


@pytest.mark.parametrize(
    ("take_away", "status", "missed"),
    [
        (migration_away, "unready", {"migrations", "workers"}),
        (store_away, "degraded", {"objectStore"}),
        (worker_away, "degraded", {"workers"}),
    ],
)
def test_what_is_away_is_named(
    play: Play[None],
    take_away: Callable[[Stage], Awaitable[None]],
    status: str,
    missed: set[str],
) -> None:
    async def scene(stage: Stage) -> None:
        await all_is_there(stage)
        await take_away(stage)
        found = await look(stage.platform)
        assert (found.status, failing(found)) == (status, missed)
        if "migrations" in missed:
            assert "0001_initial.sql" in found.checks["migrations"].found

    play(scene)


def test_a_database_that_does_not_answer(play: Play[None]) -> None:
    async def scene(stage: Stage) -> None:
        # Nothing listens at port 1.
        pool: Any = await asyncpg.create_pool("postgresql://me@127.0.0.1:1/db", min_size=0)
        platform = stage.platform
        gone = Platform(Database(pool, virtual=False), platform.objects, platform.settings)
        found = await look(gone)
        pool.terminate()
        assert found.status == "unready"
        assert {"database", "migrations", "workers"} <= failing(found)

    play(scene)


def test_a_server_that_takes_no_writes_is_left(play: Play[None], database: str) -> None:
    """A standby, or a primary that was demoted while connections to it stayed open."""

    async def scene(stage: Stage) -> None:
        await all_is_there(stage)
        pool = stage.platform.database.pool
        [row] = await stage.fetch(NAME)
        await stage.fetch(f"ALTER DATABASE {row[0]} SET default_transaction_read_only = on")
        await pool.expire_connections()  # what comes now finds the server as it is now
        found = await look(stage.platform)
        assert found.status == "unready"
        assert "takes no writes" in found.checks["database"].found
        connection: Any = await asyncpg.connect(
            database, server_settings={"default_transaction_read_only": "off"}
        )
        await connection.execute(f"ALTER DATABASE {row[0]} RESET default_transaction_read_only")
        await connection.close()
        async with asyncio.timeout(60):
            while (found := await look(stage.platform)).status != "ready":
                assert "takes no writes" in found.checks["database"].found

    play(scene)
