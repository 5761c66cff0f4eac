"""``ferryman upgrade``: looks first, then applies the steps, and goes on after a kill."""

import asyncio
import json
import os
import signal
import subprocess
import sys
from collections.abc import Callable
from pathlib import Path
from typing import Any

import asyncpg
import pytest

from tests.kit import forked
from tests.kit.database import execute, fetch
from tests.kit.platform import wait_until
from tests.upgrade.test_steps import MIGRATIONS, apply

pytestmark = pytest.mark.e2e

Upgrade = Callable[..., "subprocess.CompletedProcess[str]"]


def environment(url: str, folder: Path) -> dict[str, str]:
    own = {k: v for k, v in os.environ.items() if not k.startswith("FERRYMAN_")}
    return {**own, "FERRYMAN_DATABASE_URL": url, "FERRYMAN_DATA_DIR": str(folder / "data")}


@pytest.fixture
def upgrade(empty_database: str, tmp_path: Path) -> Upgrade:
    def run(*options: str) -> "subprocess.CompletedProcess[str]":
        return forked.run(
            [sys.executable, "-m", "ferryman", "upgrade", *options],
            env=environment(empty_database, tmp_path),
            capture_output=True,
            text=True,
            timeout=200,
            check=False,
        )

    return run


def first_release(url: str) -> None:
    """Make the database that the first build made, with some secrets."""

    async def run() -> None:
        connection: Any = await asyncpg.connect(url)
        await apply(connection, MIGRATIONS[0])
        await connection.close()

    asyncio.run(run())
    asyncio.run(
        execute(
            url,
            "INSERT INTO secret SELECT 'key-' || n, '\\x00' FROM generate_series(1, 1500) AS n",
            "ANALYZE secret",
        )
    )


def test_it_shows_each_step_and_then_applies_it(empty_database: str, upgrade: Upgrade) -> None:
    first_release(empty_database)
    shown = upgrade("--check", "--json")
    assert shown.returncode == 1, shown.stderr
    *steps, last = [json.loads(line) for line in shown.stdout.splitlines()]
    assert [each["step"] for each in steps] == MIGRATIONS[1:]
    assert last == {"steps": len(MIGRATIONS) - 1}
    [secret] = [each for each in steps[1]["tables"] if each["table"] == "secret"]
    assert (secret["lock"], secret["stops"]) == ("ACCESS EXCLUSIVE", "reads and writes wait")
    assert secret["rows"] == 1500
    assert fetch(empty_database, "SELECT count(*) FROM schema_history")[0][0] == 1
    said = upgrade("--check").stdout
    assert "app_data: reads about 0 rows; writes wait" in said
    assert said.endswith(f"{len(MIGRATIONS) - 1} steps to go.\n")
    done = upgrade()
    assert done.returncode == 0, done.stderr
    assert done.stdout.splitlines() == [
        *(f"Applied {name}." for name in MIGRATIONS[1:]),
        "The schema is that of this version.",
    ]
    again = upgrade("--check")
    assert (again.returncode, again.stdout) == (0, "The schema is that of this version.\n")


def test_a_kill_within_a_step_costs_that_step_alone(
    empty_database: str, upgrade: Upgrade, tmp_path: Path
) -> None:
    first_release(empty_database)

    async def kill_while_it_waits() -> None:
        holder: Any = await asyncpg.connect(empty_database)
        async with holder.transaction():
            await holder.execute("SELECT FROM transfer")
            # The third step is the first that locks this table.
            process = forked.Popen[bytes](
                [sys.executable, "-m", "ferryman", "upgrade"],
                env=environment(empty_database, tmp_path),
                stdin=subprocess.DEVNULL,
                stdout=subprocess.DEVNULL,
                stderr=subprocess.DEVNULL,
            )
            waits = (
                "SELECT count(*) FROM pg_locks"
                " WHERE NOT granted AND pg_backend_pid() = ANY (pg_blocking_pids(pid))"
            )

            async def waiting() -> bool:
                return bool(await holder.fetchval(waits))

            while not await waiting():
                assert process.poll() is None
                await asyncio.sleep(0.02)
            process.send_signal(signal.SIGKILL)
            await asyncio.to_thread(process.wait)
        await holder.close()

    asyncio.run(kill_while_it_waits())
    applied = [row["name"] for row in fetch(empty_database, "SELECT name FROM schema_history")]
    assert applied == MIGRATIONS[: len(applied)]
    assert 1 < len(applied) < len(MIGRATIONS)
    others = "SELECT count(*) FROM pg_stat_activity WHERE datname = current_database()"
    wait_until(lambda: fetch(empty_database, others)[0][0] == 1)
    done = upgrade()
    assert done.returncode == 0, done.stderr
    assert f"Applied {MIGRATIONS[len(applied)]}." == done.stdout.splitlines()[0]


def test_a_session_that_is_ended_within_a_step_is_told(empty_database: str, tmp_path: Path) -> None:
    first_release(empty_database)

    async def end_it_while_it_waits() -> "tuple[subprocess.Popen[str], str]":
        holder: Any = await asyncpg.connect(empty_database)
        async with holder.transaction():
            await holder.execute("SELECT FROM transfer")
            process = forked.Popen[str](
                [sys.executable, "-m", "ferryman", "upgrade"],
                env=environment(empty_database, tmp_path),
                stdin=subprocess.DEVNULL,
                stdout=subprocess.DEVNULL,
                stderr=subprocess.PIPE,
                text=True,
            )
            ended = (
                "SELECT pg_terminate_backend(pid) FROM pg_locks"
                " WHERE NOT granted AND pg_backend_pid() = ANY (pg_blocking_pids(pid))"
            )
            while not await holder.fetch(ended):
                assert process.poll() is None
                await asyncio.sleep(0.02)
            _, said = await asyncio.to_thread(process.communicate)
        await holder.close()
        return process, said

    process, said = asyncio.run(end_it_while_it_waits())
    assert process.returncode == 2, said
    assert "database_unavailable" in said
    assert "found ConnectionDoesNotExistError: connection was closed" in said
    assert "Traceback" not in said


def test_a_newer_schema_is_refused(empty_database: str, upgrade: Upgrade) -> None:
    assert upgrade().returncode == 0
    asyncio.run(execute(empty_database, "INSERT INTO schema_history VALUES ('0099_later.sql')"))
    for options in ((), ("--check",)):
        refused = upgrade(*options)
        assert refused.returncode == 2
        assert "schema_newer" in refused.stderr
        assert "Traceback" not in refused.stderr
