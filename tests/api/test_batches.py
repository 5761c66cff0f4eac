"""Batches of files over real HTTP: whatever is wrong with one of them, the others go on."""

from hashlib import sha256
from pathlib import Path
from typing import Any

import pytest

from tests.kit.function_app import FunctionMigration
from tests.kit.platform import Caller, PlatformProcess

MOST = 500
COMPLETE = "/server/v1/uploads/complete"
UNKNOWN = "00000000-0000-4000-8000-000000000000"


@pytest.fixture
def migration(platform_process: PlatformProcess, app_folder: Path) -> FunctionMigration:
    return FunctionMigration.begin(platform_process, app_folder)


def part_of(data: bytes, **changes: Any) -> dict[str, Any]:
    return {"number": 1, "size": len(data), "sha256": sha256(data).hexdigest(), **changes}


def path_of(migration: FunctionMigration) -> str:
    return f"/server/v1/transfers/{migration.transfer_id}/app-data/batch"


def begin(migration: FunctionMigration, *files: dict[str, Any]) -> list[dict[str, Any]]:
    answers: list[dict[str, Any]] = migration.server.ok(
        "POST", path_of(migration), {"files": list(files)}
    )["files"]
    return answers


def send(migration: FunctionMigration, answer: dict[str, Any], data: bytes) -> dict[str, Any]:
    """Send a file's bytes; what completes it."""
    url = answer["upload"]["part"]
    path = url["url"].removeprefix(migration.server.url)
    nobody = Caller(migration.server.url, None)
    reply = nobody.call(url["method"], path, raw=data, headers=url["headers"])
    assert reply.status == 200, reply.body
    part = part_of(data, etag=reply.headers["etag"])
    return {"uploadId": answer["upload"]["uploadId"], "parts": [part]}


def complete(migration: FunctionMigration, *files: dict[str, Any]) -> list[dict[str, Any]]:
    answers: list[dict[str, Any]] = migration.server.ok("POST", COMPLETE, {"files": list(files)})[
        "files"
    ]
    return answers


def codes(answers: list[dict[str, Any]]) -> list[tuple[int, str] | None]:
    problems = [answer["problem"] for answer in answers]
    return [None if each is None else (each["status"], each["code"]) for each in problems]


def announced(migration: FunctionMigration) -> list[str]:
    """Labels of the files whose events are queued."""
    return sorted(message["label"] for message in migration.messages() if message["label"])


def test_each_file_is_announced_once(migration: FunctionMigration) -> None:
    contents = [b"one", b"", b"three"]
    files = [{"label": str(n), "part": part_of(data)} for n, data in enumerate(contents)]
    begun = begin(migration, *files)
    whole = [send(migration, each, data) for each, data in zip(begun, contents, strict=True)]
    receipts = [answer["receipt"] for answer in complete(migration, *whole)]
    assert [receipt["size"] for receipt in receipts] == [3, 0, 5]
    assert [receipt["label"] for receipt in receipts] == ["0", "1", "2"]
    assert [answer["receipt"] for answer in complete(migration, *whole)] == receipts
    assert migration.view()["files"] == 3
    assert announced(migration) == ["0", "1", "2"]
    # The call for one file gives the same answer.
    path = f"/server/v1/uploads/{whole[0]['uploadId']}/complete"
    assert migration.server.ok("POST", path, {"parts": whole[0]["parts"]}) == receipts[0]
    migration.complete_export()
    for receipt in receipts:
        migration.client().message_processed(migration.transfer_id, receipt["messageId"])
    assert migration.status == "SUCCESS"
    assert [answer["receipt"] for answer in complete(migration, *whole)] == receipts
    refused = migration.server.refused(409, "POST", path_of(migration), {"files": [{}]})
    assert refused["code"] == "transfer_settled"


def test_a_bad_member_has_its_own_problem(migration: FunctionMigration) -> None:
    answers = begin(
        migration,
        {"label": "good", "part": part_of(b"good")},
        {"label": "number", "part": part_of(b"x", number=0)},
        {"label": "size", "part": part_of(b"x", size=1 << 40)},
        {"label": "digest", "part": part_of(b"x", sha256="X")},
        {"label": "l" * 2_000},
        {"resumeKey": "k" * 2_000},
        {"label": "other", "part": part_of(b"other")},
    )
    assert codes(answers) == [
        None,
        (400, "part_number_invalid"),
        (400, "part_too_large"),
        (400, "part_digest_invalid"),
        (400, "label_too_long"),
        (400, "resumeKey_too_long"),
        None,
    ]
    good, other = send(migration, answers[0], b"good"), send(migration, answers[-1], b"other")
    short = part_of(b"good", size=3, etag="x")
    done = complete(
        migration,
        {**good, "parts": []},
        {**other, "parts": [short]},
        {"uploadId": UNKNOWN, "parts": good["parts"]},
        {"uploadId": "..", "parts": good["parts"]},
    )
    assert codes(done) == [
        (400, "part_missing"),
        (400, "part_mismatch"),
        (404, "upload_not_found"),
        (404, "upload_not_found"),
    ]
    assert migration.view()["files"] == 0
    lying = {**other, "sha256": "0" * 64}
    assert codes(complete(migration, lying, good)) == [(400, "checksum_mismatch"), None]
    # The first place of a repeated member decides for all of them.
    assert codes(complete(migration, lying, other)) == [(400, "checksum_mismatch")] * 2
    assert codes(complete(migration, other, other)) == [None, None]
    assert migration.view()["files"] == 2


@pytest.mark.parametrize("count", [0, MOST + 1])
def test_a_batch_of_none_or_too_many_is_refused(migration: FunctionMigration, count: int) -> None:
    refused = migration.server.refused(400, "POST", path_of(migration), {"files": [{}] * count})
    assert refused["code"] == "batch_size_invalid"
    [answer] = begin(migration, {"part": part_of(b"x")})
    whole = send(migration, answer, b"x")
    refused = migration.server.refused(400, "POST", COMPLETE, {"files": [whole] * count})
    assert refused["code"] == "batch_size_invalid"
    assert migration.view()["files"] == 0
    assert migration.view()["unfinishedFiles"] == 1


def test_a_full_batch_is_taken(migration: FunctionMigration) -> None:
    answers = begin(migration, *({"label": str(number)} for number in range(MOST)))
    assert codes(answers) == [None] * MOST
    ids = [answer["upload"]["uploadId"] for answer in answers]
    refused = complete(migration, *({"uploadId": each, "parts": []} for each in ids))
    assert codes(refused) == [(400, "part_missing")] * MOST


def test_files_of_another_app_are_unknown(migration: FunctionMigration, tmp_path: Path) -> None:
    other = FunctionMigration.begin(migration.platform, tmp_path / "other")
    [theirs] = begin(other, {"part": part_of(b"x")})
    whole = send(other, theirs, b"x")
    [mine] = begin(migration, {"part": part_of(b"y")})
    answers = complete(migration, whole, send(migration, mine, b"y"))
    assert codes(answers) == [(404, "upload_not_found"), None]
    refused = migration.server.refused(404, "POST", path_of(other), {"files": [{}]})
    assert refused["code"] == "transfer_not_found"
    assert other.view()["files"] == 0


def test_what_was_begun_and_not_completed_is_not_announced(migration: FunctionMigration) -> None:
    """A sender that is killed between the two calls: the export is incomplete, and says so."""
    begun = begin(migration, *({"label": str(n), "part": part_of(b"x")} for n in range(3)))
    send(migration, begun[0], b"x")
    assert announced(migration) == []
    path = f"/server/v1/transfers/{migration.transfer_id}/complete-export"
    assert migration.server.refused(409, "POST", path)["code"] == "export_incomplete"
    migration.server.ok("POST", f"{path}?unfinished=abandon")
    assert migration.status == "SUCCESS"
    assert migration.view()["files"] == 0
