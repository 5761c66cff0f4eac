"""Cancelling, as the documents have it: one event, 60 minutes to clean up, then CANCELLED."""

from pathlib import Path
from typing import Any

import pytest

from tests.kit.connect_client import connect_migration
from tests.kit.function_app import FunctionMigration
from tests.kit.platform import PlatformProcess

FORGE = "/app/migration/forge/v1"
EVENT = "avi:ecosystem.migration:requested:transfer_cancellation"


def cancel(migration: FunctionMigration) -> Any:
    return migration.admin.ok("POST", f"/admin/v1/transfers/{migration.transfer_id}/cancel")


def told(migration: FunctionMigration) -> list[str]:
    """What is due to the app besides its files, by the last word of the event."""
    page = f"/admin/v1/transfers/{migration.transfer_id}/messages?pageSize=1000"
    items = migration.admin.ok("GET", page)["items"]
    return [str(each["eventType"]).rpartition(":")[2] for each in items]


def test_a_forge_app_has_an_hour(platform_process: PlatformProcess, app_folder: Path) -> None:
    """It may acknowledge and read meanwhile; nothing of that ends or prolongs the hour."""
    migration = FunctionMigration.begin(platform_process, app_folder)
    message_id = migration.send("notes")
    with migration.gateway() as gateway:
        begun = gateway.create_app_data("never")
        begun.write(b"x" * 9_000_000)
        assert cancel(migration)["status"] == "CANCELLATION_REQUESTED"
        for _ in range(3):
            assert cancel(migration)["status"] == "CANCELLATION_REQUESTED"
        with pytest.raises(Exception, match="transfer_cancelled"):
            begun.close()
    base = f"/server/v1/transfers/{migration.transfer_id}"
    for path, body in (("app-data", {}), ("complete-export", None)):
        found = migration.server.refused(409, "POST", f"{base}/{path}", body)
        assert found["code"] == "transfer_cancelled"
    migration.advance(59 * 60)
    path = f"{FORGE}/message/{migration.transfer_id}/status"
    migration.cloud.ok("POST", path, {"status": "SUCCESS", "messageIds": [message_id]})
    assert (
        len(migration.cloud.ok("GET", f"{FORGE}/data/{migration.transfer_id}/page")["items"]) == 1
    )
    migration.cloud.ok("POST", f"{FORGE}/log/{migration.transfer_id}", {"message": "cleaning up"})
    assert migration.status == "CANCELLATION_REQUESTED"
    migration.advance(60)
    assert migration.status == "CANCELLED"
    assert [event["eventType"] for event in migration.events()].count(EVENT) == 1
    settled = [e for e in migration.events() if e["eventType"].endswith("settled:transfer")]
    assert [event["transferStatus"] for event in settled] == ["CANCELLED"]
    path = f"/admin/v1/transfers/{migration.transfer_id}"
    for doing in ("cancel", "rerun"):
        migration.admin.refused(409, "POST", f"{path}/{doing}")
    assert migration.claim() is None


@pytest.mark.parametrize("status", ["INCOMPLETE", "FAILED"])
def test_a_connect_app_may_settle_meanwhile(
    platform_process: PlatformProcess, app_folder: Path, status: str
) -> None:
    migration, app = connect_migration(platform_process, app_folder)
    migration.send("notes")
    for _ in range(2):
        assert cancel(migration)["status"] == "CANCELLATION_REQUESTED"
    [recent] = [
        each
        for each in app.ok("GET", "/transfer/recent")
        if each["transferId"] == migration.transfer_id
    ]
    assert recent["status"] == "CANCELLATION_REQUESTED"
    path = f"/progress/{migration.transfer_id}"
    app.ok("POST", path, {"status": "IN_PROGRESS", "percent": 50})
    assert migration.status == "CANCELLATION_REQUESTED"
    app.ok("POST", path, {"status": status, "percent": 60})
    assert migration.status == status
    migration.advance(61 * 60)
    assert migration.status == status
    app.refused(403, "POST", path, {"status": status})


def test_a_silent_connect_app_is_cancelled_after_the_hour(
    platform_process: PlatformProcess, app_folder: Path
) -> None:
    migration, _ = connect_migration(platform_process, app_folder)
    cancel(migration)
    migration.advance(60 * 60)
    assert migration.status == "CANCELLED"


def test_a_listener_that_returned_is_kept_apart_from_the_end(
    platform_process: PlatformProcess, app_folder: Path
) -> None:
    """Of a Connect app: no event, no end, never claimed again; and files still come."""
    migration, app = connect_migration(platform_process, app_folder)
    before = told(migration)
    assert migration.claim()["claims"] == 2, "killed before it returned"
    for _ in range(2):
        migration.complete_export()
    assert migration.claim() is None
    assert told(migration) == before
    migration.send("late")
    assert migration.status == "IN_PROGRESS"
    kinds = [entry["kind"] for entry in migration.timeline()]
    assert kinds.count("listener.returned") == 1
    app.ok("POST", f"/progress/{migration.transfer_id}", {"status": "SUCCESS", "percent": 100})
    assert migration.status == "SUCCESS"
