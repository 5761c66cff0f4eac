"""How a Forge transfer settles, and its progress until then."""

from collections.abc import Callable

import pytest

from tests.contract.statements import case, statement
from tests.kit.manifests import SETTLED
from tests.kit.remote_app import ForgeMigration

pytestmark = pytest.mark.usefixtures("still")


@pytest.mark.parametrize(
    ("acknowledged", "status"),
    [
        case(
            "forge-events",
            "Example timeline",
            "every message processed and the export complete: SUCCESS",
            ["SUCCESS", "SUCCESS"],
            "SUCCESS",
            name="all-success",
        ),
        case(
            "forge-progress",
            "Settling",
            "every message failed: FAILED",
            ["FAILED", "FAILED"],
            "FAILED",
            name="all-failed",
        ),
        case(
            "forge-progress",
            "Settling",
            "some processed and some failed: the pages give no rule; here INCOMPLETE, partly done",
            ["SUCCESS", "FAILED"],
            "INCOMPLETE",
            name="mixed",
        ),
        case(
            "forge-progress",
            "Settling",
            "a failure first and successes later is INCOMPLETE too: all is waited for",
            ["FAILED", "SUCCESS", "SUCCESS"],
            "INCOMPLETE",
            name="failed-first",
        ),
    ],
)
def test_final_status(forge: ForgeMigration, acknowledged: list[str], status: str) -> None:
    messages = [forge.upload()["messageId"] for _ in acknowledged]
    forge.complete_export()
    for message, each in zip(messages, acknowledged, strict=True):
        assert forge.status == "IN_PROGRESS"
        forge.acknowledge(message, status=each)
    assert forge.status == status


@statement(
    "forge-progress",
    "Settling",
    "the transfer settles by itself as soon as nothing is outstanding, whichever came last",
)
def test_export_last(forge: ForgeMigration) -> None:
    forge.acknowledge(forge.upload()["messageId"])
    assert forge.status == "IN_PROGRESS"
    forge.complete_export()
    assert forge.status == "SUCCESS"


@statement(
    "forge-progress",
    "Settling",
    "an export without any file settles as SUCCESS when it is complete",
)
def test_no_file(forge: ForgeMigration) -> None:
    forge.complete_export()
    assert forge.status == "SUCCESS"


@statement(
    "containers",
    "Exporting",
    "without a file and without completeExport a transfer takes 15 minutes to settle, once its "
    "listener came back",
)
def test_no_file_takes_long(forge: ForgeMigration) -> None:
    assert forge.export("/returned").status == 200
    forge.advance_to(14.5)
    assert forge.status == "IN_PROGRESS"
    forge.advance_to(15.1)
    assert forge.status == "SUCCESS"


@statement(
    "containers",
    "Exporting",
    "with neither a file nor a word of its listener a transfer is TIMED_OUT after 15 minutes "
    "(ours: the pages do not say); it can be re-run",
)
def test_not_a_word(forge: ForgeMigration) -> None:
    forge.advance_to(15.1)
    assert forge.status == "TIMED_OUT"
    again = forge.admin.ok("POST", f"/admin/v1/transfers/{forge.transfer_id}/rerun")
    assert again["originalTransferId"] == forge.transfer_id


@statement(
    "forge-progress",
    "Export",
    "the export is not complete while a file of it is begun and not complete (ours: strict)",
)
def test_unfinished_file(forge: ForgeMigration) -> None:
    begun = forge.export("/app-data", body={"label": "half"})
    refused = forge.export("/complete-export")
    assert (refused.status, refused.json["code"]) == (409, "export_incomplete")
    upload = begun.json["uploadId"]
    assert forge.server.call("DELETE", f"/server/v1/uploads/{upload}").status == 200
    assert forge.export("/complete-export").status == 200
    assert forge.status == "SUCCESS"


@statement(
    "vendor-practice",
    "Events",
    "triggered:listener is never acknowledged by existing apps: nothing waits for that",
)
def test_triggered_is_not_waited_for(forge: ForgeMigration) -> None:
    forge.finish()
    assert forge.status == "SUCCESS"


@statement(
    "forge-progress",
    "Settling",
    "the settled event is sent once, whoever ended the transfer",
)
def test_settled_once(forge: ForgeMigration) -> None:
    receipt = forge.finish()
    forge.call(
        "POST",
        f"/message/{forge.transfer_id}/status",
        {"status": "FAILED", "messageIds": [receipt["messageId"]]},
    )
    forge.advance(minutes=30)
    assert len(forge.events(SETTLED)) == 1


@statement(
    "transfers",
    "Settled transfers",
    "a final status never changes",
)
def test_final(forge: ForgeMigration) -> None:
    forge.finish("FAILED")
    forge.advance()
    before = forge.view()
    assert forge.export("/app-data", body={}).status == 409
    assert forge.export("/error", body={"exceptionType": "E", "safeStackTrace": ""}).status == 409
    forge.admin.refused(409, "POST", f"/admin/v1/transfers/{forge.transfer_id}/cancel")
    forge.advance(minutes=60)
    assert forge.view() == before


@statement(
    "forge-progress",
    "Percentage",
    "progress is from 1 to 99 while the transfer is IN_PROGRESS",
)
def test_progress(forge: ForgeMigration) -> None:
    seen = [forge.view()["progress"]]
    messages = [forge.upload()["messageId"] for _ in range(4)]
    for message in messages[:3]:
        forge.acknowledge(message)
        seen.append(forge.view()["progress"])
    forge.complete_export()
    seen.append(forge.view()["progress"])
    assert all(1 <= percent <= 99 for percent in seen)


@statement(
    "forge-progress",
    "Percentage",
    "progress comes from uploaded against acknowledged messages, and never goes down",
)
def test_progress_grows(forge: ForgeMigration) -> None:
    messages = [forge.upload()["messageId"] for _ in range(4)]
    forge.complete_export()
    seen = [forge.view()["progress"]]
    for message in messages[:3]:
        forge.acknowledge(message)
        seen.append(forge.view()["progress"])
    assert seen == sorted(set(seen))


@statement("forge-progress", "Percentage", "more files do not take progress back")
def test_progress_stays(forge: ForgeMigration) -> None:
    forge.acknowledge(forge.upload()["messageId"])
    before = forge.view()["progress"]
    for _ in range(5):
        forge.upload()
    assert forge.view()["progress"] >= before > 1


@statement("forge-progress", "Percentage", "progress of a transfer that is SUCCESS is 100")
def test_hundred(forge: ForgeMigration) -> None:
    forge.finish()
    assert forge.view()["progress"] == 100


@statement(
    "server-exceptions",
    "What happens",
    "the event of a listener's error does not settle the transfer by itself",
)
def test_an_error_does_not_settle(forge: ForgeMigration) -> None:
    forge.throw()
    forge.advance()
    assert forge.status == "IN_PROGRESS"


@statement(
    "server-exceptions",
    "What happens",
    "a listener that threw has failed: without any file the transfer ends as FAILED",
)
def test_an_error_is_a_failure(forge: ForgeMigration) -> None:
    forge.throw()
    forge.advance_to(15.1)
    assert forge.status == "FAILED"


@statement(
    "forge-events",
    "Processing events",
    "a transfer is settled whatever became of its other deliveries: only acknowledgements count",
)
def test_undelivered_does_not_matter(register_forge: Callable[..., ForgeMigration]) -> None:
    forge = register_forge()
    forge.inbox.answers = [500] * 20
    forge.begin()
    forge.finish()
    assert forge.status == "SUCCESS"
