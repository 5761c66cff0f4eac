"""What the customer sees of a transfer: its log, its details, and never the secrets of it."""

from collections.abc import Callable
from typing import Any

import pytest

from tests.contract.statements import case, statement
from tests.kit.remote_app import ConnectMigration, ForgeMigration


@pytest.mark.parametrize(
    ("kind", "member", "good"),
    [
        case(
            "progress-logs",
            "Log lines",
            "that the transfer started is logged",
            "transfer.changed",
            "after",
            lambda value: value == "IN_PROGRESS",
            name="start",
        ),
        case(
            "progress-logs",
            "Log lines",
            "that data was uploaded is logged with its s3Key",
            "app_data.uploaded",
            "key",
            lambda value: len(value) == 36,
            name="upload",
        ),
        case(
            "progress-logs",
            "Log lines",
            "that the cloud app was notified is logged",
            "attempt.delivered",
            "messageId",
            lambda value: len(value) == 36,
            name="notification",
        ),
    ],
)
def test_lines(forge: ForgeMigration, kind: str, member: str, good: Callable[[Any], bool]) -> None:
    forge.upload()
    forge.advance()
    assert good(forge.timeline(kind)[0]["data"][member])


@statement("progress-logs", "Log lines", "a progress update is logged: status, percent and message")
def test_progress_line(connect: ConnectMigration) -> None:
    connect.report(percent=20, message="x" * 3_000)
    [line] = connect.timeline("progress.reported")
    assert (line["data"]["status"], line["data"]["percent"]) == ("IN_PROGRESS", 20)
    assert line["data"]["message"] == "x" * 3_000


@statement("progress-logs", "Log lines", "that a cancellation was requested is logged")
def test_cancel_line(forge: ForgeMigration) -> None:
    forge.cancel()
    changes = [each["data"]["after"] for each in forge.timeline("transfer.changed")]
    assert changes[-1] == "CANCELLATION_REQUESTED"


@statement(
    "progress-logs",
    "Log lines",
    "pages cut messages at 500 or 1000 characters and drop old lines; here all is kept whole",
)
def test_nothing_is_cut(forge: ForgeMigration) -> None:
    for number in range(60):
        forge.call("POST", f"/log/{forge.transfer_id}", {"message": f"{number}:" + "x" * 1_500})
    lines = [each["data"]["message"] for each in forge.timeline("log.added")]
    assert [line.partition(":")[0] for line in lines] == [str(number) for number in range(60)]
    assert {len(line.partition(":")[2]) for line in lines} == {1_500}


@statement("progress-logs", "Log lines", "an entry says when it happened, in milliseconds")
def test_times(forge: ForgeMigration) -> None:
    forge.call("POST", f"/log/{forge.transfer_id}", {"message": "now"})
    [line] = forge.timeline("log.added")
    now = forge.admin.ok("GET", "/admin/v1/clock")["now"]
    assert 0 <= now - line["at"] < 60_000
