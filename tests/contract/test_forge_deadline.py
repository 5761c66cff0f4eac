"""The deadline: the example timeline row by row, and what does and does not move it."""

from collections.abc import Callable
from typing import Any

import pytest

from tests.contract.statements import case, statement
from tests.kit.manifests import EXPORTED, UPLOADED
from tests.kit.remote_app import ForgeMigration

pytestmark = pytest.mark.usefixtures("still")

# minute, what happens; the deadline is in the statement's case
STEPS: list[tuple[int, str, str]] = [
    (0, "start", ""),
    (1, "upload", "A"),
    (1, "receive", "A"),
    (12, "upload", "B"),
    (13, "receive", "B"),
    (22, "upload", "C"),
    (22, "receive", "C"),
    (22, "export", ""),
    (22, "process", "C"),
    (32, "acknowledge", "C"),
    (33, "process", "A"),
    (38, "process", "B"),
    (43, "acknowledge", "A"),
    (48, "acknowledge", "B"),
]


def run_steps(forge: ForgeMigration, rows: int) -> None:
    """The first rows of the timeline."""
    messages: dict[str, str] = {}
    for minute, what, file in STEPS[:rows]:
        forge.advance_to(minute)
        if what == "upload":
            messages[file] = forge.upload(file)["messageId"]
        elif what == "receive":
            assert file in [event.get("label") for event in forge.events(UPLOADED)]
        elif what == "export":
            forge.complete_export()
        elif what == "acknowledge":
            forge.acknowledge(messages[file])


@pytest.mark.parametrize(
    ("row", "deadline"),
    [
        case(
            "forge-events",
            "Example timeline",
            "00:00 migration started by customer: 00:15",
            1,
            15,
            name="0000-started",
        ),
        case(
            "forge-events",
            "Example timeline",
            "00:01 file A uploaded: 00:16",
            2,
            16,
            name="0001-upload-A",
        ),
        case(
            "forge-events",
            "Example timeline",
            "00:01 event for file A received and not yet acknowledged: 00:16, unchanged",
            3,
            16,
            name="0001-received-A",
        ),
        case(
            "forge-events",
            "Example timeline",
            "00:12 file B uploaded: 00:27",
            4,
            27,
            name="0012-upload-B",
        ),
        case(
            "forge-events",
            "Example timeline",
            "00:13 event for file B received and not yet acknowledged: 00:27, unchanged",
            5,
            27,
            name="0013-received-B",
        ),
        case(
            "forge-events",
            "Example timeline",
            "00:22 file C uploaded: 00:37",
            6,
            37,
            name="0022-upload-C",
        ),
        case(
            "forge-events",
            "Example timeline",
            "00:22 event for file C received and not yet acknowledged: 00:37, unchanged",
            7,
            37,
            name="0022-received-C",
        ),
        case(
            "forge-events",
            "Example timeline",
            "00:22 upload completed: 00:37, unchanged",
            8,
            37,
            name="0022-completed",
        ),
        case(
            "forge-events",
            "Example timeline",
            "00:22 app starts processing file C: 00:37, unchanged",
            9,
            37,
            name="0022-processing-C",
        ),
        case(
            "forge-events",
            "Example timeline",
            "00:32 app acknowledges the event of file C: 00:47",
            10,
            47,
            name="0032-acknowledged-C",
        ),
        case(
            "forge-events",
            "Example timeline",
            "00:33 app starts processing file A: 00:47, unchanged",
            11,
            47,
            name="0033-processing-A",
        ),
        case(
            "forge-events",
            "Example timeline",
            "00:38 app starts processing file B: 00:47, unchanged",
            12,
            47,
            name="0038-processing-B",
        ),
        case(
            "forge-events",
            "Example timeline",
            "00:43 app acknowledges the event of file A: 00:58",
            13,
            58,
            name="0043-acknowledged-A",
        ),
    ],
)
def test_timeline(forge: ForgeMigration, row: int, deadline: int) -> None:
    run_steps(forge, row)
    assert forge.status == "IN_PROGRESS"
    assert forge.deadline == deadline


@statement(
    "forge-events",
    "Example timeline",
    "00:48 app acknowledges the event of file B, the last one: the transfer is SUCCESS",
)
def test_timeline_ends(forge: ForgeMigration) -> None:
    run_steps(forge, len(STEPS))
    view = forge.view()
    assert (view["status"], view["deadline"]) == ("SUCCESS", None)


def first(forge: ForgeMigration) -> str:
    """A message that nobody has acknowledged."""
    return str(forge.view()["unacknowledgedMessageIds"][0])


@pytest.mark.parametrize(
    ("act", "deadline"),
    [
        case(
            "forge-events",
            "Processing events",
            "uploading new data from the server app gives 15 minutes from then",
            lambda forge: forge.upload(),
            25,
            name="upload",
        ),
        case(
            "forge-events",
            "Processing events",
            "a message that failed gives no more time: only a success message does",
            lambda forge: forge.acknowledge(first(forge), status="FAILED"),
            15,
            name="failed",
        ),
        case(
            "forge-events",
            "Processing events",
            "a success message gives 15 minutes from then",
            lambda forge: forge.acknowledge(first(forge)),
            25,
            name="success",
        ),
        case(
            "forge-events",
            "Processing events",
            "completing the export gives no more time",
            lambda forge: forge.complete_export(),
            15,
            name="export",
        ),
        case(
            "forge-events",
            "Processing events",
            "reading app data and mappings and adding log lines give no more time",
            lambda forge: (
                forge.ok("GET", f"/data/{forge.transfer_id}/all"),
                forge.ok("POST", f"/mapping/{forge.transfer_id}/find?namespace=jira:issue", []),
                forge.call("POST", f"/log/{forge.transfer_id}", {"message": "at work"}),
            ),
            15,
            name="reading",
        ),
    ],
)
def test_what_moves_it(
    forge: ForgeMigration, act: Callable[[ForgeMigration], Any], deadline: int
) -> None:
    forge.upload()
    forge.upload()
    forge.advance_to(10)
    act(forge)
    assert forge.deadline == deadline


@statement(
    "forge-events",
    "Processing events",
    "a success message for one event gives time to all the others of the transfer",
)
def test_one_for_all(forge: ForgeMigration) -> None:
    one, two = forge.upload()["messageId"], forge.upload()["messageId"]
    forge.complete_export()
    forge.advance_to(14)
    forge.acknowledge(one)
    forge.advance_to(28)
    assert forge.status == "IN_PROGRESS"
    forge.acknowledge(two)
    assert forge.status == "SUCCESS"


@statement(
    "forge-events",
    "Processing events",
    "an app-data event that is not acknowledged within the 15 minutes times the transfer out",
)
def test_timed_out(forge: ForgeMigration) -> None:
    forge.upload()
    forge.complete_export()
    forge.advance_to(14.5)
    assert forge.status == "IN_PROGRESS"
    forge.advance_to(15.1)
    assert forge.status == "TIMED_OUT"


@statement(
    "forge-events",
    "Processing events",
    "the 15 minutes are counted from success and upload, not from receiving the event",
)
def test_not_from_receiving(register_forge: Callable[..., ForgeMigration]) -> None:
    forge = register_forge()
    forge.begin()
    forge.upload()
    forge.advance()
    forge.inbox.answers = [503, 503]
    forge.upload()
    forge.complete_export()
    forge.advance_to(5)
    assert len(forge.events(UPLOADED)) >= 3
    assert forge.deadline == 15


@statement(
    "forge-events",
    "Processing events",
    "apps that are granted more time have a window of their own",
)
def test_a_longer_window(register_forge: Callable[..., ForgeMigration]) -> None:
    forge = register_forge(windowSeconds=3_600)
    forge.begin()
    forge.upload()
    assert forge.deadline == 60
    forge.advance_to(59)
    assert forge.status == "IN_PROGRESS"
    forge.advance_to(61)
    assert forge.status == "TIMED_OUT"


@statement(
    "forge-progress",
    "Export",
    "an export that is never said to be complete counts as complete after 15 minutes without files",
)
def test_implicit_end(forge: ForgeMigration) -> None:
    forge.acknowledge(forge.upload()["messageId"])
    forge.advance_to(14.5)
    assert forge.status == "IN_PROGRESS"
    forge.advance_to(15.1)
    assert forge.status == "SUCCESS"


@statement(
    "forge-progress",
    "Export",
    "the implicit end of the export is not announced as completed:export_phase: nobody called it",
)
def test_implicit_end_is_silent(forge: ForgeMigration) -> None:
    forge.acknowledge(forge.upload()["messageId"])
    forge.advance_to(15.1)
    assert forge.events(EXPORTED) == []
