"""What time does to a transfer, against the running platform on the virtual clock."""

from itertools import pairwise
from pathlib import Path
from urllib.parse import urlsplit

import pytest

from ferryman import GatewayError, MigrationAPIError
from ferryman.vocab import EventType
from tests.support import Crossing, PlatformProcess, manifest

pytestmark = pytest.mark.e2e

DAY = 24 * 60.0
"""In minutes."""


@pytest.fixture
def crossing(platform_process: PlatformProcess, app_folder: Path) -> Crossing:
    """A transfer that was just claimed."""
    return Crossing.begin(platform_process, app_folder)


def settled_minute(crossing: Crossing) -> int:
    return round(crossing.minute_of(crossing.view()["settledAt"]))


def test_a_missed_window_times_out_and_later_calls_are_refused(crossing: Crossing) -> None:
    crossing.advance_to(2)
    message_id = crossing.upload("late")
    crossing.complete_export()
    crossing.advance_to(16.9)
    assert crossing.status == "IN_PROGRESS"
    crossing.advance_to(17.1)
    assert crossing.status == "TIMED_OUT"
    assert settled_minute(crossing) == 17
    before = crossing.view(), crossing.timeline()

    base = "/app/migration/forge/v1"
    own = f"/server/v1/transfers/{crossing.transfer_id}"
    key = crossing.messages()[1]["key"] or crossing.messages()[0]["key"]
    acknowledgement = {"status": "SUCCESS", "messageIds": [message_id]}
    calls = [
        (crossing.cloud, "POST", f"{base}/message/{crossing.transfer_id}/status", acknowledgement),
        (crossing.cloud, "POST", f"{base}/log/{crossing.transfer_id}", {"message": "late"}),
        (crossing.cloud, "GET", f"{base}/data/{crossing.transfer_id}/all", None),
        (crossing.cloud, "GET", f"{base}/data/{crossing.transfer_id}/page", None),
        (crossing.cloud, "GET", f"{base}/data/{key}", None),
        (crossing.cloud, "GET", f"{base}/data/{key}/payload", None),
        (crossing.server, "POST", f"{own}/app-data", {}),
        (crossing.server, "POST", f"{own}/error", {"exceptionType": "x", "safeStackTrace": ""}),
        (crossing.admin, "POST", f"/admin/v1/transfers/{crossing.transfer_id}/cancel", None),
    ]
    for caller, method, path, body in calls:
        document = caller.refused(409, method, path, body)
        assert document["code"] == "transfer_settled", path
    with pytest.raises(MigrationAPIError) as refusal:
        crossing.migration().message_processed(crossing.transfer_id, message_id)
    assert refusal.value.status == 409
    with pytest.raises(GatewayError) as lost, crossing.gateway() as gateway:
        gateway.create_app_data("too late").close()
    assert lost.value.settled

    crossing.advance(3600)
    assert (crossing.view()["settledAt"], crossing.status) == (before[0]["settledAt"], "TIMED_OUT")
    kinds = [entry["kind"] for entry in crossing.timeline()[len(before[1]) :]]
    assert set(kinds) <= {"attempt.delivered"}, "a settled transfer was written to"


def test_fourteen_days_pass_in_seconds(platform_process: PlatformProcess, app_folder: Path) -> None:
    crossing = Crossing.begin(platform_process, app_folder, windowSeconds=20 * 86_400)
    crossing.upload("old", b"kept for twelve days")
    key = crossing.messages()[1]["key"] or crossing.messages()[0]["key"]
    base = "/app/migration/forge/v1/data"
    crossing.advance_to(12 * DAY - 30)
    url = crossing.cloud.ok("GET", f"{base}/{key}")["url"]
    path = url.removeprefix(crossing.cloud.url)
    assert urlsplit(url).path.startswith("/objects/")
    nobody = platform_process.caller(None)
    assert nobody.call("GET", path).body == b"kept for twelve days"
    assert crossing.cloud.call("GET", f"{base}/{key}/payload").body == b"kept for twelve days"

    crossing.advance_to(12 * DAY + 1)
    for late in (key, f"{key}/payload", f"{crossing.transfer_id}/all"):
        assert crossing.cloud.refused(410, "GET", f"{base}/{late}")["code"] == "app_data_expired"
    crossing.advance_to(12 * DAY + 31)
    assert nobody.call("GET", path).status == 403, "a signed URL outlived its hour"

    assert crossing.status == "IN_PROGRESS"
    crossing.advance_to(14 * DAY - 1)
    assert crossing.status == "IN_PROGRESS"
    crossing.advance_to(14 * DAY + 1)
    assert crossing.status == "TIMED_OUT"
    assert settled_minute(crossing) == 14 * DAY


def test_cancelling_gives_sixty_minutes(crossing: Crossing) -> None:
    message_id = crossing.upload("half")
    crossing.advance_to(5)
    cancel = f"/admin/v1/transfers/{crossing.transfer_id}/cancel"
    assert crossing.admin.ok("POST", cancel)["status"] == "CANCELLATION_REQUESTED"
    assert crossing.admin.ok("POST", cancel)["status"] == "CANCELLATION_REQUESTED"
    with pytest.raises(GatewayError) as refusal, crossing.gateway() as gateway:
        gateway.create_app_data("more").close()
    assert refusal.value.status == 409

    crossing.advance_to(20)
    asked = [e for e in crossing.events() if e["eventType"] == EventType.CANCELLATION]
    assert len(asked) == 1
    crossing.migration().message_processed(crossing.transfer_id, message_id)
    crossing.advance_to(64.9)
    assert crossing.status == "CANCELLATION_REQUESTED"
    crossing.advance_to(65.1)
    assert crossing.status == "CANCELLED"
    assert settled_minute(crossing) == 65


def test_cancelling_before_the_start_skips(
    platform_process: PlatformProcess, app_folder: Path
) -> None:
    crossing = Crossing.begin(platform_process, app_folder, claim=False)
    cancel = f"/admin/v1/transfers/{crossing.transfer_id}/cancel"
    assert crossing.admin.ok("POST", cancel)["status"] == "SKIPPED"
    assert crossing.claim() is None
    crossing.server.refused(409, "POST", f"/server/v1/transfers/{crossing.transfer_id}/app-data")


def test_an_export_that_nobody_completes_ends_at_the_deadline(crossing: Crossing) -> None:
    message_id = crossing.upload("only")
    crossing.advance_to(10)
    crossing.migration().message_processed(crossing.transfer_id, message_id)
    crossing.advance_to(24.9)
    assert crossing.status == "IN_PROGRESS"
    crossing.advance_to(25.1)
    view = crossing.view()
    assert view["status"] == "SUCCESS"
    assert settled_minute(crossing) == 25
    assert view["exportCompletedAt"] == view["settledAt"]


def test_an_export_without_a_file_is_success_at_once(crossing: Crossing) -> None:
    crossing.complete_export()
    view = crossing.view()
    assert (view["status"], view["progress"], view["files"]) == ("SUCCESS", 100, 0)
    crossing.advance(0)
    kinds = {event["eventType"] for event in crossing.events()}
    assert {EventType.EXPORTED, EventType.SETTLED} <= kinds
    assert not kinds & {EventType.UPLOADED, EventType.ERRORED}


def test_a_failed_listener_is_announced_and_fails_the_transfer(crossing: Crossing) -> None:
    crossing.advance_to(1)
    with crossing.gateway() as gateway:
        try:
            raise LookupError("the secret name of a customer")
        except LookupError as error:
            gateway.report_error(error)
    crossing.advance(0)
    [event] = [e for e in crossing.events() if e["eventType"] == EventType.ERRORED]
    assert event["transferError"]["exceptionType"] == "LookupError"
    trace = event["transferError"]["safeStackTrace"]
    assert "test_lifecycle.py" in trace
    assert "secret" not in trace
    assert "key" not in event
    assert crossing.status == "IN_PROGRESS"
    crossing.advance_to(14.9)
    assert crossing.status == "IN_PROGRESS"
    crossing.advance_to(15.1)
    assert crossing.status == "FAILED"


def test_a_rerun_keeps_the_first_id_and_its_twelve_days(tmp_path: Path, app_folder: Path) -> None:
    # On the shared platform twelve days would pass for what all other tests left there, too.
    with PlatformProcess(tmp_path / "data") as platform:
        rerun_twice(Crossing.begin(platform, app_folder))


def rerun_twice(crossing: Crossing) -> None:
    first = crossing.transfer_id
    message_id = crossing.upload("bad")
    crossing.complete_export()
    crossing.migration().message_failed(first, message_id)
    assert crossing.status == "FAILED"

    started = crossing.view()["startedAt"]
    seen = [first]
    for day in (3, 7):
        now = crossing.admin.ok("GET", "/admin/v1/clock")["now"]
        crossing.advance((started + day * DAY * 60_000 - now) / 1000)
        answer = crossing.admin.ok("POST", f"/admin/v1/transfers/{seen[-1]}/rerun")
        assert answer["originalTransferId"] == first
        assert answer["transferId"] not in seen
        seen.append(answer["transferId"])
        crossing.transfer_id = seen[-1]
        claimed = crossing.claim()
        assert (claimed["transferId"], claimed["originalTransferId"]) == (seen[-1], first)
        again = crossing.upload("worse")
        crossing.complete_export()
        crossing.migration().message_failed(seen[-1], again)
        assert crossing.view()["originalTransferId"] == first
        crossing.advance(0)
        for event in crossing.events():
            own = event["transferId"] == first
            assert event.get("originalTransferId") == (None if own else first)

    now = crossing.admin.ok("GET", "/admin/v1/clock")["now"]
    crossing.advance((started + (12 * DAY + 1) * 60_000 - now) / 1000)
    path = f"/admin/v1/transfers/{seen[-1]}/rerun"
    assert crossing.admin.refused(409, "POST", path)["code"] == "rerun_window_over"


def attempts_of(crossing: Crossing, message_id: str) -> list[dict[str, object]]:
    return list(crossing.admin.ok("GET", f"/admin/v1/messages/{message_id}")["attempts"])


def check_ladder(starts: list[int]) -> None:
    gaps = [(after - before) / 1000 for before, after in pairwise(starts)]
    assert len(gaps) == 4
    for gap, wait in zip(gaps, (15, 30, 60, 120), strict=True):
        # The longer side also holds the time that the attempt itself took.
        assert 0.8 * wait <= gap <= 1.2 * wait + 20, gaps


def test_a_function_that_always_raises_climbs_the_ladder_twice(
    platform_process: PlatformProcess, app_folder: Path
) -> None:
    crossing = Crossing.begin(platform_process, app_folder, handler="index.refuse")
    [message] = crossing.messages()
    message_id = message["messageId"]
    path = f"/admin/v1/messages/{message_id}"
    crossing.advance(600)
    attempts = attempts_of(crossing, message_id)
    assert [a["outcome"] for a in attempts] == ["FAILED"] * 5
    assert "no room left" in str(attempts[0]["error"])
    check_ladder([int(str(a["startedAt"])) for a in attempts])
    view = crossing.admin.ok("GET", path)
    assert (view["state"], view["nextAttemptAt"]) == ("UNDELIVERED", None)
    assert crossing.view()["undelivered"] == 1

    crossing.admin.ok("POST", f"{path}/redeliver")
    document = crossing.admin.refused(409, "POST", f"{path}/redeliver")
    assert document["code"] == "message_not_redeliverable"
    crossing.advance(299)
    attempts = attempts_of(crossing, message_id)
    assert len(attempts) == 10, "a redelivery gets a ladder of its own"
    check_ladder([int(str(a["startedAt"])) for a in attempts[5:]])

    crossing.admin.ok(
        "POST", "/admin/v1/apps", {**crossing.registration, "manifest": manifest("index.run")}
    )
    crossing.admin.ok("POST", f"{path}/redeliver")
    crossing.advance(0)
    attempts = attempts_of(crossing, message_id)
    assert [a["number"] for a in attempts] == list(range(1, 12))
    assert attempts[-1]["outcome"] == "DELIVERED"
    assert crossing.admin.ok("GET", path)["state"] == "DELIVERED"
    delivered = [event["messageId"] for event in crossing.events()]
    assert delivered.count(message_id) == 1


def test_nothing_is_sent_after_an_acknowledgement(
    platform_process: PlatformProcess, app_folder: Path
) -> None:
    crossing = Crossing.begin(platform_process, app_folder, handler="index.refuse")
    message_id = crossing.upload("acknowledged early")
    crossing.advance(20)
    made = len(attempts_of(crossing, message_id))
    assert 1 <= made < 5
    crossing.migration().message_processed(crossing.transfer_id, message_id)
    crossing.advance(600)
    assert len(attempts_of(crossing, message_id)) == made
