"""Backup, restore and a drill through the command line, with the embedded database and SIGKILL."""

import os
import subprocess
from collections.abc import Callable
from pathlib import Path
from threading import Event, Thread

import pytest

from tests.console.people import Console
from tests.kit.command import Command, command
from tests.kit.function_app import FunctionMigration
from tests.kit.platform import PlatformProcess, wait_until

pytestmark = pytest.mark.e2e

LARGE = 16 << 20
FILES = 20
MARK = "restore-unfinished"


def kill_when(begun: "subprocess.Popen[str]", come: Callable[[], bool]) -> None:
    """Kill a command with SIGKILL as soon as that has come, unless it has ended before."""
    wait_until(lambda: come() or begun.poll() is not None)
    begun.kill()
    begun.communicate()


def back_up(platform: PlatformProcess, migration: FunctionMigration, place: Path) -> None:
    """Back a platform up, after kills, while files come and expired ones are deleted."""
    ferryman = command(platform.url, platform.data_dir)
    moments: list[Callable[[], bool]] = [
        (place / "lock").exists,
        lambda: any(place.glob("database/*/*")),
        lambda: any(place.glob("objects/*/*")),
    ]
    for moment in moments:
        kill_when(ferryman.begin("backup", str(place)), moment)
    sent: list[str] = []
    stop = Event()

    def send() -> None:
        while not stop.is_set():
            sent.append(migration.send(f"during the backup {len(sent)}"))

    sending = Thread(target=send)
    sending.start()
    try:
        wait_until(lambda: sent)
        backing_up = ferryman.begin("backup", str(place), "--json")
        while backing_up.poll() is None:
            ferryman("data", "sweep")
        said, errors = backing_up.communicate()
    finally:
        stop.set()
        sending.join()
    assert backing_up.returncode == 0, said + errors


def restore(own: Command, place: Path, folder: Path) -> None:
    """Restore a backup with kills; what a killed restore leaves running is found and stopped."""
    moments: list[Callable[[], bool]] = [
        (folder / MARK).exists,
        lambda: any(folder.glob("objects/objects/*/*")),
        (folder / "objects" / "uploads").exists,
    ]
    for moment in moments:
        if not folder.exists() or (folder / MARK).exists():
            kill_when(own.begin("restore", str(place)), moment)
    if (folder / MARK).exists():
        refused = own("serve", "--port", "0")
        assert refused.returncode == 2
        assert "restore_unfinished" in refused.stderr
    if not folder.exists() or (folder / MARK).exists():
        report = own.json("restore", str(place), "--verify")
        assert report["verified"]["problems"] == []
        assert report["verified"]["files"] == report["files"] > FILES


def test_a_drill_calls_nobody_and_transfers_go_on_after_a_restore(
    app_folder: Path, tmp_path: Path
) -> None:
    # What has settled expires at once, so that a sweep has something to delete.
    source = PlatformProcess(tmp_path / "data", env={"FERRYMAN_KEEP_SETTLED_DAYS": "0"})
    place, folder = tmp_path / "backup", tmp_path / "restored"
    with source:
        over = FunctionMigration.begin(source, tmp_path / "over")
        over.send("expired", os.urandom(1000))
        over.export("/complete-export")
        over.settle()
        migration = FunctionMigration.begin(source, app_folder)
        migration.send("large", os.urandom(LARGE))
        for number in range(FILES):
            migration.send(f"{number}", os.urandom(2000))
        wait_until(lambda: len(migration.events()) > FILES + 1)
        [worker] = wait_until(source.workers)
        worker.suspend()
        try:
            migration.send("waits")
            back_up(source, migration, place)
        finally:
            worker.resume()

    own = command("", folder)
    restore(own, place, folder)
    happened = len(migration.events())
    with PlatformProcess(folder, env={"FERRYMAN_NO_DELIVERY": "true"}) as drill:
        assert drill.workers() == []
        admin = drill.caller(drill.operator_token)
        readiness = drill.readiness()
        assert readiness["status"] == "degraded"
        assert readiness["checks"]["delivery"]["ok"] is False
        console = Console(drill)
        console.sign_in(drill.operator_token)
        assert "--no-delivery" in console.text()
        view = admin.ok("GET", f"/admin/v1/transfers/{migration.transfer_id}")
        assert view["status"] == "IN_PROGRESS"
        proof = command(drill.url, folder).ok("data", "verify", migration.transfer_id)
        assert "every byte is as it was accepted" in proof
    assert len(migration.events()) == happened
    with PlatformProcess(folder) as again:
        admin = again.caller(again.operator_token)
        wait_until(lambda: len(migration.events()) > happened)
        server = again.caller(migration.tokens["serverToken"])
        own_path = f"/server/v1/transfers/{migration.transfer_id}"
        # At the moment of the backup, a file may have been on its way.
        server.ok("POST", f"{own_path}/complete-export?unfinished=abandon", {})
        path = f"/admin/v1/transfers/{migration.transfer_id}"
        cloud = again.caller(migration.tokens["cloudToken"])
        cloud.ok(
            "POST",
            f"/app/migration/forge/v1/message/{migration.transfer_id}/status",
            {
                "status": "SUCCESS",
                "messageIds": admin.ok("GET", path)["unacknowledgedMessageIds"],
            },
        )
        assert admin.ok("GET", path)["status"] == "SUCCESS"
