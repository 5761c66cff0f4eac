"""Forge REST, the four calls that read app data, and the log."""

import gzip
from urllib.parse import urlsplit
from uuid import uuid4

from tests.contract.statements import statement
from tests.kit.remote_app import ForgeMigration, is_uuid


@statement("forge-rest", "POST /log/{transferId}", "adding a log line answers 200 and nothing")
def test_log_answer(forge: ForgeMigration) -> None:
    reply = forge.call("POST", f"/log/{forge.transfer_id}", {"message": "half way"})
    assert (reply.status, reply.body) == (200, b"")


@statement(
    "forge-events",
    "Forge migration API, Parameters",
    "logMessage is shown to customers in the progress logs",
)
def test_log_is_shown(forge: ForgeMigration) -> None:
    forge.call("POST", f"/log/{forge.transfer_id}", {"message": "Zürich \N{SNOWMAN}: half way"})
    [line] = forge.timeline("log.added")
    assert line["data"]["message"] == "Zürich \N{SNOWMAN}: half way"


@statement("forge-rest", "POST /log/{transferId}", "a log message has at most 65,536 characters")
def test_log_limit(forge: ForgeMigration) -> None:
    path = f"/log/{forge.transfer_id}"
    assert forge.call("POST", path, {"message": "x" * 65_536}).status == 200
    assert forge.call("POST", path, {"message": "x" * 65_537}).status == 400
    assert [len(line["data"]["message"]) for line in forge.timeline("log.added")] == [65_536]


@statement("forge-rest", "POST /log/{transferId}", "the message is required and a string")
def test_log_needs_a_message(forge: ForgeMigration) -> None:
    for body in ({}, {"message": None}, {"message": 1}, {"logMessage": "x"}):
        forge.refused(400, "POST", f"/log/{forge.transfer_id}", body)


@statement("forge-rest", "POST /log/{transferId}", "a log line needs a transfer that exists")
def test_log_of_an_unknown_transfer(forge: ForgeMigration) -> None:
    forge.refused(404, "POST", f"/log/{uuid4()}", {"message": "hello"})


@statement("forge-rest", "GET /data/{transferId}/all", "the answer is an array of all files")
def test_all(forge: ForgeMigration) -> None:
    keys = {forge.upload()["key"] for _ in range(3)}
    found = forge.ok("GET", f"/data/{forge.transfer_id}/all")
    assert isinstance(found, list)
    assert {item["key"] for item in found} == keys


@statement(
    "forge-rest",
    "GET /data/{transferId}/all",
    "without any file the answer is an empty array",
)
def test_all_of_nothing(forge: ForgeMigration) -> None:
    assert forge.ok("GET", f"/data/{forge.transfer_id}/all") == []


@statement(
    "forge-events",
    "Forge migration API, AppData",
    "an item of the list has both s3Key and key, the same UUID: the pages use both names",
)
def test_both_names(forge: ForgeMigration) -> None:
    key = forge.upload("notes")["key"]
    [item] = forge.ok("GET", f"/data/{forge.transfer_id}/all")
    assert item["s3Key"] == item["key"] == key
    assert is_uuid(key)


@statement(
    "export-app-data",
    "Retrieve list of exported app data",
    "label is there only if the server app gave one",
)
def test_label_only_if_given(forge: ForgeMigration) -> None:
    with_label, without = forge.upload("some-optional-label")["key"], forge.upload()["key"]
    items = {item["key"]: item for item in forge.ok("GET", f"/data/{forge.transfer_id}/all")}
    assert items[with_label]["label"] == "some-optional-label"
    assert "label" not in items[without]


@statement(
    "forge-rest",
    "GET /data/{transferId}/all",
    "another transfer's files are not in the list",
)
def test_all_of_one_transfer(forge: ForgeMigration) -> None:
    forge.upload()
    forge.begin()
    assert forge.ok("GET", f"/data/{forge.transfer_id}/all") == []


@statement(
    "forge-openapi",
    "GET /data/{transferId}/page",
    "an item of a page has key, label and fileSize, which is in bytes",
)
def test_page_items(forge: ForgeMigration) -> None:
    key = forge.upload("notes", b"x" * 1_234)["key"]
    [item] = forge.ok("GET", f"/data/{forge.transfer_id}/page")["items"]
    assert (item["key"], item["label"], item["fileSize"]) == (key, "notes", 1_234)


@statement(
    "forge-openapi",
    "GET /data/{transferId}/page",
    "the answer has items and lastEvaluatedKey, which is null on the last page",
)
def test_page_members(forge: ForgeMigration) -> None:
    forge.upload()
    found = forge.ok("GET", f"/data/{forge.transfer_id}/page")
    assert set(found) == {"items", "lastEvaluatedKey"}
    assert found["lastEvaluatedKey"] is None


@statement(
    "forge-openapi",
    "GET /data/{transferId}/page",
    "lastEvaluatedKey of a page goes into the next request, and the pages hold each file once",
)
def test_pages_go_on(forge: ForgeMigration) -> None:
    keys = sorted(forge.upload()["key"] for _ in range(5))
    path = f"/data/{forge.transfer_id}/page?pageSize=2"
    found = forge.ok("GET", path)
    seen = [item["key"] for item in found["items"]]
    assert len(seen) == 2
    while found["lastEvaluatedKey"] is not None:
        found = forge.ok("GET", f"{path}&lastEvaluatedKey={found['lastEvaluatedKey']}")
        seen += [item["key"] for item in found["items"]]
    assert sorted(seen) == keys


@statement("forge-openapi", "GET /data/{transferId}/page", "pageSize of files is from 1 to 1000")
def test_page_sizes(forge: ForgeMigration) -> None:
    for size, status in (("1", 200), ("1000", 200), ("0", 400), ("1001", 400), ("x", 400)):
        path = f"/data/{forge.transfer_id}/page?pageSize={size}"
        assert forge.call("GET", path).status == status, size


@statement(
    "export-app-data",
    "Retrieve a S3 URL for a s3key",
    "the answer is an object with url and nothing else",
)
def test_url(forge: ForgeMigration) -> None:
    key = forge.upload()["key"]
    found = forge.ok("GET", f"/data/{key}")
    assert set(found) == {"url"}
    assert urlsplit(found["url"]).scheme in ("http", "https")


@statement(
    "export-app-data",
    "Retrieve a S3 URL for a s3key",
    "the URL downloads the file and is signed: it needs no token",
)
def test_url_downloads(forge: ForgeMigration) -> None:
    key = forge.upload(data=b"Your binary data goes here")["key"]
    reply = forge.fetch(forge.ok("GET", f"/data/{key}")["url"])
    assert (reply.status, reply.body) == (200, b"Your binary data goes here")


@statement(
    "export-app-data",
    "About the App data retrieval API, Limits",
    "the signed URL expires one hour after it was retrieved",
)
def test_url_expires(forge: ForgeMigration) -> None:
    message = forge.upload()
    url = forge.ok("GET", f"/data/{message['key']}")["url"]
    forge.advance(minutes=59)
    assert forge.fetch(url).status == 200
    forge.advance(minutes=1)
    assert forge.fetch(url).status == 403


@statement(
    "export-app-data",
    "About the App data retrieval API, Limits",
    "after its expiry the app can request a new URL",
)
def test_url_anew(forge: ForgeMigration) -> None:
    key = forge.upload(data=b"again")["key"]
    for _ in range(3):
        # An acknowledgement moves the deadline, so that the transfer lives on.
        forge.advance(minutes=14)
        forge.upload()
    old = forge.ok("GET", f"/data/{key}")["url"]
    for _ in range(5):
        forge.advance(minutes=14)
        forge.upload()
    assert forge.fetch(old).status == 403
    assert forge.fetch(forge.ok("GET", f"/data/{key}")["url"]).body == b"again"


@statement(
    "export-app-data",
    "Retrieve a S3 URL for a s3key",
    "a signed URL opens its own file and is good for nothing when it is changed",
)
def test_url_is_signed(forge: ForgeMigration) -> None:
    one, two = forge.upload()["key"], forge.upload()["key"]
    url = forge.ok("GET", f"/data/{one}")["url"]
    assert forge.fetch(url.replace(one, two)).status == 403
    assert forge.fetch(url[:-1] + ("0" if url[-1] != "0" else "1")).status == 403
    assert forge.fetch(url, "PUT", b"other bytes").status == 403


@statement(
    "forge-openapi",
    "GET /data/{fileKey}",
    "a file that does not exist has no URL and no payload",
)
def test_unknown_file(forge: ForgeMigration) -> None:
    for path in (f"/data/{uuid4()}", f"/data/{uuid4()}/payload", "/data/no-uuid"):
        assert forge.refused(404, "GET", path) == "file_not_found"


@statement(
    "forge-rest",
    "GET /data/{fileKey}",
    "the paths of a transfer and of a file begin alike and are told apart by their ends",
)
def test_paths_are_told_apart(forge: ForgeMigration) -> None:
    key = forge.upload()["key"]
    assert forge.refused(404, "GET", f"/data/{key}/all") == "transfer_not_found"
    assert forge.refused(404, "GET", f"/data/{key}/page") == "transfer_not_found"
    assert forge.refused(404, "GET", f"/data/{forge.transfer_id}") == "file_not_found"
    assert forge.refused(404, "GET", f"/data/{forge.transfer_id}/payload") == "file_not_found"


@statement(
    "forge-rest",
    "GET /data/{fileKey}/payload",
    "the payload is the file, as application/octet-stream",
)
def test_payload(forge: ForgeMigration) -> None:
    data = bytes(range(256)) * 5
    key = forge.upload(data=data)["key"]
    reply = forge.call("GET", f"/data/{key}/payload")
    assert reply.status == 200
    assert reply.headers["content-type"] == "application/octet-stream"
    assert reply.body == data


@statement(
    "vendor-practice",
    "Payloads",
    "a payload never has a Content-Encoding: apps gunzip what they gzipped themselves",
)
def test_payload_is_raw(forge: ForgeMigration) -> None:
    packed = gzip.compress(b"one line\n" * 100)
    key = forge.upload(data=packed)["key"]
    reply = forge.call(
        "GET", f"/data/{key}/payload", headers={"Accept-Encoding": "gzip, deflate, br"}
    )
    assert "content-encoding" not in reply.headers
    assert reply.body == packed


@statement(
    "vendor-practice",
    "Payloads",
    "the signed URL gives raw bytes too, without a Content-Encoding",
)
def test_url_is_raw(forge: ForgeMigration) -> None:
    packed = gzip.compress(b"one line\n" * 100)
    url = forge.ok("GET", f"/data/{forge.upload(data=packed)['key']}")["url"]
    reply = forge.fetch(url, headers={"Accept-Encoding": "gzip, deflate, br"})
    assert "content-encoding" not in reply.headers
    assert reply.body == packed


@statement(
    "forge-events",
    "Forge migration API, Method signature",
    "a payload's text and arrayBuffer are whole: Content-Length is the size of the file",
)
def test_payload_length(forge: ForgeMigration) -> None:
    key = forge.upload(data=b"x" * 70_000)["key"]
    reply = forge.call("GET", f"/data/{key}/payload")
    assert reply.headers["content-length"] == str(len(reply.body)) == "70000"


@statement(
    "vendor-practice",
    "Signed URLs",
    "a long download goes on by range after its URL expired and was renewed",
)
def test_ranges(forge: ForgeMigration) -> None:
    key = forge.upload(data=b"0123456789")["key"]
    first = forge.fetch(forge.ok("GET", f"/data/{key}")["url"], headers={"Range": "bytes=0-3"})
    rest = forge.fetch(forge.ok("GET", f"/data/{key}")["url"], headers={"Range": "bytes=4-"})
    assert (first.status, rest.status) == (206, 206)
    assert first.body + rest.body == b"0123456789"
    assert rest.headers["content-range"] == "bytes 4-9/10"
