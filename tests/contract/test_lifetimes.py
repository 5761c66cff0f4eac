"""Cancelling, running again, and the days that transfers and data live."""

from collections.abc import Callable

import pytest

from tests.contract.statements import case, statement
from tests.kit.manifests import CANCELLATION, SETTLED, TRIGGERED
from tests.kit.migration import DAY
from tests.kit.remote_app import ConnectMigration, ForgeMigration

pytestmark = pytest.mark.usefixtures("still")


@statement("cancellation", "Events", "cancelling asks the app by an event and settles nothing")
def test_cancel(forge: ForgeMigration) -> None:
    forge.cancel()
    assert forge.status == "CANCELLATION_REQUESTED"
    assert forge.event(CANCELLATION)["transferId"] == forge.transfer_id


@statement("cancellation", "Events", "cancelling twice asks the app once")
def test_cancel_twice(forge: ForgeMigration) -> None:
    forge.cancel()
    forge.cancel()
    assert len(forge.events(CANCELLATION)) == 1


@statement("cancellation", "Clean-up", "the app has 60 minutes to clean up")
def test_clean_up(forge: ForgeMigration) -> None:
    forge.advance_to(5)
    forge.cancel()
    forge.advance(minutes=59)
    assert forge.status == "CANCELLATION_REQUESTED"
    forge.advance(minutes=1.1)
    assert forge.status == "CANCELLED"
    assert forge.event(SETTLED)["transferStatus"] == "CANCELLED"


@statement("cancellation", "Clean-up", "while it cleans up the app may still read and acknowledge")
def test_calls_during_clean_up(forge: ForgeMigration) -> None:
    receipt = forge.upload()
    forge.cancel()
    forge.advance(minutes=30)
    assert forge.call("GET", f"/data/{receipt['key']}/payload").status == 200
    assert forge.ok("GET", f"/mapping/{forge.transfer_id}/page?namespace=jira:issue")
    forge.acknowledge(receipt["messageId"])
    assert forge.status == "CANCELLATION_REQUESTED"


@statement("cancellation", "Clean-up", "after the clean-up the app's calls are refused")
def test_calls_after_clean_up(forge: ForgeMigration) -> None:
    forge.cancel()
    forge.advance(minutes=60.1)
    forge.refused(409, "GET", f"/data/{forge.transfer_id}/all")


@statement("cancellation", "Cancelled transfers", "the server app uploads no more after a cancel")
def test_no_upload_after_cancel(forge: ForgeMigration) -> None:
    forge.cancel()
    assert forge.export("/app-data", body={}).status == 409


@statement("cancellation", "Cancelled transfers", "a cancelled transfer cannot be resumed")
def test_no_way_back(forge: ForgeMigration) -> None:
    forge.cancel()
    forge.advance(minutes=60.1)
    forge.start()
    assert forge.claim() is None
    forge.admin.refused(409, "POST", f"/admin/v1/transfers/{forge.transfer_id}/rerun")
    assert forge.status == "CANCELLED"


@statement("cancellation", "Cancelled transfers", "the deadline ends no transfer being cancelled")
def test_no_deadline_while_cancelling(forge: ForgeMigration) -> None:
    forge.upload()
    forge.cancel()
    forge.advance_to(20)
    assert forge.status == "CANCELLATION_REQUESTED"


@statement("cancellation", "Cancelled transfers", "what never started is SKIPPED, without events")
def test_skipped(register_forge: Callable[..., ForgeMigration]) -> None:
    forge = register_forge()
    forge.create()
    forge.cancel()
    assert forge.status == "SKIPPED"
    assert forge.events() == []


@pytest.mark.parametrize(
    "status",
    [
        case(
            "cancellation",
            "Clean-up",
            "a Connect app ends a cancelled transfer as INCOMPLETE when it has cleaned up",
            "INCOMPLETE",
            name="INCOMPLETE",
        ),
        case(
            "cancellation",
            "Clean-up",
            "a Connect app may end a cancelled transfer as FAILED",
            "FAILED",
            name="FAILED",
        ),
    ],
)
def test_connect_ends_it(connect: ConnectMigration, status: str) -> None:
    connect.cancel()
    connect.report(status)
    assert connect.status == status


@statement(
    "transfers",
    "Cancellation",
    "a Connect transfer that its app does not settle is CANCELLED one hour after the request",
)
def test_connect_does_not_end_it(connect: ConnectMigration) -> None:
    connect.cancel()
    connect.advance(minutes=60.1)
    assert connect.status == "CANCELLED"


def rerunnable(forge: ForgeMigration) -> str:
    """A transfer that failed; its id."""
    forge.finish("FAILED")
    return forge.transfer_id


@pytest.mark.parametrize(
    "acknowledged",
    [
        case(
            "rerun",
            "Before you re-run",
            "a transfer that ended as FAILED can be re-run",
            ["FAILED"],
            name="FAILED",
        ),
        case(
            "rerun",
            "Before you re-run",
            "a transfer that ended as INCOMPLETE can be re-run",
            ["SUCCESS", "FAILED"],
            name="INCOMPLETE",
        ),
    ],
)
def test_rerun(forge: ForgeMigration, acknowledged: list[str]) -> None:
    messages = [forge.upload()["messageId"] for _ in acknowledged]
    for message, status in zip(messages, acknowledged, strict=True):
        forge.acknowledge(message, status=status)
    forge.complete_export()
    assert forge.rerun()["transferId"] != forge.transfer_id


@pytest.mark.parametrize(
    ("act", "status"),
    [
        case(
            "rerun",
            "Before you re-run",
            "a transfer that ended as SUCCESS cannot be re-run",
            lambda forge: forge.finish(),
            "SUCCESS",
            name="SUCCESS",
        ),
        case(
            "rerun",
            "Before you re-run",
            "a transfer that is still running cannot be re-run",
            ForgeMigration.view,
            "IN_PROGRESS",
            name="IN_PROGRESS",
        ),
    ],
)
def test_no_rerun(
    forge: ForgeMigration, act: Callable[[ForgeMigration], object], status: str
) -> None:
    act(forge)
    assert forge.status == status
    path = f"/admin/v1/transfers/{forge.transfer_id}/rerun"
    assert forge.admin.refused(409, "POST", path)["code"] == "rerun_not_possible"


@statement("rerun", "Transfer id", "every re-run is a new transfer; the old one stays as it was")
def test_a_new_transfer(forge: ForgeMigration) -> None:
    original = rerunnable(forge)
    forge.advance()
    before = forge.view()
    found = forge.rerun()
    assert found["originalTransferId"] == original
    assert forge.view() == before
    forge.transfer_id = found["transferId"]
    assert forge.status == "READY"


@statement("rerun", "Listener", "the listener is called again for a re-run")
def test_the_listener_is_called_again(forge: ForgeMigration) -> None:
    original = rerunnable(forge)
    again = forge.rerun()["transferId"]
    claimed = forge.claim()
    assert claimed["transferId"] == again
    assert claimed["originalTransferId"] == original
    forge.begun.append(again)


@statement("rerun", "Events", "events of a re-run carry originalTransferId")
def test_events_of_a_rerun(forge: ForgeMigration) -> None:
    original = rerunnable(forge)
    forge.advance()
    forge.inbox.received.clear()
    forge.transfer_id = forge.rerun()["transferId"]
    forge.claim()
    forge.begun.append(forge.transfer_id)
    forge.upload()
    events = forge.events()
    assert {event["transferId"] for event in events} == {forge.transfer_id}
    assert [event["originalTransferId"] for event in events] == [original] * 2


@statement(
    "rerun",
    "Events",
    "originalTransferId stays that of the first transfer however often it is re-run",
)
def test_the_first_one(forge: ForgeMigration) -> None:
    original = rerunnable(forge)
    for _ in range(2):
        forge.transfer_id = forge.rerun()["transferId"]
        assert forge.claim()["originalTransferId"] == original
        forge.finish("FAILED")
    assert {e["originalTransferId"] for e in forge.events(SETTLED)[1:]} == {original}


@statement("rerun", "Before you re-run", "a transfer can be re-run for 12 days after the original")
def test_rerun_window(forge: ForgeMigration) -> None:
    rerunnable(forge)
    forge.advance_to(12 * DAY - 5)
    assert forge.rerun()["transferId"]


@statement("rerun", "Before you re-run", "after 12 days a transfer cannot be re-run")
def test_rerun_window_over(forge: ForgeMigration) -> None:
    rerunnable(forge)
    forge.advance_to(12 * DAY)
    path = f"/admin/v1/transfers/{forge.transfer_id}/rerun"
    assert forge.admin.refused(409, "POST", path)["code"] == "rerun_window_over"


@statement("rerun", "Core data", "the mappings of the first run are there for the re-run")
def test_mappings_of_a_rerun(forge: ForgeMigration) -> None:
    forge.load(("jira:issue", "1", "2"))
    rerunnable(forge)
    forge.transfer_id = forge.rerun()["transferId"]
    forge.claim()
    forge.begun.append(forge.transfer_id)
    path = f"/mapping/{forge.transfer_id}/find?namespace=jira:issue"
    assert forge.ok("POST", path, ["1"]) == {"1": "2"}


WINDOW = 20 * DAY * 60


@statement(
    "export-app-data",
    "About the App data retrieval API, Limits",
    "exported data is read within 12 days of the first notification",
)
def test_readable(register_forge: Callable[..., ForgeMigration]) -> None:
    forge = register_forge(windowSeconds=WINDOW)
    forge.begin()
    key = forge.upload()["key"]
    forge.advance_to(12 * DAY - 5)
    assert forge.call("GET", f"/data/{key}/payload").status == 200
    assert forge.call("GET", f"/data/{key}").status == 200


@statement(
    "export-app-data",
    "About the App data retrieval API, Limits",
    "after 12 days exported data cannot be read, by any of the calls",
)
def test_readable_no_more(register_forge: Callable[..., ForgeMigration]) -> None:
    forge = register_forge(windowSeconds=WINDOW)
    forge.begin()
    key = forge.upload()["key"]
    forge.advance_to(12 * DAY)
    for path in (key, f"{key}/payload", f"{forge.transfer_id}/all", f"{forge.transfer_id}/page"):
        assert 400 <= forge.call("GET", f"/data/{path}").status < 500, path


@statement(
    "export-app-data",
    "Retrieve list of exported app data",
    "an active transfer takes calls for 14 days after the first notification",
)
def test_fourteen_days(register_forge: Callable[..., ForgeMigration]) -> None:
    forge = register_forge(windowSeconds=WINDOW)
    forge.begin()
    message = forge.upload()["messageId"]
    forge.advance_to(14 * DAY - 5)
    assert forge.ok("GET", f"/mapping/{forge.transfer_id}/page?namespace=jira:issue")
    forge.acknowledge(message)
    assert forge.status == "IN_PROGRESS"


@statement(
    "transfers",
    "Time limits",
    "after 14 days the platform settles a transfer as TIMED_OUT",
)
def test_fourteen_days_over(register_forge: Callable[..., ForgeMigration]) -> None:
    forge = register_forge(windowSeconds=WINDOW)
    forge.begin()
    forge.upload()
    forge.advance_to(14 * DAY)
    assert forge.status == "TIMED_OUT"
    assert forge.event(SETTLED)["transferStatus"] == "TIMED_OUT"


@statement(
    "transfers",
    "Time limits",
    "a Connect transfer has no deadline of 15 minutes, only its 14 days",
)
def test_connect_has_days(connect: ConnectMigration) -> None:
    connect.upload()
    connect.advance_to(14 * DAY - 5)
    assert connect.status == "IN_PROGRESS"
    connect.advance_to(14 * DAY)
    assert connect.status == "TIMED_OUT"


@statement("transfers", "Transfer states", "a transfer is READY until its listener is called")
def test_ready(register_forge: Callable[..., ForgeMigration]) -> None:
    forge = register_forge()
    forge.create()
    assert forge.status == "READY"
    forge.start()
    assert forge.status == "READY"
    assert forge.events() == []


@statement(
    "transfers",
    "Transfer states",
    "the listener's call makes a transfer IN_PROGRESS, and the cloud app gets its first event",
)
def test_in_progress(forge: ForgeMigration) -> None:
    assert forge.status == "IN_PROGRESS"
    assert [event["eventType"] for event in forge.events()] == [TRIGGERED]
