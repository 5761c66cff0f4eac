"""What time does to a transfer, against the running platform on the virtual clock."""

from itertools import pairwise
from pathlib import Path
from urllib.parse import urlsplit

import pytest

from ferryman import GatewayError, MigrationAPIError
from ferryman.vocab import EventType
from tests.kit.function_app import FunctionMigration
from tests.kit.manifests import function_manifest
from tests.kit.platform import PlatformProcess

pytestmark = pytest.mark.e2e

DAY = 24 * 60.0
"""In minutes."""


@pytest.fixture
def migration(platform_process: PlatformProcess, app_folder: Path) -> FunctionMigration:
    """A transfer that was just claimed."""
    return FunctionMigration.begin(platform_process, app_folder)


def settled_minute(migration: FunctionMigration) -> int:
    return round(migration.minute_of(migration.view()["settledAt"]))


def test_a_missed_window_times_out_and_later_calls_are_refused(
    migration: FunctionMigration,
) -> None:
    migration.advance_to(2)
    message_id = migration.send("late")
    migration.complete_export()
    migration.advance_to(16.5)
    assert migration.status == "IN_PROGRESS"
    migration.advance_to(17.5)
    assert migration.status == "TIMED_OUT"
    assert settled_minute(migration) == 17
    before = migration.view(), migration.timeline()

    base = "/app/migration/forge/v1"
    own = f"/server/v1/transfers/{migration.transfer_id}"
    key = migration.messages()[1]["key"] or migration.messages()[0]["key"]
    acknowledgement = {"status": "SUCCESS", "messageIds": [message_id]}
    calls = [
        (
            migration.cloud,
            "POST",
            f"{base}/message/{migration.transfer_id}/status",
            acknowledgement,
        ),
        (migration.cloud, "POST", f"{base}/log/{migration.transfer_id}", {"message": "late"}),
        (migration.cloud, "GET", f"{base}/data/{migration.transfer_id}/all", None),
        (migration.cloud, "GET", f"{base}/data/{migration.transfer_id}/page", None),
        (migration.cloud, "GET", f"{base}/data/{key}", None),
        (migration.cloud, "GET", f"{base}/data/{key}/payload", None),
        (migration.server, "POST", f"{own}/app-data", {}),
        (migration.server, "POST", f"{own}/error", {"exceptionType": "x", "safeStackTrace": ""}),
        (migration.admin, "POST", f"/admin/v1/transfers/{migration.transfer_id}/cancel", None),
    ]
    for caller, method, path, body in calls:
        document = caller.refused(409, method, path, body)
        assert document["code"] == "transfer_settled", path
    with pytest.raises(MigrationAPIError) as refusal:
        migration.client().message_processed(migration.transfer_id, message_id)
    assert refusal.value.status == 409
    with pytest.raises(GatewayError) as lost, migration.gateway() as gateway:
        gateway.create_app_data("too late").close()
    assert lost.value.settled

    migration.advance(3600)
    assert (migration.view()["settledAt"], migration.status) == (
        before[0]["settledAt"],
        "TIMED_OUT",
    )
    kinds = [entry["kind"] for entry in migration.timeline()[len(before[1]) :]]
    assert set(kinds) <= {"attempt.delivered"}, "a settled transfer was written to"


def test_fourteen_days_pass_in_seconds(platform_process: PlatformProcess, app_folder: Path) -> None:
    migration = FunctionMigration.begin(platform_process, app_folder, windowSeconds=20 * 86_400)
    migration.send("old", b"kept for twelve days")
    key = migration.messages()[1]["key"] or migration.messages()[0]["key"]
    base = "/app/migration/forge/v1/data"
    migration.advance_to(12 * DAY - 30)
    url = migration.cloud.ok("GET", f"{base}/{key}")["url"]
    path = url.removeprefix(migration.cloud.url)
    assert urlsplit(url).path.startswith("/objects/")
    nobody = platform_process.caller(None)
    assert nobody.call("GET", path).body == b"kept for twelve days"
    assert migration.cloud.call("GET", f"{base}/{key}/payload").body == b"kept for twelve days"

    migration.advance_to(12 * DAY + 1)
    for late in (key, f"{key}/payload", f"{migration.transfer_id}/all"):
        assert migration.cloud.refused(410, "GET", f"{base}/{late}")["code"] == "app_data_expired"
    migration.advance_to(12 * DAY + 31)
    assert nobody.call("GET", path).status == 403, "a signed URL outlived its hour"

    assert migration.status == "IN_PROGRESS"
    migration.advance_to(14 * DAY - 1)
    assert migration.status == "IN_PROGRESS"
    migration.advance_to(14 * DAY + 1)
    assert migration.status == "TIMED_OUT"
    assert settled_minute(migration) == 14 * DAY


def test_cancelling_gives_sixty_minutes(migration: FunctionMigration) -> None:
    message_id = migration.send("half")
    migration.advance_to(5)
    cancel = f"/admin/v1/transfers/{migration.transfer_id}/cancel"
    assert migration.admin.ok("POST", cancel)["status"] == "CANCELLATION_REQUESTED"
    assert migration.admin.ok("POST", cancel)["status"] == "CANCELLATION_REQUESTED"
    with pytest.raises(GatewayError) as refusal, migration.gateway() as gateway:
        gateway.create_app_data("more").close()
    assert refusal.value.status == 409

    migration.advance_to(20)
    asked = [e for e in migration.events() if e["eventType"] == EventType.CANCELLATION]
    assert len(asked) == 1
    migration.client().message_processed(migration.transfer_id, message_id)
    migration.advance_to(64.5)
    assert migration.status == "CANCELLATION_REQUESTED"
    migration.advance_to(65.5)
    assert migration.status == "CANCELLED"
    assert settled_minute(migration) == 65


def test_cancelling_before_the_start_skips(
    platform_process: PlatformProcess, app_folder: Path
) -> None:
    migration = FunctionMigration.begin(platform_process, app_folder, claim=False)
    cancel = f"/admin/v1/transfers/{migration.transfer_id}/cancel"
    assert migration.admin.ok("POST", cancel)["status"] == "SKIPPED"
    assert migration.claim() is None
    migration.server.refused(409, "POST", f"/server/v1/transfers/{migration.transfer_id}/app-data")


def test_an_export_that_nobody_completes_ends_at_the_deadline(migration: FunctionMigration) -> None:
    message_id = migration.send("only")
    migration.advance_to(10)
    migration.client().message_processed(migration.transfer_id, message_id)
    migration.advance_to(24.5)
    assert migration.status == "IN_PROGRESS"
    migration.advance_to(25.5)
    view = migration.view()
    assert view["status"] == "SUCCESS"
    assert settled_minute(migration) == 25
    assert view["exportCompletedAt"] == view["settledAt"]


def test_an_export_without_a_file_is_success_at_once(migration: FunctionMigration) -> None:
    migration.complete_export()
    view = migration.view()
    assert (view["status"], view["progress"], view["files"]) == ("SUCCESS", 100, 0)
    migration.advance(0)
    kinds = {event["eventType"] for event in migration.events()}
    assert {EventType.EXPORTED, EventType.SETTLED} <= kinds
    assert not kinds & {EventType.UPLOADED, EventType.ERRORED}


def test_a_failed_listener_is_announced_and_fails_the_transfer(
    migration: FunctionMigration,
) -> None:
    migration.advance_to(1)
    with migration.gateway() as gateway:
        try:
            raise LookupError("the secret name of a customer")
        except LookupError as error:
            gateway.report_error(error)
    migration.advance(0)
    [event] = [e for e in migration.events() if e["eventType"] == EventType.ERRORED]
    assert event["transferError"]["exceptionType"] == "LookupError"
    trace = event["transferError"]["safeStackTrace"]
    assert "test_lifecycle.py" in trace
    assert "secret" not in trace
    assert "key" not in event
    assert migration.status == "IN_PROGRESS"
    migration.advance_to(14.5)
    assert migration.status == "IN_PROGRESS"
    migration.advance_to(15.5)
    assert migration.status == "FAILED"


def test_a_rerun_keeps_the_first_id_and_its_twelve_days(tmp_path: Path, app_folder: Path) -> None:
    # On the shared platform twelve days would pass for what all other tests left there, too.
    with PlatformProcess(tmp_path / "data") as platform:
        rerun_twice(FunctionMigration.begin(platform, app_folder))


def rerun_twice(migration: FunctionMigration) -> None:
    first = migration.transfer_id
    message_id = migration.send("bad")
    migration.complete_export()
    migration.client().message_failed(first, message_id)
    assert migration.status == "FAILED"

    started = migration.view()["startedAt"]
    seen = [first]
    for day in (3, 7):
        now = migration.admin.ok("GET", "/admin/v1/clock")["now"]
        migration.advance((started + day * DAY * 60_000 - now) / 1000)
        answer = migration.admin.ok("POST", f"/admin/v1/transfers/{seen[-1]}/rerun")
        assert answer["originalTransferId"] == first
        assert answer["transferId"] not in seen
        seen.append(answer["transferId"])
        migration.transfer_id = seen[-1]
        claimed = migration.claim()
        assert (claimed["transferId"], claimed["originalTransferId"]) == (seen[-1], first)
        again = migration.send("worse")
        migration.complete_export()
        migration.client().message_failed(seen[-1], again)
        assert migration.view()["originalTransferId"] == first
        migration.advance(0)
        for event in migration.events():
            own = event["transferId"] == first
            assert event.get("originalTransferId") == (None if own else first)

    now = migration.admin.ok("GET", "/admin/v1/clock")["now"]
    migration.advance((started + (12 * DAY + 1) * 60_000 - now) / 1000)
    path = f"/admin/v1/transfers/{seen[-1]}/rerun"
    assert migration.admin.refused(409, "POST", path)["code"] == "rerun_window_over"


def attempts_of(migration: FunctionMigration, message_id: str) -> list[dict[str, object]]:
    return list(migration.admin.ok("GET", f"/admin/v1/messages/{message_id}")["attempts"])


def check_ladder(starts: list[int]) -> None:
    gaps = [(after - before) / 1000 for before, after in pairwise(starts)]
    assert len(gaps) == 4
    for gap, wait in zip(gaps, (15, 30, 60, 120), strict=True):
        # The longer side also holds the time that the attempt itself took.
        assert 0.8 * wait <= gap <= 1.2 * wait + 30, gaps


def test_a_function_that_always_raises_climbs_the_ladder_twice(
    platform_process: PlatformProcess, app_folder: Path
) -> None:
    migration = FunctionMigration.begin(platform_process, app_folder, handler="index.refuse")
    [message] = migration.messages()
    message_id = message["messageId"]
    path = f"/admin/v1/messages/{message_id}"
    migration.advance(600)
    attempts = attempts_of(migration, message_id)
    assert [a["outcome"] for a in attempts] == ["FAILED"] * 5
    assert "no room left" in str(attempts[0]["error"])
    check_ladder([int(str(a["startedAt"])) for a in attempts])
    view = migration.admin.ok("GET", path)
    assert (view["state"], view["nextAttemptAt"]) == ("UNDELIVERED", None)
    assert migration.view()["undelivered"] == 1

    migration.admin.ok("POST", f"{path}/redeliver")
    document = migration.admin.refused(409, "POST", f"{path}/redeliver")
    assert document["code"] == "message_not_redeliverable"
    migration.advance(299)
    attempts = attempts_of(migration, message_id)
    assert len(attempts) == 10, "a redelivery gets a ladder of its own"
    check_ladder([int(str(a["startedAt"])) for a in attempts[5:]])

    migration.admin.ok(
        "POST",
        "/admin/v1/apps",
        {**migration.registration, "manifest": function_manifest("index.run")},
    )
    migration.admin.ok("POST", f"{path}/redeliver")
    migration.advance(0)
    attempts = attempts_of(migration, message_id)
    assert [a["number"] for a in attempts] == list(range(1, 12))
    assert attempts[-1]["outcome"] == "DELIVERED"
    assert migration.admin.ok("GET", path)["state"] == "DELIVERED"
    delivered = [event["messageId"] for event in migration.events()]
    assert delivered.count(message_id) == 1


def test_nothing_is_sent_after_an_acknowledgement(
    platform_process: PlatformProcess, app_folder: Path
) -> None:
    migration = FunctionMigration.begin(platform_process, app_folder, handler="index.refuse")
    message_id = migration.send("acknowledged early")
    migration.advance(20)
    made = len(attempts_of(migration, message_id))
    assert 1 <= made < 5
    migration.client().message_processed(migration.transfer_id, message_id)
    migration.advance(600)
    assert len(attempts_of(migration, message_id)) == made
