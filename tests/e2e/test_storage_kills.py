"""The platform is killed, or its disk is full, where the store and the database could part."""

import asyncio
import json
import os
import shutil
import subprocess
import sys
import threading
from collections.abc import Callable, Iterator
from contextlib import contextmanager
from hashlib import sha256
from pathlib import Path
from typing import Any
from uuid import uuid4

import asyncpg
import pytest
import urllib3

from tests.kit import forked
from tests.kit.function_app import FunctionMigration
from tests.kit.platform import Caller, PlatformProcess, Reply, wait_until

pytestmark = pytest.mark.e2e

DAY = 86_400
COPIES = 1_000
"""Two batches of a sweep."""

HOLD_SECOND_BATCH = """
CREATE SEQUENCE ended;
CREATE FUNCTION hold() RETURNS trigger LANGUAGE plpgsql AS $$
BEGIN
    IF nextval('ended') > 500 THEN PERFORM pg_advisory_xact_lock_shared(1); END IF;
    RETURN new;
END $$;
CREATE TRIGGER hold BEFORE UPDATE OF deleted_at ON app_data FOR EACH ROW EXECUTE FUNCTION hold();
"""


@pytest.fixture
def platform(tmp_path: Path, database: str) -> Iterator[PlatformProcess]:
    env = {"FERRYMAN_HEARTBEAT_SECONDS": "2", "FERRYMAN_SWEEP_SECONDS": str(13 * DAY)}
    process = PlatformProcess(tmp_path / "data", database_url=database, env=env)
    try:
        process.start()
        yield process
    finally:
        process.close()


class Sql:
    """A connection past the platform."""

    def __init__(self, url: str) -> None:
        self._runner = asyncio.Runner()
        self._connection: Any = self._runner.run(asyncpg.connect(url))

    def __enter__(self) -> "Sql":
        return self

    def __exit__(self, *_error: object) -> None:
        self._connection.terminate()
        self._runner.close()

    def do(self, statement: str, *arguments: object) -> None:
        self._runner.run(self._connection.execute(statement, *arguments))

    def value(self, query: str, *arguments: object) -> Any:
        return self._runner.run(self._connection.fetchval(query, *arguments))


class Upload:
    """A file whose one part is in the store."""

    def __init__(self, migration: FunctionMigration, data: bytes = b"harbour") -> None:
        path = f"/server/v1/transfers/{migration.transfer_id}/app-data"
        begun = migration.server.ok("POST", path, {"label": "file"})
        self.migration, self.key = migration, begun["key"]
        self.path = f"/server/v1/uploads/{begun['uploadId']}"
        digest = sha256(data).hexdigest()
        part = {"number": 1, "size": len(data), "sha256": digest}
        answer = migration.server.ok("POST", f"{self.path}/parts", {"parts": [part]})
        [signed] = answer["parts"]
        self.part = part | {"etag": digest}
        self.sent = urllib3.request(
            "PUT", signed["url"], body=data, headers=signed["headers"], retries=False
        )

    def complete(self) -> Reply:
        return self.migration.server.call("POST", f"{self.path}/complete", {"parts": [self.part]})


def objects(platform: PlatformProcess) -> list[str]:
    return [path.name for path in (platform.data_dir / "objects" / "objects").glob("*/*")]


def cut_off(
    platform: PlatformProcess, database: str, lock: str, relation: str, upload: Upload
) -> None:
    """Complete an upload, and kill the platform while it waits for ``lock`` on ``relation``."""

    def complete() -> None:
        with pytest.raises(urllib3.exceptions.HTTPError):
            upload.complete()

    call = threading.Thread(target=complete)
    with Sql(database) as held, Sql(database) as look:
        held.do("BEGIN")
        held.do(lock)
        call.start()
        waiting = """
            SELECT count(*) FROM pg_locks mine JOIN pg_locks other USING (pid)
            WHERE mine.relation = CAST(CAST($1 AS text) AS regclass)
                AND mine.granted AND NOT other.granted
                AND mine.pid <> pg_backend_pid()"""
        wait_until(lambda: look.value(waiting, relation) and objects(platform) == [upload.key])
        assert look.value("SELECT count(*) FROM app_data") == 0
        platform.kill()
    call.join()
    platform.start()


def await_first_event(migration: FunctionMigration) -> None:
    """Until the worker waits for no lock either, as it has nothing to do."""

    def nothing_under_way() -> bool:
        [message] = migration.messages()
        return [each["outcome"] for each in message["attempts"]][-1:] == ["DELIVERED"]

    wait_until(nothing_under_way)


def check_one(platform: PlatformProcess, database: str, upload: Upload) -> None:
    """The same call again makes one file and one event, which arrives."""
    migration = upload.migration
    with Sql(database) as look:
        for table in ("app_data", "message WHERE payload ? 'key'"):
            assert look.value(f"SELECT count(*) FROM {table}") == 0  # noqa: S608
    receipt = upload.complete()
    assert receipt.status == 200, receipt.body
    assert upload.complete().json == receipt.json
    path = f"/admin/v1/transfers/{migration.transfer_id}/app-data"
    [file] = migration.admin.ok("GET", path)["items"]
    assert file["key"] == upload.key
    assert [m["messageId"] for m in migration.messages() if m["key"]] == [file["messageId"]]
    told = wait_until(lambda: [e for e in migration.events() if e.get("key") == upload.key])
    assert {each["messageId"] for each in told} == {file["messageId"]}
    report = migration.admin.ok("POST", "/admin/v1/storage/sweep")
    assert (report["findings"], report["strayFiles"], report["checkedFiles"]) == ([], 0, 1)


def test_killed_between_the_stores_completion_and_the_row(
    platform: PlatformProcess, database: str, app_folder: Path
) -> None:
    """The object is there, the row waits for the transfer's lock."""
    migration = FunctionMigration.begin(platform, app_folder)
    await_first_event(migration)
    upload = Upload(migration)
    lock = f"SELECT 1 FROM transfer WHERE transfer_id = '{migration.transfer_id}' FOR UPDATE"  # noqa: S608
    cut_off(platform, database, lock, "transfer", upload)
    check_one(platform, database, upload)


def test_killed_between_the_row_and_the_event(
    platform: PlatformProcess, database: str, app_folder: Path
) -> None:
    """They are one transaction: the row is written, and gone with it."""
    migration = FunctionMigration.begin(platform, app_folder)
    await_first_event(migration)
    upload = Upload(migration)
    cut_off(platform, database, "LOCK TABLE message IN SHARE MODE", "app_data", upload)
    check_one(platform, database, upload)


def multiply(platform: PlatformProcess, database: str, upload: Upload, copies: int) -> None:
    """More files like that one, past the services: rows and objects as they would have been."""
    folder = platform.data_dir / "objects" / "objects"
    keys = [str(uuid4()) for _ in range(copies)]
    for key in keys:
        shutil.copytree(folder / upload.key[:2] / upload.key, folder / key[:2] / key)
    with Sql(database) as connection:
        connection.do(
            """
            WITH made AS (
                INSERT INTO upload (upload_id, transfer_id, key, store_ref, state, created_at)
                SELECT gen_random_uuid(), transfer_id, made, made::text, 'COMPLETED', created_at
                FROM upload, unnest(CAST($1 AS uuid[])) made WHERE upload.key = $2
                RETURNING upload_id, key, transfer_id)
            INSERT INTO app_data (key, transfer_id, upload_id, message_id, size, sha256, parts,
                                  created_at)
            SELECT made.key, made.transfer_id, made.upload_id, gen_random_uuid(), size, sha256,
                   parts, created_at
            FROM made, app_data WHERE app_data.key = $2""",
            keys,
            upload.key,
        )


def sweep_killed(
    platform: PlatformProcess,
    database: str,
    folder: Path,
    begin: Callable[[FunctionMigration], Any],
    kill: Callable[[], Any],
) -> FunctionMigration:
    """Kill a sweep when it has deleted some of many files, and waits before its second batch."""
    over = FunctionMigration.begin(platform, folder / "over")
    upload = Upload(over)
    assert upload.complete().status == 200
    multiply(platform, database, upload, COPIES)
    over.advance(12 * DAY)
    fresh = FunctionMigration.begin(platform, folder / "fresh")
    kept = Upload(fresh)
    assert kept.complete().status == 200
    call = threading.Thread(target=begin, args=(over,))
    with Sql(database) as held:
        held.do(HOLD_SECOND_BATCH)
        held.do("SELECT pg_advisory_lock(1)")
        call.start()
        wait_until(lambda: len(objects(platform)) < COPIES - 50)
        kill()
    assert len(objects(platform)) > 1
    call.join()
    return fresh


def check_swept(platform: PlatformProcess, migration: FunctionMigration) -> None:
    [key] = objects(platform)
    path = f"/admin/v1/transfers/{migration.transfer_id}/app-data"
    assert [each["key"] for each in migration.admin.ok("GET", path)["items"]] == [key]
    view = migration.admin.ok("GET", "/admin/v1/storage")
    assert (view["files"], view["deletedFiles"]) == (1, COPIES + 1)
    assert view["lastSweep"]["findings"] == []


def test_a_worker_killed_in_the_middle_of_a_sweep(
    platform: PlatformProcess, database: str, tmp_path: Path
) -> None:
    """Another takes the sweep up by itself, and the clock waits for it."""
    wait_until(platform.workers)

    def advance(migration: FunctionMigration) -> None:
        migration.advance(DAY + 60)

    def kill() -> None:
        for worker in platform.workers():
            worker.kill()

    fresh = sweep_killed(platform, database, tmp_path, advance, kill)
    check_swept(platform, fresh)


def test_a_platform_killed_in_the_middle_of_a_sweep(
    platform: PlatformProcess, database: str, tmp_path: Path
) -> None:
    """Asked for again, it ends what was begun and touches nothing else."""

    def sweep(migration: FunctionMigration) -> None:
        with pytest.raises(urllib3.exceptions.HTTPError):
            migration.admin.call("POST", "/admin/v1/storage/sweep")

    def begin(migration: FunctionMigration) -> None:
        with Sql(database) as connection:
            # The last URLs to its files ended two hours ago; no timer fires for that.
            connection.do(
                "UPDATE transfer SET started_at = started_at - interval '2 hours'"
                " WHERE transfer_id = $1",
                migration.transfer_id,
            )
        sweep(migration)

    fresh = sweep_killed(platform, database, tmp_path, begin, platform.kill)
    platform.start()
    wait_until(lambda: swept(fresh))
    check_swept(platform, fresh)


def swept(migration: FunctionMigration) -> bool:
    """The lock of a killed sweep ends with its connection, which may take a moment."""
    return migration.admin.call("POST", "/admin/v1/storage/sweep").status == 200


def test_a_worker_without_the_files_does_not_sweep(
    platform: PlatformProcess, database: str, tmp_path: Path, app_folder: Path
) -> None:
    """On another machine it would take every file for missing."""
    migration = FunctionMigration.begin(platform, app_folder)
    assert Upload(migration).complete().status == 200
    env = {
        **os.environ,
        "FERRYMAN_DATABASE_URL": database,
        "FERRYMAN_DATA_DIR": str(tmp_path / "elsewhere"),
        "FERRYMAN_CLOCK": "virtual",
        "FERRYMAN_SWEEP_SECONDS": "3600",
        "FERRYMAN_PROBE_PORT": "0",
    }
    log = tmp_path / "elsewhere.log"
    with log.open("wb") as output:
        worker = forked.Popen(
            [sys.executable, "-m", "ferryman", "worker"],
            env=env,
            stdout=output,
            stderr=subprocess.STDOUT,
        )
    try:
        wait_until(lambda: "sweep.not_here" in log.read_text())
        [listens] = wait_until(
            lambda: [line for line in log.read_text().split("\n")[:-1] if "probe.listens" in line]
        )
        probe = Caller(f"http://127.0.0.1:{json.loads(listens)['port']}", None)
        wait_until(lambda: probe.call("GET", "/readyz").status == 200)
        probe.close()
        # The platform's own worker may still be at its start; time is not to pass before its timer.
        wait_until(lambda: migration.admin.ok("GET", "/admin/v1/storage")["nextSweepAt"])
        for _ in range(3):
            migration.advance(13 * DAY / 4)
        view = migration.admin.ok("GET", "/admin/v1/storage")
        assert (view["files"], view["lastError"]) == (1, None)
        assert view["lastSweep"] is None or view["lastSweep"]["findings"] == []
        migration.advance(13 * DAY / 4 + 60)
        wait_until(lambda: migration.admin.ok("GET", "/admin/v1/storage")["lastSweep"])
        view = migration.admin.ok("GET", "/admin/v1/storage")
        assert (view["files"], view["lastSweep"]["findings"]) == (0, [])
        assert objects(platform) == []
    finally:
        worker.terminate()
        worker.wait()


@contextmanager
def small_disk(folder: Path) -> Iterator[None]:
    folder.mkdir(parents=True)
    mount = ["mount", "-t", "tmpfs", "-o", "size=4m", "ferryman", str(folder)]
    if subprocess.run(mount, capture_output=True, check=False).returncode != 0:
        pytest.skip("mounting a small disk needs more rights than this user has")
    try:
        yield
    finally:
        subprocess.run(["umount", "-l", str(folder)], check=True)


def fill(folder: Path) -> Path:
    """Leave no byte of the disk free."""
    filler = folder / "filler"
    with filler.open("wb", buffering=0) as file:
        for size in (1 << 16, 1 << 12, 1):
            try:
                while file.write(b"x" * size) == size:
                    pass
            except OSError:
                continue
    return filler


def test_a_full_disk_shows_nothing_half(tmp_path: Path, database: str, app_folder: Path) -> None:
    """Neither a part nor a completion; both go through once there is room."""
    disk = tmp_path / "data" / "objects"
    with small_disk(disk):
        platform = PlatformProcess(tmp_path / "data", database_url=database)
        try:
            platform.start()
            migration = FunctionMigration.begin(platform, app_folder)
            sent = Upload(migration)
            filler = fill(disk)
            refused = Upload(migration, b"x" * 100_000).sent
            assert (refused.status, refused.json()["code"]) == (507, "store_full")
            answer = sent.complete()
            assert (answer.status, answer.json["code"]) == (507, "store_full")
            assert "disk" in answer.json["expected"]
            path = f"/admin/v1/transfers/{migration.transfer_id}/app-data"
            assert migration.admin.ok("GET", path)["items"] == []
            assert [m for m in migration.messages() if m["key"]] == []
            assert objects(platform) == []
            filler.unlink()
            assert sent.complete().status == 200
            again = Upload(migration, b"x" * 100_000)
            assert (again.sent.status, again.complete().status) == (200, 200)
            assert len(migration.admin.ok("GET", path)["items"]) == 2
        finally:
            platform.close()
