"""Answers that clients in the field rely on, byte by byte, and calls that arrive in parallel."""

import json
from concurrent.futures import ThreadPoolExecutor
from pathlib import Path
from typing import Any
from urllib.request import Request, urlopen

import pytest

from ferryman.vocab import EventType
from tests.support import Crossing, PlatformProcess, problem

FORGE = "/app/migration/forge/v1"


@pytest.fixture
def crossing(platform_process: PlatformProcess, app_folder: Path) -> Crossing:
    return Crossing.begin(platform_process, app_folder)


def load(crossing: Crossing, raw: bytes, kind: str = "application/x-ndjson") -> Any:
    """The answer to a mapping upload."""
    path = f"/admin/v1/migrations/{crossing.migration_id}/mappings"
    return crossing.admin.call("PUT", path, raw=raw, headers={"Content-Type": kind})


def find(crossing: Crossing, *keys: str) -> Any:
    path = f"{FORGE}/mapping/{crossing.transfer_id}/find?namespace=jira:issue"
    return crossing.cloud.ok("POST", path, list(keys))


def row(server_key: str, namespace: str = "jira:issue") -> bytes:
    fields = {"namespace": namespace, "serverKey": server_key, "cloudKey": "7"}
    return json.dumps(fields, ensure_ascii=False).encode() + b"\n"


def in_parallel(crossing: Crossing, count: int, path: str, body: object = None) -> list[Any]:
    with ThreadPoolExecutor(count) as pool:
        calls = [pool.submit(crossing.admin.call, "POST", path, body) for _ in range(count)]
        return [call.result() for call in calls]


@pytest.mark.parametrize("letter", ["k", "ü", "船", "🚢"])
def test_keys_of_2048_bytes_are_taken_and_longer_ones_refused(
    crossing: Crossing, letter: str
) -> None:
    longest = letter * (2048 // len(letter.encode()))
    longest += "x" * (2048 - len(longest.encode()))
    assert load(crossing, row(longest)).json["stored"] == 1
    assert find(crossing, longest) == {longest: "7"}
    reply = load(crossing, row("good") + row(longest + "x"))
    assert reply.status == 400, reply.body
    document = problem(reply)
    assert document["code"] == "mapping_too_long"
    assert "2049 bytes in row 2" in document["found"]
    assert find(crossing, "good") == {}, "something was stored"


def test_pages_go_on_behind_the_longest_keys(crossing: Crossing) -> None:
    keys = [f"{number}" + "船" * 682 for number in range(3)]
    assert load(crossing, b"".join(map(row, keys))).json["stored"] == 3
    path = f"{FORGE}/mapping/{crossing.transfer_id}/page?namespace=jira:issue&pageSize=1"
    found: list[str] = []
    cursor = ""
    while True:
        page = crossing.cloud.ok("GET", path + cursor)
        found += page["items"]
        if not page["meta"]["hasNext"]:
            break
        cursor = f"&lastEntity={page['meta']['lastEntity']}"
    assert found == keys


def test_a_namespace_has_a_length_too(crossing: Crossing) -> None:
    assert load(crossing, row("1", "jira:" + "ü" * 125)).json["stored"] == 1
    reply = load(crossing, row("1", "jira:" + "ü" * 125 + "x"))
    assert problem(reply)["code"] == "mapping_too_long"


@pytest.mark.parametrize("raw", [b'{"message": "\xff"}', b'{"message": "\xc3("}', b"\xff\xfe{}"])
def test_json_that_is_no_text_is_refused(crossing: Crossing, raw: bytes) -> None:
    calls = [
        (crossing.cloud, f"{FORGE}/log/{crossing.transfer_id}"),
        (crossing.cloud, f"{FORGE}/message/{crossing.transfer_id}/status"),
        (crossing.cloud, f"{FORGE}/mapping/{crossing.transfer_id}/find?namespace=jira:issue"),
        (crossing.server, f"/server/v1/transfers/{crossing.transfer_id}/app-data"),
        (crossing.server, f"/server/v1/transfers/{crossing.transfer_id}/error"),
        (crossing.server, "/server/v1/listeners/claim"),
        (crossing.admin, "/admin/v1/apps"),
        (crossing.admin, "/admin/v1/migrations"),
        (crossing.admin, "/admin/v1/clock/advance"),
    ]
    for caller, path in calls:
        reply = caller.call("POST", path, raw=raw)
        assert reply.status == 400, (path, reply.body)
        assert problem(reply)["code"] == "request_invalid"


@pytest.mark.parametrize("end", [b"\n", b"\r\n"])
@pytest.mark.parametrize("head", [b"", b"namespace,serverKey,cloudKey"])
def test_csv_as_spreadsheets_write_it(crossing: Crossing, head: bytes, end: bytes) -> None:
    lines = [head, b"jira:issue,1,7", 'jira:issue,"ü,2",8'.encode()]
    raw = b"\xef\xbb\xbf" + end.join(lines[0 if head else 1 :]) + end
    reply = load(crossing, raw, "text/csv")
    assert reply.status == 200, reply.body
    assert reply.json["stored"] == 2
    assert find(crossing, "1", "ü,2") == {"1": "7", "ü,2": "8"}


def test_answers_without_content_have_no_body(crossing: Crossing) -> None:
    """A client that parses what there is must not find `null`."""
    own = f"/server/v1/transfers/{crossing.transfer_id}"
    begun = crossing.server.ok("POST", f"{own}/app-data", {})["uploadId"]
    acknowledgement = {"status": "SUCCESS", "messageIds": [crossing.upload("file")]}
    error = {"exceptionType": "E", "safeStackTrace": "at a"}
    calls = [
        (crossing.cloud, "POST", f"{FORGE}/log/{crossing.transfer_id}", {"message": "hello"}),
        (crossing.server, "DELETE", f"/server/v1/uploads/{begun}", None),
        (crossing.server, "POST", f"{own}/error", error),
        (
            crossing.cloud,
            "POST",
            f"{FORGE}/message/{crossing.transfer_id}/status",
            acknowledgement,
        ),
        (crossing.server, "POST", f"{own}/complete-export", None),
    ]
    for caller, method, path, body in calls:
        reply = caller.call(method, path, body)
        assert (reply.status, reply.body) == (200, b""), path
        assert reply.headers["content-length"] == "0", path


def test_five_reruns_at_once_make_one(crossing: Crossing) -> None:
    message_id = crossing.upload("file")
    path = f"{FORGE}/message/{crossing.transfer_id}/status"
    crossing.cloud.ok("POST", path, {"status": "FAILED", "messageIds": [message_id]})
    crossing.complete_export()
    assert crossing.status == "FAILED"
    replies = in_parallel(crossing, 5, f"/admin/v1/transfers/{crossing.transfer_id}/rerun")
    assert sorted(reply.status for reply in replies) == [200, 409, 409, 409, 409]
    refused = [problem(reply) for reply in replies if reply.status == 409]
    assert {document["code"] for document in refused} == {"rerun_running"}
    migration = crossing.admin.ok("GET", f"/admin/v1/migrations/{crossing.migration_id}")
    [again] = [r.json["transferId"] for r in replies if r.status == 200]
    found = [each["transferId"] for each in migration["transfers"]]
    assert found == [crossing.transfer_id, again]
    crossing.admin.ok("POST", f"/admin/v1/transfers/{again}/cancel")


def test_three_errors_at_once_are_one_event(crossing: Crossing) -> None:
    path = f"/server/v1/transfers/{crossing.transfer_id}/error"
    error = {"exceptionType": "E", "safeStackTrace": "at a"}
    with ThreadPoolExecutor(3) as pool:
        replies = list(pool.map(lambda _: crossing.server.call("POST", path, error), range(3)))
    assert [reply.status for reply in replies] == [200] * 3
    sent = [m for m in crossing.messages() if m["eventType"] == EventType.ERRORED]
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
def test_cloud_urls_that_name_no_site(crossing: Crossing, url: str) -> None:
    plan = {
        "name": "n",
        "cloudUrl": url,
        "sourceId": "s",
        "apps": [crossing.registration["cloudAppKey"]],
    }
    document = crossing.admin.refused(400, "POST", "/admin/v1/migrations", plan)
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
    crossing: Crossing, platform_process: PlatformProcess
) -> None:
    url = f"{crossing.admin.url}/admin/v1/transfers/{crossing.transfer_id}/timeline"
    token = f"Bearer {platform_process.operator_token}"
    asked = Request(url, headers={"Accept": "text/event-stream", "Authorization": token})  # noqa: S310
    with urlopen(asked, timeout=60) as answer:  # noqa: S310
        assert answer.headers["content-type"].startswith("text/event-stream")
        assert "no-store" in answer.headers.get_all("cache-control")
        assert answer.headers["x-accel-buffering"] == "no"
