"""A worker is drained and killed on real processes: nothing is lost, and a new one works."""

import signal
from pathlib import Path

import pytest

from tests.kit.function_app import FunctionMigration
from tests.kit.platform import PlatformProcess, wait_until

pytestmark = pytest.mark.e2e

CODE = """\
import pathlib, time

def run(event, context):
    folder = pathlib.Path(__file__).parent
    (folder / ("begun-" + event.get("label", "start"))).touch()
    while not (folder / "go").exists():
        time.sleep(0.02)
"""


def test_a_drained_worker_that_is_killed_loses_nothing_and_comes_back_working(
    tmp_path: Path,
) -> None:
    env = {"FERRYMAN_HEARTBEAT_SECONDS": "2"}
    with PlatformProcess(tmp_path / "data", env=env) as platform:
        migration = FunctionMigration.begin(platform, tmp_path / "cloud-app", code=CODE)
        admin = migration.admin
        wait_until((migration.folder / "begun-start").exists)
        [worker] = admin.ok("GET", "/admin/v1/workers")["items"]
        [process] = platform.workers()
        assert worker["pid"] == process.pid
        path = f"/admin/v1/workers/{worker['workerId']}"
        assert admin.ok("POST", f"{path}/drain")["held"] == 1
        migration.upload("late")
        process.send_signal(signal.SIGKILL)

        def others() -> list[dict[str, object]]:
            items = admin.ok("GET", "/admin/v1/workers")["items"]
            return [each for each in items if each["workerId"] != worker["workerId"]]

        wait_until(lambda: [each["state"] for each in others()] == ["working"])
        wait_until((migration.folder / "begun-late").exists)
        (migration.folder / "go").touch()
        wait_until(lambda: len(migration.timeline("attempt.delivered")) == 2)
        [lost] = migration.timeline("attempt.lost")
        assert lost["data"]["number"] == 1
        assert admin.call("POST", f"{path}/drain").status == 404
