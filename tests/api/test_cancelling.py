"""Cancelling, as the documents have it: one event, 60 minutes to clean up, then CANCELLED."""

from pathlib import Path
from typing import Any

import pytest

from tests.api.connect_app import connect_crossing
from tests.support import Crossing, PlatformProcess

FORGE = "/app/migration/forge/v1"
EVENT = "avi:ecosystem.migration:requested:transfer_cancellation"


def cancel(crossing: Crossing) -> Any:
    return crossing.admin.ok("POST", f"/admin/v1/transfers/{crossing.transfer_id}/cancel")


def told(crossing: Crossing) -> list[str]:
    """What the app is owed besides its files, by the last word of the event."""
    page = f"/admin/v1/transfers/{crossing.transfer_id}/messages?pageSize=1000"
    items = crossing.admin.ok("GET", page)["items"]
    return [str(each["eventType"]).rpartition(":")[2] for each in items]


def test_a_forge_app_has_an_hour(platform_process: PlatformProcess, app_folder: Path) -> None:
    """It may acknowledge and read meanwhile; nothing of that ends or prolongs the hour."""
    crossing = Crossing.begin(platform_process, app_folder)
    message_id = crossing.upload("notes")
    with crossing.gateway() as gateway:
        begun = gateway.create_app_data("never")
        begun.write(b"x" * 9_000_000)
        assert cancel(crossing)["status"] == "CANCELLATION_REQUESTED"
        for _ in range(3):
            assert cancel(crossing)["status"] == "CANCELLATION_REQUESTED"
        with pytest.raises(Exception, match="cancellation"):
            begun.close()
    base = f"/server/v1/transfers/{crossing.transfer_id}"
    for path, body in (("app-data", {}), ("complete-export", None)):
        found = crossing.server.refused(409, "POST", f"{base}/{path}", body)
        assert found["code"] == "transfer_cancelled"
    crossing.advance(59 * 60)
    path = f"{FORGE}/message/{crossing.transfer_id}/status"
    crossing.cloud.ok("POST", path, {"status": "SUCCESS", "messageIds": [message_id]})
    assert len(crossing.cloud.ok("GET", f"{FORGE}/data/{crossing.transfer_id}/page")["items"]) == 1
    crossing.cloud.ok("POST", f"{FORGE}/log/{crossing.transfer_id}", {"message": "cleaning up"})
    assert crossing.status == "CANCELLATION_REQUESTED"
    crossing.advance(60)
    assert crossing.status == "CANCELLED"
    assert [event["eventType"] for event in crossing.events()].count(EVENT) == 1
    settled = [e for e in crossing.events() if e["eventType"].endswith("settled:transfer")]
    assert [event["transferStatus"] for event in settled] == ["CANCELLED"]
    path = f"/admin/v1/transfers/{crossing.transfer_id}"
    for doing in ("cancel", "rerun"):
        crossing.admin.refused(409, "POST", f"{path}/{doing}")
    assert crossing.claim() is None


@pytest.mark.parametrize("status", ["INCOMPLETE", "FAILED"])
def test_a_connect_app_may_settle_meanwhile(
    platform_process: PlatformProcess, app_folder: Path, status: str
) -> None:
    crossing, app = connect_crossing(platform_process, app_folder)
    crossing.upload("notes")
    for _ in range(2):
        assert cancel(crossing)["status"] == "CANCELLATION_REQUESTED"
    [recent] = [
        each
        for each in app.ok("GET", "/transfer/recent")
        if each["transferId"] == crossing.transfer_id
    ]
    assert recent["status"] == "CANCELLATION_REQUESTED"
    path = f"/progress/{crossing.transfer_id}"
    app.ok("POST", path, {"status": "IN_PROGRESS", "percent": 50})
    assert crossing.status == "CANCELLATION_REQUESTED"
    app.ok("POST", path, {"status": status, "percent": 60})
    assert crossing.status == status
    crossing.advance(61 * 60)
    assert crossing.status == status
    app.refused(403, "POST", path, {"status": status})


def test_a_silent_connect_app_is_cancelled_after_the_hour(
    platform_process: PlatformProcess, app_folder: Path
) -> None:
    crossing, _ = connect_crossing(platform_process, app_folder)
    cancel(crossing)
    crossing.advance(60 * 60)
    assert crossing.status == "CANCELLED"


def test_a_listener_that_returned_is_kept_apart_from_the_end(
    platform_process: PlatformProcess, app_folder: Path
) -> None:
    """Of a Connect app: no event, no end, never claimed again; and files still come."""
    crossing, app = connect_crossing(platform_process, app_folder)
    before = told(crossing)
    assert crossing.claim()["claims"] == 2, "killed before it returned"
    for _ in range(2):
        crossing.complete_export()
    assert crossing.claim() is None
    assert told(crossing) == before
    crossing.upload("late")
    assert crossing.status == "IN_PROGRESS"
    kinds = [entry["kind"] for entry in crossing.timeline()]
    assert kinds.count("listener.returned") == 1
    app.ok("POST", f"/progress/{crossing.transfer_id}", {"status": "SUCCESS", "percent": 100})
    assert crossing.status == "SUCCESS"
