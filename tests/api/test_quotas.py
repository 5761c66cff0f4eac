"""What one app may hold: open uploads and log; others are not affected."""

import socket
from collections.abc import Iterator
from contextlib import ExitStack
from pathlib import Path
from typing import Any
from urllib.parse import urlsplit

import asyncpg
import pytest

from ferryman.errors import OutsideError
from tests.kit.function_app import FunctionMigration
from tests.kit.platform import PlatformProcess, problem
from tests.kit.services import Services

FORGE = "/app/migration/forge/v1"
OPEN = 5


@pytest.fixture(scope="module")
def strict(tmp_path_factory: pytest.TempPathFactory) -> Iterator[PlatformProcess]:
    folder = tmp_path_factory.mktemp("quotas")
    env = {"FERRYMAN_OPEN_UPLOADS": str(OPEN), "FERRYMAN_LOG_BYTES_PER_SECOND": "10"}
    with PlatformProcess(folder / "data", env=env) as platform:
        yield platform
        platform.settle_all()


def begin(migration: FunctionMigration, label: str) -> Any:
    path = f"/server/v1/transfers/{migration.transfer_id}/app-data"
    return migration.server.call("POST", path, {"label": label})


def test_an_app_has_so_many_files_begun(strict: PlatformProcess, tmp_path: Path) -> None:
    migration = FunctionMigration.begin(strict, tmp_path / "app")
    replies = [begin(migration, str(number)) for number in range(OPEN + 1)]
    assert [reply.status for reply in replies] == [200] * OPEN + [429]
    assert problem(replies[-1])["code"] == "too_many_open_uploads"
    other = FunctionMigration.begin(strict, tmp_path / "other")
    assert begin(other, "first").status == 200
    other.server.ok("DELETE", f"/server/v1/uploads/{begin(other, 'second').json['uploadId']}")
    migration.export("/complete-export?unfinished=abandon")


def test_an_app_logs_so_many_bytes(strict: PlatformProcess, tmp_path: Path) -> None:
    migration = FunctionMigration.begin(strict, tmp_path / "app")
    path = f"{FORGE}/log/{migration.transfer_id}"
    assert migration.cloud.call("POST", path, {"message": "x" * 500}).status == 200
    reply = migration.cloud.call("POST", path, {"message": "x" * 400})
    assert problem(reply)["code"] == "log_rate_limited"
    assert int(reply.headers["retry-after"]) > 1
    other = FunctionMigration.begin(strict, tmp_path / "other")
    path = f"{FORGE}/log/{other.transfer_id}"
    assert other.cloud.call("POST", path, {"message": "x" * 500}).status == 200


async def test_a_full_disk_of_the_database_is_no_mistake_of_ours(services: Services) -> None:
    with pytest.raises(OutsideError, match="database_full"):
        async with services.platform.database.transaction():
            raise asyncpg.DiskFullError


def test_one_file_has_so_many_readers_at_a_time(strict: PlatformProcess, tmp_path: Path) -> None:
    """Each that does not read holds memory for a minute."""
    migration = FunctionMigration.begin(strict, tmp_path / "app")
    migration.send("popular", b"x" * (24 << 20))
    [file] = migration.cloud.ok("GET", f"{FORGE}/data/{migration.transfer_id}/all")
    url = urlsplit(migration.cloud.ok("GET", f"{FORGE}/data/{file['key']}")["url"])
    request = f"GET {url.path}?{url.query} HTTP/1.1\r\nHost: ferryman.example\r\n\r\n"
    with ExitStack() as stack:
        readers = [
            stack.enter_context(socket.create_connection(("127.0.0.1", strict.port), timeout=60))
            for _ in range(110)
        ]
        for reader in readers:
            reader.sendall(request.encode())
        statuses = [reader.recv(12)[-3:] for reader in readers]
    assert set(statuses) == {b"200", b"429"}
