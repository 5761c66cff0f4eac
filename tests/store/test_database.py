"""Connections come back to the pool as they went out."""

import asyncio
from collections.abc import Awaitable, Callable

import pytest

from ferryman.errors import OutsideError
from ferryman.store import clock as clock_store
from ferryman.store.database import Database, open_pool

Use = Callable[[Database], Awaitable[None]]


async def with_one_connection(url: str, use: Use) -> None:
    """Run ``use`` over a pool of one, so that what one block leaves the next would find."""
    pool = await open_pool(url, size=1)
    try:
        async with asyncio.timeout(90):
            await use(Database(pool, virtual=True))
    finally:
        pool.terminate()


async def test_a_transaction_that_fails_leaves_nothing(database: str) -> None:
    async def use(database: Database) -> None:
        async def fail() -> None:
            async with database.transaction() as tx:
                await tx.connection.execute("UPDATE clock SET time_offset = '1 hour'")
                raise ZeroDivisionError

        with pytest.raises(ZeroDivisionError):
            await fail()
        async with database.reading() as tx:
            assert (await clock_store.offset(tx)).total_seconds() == 0
            assert not tx.connection.is_in_transaction()

    await with_one_connection(database, use)


async def test_what_a_session_holds_ends_with_its_block(database: str) -> None:
    """However the block ends: in order, with an error, or cancelled while it waits."""
    locks = "SELECT count(*) FROM pg_locks WHERE locktype = 'advisory' AND pid = pg_backend_pid()"

    async def use(database: Database) -> None:
        async def hold(end: Callable[[], Awaitable[object]]) -> None:
            async with database.connection() as connection:
                await connection.execute("SELECT pg_advisory_lock(1); SET timezone = 'Asia/Tokyo'")
                await end()

        async def fail() -> None:
            raise ZeroDivisionError

        await hold(lambda: asyncio.sleep(0))
        await found_clean(database)
        with pytest.raises(ZeroDivisionError):
            await hold(fail)
        await found_clean(database)
        held = asyncio.Event()
        forever = asyncio.Event()

        async def wait() -> None:
            held.set()
            await forever.wait()

        task = asyncio.create_task(hold(wait))
        await held.wait()
        task.cancel()
        with pytest.raises(asyncio.CancelledError):
            await task
        await found_clean(database)

    async def found_clean(database: Database) -> None:
        async with database.reading() as tx:
            assert await tx.connection.fetchval(locks) == 0
            assert await tx.connection.fetchval("SHOW timezone") == "UTC"

    await with_one_connection(database, use)


@pytest.mark.parametrize("times", [1, 3])
async def test_a_caller_that_is_cancelled_keeps_no_connection(database: str, times: int) -> None:
    """Whenever that happens; the last times while the connection is given back."""

    async def use(database: Database) -> None:
        async def wait() -> None:
            async with database.reading() as tx:
                await tx.connection.execute("SELECT pg_sleep(600)")

        for steps in range(12):
            task = asyncio.create_task(wait())
            for _ in range(steps):
                await asyncio.sleep(0)
            for _ in range(times):
                task.cancel()
                await asyncio.sleep(0)
            with pytest.raises(asyncio.CancelledError):
                await task
            async with database.reading() as tx:
                assert await tx.connection.fetchval("SELECT 1") == 1
            assert database.pool.get_idle_size() == database.pool.get_size()

    await with_one_connection(database, use)


async def test_a_lost_connection_is_one_error_whatever_it_was_for(database: str) -> None:
    async def use(database: Database) -> None:
        for ways in (database.transaction, database.reading):
            with pytest.raises(OutsideError) as caught:
                async with ways() as tx:
                    await tx.connection.execute("SELECT pg_terminate_backend(pg_backend_pid())")
            assert caught.value.code == "database_unavailable"
        async with database.reading() as tx:
            assert await tx.connection.fetchval("SELECT 1") == 1

    await with_one_connection(database, use)


async def test_a_server_that_takes_no_writes_is_left(database: str) -> None:
    """A standby, or a primary of before, to which an address led."""

    async def use(database: Database) -> None:
        async def write() -> None:
            async with database.transaction() as tx:
                await tx.connection.execute("UPDATE clock SET time_offset = '1 hour'")

        async with database.reading() as tx:
            session = "SET SESSION CHARACTERISTICS AS TRANSACTION READ ONLY"
            await tx.connection.execute(session)
        with pytest.raises(OutsideError) as refused:
            await write()
        assert refused.value.code == "database_unavailable"
        await write()

    await with_one_connection(database, use)


async def test_a_plan_from_before_a_schema_step_is_an_error_that_passes(database: str) -> None:
    """Once for each statement of a session: the next transaction plans it again."""
    read = "SELECT * FROM sweep"

    async def use(database: Database) -> None:
        async def step_within() -> None:
            async with database.transaction() as tx:
                await tx.connection.fetch(read)
                await tx.connection.execute("ALTER TABLE sweep ADD test_note text")
                await tx.connection.fetch(read)

        async def read_it() -> None:
            async with database.transaction() as tx:
                await tx.connection.fetch(read)

        await read_it()
        with pytest.raises(OutsideError) as refused:
            await step_within()
        assert refused.value.code == "database_unavailable"
        assert "InvalidCachedStatementError" in refused.value.found
        await read_it()

    await with_one_connection(database, use)
