"""Forge REST, acknowledging messages; and what is an acknowledgement."""

from collections.abc import Callable
from uuid import uuid4

from tests.contract.statements import statement
from tests.kit.manifests import TRIGGERED
from tests.kit.platform import problem
from tests.kit.remote_app import ForgeMigration


@statement("forge-rest", "POST /message/{transferId}/status", "the answer is 200 and empty")
def test_the_answer_is_empty(forge: ForgeMigration) -> None:
    message = forge.upload()["messageId"]
    body = {"status": "SUCCESS", "messageIds": [message]}
    reply = forge.call("POST", f"/message/{forge.transfer_id}/status", body)
    assert (reply.status, reply.body) == (200, b"")


@statement(
    "forge-rest",
    "POST /message/{transferId}/status",
    "status SUCCESS says that a message is processed",
)
def test_success(forge: ForgeMigration) -> None:
    message = forge.upload()["messageId"]
    forge.acknowledge(message, status="SUCCESS")
    assert forge.message(message)["acknowledgement"] == "SUCCESS"
    assert (forge.view()["acknowledged"], forge.view()["failed"]) == (1, 0)


@statement(
    "forge-rest",
    "POST /message/{transferId}/status",
    "status FAILED says that processing a message failed",
)
def test_failed(forge: ForgeMigration) -> None:
    message = forge.upload()["messageId"]
    forge.acknowledge(message, status="FAILED")
    assert forge.message(message)["acknowledgement"] == "FAILED"
    assert (forge.view()["acknowledged"], forge.view()["failed"]) == (1, 1)


@statement(
    "forge-rest",
    "POST /message/{transferId}/status",
    "status is SUCCESS or FAILED and nothing else",
)
def test_no_other_status(forge: ForgeMigration) -> None:
    message = forge.upload()["messageId"]
    path = f"/message/{forge.transfer_id}/status"
    for status in ("IN_PROGRESS", "INCOMPLETE", "success", "", None, 1):
        forge.refused(400, "POST", path, {"status": status, "messageIds": [message]})
    forge.refused(400, "POST", path, {"messageIds": [message]})
    assert forge.message(message)["acknowledgement"] is None


@statement(
    "forge-rest",
    "POST /message/{transferId}/status",
    "messageIds names many messages in one call",
)
def test_many_at_once(forge: ForgeMigration) -> None:
    messages = [forge.upload()["messageId"] for _ in range(5)]
    forge.acknowledge(*messages)
    assert forge.view()["unacknowledgedMessageIds"] == []
    assert forge.view()["acknowledged"] == 5


@statement(
    "forge-rest",
    "POST /message/{transferId}/status",
    "messageIds is a set: an id that is there twice counts once",
)
def test_a_set(forge: ForgeMigration) -> None:
    message = forge.upload()["messageId"]
    forge.acknowledge(message, message)
    assert forge.view()["acknowledged"] == 1


@statement(
    "forge-rest",
    "POST /message/{transferId}/status",
    "messageIds is required and is an array of UUIDs",
)
def test_ids_are_uuids(forge: ForgeMigration) -> None:
    path = f"/message/{forge.transfer_id}/status"
    for ids in (None, "one", [1], [None]):
        forge.refused(400, "POST", path, {"status": "SUCCESS", "messageIds": ids})
    forge.refused(400, "POST", path, {"status": "SUCCESS"})
    forge.refused(404, "POST", path, {"status": "SUCCESS", "messageIds": ["not-a-uuid"]})


@statement(
    "forge-rest",
    "POST /message/{transferId}/status",
    "a message that does not exist is refused, and no other one of the call is acknowledged",
)
def test_an_unknown_message(forge: ForgeMigration) -> None:
    message = forge.upload()["messageId"]
    body = {"status": "SUCCESS", "messageIds": [message, str(uuid4())]}
    assert forge.refused(404, "POST", f"/message/{forge.transfer_id}/status", body) == (
        "message_not_found"
    )
    assert forge.message(message)["acknowledgement"] is None


@statement(
    "forge-rest",
    "POST /message/{transferId}/status",
    "a message belongs to the transfer in the path",
)
def test_a_message_of_another_transfer(forge: ForgeMigration) -> None:
    message, own = forge.upload()["messageId"], forge.transfer_id
    forge.begin()
    body = {"status": "SUCCESS", "messageIds": [message]}
    forge.refused(404, "POST", f"/message/{forge.transfer_id}/status", body)
    forge.ok("POST", f"/message/{own}/status", body)


@statement("forge-rest", "POST /message/{transferId}/status", "the body is JSON")
def test_the_body_is_json(forge: ForgeMigration) -> None:
    path = f"/app/migration/forge/v1/message/{forge.transfer_id}/status"
    for raw in (b"", b"{", b"status=SUCCESS", b"\xff\xfe", b"[]", b"null"):
        reply = forge.cloud.call("POST", path, raw=raw)
        assert reply.status == 400, raw
        problem(reply)


@statement("forge-rest", "Overview", "there is no call by which a Forge app settles a transfer")
def test_no_settle_call(forge: ForgeMigration) -> None:
    reply = forge.call("POST", f"/progress/{forge.transfer_id}", {"status": "SUCCESS"})
    assert reply.status == 404
    assert forge.status == "IN_PROGRESS"


@statement(
    "forge-events",
    "Processing events",
    "apps need not acknowledge events in any particular order",
)
def test_any_order(forge: ForgeMigration) -> None:
    messages = [forge.upload(f"part-{number}")["messageId"] for number in range(3)]
    forge.complete_export()
    for message in (messages[2], messages[0], messages[1]):
        assert forge.status == "IN_PROGRESS"
        forge.acknowledge(message)
    assert forge.status == "SUCCESS"


@statement(
    "forge-events",
    "Processing events",
    "an event may be acknowledged long after it was received, when its data is processed",
)
def test_long_after_delivery(forge: ForgeMigration) -> None:
    message = forge.upload()["messageId"]
    forge.advance_to(14)
    assert forge.message(message)["state"] == "DELIVERED"
    forge.acknowledge(message)
    forge.complete_export()
    assert forge.status == "SUCCESS"


@statement(
    "forge-events",
    "Processing events",
    "a success for any event of the migration counts, so the other events may be acknowledged too",
)
def test_other_events_may_be_acknowledged(forge: ForgeMigration) -> None:
    triggered = forge.event(TRIGGERED)["messageId"]
    forge.advance_to(10)
    forge.acknowledge(triggered)
    assert forge.deadline == 25


@statement(
    "forge-events",
    "Processing events",
    "no page says what a second acknowledgement does; here it is harmless and the first one counts",
)
def test_twice(forge: ForgeMigration) -> None:
    good, bad = forge.upload()["messageId"], forge.upload()["messageId"]
    forge.acknowledge(good, status="SUCCESS")
    forge.acknowledge(bad, status="FAILED")
    forge.acknowledge(good, bad, status="FAILED")
    forge.acknowledge(good, bad, status="SUCCESS")
    assert forge.message(good)["acknowledgement"] == "SUCCESS"
    assert forge.message(bad)["acknowledgement"] == "FAILED"
    assert (forge.view()["acknowledged"], forge.view()["failed"]) == (2, 1)


@statement(
    "forge-events",
    "Forge migration API, Parameters",
    "messageId identifies an event: one that is acknowledged before it was delivered is not sent",
)
def test_before_delivery(register_forge: Callable[..., ForgeMigration]) -> None:
    forge = register_forge()
    forge.inbox.answers = [503] * 3
    forge.begin()
    message = forge.upload()["messageId"]
    forge.advance()
    before = len(forge.inbox.received)
    forge.acknowledge(message)
    forge.advance(minutes=10)
    later = [each.event["messageId"] for each in forge.inbox.received[before:]]
    assert message not in later
