"""Time counts whatever the worker does, and moves for all callers alike."""

from concurrent.futures import ThreadPoolExecutor
from hashlib import sha256
from pathlib import Path

import pytest

from tests.kit.function_app import FunctionMigration
from tests.kit.platform import PlatformProcess, wait_until

pytestmark = pytest.mark.e2e


def test_a_passed_deadline_counts_although_its_timer_did_not_run(
    platform_process: PlatformProcess, app_folder: Path
) -> None:
    migration = FunctionMigration.begin(platform_process, app_folder, windowSeconds=60)
    part = {"number": 1, "size": 1, "sha256": sha256(b"x").hexdigest()}
    stored = {**part, "etag": part["sha256"]}
    own = f"/server/v1/transfers/{migration.transfer_id}"
    begun = migration.server.ok("POST", f"{own}/app-data", {})["uploadId"]
    message_id = migration.send("in time")
    migration.advance(0)
    deadline = migration.view()["deadline"]
    [worker] = wait_until(platform_process.workers)
    worker.suspend()
    pool = ThreadPoolExecutor(1)
    try:
        # It moves the clock, and waits for the worker until that runs again.
        moving = pool.submit(migration.advance, 60)
        wait_until(lambda: migration.admin.ok("GET", "/admin/v1/clock")["now"] > deadline)
        calls = [
            (migration.server, f"{own}/app-data", {}),
            (migration.server, f"/server/v1/uploads/{begun}/parts", {"parts": [part]}),
            (migration.server, f"/server/v1/uploads/{begun}/complete", {"parts": [stored]}),
            (migration.server, f"{own}/complete-export", None),
            (migration.server, f"{own}/error", {"exceptionType": "E", "safeStackTrace": ""}),
            (
                migration.cloud,
                f"/app/migration/forge/v1/message/{migration.transfer_id}/status",
                {"status": "SUCCESS", "messageIds": [message_id]},
            ),
        ]
        for caller, path, body in calls:
            assert caller.refused(409, "POST", path, body)["code"] == "transfer_settled", path
        view = migration.view()
        assert (view["status"], view["acknowledged"], view["files"]) == ("IN_PROGRESS", 0, 1)
    finally:
        worker.resume()
        pool.shutdown()
    moving.result()
    wait_until(lambda: migration.status == "TIMED_OUT")
    assert worker.is_running(), "it was started again, not resumed"


def test_timers_fire_at_their_own_time_whoever_moves_the_clock(
    platform_process: PlatformProcess, tmp_path: Path
) -> None:
    migrations = []
    for window in (70, 150, 230, 310, 390, 470):
        folder = tmp_path / f"app-{window}"
        migrations.append(FunctionMigration.begin(platform_process, folder, windowSeconds=window))
    for migration in migrations:
        migration.send("nobody acknowledges this")
    deadlines = [migration.view()["deadline"] for migration in migrations]
    before = migrations[0].admin.ok("GET", "/admin/v1/clock")["offsetSeconds"]
    with ThreadPoolExecutor(6) as pool:
        list(pool.map(lambda migration: migration.advance(100), migrations))
    after = migrations[0].admin.ok("GET", "/admin/v1/clock")["offsetSeconds"]
    assert after - before == pytest.approx(600)
    views = [migration.view() for migration in migrations]
    assert [view["status"] for view in views] == ["TIMED_OUT"] * len(views)
    late = [view["settledAt"] - at for view, at in zip(views, deadlines, strict=True)]
    # By who moves the clock at last, one would be 90 s late.
    assert all(0 <= milliseconds < 80_000 for milliseconds in late), late
