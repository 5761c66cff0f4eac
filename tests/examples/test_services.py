"""The examples on a platform: whole migrations into services, and functions after the end."""

import asyncio
import json
import os
import socket
import sqlite3
import subprocess
import sys
import urllib.error
import urllib.request
from collections.abc import Iterator
from contextlib import closing, contextmanager
from pathlib import Path

import pytest

from ferryman.devtools.definition import read_manifest
from ferryman.functions.call import FunctionCall
from ferryman.functions.pool import FunctionPool
from tests.functions.packages import example
from tests.kit.function_app import FunctionMigration
from tests.kit.platform import PlatformProcess, free_port, wait_until

EXAMPLES = Path(__file__).parents[2] / "examples"
pytestmark = [pytest.mark.e2e, pytest.mark.timeout(300)]

NOTES = [{"id": "1", "author": "ann", "title": "Ebb"}, {"id": "2", "author": "bob", "title": "é"}]
FILE = "".join(json.dumps(note) + "\n" for note in NOTES).encode()
ROWS = b'{"namespace": "identity:user", "serverKey": "ann", "cloudKey": "712020:ann"}\n'


@contextmanager
def service(name: str, folder: Path, port: int, **variables: str) -> Iterator[Path]:
    """The example as a process; where its database is."""
    notes, log = folder / "notes.db", folder / f"{name}.log"
    with log.open("wb") as output:
        process = subprocess.Popen(
            [sys.executable, str(EXAMPLES / name / "app.py"), str(port)],
            env={**os.environ, "NOTES_DB": str(notes), **variables},
            stdout=output,
            stderr=subprocess.STDOUT,
        )

    def listens() -> bool:
        assert process.poll() is None, log.read_text()
        with closing(socket.socket()) as client:
            return client.connect_ex(("127.0.0.1", port)) == 0

    try:
        wait_until(listens)
        yield notes
        assert process.poll() is None, log.read_text()
        assert "Traceback" not in log.read_text()
    finally:
        process.terminate()
        process.wait(90)


def imported(notes: Path) -> list[tuple[str, str | None, str]]:
    with closing(sqlite3.connect(notes)) as db:
        return db.execute("SELECT * FROM note ORDER BY id").fetchall()


def refused(url: str, authorization: str) -> int:
    """The status of an event of someone else."""
    request = urllib.request.Request(  # noqa: S310
        url,
        data=b'{"messageId": "forged", "eventType": "x"}',
        headers={"Authorization": authorization},
    )
    try:
        with urllib.request.urlopen(request, timeout=90) as answer:  # noqa: S310
            return int(answer.status)
    except urllib.error.HTTPError as error:
        with error:
            return error.code


def carry(migration: FunctionMigration) -> None:
    path = f"/admin/v1/migrations/{migration.migration_id}/mappings"
    assert migration.admin.call("PUT", path, raw=ROWS).status == 200
    migration.send("notes", FILE)
    migration.send("last", FILE)


def test_the_connect_app(platform_process: PlatformProcess, tmp_path: Path) -> None:
    """Installed by a signed call; imports, translates, reports, settles; takes nothing forged."""
    port = free_port()
    address = f"http://127.0.0.1:{port}"
    keys = f"{platform_process.url}/connect/install-keys"
    with service("connect", tmp_path, port, BASE_URL=address, INSTALL_KEYS=keys) as notes:
        with urllib.request.urlopen(f"{address}/", timeout=90) as answer:  # noqa: S310
            descriptor = json.load(answer)
        migration = FunctionMigration.begin(
            platform_process,
            tmp_path / "unused",
            kind="connect",
            cloudAppKey=descriptor["key"],
            descriptor=descriptor,
            manifest=None,
            source=None,
        )
        carry(migration)
        wait_until(lambda: migration.status == "SUCCESS", 90)
        assert imported(notes) == [("1", "712020:ann", "Ebb"), ("2", None, "é")]
        assert migration.view()["statusMessage"] == "4 notes"
        assert refused(f"{address}/migration", "JWT e30.e30.x") == 401
        assert refused(f"{address}/installed", "JWT e30.e30.x") == 401


def test_the_remote(platform_process: PlatformProcess, tmp_path: Path) -> None:
    """Takes events with a token of the platform alone, and calls back with the one that came."""
    port = free_port()
    manifest = read_manifest(EXAMPLES / "remote" / "manifest.yml")
    address = manifest["remotes"][0]["baseUrl"] = f"http://127.0.0.1:{port}"
    with service("remote", tmp_path, port, FERRYMAN_URL=platform_process.url) as notes:
        migration = FunctionMigration.begin(
            platform_process, tmp_path / "unused", manifest=manifest, source=None
        )
        carry(migration)
        migration.complete_export()
        wait_until(lambda: migration.status == "SUCCESS", 90)
        assert imported(notes) == [("1", "712020:ann", "Ebb"), ("2", None, "é")]
        logs = [
            entry["data"]["message"] for entry in migration.timeline() if "log" in entry["kind"]
        ]
        assert sorted(logs) == ["2 notes of last are imported", "2 notes of notes are imported"]
        assert refused(f"{address}/migration/events", "Bearer e30.e30.x") == 401


@pytest.mark.usefixtures("javascript")
@pytest.mark.parametrize(
    ("name", "label"), [("forge-js", "notes"), ("forge-ts", "worklogs"), ("noticeboard", "users")]
)
def test_an_event_that_comes_again_after_the_end_is_no_failure(
    platform_process: PlatformProcess, tmp_path: Path, name: str, label: str
) -> None:
    """An attempt that seemed to fail may have ended the transfer; calls for it are refused then."""
    migration = FunctionMigration.begin(platform_process, tmp_path / "unused")
    message_id = migration.send(label)
    path = f"/app/migration/forge/v1/data/{migration.transfer_id}/all"
    [file] = migration.cloud.ok("GET", path)
    migration.settle()
    wait_until(lambda: migration.status == "SUCCESS", 90)
    event = {
        "eventType": "avi:ecosystem.migration:uploaded:app_data",
        "transferId": migration.transfer_id,
        "messageId": message_id,
        "key": file["key"],
        "label": label,
    }
    call = FunctionCall(
        source=example(name, tmp_path),
        handler="index.run",
        event=event,
        context={},
        environment={
            "FERRYMAN_URL": platform_process.url,
            "FERRYMAN_TOKEN": migration.tokens["cloudToken"],
            "NOTICEBOARD_DB": str(tmp_path / "board.db"),
        },
    )

    async def again() -> None:
        async with FunctionPool(concurrency=1) as pool:
            outcome = await pool.invoke(call)
            assert outcome.ok, outcome.error

    asyncio.run(again())
