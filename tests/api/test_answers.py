"""Answers that clients in the field rely on, byte by byte, and calls that arrive in parallel."""

import json
from concurrent.futures import ThreadPoolExecutor
from pathlib import Path
from typing import Any
from urllib.request import Request, urlopen

import pytest

from ferryman.vocab import EventType
from tests.kit.function_app import FunctionMigration
from tests.kit.platform import PlatformProcess, problem

FORGE = "/app/migration/forge/v1"


@pytest.fixture
def migration(platform_process: PlatformProcess, app_folder: Path) -> FunctionMigration:
    return FunctionMigration.begin(platform_process, app_folder)


def load(migration: FunctionMigration, raw: bytes, kind: str = "application/x-ndjson") -> Any:
    """The answer to a mapping upload."""
    path = f"/admin/v1/migrations/{migration.migration_id}/mappings"
    return migration.admin.call("PUT", path, raw=raw, headers={"Content-Type": kind})


def find(migration: FunctionMigration, *keys: str) -> Any:
    path = f"{FORGE}/mapping/{migration.transfer_id}/find?namespace=jira:issue"
    return migration.cloud.ok("POST", path, list(keys))


def row(server_key: str, namespace: str = "jira:issue") -> bytes:
    fields = {"namespace": namespace, "serverKey": server_key, "cloudKey": "7"}
    return json.dumps(fields, ensure_ascii=False).encode() + b"\n"


def in_parallel(
    migration: FunctionMigration, count: int, path: str, body: object = None
) -> list[Any]:
    with ThreadPoolExecutor(count) as pool:
        calls = [pool.submit(migration.admin.call, "POST", path, body) for _ in range(count)]
        return [call.result() for call in calls]


@pytest.mark.parametrize("letter", ["k", "ü", "船", "🚢"])
def test_keys_of_2048_bytes_are_taken_and_longer_ones_refused(
    migration: FunctionMigration, letter: str
) -> None:
    longest = letter * (2048 // len(letter.encode()))
    longest += "x" * (2048 - len(longest.encode()))
    assert load(migration, row(longest)).json["stored"] == 1
    assert find(migration, longest) == {longest: "7"}
    reply = load(migration, row("good") + row(longest + "x"))
    assert reply.status == 400, reply.body
    document = problem(reply)
    assert document["code"] == "mapping_too_long"
    assert "2049 bytes in row 2" in document["found"]
    assert find(migration, "good") == {}, "something was stored"


def test_pages_go_on_behind_the_longest_keys(migration: FunctionMigration) -> None:
    keys = [f"{number}" + "船" * 682 for number in range(3)]
    assert load(migration, b"".join(map(row, keys))).json["stored"] == 3
    path = f"{FORGE}/mapping/{migration.transfer_id}/page?namespace=jira:issue&pageSize=1"
    found: list[str] = []
    cursor = ""
    while True:
        page = migration.cloud.ok("GET", path + cursor)
        found += page["items"]
        if not page["meta"]["hasNext"]:
            break
        cursor = f"&lastEntity={page['meta']['lastEntity']}"
    assert found == keys


def test_a_namespace_has_a_length_too(migration: FunctionMigration) -> None:
    assert load(migration, row("1", "jira:" + "ü" * 125)).json["stored"] == 1
    reply = load(migration, row("1", "jira:" + "ü" * 125 + "x"))
    assert problem(reply)["code"] == "mapping_too_long"


@pytest.mark.parametrize("raw", [b'{"message": "\xff"}', b'{"message": "\xc3("}', b"\xff\xfe{}"])
def test_json_that_is_no_text_is_refused(migration: FunctionMigration, raw: bytes) -> None:
    calls = [
        (migration.cloud, f"{FORGE}/log/{migration.transfer_id}"),
        (migration.cloud, f"{FORGE}/message/{migration.transfer_id}/status"),
        (migration.cloud, f"{FORGE}/mapping/{migration.transfer_id}/find?namespace=jira:issue"),
        (migration.server, f"/server/v1/transfers/{migration.transfer_id}/app-data"),
        (migration.server, f"/server/v1/transfers/{migration.transfer_id}/error"),
        (migration.server, "/server/v1/listeners/claim"),
        (migration.admin, "/admin/v1/apps"),
        (migration.admin, "/admin/v1/migrations"),
        (migration.admin, "/admin/v1/clock/advance"),
    ]
    for caller, path in calls:
        reply = caller.call("POST", path, raw=raw)
        assert reply.status == 400, (path, reply.body)
        assert problem(reply)["code"] == "request_invalid"


@pytest.mark.parametrize("end", [b"\n", b"\r\n"])
@pytest.mark.parametrize("head", [b"", b"namespace,serverKey,cloudKey"])
def test_csv_as_spreadsheets_write_it(
    migration: FunctionMigration, head: bytes, end: bytes
) -> None:
    lines = [head, b"jira:issue,1,7", 'jira:issue,"ü,2",8'.encode()]
    raw = b"\xef\xbb\xbf" + end.join(lines[0 if head else 1 :]) + end
    reply = load(migration, raw, "text/csv")
    assert reply.status == 200, reply.body
    assert reply.json["stored"] == 2
    assert find(migration, "1", "ü,2") == {"1": "7", "ü,2": "8"}


def test_answers_without_content_have_no_body(migration: FunctionMigration) -> None:
    """A client that parses what there is must not find `null`."""
    own = f"/server/v1/transfers/{migration.transfer_id}"
    begun = migration.server.ok("POST", f"{own}/app-data", {})["uploadId"]
    acknowledgement = {"status": "SUCCESS", "messageIds": [migration.send("file")]}
    error = {"exceptionType": "E", "safeStackTrace": "at a"}
    calls = [
        (migration.cloud, "POST", f"{FORGE}/log/{migration.transfer_id}", {"message": "hello"}),
        (migration.server, "DELETE", f"/server/v1/uploads/{begun}", None),
        (migration.server, "POST", f"{own}/error", error),
        (
            migration.cloud,
            "POST",
            f"{FORGE}/message/{migration.transfer_id}/status",
            acknowledgement,
        ),
        (migration.server, "POST", f"{own}/complete-export", None),
    ]
    for caller, method, path, body in calls:
        reply = caller.call(method, path, body)
        assert (reply.status, reply.body) == (200, b""), path
        assert reply.headers["content-length"] == "0", path


def test_five_reruns_at_once_make_one(migration: FunctionMigration) -> None:
    message_id = migration.send("file")
    path = f"{FORGE}/message/{migration.transfer_id}/status"
    migration.cloud.ok("POST", path, {"status": "FAILED", "messageIds": [message_id]})
    migration.complete_export()
    assert migration.status == "FAILED"
    replies = in_parallel(migration, 5, f"/admin/v1/transfers/{migration.transfer_id}/rerun")
    assert sorted(reply.status for reply in replies) == [200, 409, 409, 409, 409]
    refused = [problem(reply) for reply in replies if reply.status == 409]
    assert {document["code"] for document in refused} == {"rerun_running"}
    view = migration.admin.ok("GET", f"/admin/v1/migrations/{migration.migration_id}")
    [again] = [r.json["transferId"] for r in replies if r.status == 200]
    found = [each["transferId"] for each in view["transfers"]]
    assert found == [migration.transfer_id, again]
    migration.admin.ok("POST", f"/admin/v1/transfers/{again}/cancel")


def test_three_errors_at_once_are_one_event(migration: FunctionMigration) -> None:
    path = f"/server/v1/transfers/{migration.transfer_id}/error"
    error = {"exceptionType": "E", "safeStackTrace": "at a"}
    with ThreadPoolExecutor(3) as pool:
        replies = list(pool.map(lambda _: migration.server.call("POST", path, error), range(3)))
    assert [reply.status for reply in replies] == [200] * 3
    sent = [m for m in migration.messages() if m["eventType"] == EventType.ERRORED]
    assert len(sent) == 1


@pytest.mark.parametrize(
    "url",
    [
        "https://harbour.example:99999",
        "https://harbour.example:port",
        "https://harbour.example:-1",
        "https://harbour.example/?a=b",
        "https://harbour.example?a",
        "https://harbour.example/#part",
        "https://:443",
    ],
)
def test_cloud_urls_that_name_no_site(migration: FunctionMigration, url: str) -> None:
    plan = {
        "name": "n",
        "cloudUrl": url,
        "sourceId": "s",
        "apps": [migration.registration["cloudAppKey"]],
    }
    document = migration.admin.refused(400, "POST", "/admin/v1/migrations", plan)
    assert document["code"] == "cloud_url_invalid"


@pytest.mark.parametrize(
    "path",
    [
        *("/healthz", "/readyz", "/metrics", "/.well-known/jwks.json", "/openapi.json"),
        *("/admin/v1/apps", "/admin/v1/nothing", "/nothing", "/objects/nothing"),
    ],
)
def test_no_cache_may_keep_an_answer(platform_process: PlatformProcess, path: str) -> None:
    """A cache that answered for a readiness, a key or a list would give an old one."""
    answer = platform_process.caller(platform_process.operator_token).call("GET", path)
    assert answer.headers["cache-control"] == "no-store"


def test_the_metrics_say_their_charset_once(platform_process: PlatformProcess) -> None:
    answer = platform_process.caller(None).call("GET", "/metrics")
    assert answer.headers["content-type"] == "text/plain; version=0.0.4; charset=utf-8"


def test_an_event_stream_is_kept_by_no_cache(
    migration: FunctionMigration, platform_process: PlatformProcess
) -> None:
    url = f"{migration.admin.url}/admin/v1/transfers/{migration.transfer_id}/timeline"
    token = f"Bearer {platform_process.operator_token}"
    asked = Request(url, headers={"Accept": "text/event-stream", "Authorization": token})  # noqa: S310
    with urlopen(asked, timeout=60) as answer:  # noqa: S310
        assert answer.headers["content-type"].startswith("text/event-stream")
        assert "no-store" in answer.headers.get_all("cache-control")
        assert answer.headers["x-accel-buffering"] == "no"
