"""``serve`` and ``worker`` on a database that another version of the platform has changed."""

import asyncio
import os
import sys
from pathlib import Path
from typing import Any

import asyncpg
import pytest

from tests.kit import forked

pytestmark = pytest.mark.e2e


@pytest.mark.parametrize(
    ("name", "code"),
    [("0099_future", "schema_newer"), ("0002_connect.sql", "schema_unreleased")],
)
@pytest.mark.parametrize("command", ["serve", "worker"])
def test_the_start_is_refused(
    database: str, tmp_path: Path, command: str, name: str, code: str
) -> None:
    async def note() -> None:
        connection: Any = await asyncpg.connect(database)
        await connection.execute("INSERT INTO schema_history (name) VALUES ($1)", name)
        await connection.close()

    asyncio.run(note())
    own = {k: v for k, v in os.environ.items() if not k.startswith("FERRYMAN_")}
    ended = forked.run(
        [sys.executable, "-m", "ferryman", command, "--data-dir", str(tmp_path / "data")],
        env={**own, "FERRYMAN_PORT": "0", "FERRYMAN_DATABASE_URL": database},
        capture_output=True,
        text=True,
        timeout=120,
        check=False,
    )
    assert ended.returncode == 2, ended.stderr
    assert code in ended.stderr
    assert "Traceback" not in ended.stderr
