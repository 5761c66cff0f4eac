"""Uploads over real HTTP: parts that are wrong in every way, and calls made twice."""

from hashlib import sha256
from pathlib import Path
from typing import Any
from urllib.parse import unquote

import pytest

from tests.kit.function_app import FunctionMigration
from tests.kit.platform import Caller, PlatformProcess, Reply, problem

MIN_PART = 5 << 20
FORGE = "/app/migration/forge/v1"


@pytest.fixture
def migration(platform_process: PlatformProcess, app_folder: Path) -> FunctionMigration:
    return FunctionMigration.begin(platform_process, app_folder)


class Sender:
    """One upload, call by call."""

    def __init__(self, migration: FunctionMigration, label: str | None = None) -> None:
        path = f"/server/v1/transfers/{migration.transfer_id}/app-data"
        self.server = migration.server
        self.view = migration.server.ok("POST", path, {"label": label})
        self.path = f"/server/v1/uploads/{self.view['uploadId']}"
        self.nobody = Caller(migration.server.url, None)

    def signed(self, data: bytes, number: int = 1, **changes: Any) -> Any:
        part = {"number": number, "size": len(data), "sha256": sha256(data).hexdigest(), **changes}
        [url] = self.server.ok("POST", f"{self.path}/parts", {"parts": [part]})["parts"]
        return url

    def put(self, url: Any, data: bytes) -> Reply:
        path = url["url"].removeprefix(self.server.url)
        return self.nobody.call(url["method"], path, raw=data, headers=url["headers"])

    def send(self, data: bytes, number: int = 1) -> dict[str, Any]:
        reply = self.put(self.signed(data, number), data)
        assert reply.status == 200, reply.body
        return {
            "number": number,
            "size": len(data),
            "sha256": sha256(data).hexdigest(),
            "etag": reply.headers["etag"],
        }

    def complete(self, *parts: dict[str, Any], **fields: Any) -> Any:
        return self.server.ok("POST", f"{self.path}/complete", {"parts": parts, **fields})

    def refused(self, status: int, *parts: dict[str, Any], **fields: Any) -> str:
        body = {"parts": parts, **fields}
        return str(self.server.refused(status, "POST", f"{self.path}/complete", body)["code"])


def test_completing_twice_gives_the_same_answer(migration: FunctionMigration) -> None:
    sender = Sender(migration, "twice")
    part = sender.send(b"once")
    receipt = sender.complete(part)
    assert receipt["sha256"] == sha256(b"once").hexdigest()
    assert (receipt["size"], receipt["label"]) == (4, "twice")
    assert sender.complete(part) == receipt
    assert migration.view()["files"] == 1
    assert [m["label"] for m in migration.messages()].count("twice") == 1

    migration.complete_export()
    migration.client().message_processed(migration.transfer_id, receipt["messageId"])
    assert migration.status == "SUCCESS"
    assert sender.complete(part) == receipt, "the same answer also when all is over"
    assert sender.server.ok("GET", sender.path)["state"] == "COMPLETED"
    sender.server.refused(409, "POST", f"{sender.path}/parts", {"parts": [part]})
    assert sender.server.refused(409, "DELETE", sender.path)["code"] == "upload_closed"


def test_parts_that_make_no_file(migration: FunctionMigration) -> None:
    sender = Sender(migration)
    large, end = b"\1" * MIN_PART, b"end"
    small, second = sender.send(b"small"), sender.send(end, 2)
    assert sender.refused(400, small, second) == "part_too_small"
    first = sender.send(large)
    assert sender.refused(400, small, second) == "part_mismatch", "a newer body replaced it"
    assert sender.refused(400) == "part_missing"
    assert sender.refused(400, second) == "part_missing"
    assert sender.refused(400, first, {**second, "number": 3}) == "part_missing"
    assert sender.refused(400, first, first) == "part_repeated"
    assert sender.refused(400, first, second, second) == "part_repeated"
    assert sender.refused(400, {**first, "sha256": "0" * 64}, second) == "part_mismatch"
    assert sender.refused(400, {**first, "size": 1}, second) == "part_mismatch"
    assert sender.refused(400, {**first, "number": 0}, second) == "part_repeated"
    assert sender.refused(400, first, second, sha256="nonsense") == "checksum_invalid"
    assert migration.view()["files"] == 0
    receipt = sender.complete(second, first)
    assert receipt["sha256"] is None, "nobody named it"
    digests = sha256(large).digest() + sha256(end).digest()
    assert receipt["partsSha256"] == sha256(digests).hexdigest()
    reply = migration.cloud.call("GET", f"{FORGE}/data/{receipt['key']}/payload")
    assert reply.body == large + end


def test_a_whole_digest_that_is_not_the_files_is_refused(migration: FunctionMigration) -> None:
    sender = Sender(migration)
    part = sender.send(b"single part")
    assert sender.refused(400, part, sha256="0" * 64) == "checksum_mismatch"
    assert migration.view()["files"] == 0
    assert sender.complete(part)["size"] == 11


def test_bytes_that_were_not_signed_are_not_taken(migration: FunctionMigration) -> None:
    sender = Sender(migration)
    data = b"signed bytes"
    url = sender.signed(data)
    assert problem(sender.put(url, b"other! bytes"))["code"] == "checksum_mismatch"
    path = url["url"].removeprefix(sender.server.url)
    short = sender.nobody.call("PUT", path, raw=data[:-1])
    assert (short.status, problem(short)["code"]) == (400, "size_mismatch")
    assert sender.nobody.call("GET", path).status == 403
    for changed in (path.replace("/objects/", "/objects/0"), path + "0", path[:-1]):
        assert sender.nobody.call("PUT", changed, raw=data).status in (403, 404)
    assert sender.server.ok("GET", sender.path)["parts"] == []
    assert sender.put(url, data).status == 200
    assert sender.put(url, data).status == 200, "sent again, as after a lost answer"
    [held] = sender.server.ok("GET", sender.path)["parts"]
    assert (held["number"], held["size"]) == (1, len(data))


@pytest.mark.parametrize(
    "changes",
    [
        {"number": 0},
        {"number": -1},
        {"number": 10_001},
        {"number": 2**70},
        {"size": -1},
        {"size": 1 << 40},
        {"size": 2**70},
        {"sha256": ""},
        {"sha256": "A" * 64},
        {"sha256": "0" * 63},
        {"sha256": None},
        {"number": "one"},
    ],
    ids=str,
)
def test_parts_that_are_not_signed(migration: FunctionMigration, changes: dict[str, Any]) -> None:
    sender = Sender(migration)
    part = {"number": 1, "size": 1, "sha256": sha256(b"x").hexdigest(), **changes}
    sender.server.refused(400, "POST", f"{sender.path}/parts", {"parts": [part]})
    complete = {"parts": [{"etag": "", **part}]}
    if changes.get("sha256", "") is not None:
        sender.server.refused(400, "POST", f"{sender.path}/complete", complete)


def test_lists_of_parts_have_bounds(migration: FunctionMigration) -> None:
    sender = Sender(migration)
    part = {"number": 1, "size": 1, "sha256": "0" * 64}
    for parts in ([], [part] * 1001):
        sender.server.refused(400, "POST", f"{sender.path}/parts", {"parts": parts})
    sender.refused(400, *[{**part, "number": n, "etag": ""} for n in range(1, 10_002)])


def test_an_aborted_upload_is_gone(migration: FunctionMigration) -> None:
    sender = Sender(migration)
    url = sender.signed(b"data")
    part = sender.send(b"data")
    for _ in range(2):
        sender.server.ok("DELETE", sender.path)
    assert sender.put(url, b"data").status == 409
    assert sender.refused(409, part) == "upload_closed"
    sender.server.refused(409, "POST", f"{sender.path}/parts", {"parts": [part]})
    assert sender.server.ok("GET", sender.path)["state"] == "ABORTED"
    assert migration.view()["files"] == 0


def test_writing_goes_on_after_the_export_until_the_transfer_settles(
    migration: FunctionMigration,
) -> None:
    """A file that was begun is waited for; without it the transfer does not end well."""
    first = migration.send("before")
    migration.complete_export()
    open_one = Sender(migration, "complete late")
    part = open_one.send(b"in time")
    second = migration.send("after")
    client = migration.client()
    client.message_processed(migration.transfer_id, first)
    client.message_processed(migration.transfer_id, second)
    assert migration.status == "IN_PROGRESS"
    receipt = open_one.complete(part)
    client.message_processed(migration.transfer_id, receipt["messageId"])
    assert migration.status == "SUCCESS"
    path = f"/server/v1/transfers/{migration.transfer_id}/app-data"
    assert migration.server.refused(409, "POST", path, {})["code"] == "transfer_settled"
    assert migration.view()["files"] == 3


def test_giving_up_names_its_reason(migration: FunctionMigration) -> None:
    sender = Sender(migration, "half")
    path = sender.path
    refused = migration.server.refused(400, "DELETE", f"{path}?reason=tired")
    assert refused["code"] == "reason_invalid"
    migration.server.ok("DELETE", f"{path}?reason=writer_failed&detail=ValueError+at+export.py:12")
    export = f"/server/v1/transfers/{migration.transfer_id}/complete-export"
    refused = migration.server.refused(409, "POST", export)
    assert refused["code"] == "export_incomplete"
    assert "'half' (writer failed with ValueError at export.py:12)" in refused["found"]
    told = [entry for entry in migration.timeline() if entry["kind"] == "upload.aborted"]
    assert [entry["data"]["reason"] for entry in told] == ["writer_failed"]
    assert migration.server.refused(400, "POST", f"{export}?unfinished=yes")["code"] == (
        "unfinished_invalid"
    )
    migration.server.ok("POST", f"{export}?unfinished=abandon")
    assert migration.status == "SUCCESS"


@pytest.mark.parametrize("claim", ["x", "-1", "1" * 10, "1.0", ""])
def test_a_claim_is_a_number(migration: FunctionMigration, claim: str) -> None:
    path = f"/server/v1/transfers/{migration.transfer_id}/heartbeat"
    reply = migration.server.call("POST", path, headers={"Ferryman-Claim": claim})
    assert (reply.status, reply.json["code"]) == (400, "claim_invalid")


def test_an_empty_file_is_a_file(migration: FunctionMigration) -> None:
    message_id = migration.send("empty", b"")
    [key] = [m["key"] for m in migration.messages() if m["messageId"] == message_id]
    reply = migration.cloud.call("GET", f"{FORGE}/data/{key}/payload")
    assert (reply.status, reply.body) == (200, b"")
    assert reply.headers["content-length"] == "0"


def test_exporting_before_the_start_is_refused(
    platform_process: PlatformProcess, app_folder: Path
) -> None:
    migration = FunctionMigration.begin(platform_process, app_folder, claim=False)
    plan = {
        "name": "not started",
        "cloudUrl": "https://harbour.example",
        "sourceId": "s",
        "apps": [migration.registration["cloudAppKey"]],
    }
    view = migration.admin.ok("POST", "/admin/v1/migrations", plan)
    path = f"/server/v1/transfers/{view['transfers'][0]['transferId']}"
    for call in ("app-data", "complete-export"):
        document = migration.server.refused(409, "POST", f"{path}/{call}")
        assert document["code"] == "transfer_not_started"


@pytest.mark.parametrize(
    ("label", "name"),
    [
        ("notes.json", "notes.json"),
        ("a/b\\c\td", "a_b_c_d"),
        (" .. ", None),
        (None, None),
        pytest.param("é" * 1024, "é" * 100, id="long"),
    ],
)
def test_a_file_downloads_under_its_label_as_far_as_that_is_a_name(
    migration: FunctionMigration, label: str | None, name: str | None
) -> None:
    sender = Sender(migration, label)
    key = sender.complete(sender.send(b"data"))["key"]
    url = migration.cloud.ok("GET", f"{FORGE}/data/{key}")["url"]
    reply = sender.nobody.call("GET", url.removeprefix(sender.server.url))
    assert (reply.status, reply.body) == (200, b"data")
    exact = reply.headers["content-disposition"].rpartition("filename*=UTF-8''")[2]
    assert unquote(exact) == (name or key)
