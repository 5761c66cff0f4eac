"""The lock for schema changes ends with who holds it, directly and through a pooler."""

import asyncio
import subprocess
import sys
from collections.abc import Iterator
from contextlib import contextmanager
from typing import Any
from urllib.parse import urlsplit, urlunsplit
from uuid import uuid4

import asyncpg
import pytest
import structlog

from ferryman.errors import OutsideError
from ferryman.store import schema_migration
from ferryman.store.schema_migration import migrate
from tests.kit.pgbouncer import needs_pgbouncer, pooling
from tests.kit.platform import wait_until
from tests.kit.postgres import PostgresServer, needs_postgresql
from tests.store.test_schema_migration import MIGRATIONS

pytestmark = [pytest.mark.e2e, needs_postgresql]

HOLDER = """
import asyncio, sys
import asyncpg
from ferryman.store.schema_migration import migrate, schema_lock

async def main():
    connection = await asyncpg.connect(
        sys.argv[2], statement_cache_size=0, timeout=100)
    if sys.argv[1] == "wait":
        await migrate(connection, patience=600)
    else:
        async with schema_lock(connection, patience=60):
            print("holding", flush=True)
            await asyncio.sleep(600)

asyncio.run(main())
"""


@pytest.fixture(scope="module")
def server() -> Iterator[PostgresServer]:
    server = PostgresServer("lock")
    try:
        server.create()
        server.start("fsync=off")
        yield server
    finally:
        server.close()


@pytest.fixture(scope="module")
def pooler(server: PostgresServer) -> Iterator[str]:
    with pooling(server) as url:
        yield url


@pytest.fixture(params=["direct", pytest.param("pooled", marks=needs_pgbouncer)])
def url(request: pytest.FixtureRequest, server: PostgresServer) -> str:
    """A way to a new database of the server."""
    way: str = request.getfixturevalue("pooler") if request.param == "pooled" else server.url
    name = f"lock_{uuid4().hex[:8]}"

    async def create() -> None:
        connection: Any = await asyncpg.connect(server.url)
        await connection.execute(f'CREATE DATABASE "{name}"')
        await connection.close()

    asyncio.run(create())
    return urlunsplit(urlsplit(way)._replace(path=f"/{name}"))


async def start(url: str, **options: Any) -> list[str]:
    """What a start does about the schema, on a connection of its own."""
    connection: Any = await asyncpg.connect(url, statement_cache_size=0, timeout=100)
    try:
        return await migrate(connection, **options)
    finally:
        await connection.close()


@contextmanager
def process(what: str, url: str) -> Iterator["subprocess.Popen[str]"]:
    """Another process that holds the lock, or waits for it in a start."""
    other = subprocess.Popen(
        [sys.executable, "-c", HOLDER, what, url], stdout=subprocess.PIPE, text=True
    )
    try:
        yield other
    finally:
        other.kill()
        other.communicate()


def test_one_start_after_another(url: str) -> None:
    """A pooler gives each transaction another connection, and none keeps a lock."""

    async def run() -> None:
        assert await start(url) == MIGRATIONS
        for _ in range(7):
            assert await start(url) == []

    asyncio.run(run())


def test_a_start_that_changes_nothing_waits_for_nobody(url: str) -> None:
    async def run() -> None:
        assert await start(url) == MIGRATIONS
        own: Any = await asyncpg.connect(url, statement_cache_size=0, timeout=100)
        async with schema_migration.schema_lock(own, patience=60):
            assert await start(url, patience=0) == []
        await own.close()

    asyncio.run(run())


def test_starts_at_once_apply_each_migration_once(url: str) -> None:
    async def run() -> None:
        applied = await asyncio.gather(*(start(url) for _ in range(4)))
        assert sorted(name for names in applied for name in names) == MIGRATIONS
        assert await start(url, patience=0) == []

    asyncio.run(run())


def test_the_holder_is_named_and_its_death_frees_the_lock(url: str) -> None:
    """First in the log, then in the refusal; nothing of it is left once it was killed."""
    with process("hold", f"{url}?application_name=other-start") as other:
        assert other.stdout is not None
        assert other.stdout.readline() == "holding\n"
        with structlog.testing.capture_logs() as lines, pytest.raises(OutsideError) as refused:
            asyncio.run(start(url, patience=schema_migration._SILENT_SECONDS + 1))
    error = refused.value
    assert error.code == "schema_locked"
    [line] = lines
    assert (line["event"], line["log_level"]) == ("schema.waits", "warning")
    assert line["application"] == "other-start"
    for fact in (str(line["pid"]), "'other-start'", "127.0.0.1"):
        assert fact in error.found
    assert f"pg_terminate_backend({line['pid']})" in error.fix
    assert asyncio.run(start(url)) == MIGRATIONS


def test_who_is_killed_while_it_waits_leaves_nothing(url: str) -> None:
    async def run() -> None:
        own: Any = await asyncpg.connect(url, statement_cache_size=0, timeout=100)
        async with schema_migration.schema_lock(own, patience=60):
            with process("wait", url) as other:
                assert other.stdout is not None
                await asyncio.to_thread(wait_until, other.stdout.readline)
        await own.close()
        assert await start(url) == MIGRATIONS

    asyncio.run(run())
