"""Wrong input gets a documented answer and changes nothing."""

import json
from collections.abc import Callable
from pathlib import Path
from typing import Any

import pytest

from tests.kit.function_app import FunctionMigration
from tests.kit.manifests import function_manifest
from tests.kit.platform import Caller, PlatformProcess, problem

UNKNOWN = "3f3a47f2-a6a2-4204-84bb-d0fc504c9dc6"
STRANGE = [
    UNKNOWN.upper(),
    UNKNOWN.replace("-", ""),
    "{" + UNKNOWN + "}",
    "urn:uuid:" + UNKNOWN,
    "1",
    "null",
    "%00",
    "%F0%9F%9A%A2",
    "%ff",
    "..%2F..%2Fetc%2Fpasswd",
    "x" * 2000,
    "' OR 1=1 --".replace(" ", "%20"),
]
FORGE = "/app/migration/forge/v1"


@pytest.fixture
def migration(platform_process: PlatformProcess, app_folder: Path) -> FunctionMigration:
    return FunctionMigration.begin(platform_process, app_folder)


@pytest.fixture
def other(platform_process: PlatformProcess, tmp_path: Path) -> FunctionMigration:
    """Another app's migration, with a file in it."""
    migration = FunctionMigration.begin(platform_process, tmp_path / "other-app")
    migration.send("theirs")
    return migration


def forge_calls(transfer: str, key: str) -> list[tuple[str, str, object]]:
    return [
        ("POST", f"/message/{transfer}/status", {"status": "SUCCESS", "messageIds": [UNKNOWN]}),
        ("POST", f"/mapping/{transfer}/find?namespace=jira:issue", ["1"]),
        ("GET", f"/mapping/{transfer}/page?namespace=jira:issue", None),
        ("POST", f"/log/{transfer}", {"message": "hello"}),
        ("GET", f"/data/{transfer}/all", None),
        ("GET", f"/data/{transfer}/page", None),
        ("GET", f"/data/{key}", None),
        ("GET", f"/data/{key}/parts", None),
        ("GET", f"/data/{key}/payload", None),
        ("GET", f"/container/{transfer}/page?containerType=Site", None),
    ]


def server_calls(transfer: str, upload: str) -> list[tuple[str, str, object]]:
    return [
        ("POST", f"/transfers/{transfer}/app-data", {}),
        ("POST", f"/transfers/{transfer}/complete-export", None),
        ("POST", f"/transfers/{transfer}/error", {"exceptionType": "E", "safeStackTrace": ""}),
        ("POST", f"/transfers/{transfer}/mappings/find?namespace=a:b", ["1"]),
        ("GET", f"/transfers/{transfer}/mappings/page?namespace=a:b", None),
        ("GET", f"/transfers/{transfer}/containers/page?containerType=Site", None),
        ("GET", f"/transfers/{transfer}/feedback", None),
        ("POST", f"/uploads/{upload}/parts", {"parts": [part_of(b"x")]}),
        ("GET", f"/uploads/{upload}", None),
        ("POST", f"/uploads/{upload}/complete", {"parts": [stored_part(b"x")]}),
        ("DELETE", f"/uploads/{upload}", None),
    ]


def part_of(data: bytes, number: int = 1) -> dict[str, Any]:
    from hashlib import sha256

    return {"number": number, "size": len(data), "sha256": sha256(data).hexdigest()}


def stored_part(data: bytes, number: int = 1) -> dict[str, Any]:
    part = part_of(data, number)
    return {**part, "etag": part["sha256"]}


def without_id(document: dict[str, Any]) -> str:
    return json.dumps({k: v for k, v in document.items() if k not in ("found", "detail")})


def test_foreign_unknown_and_malformed_ids_look_alike_to_cloud_apps(
    migration: FunctionMigration, other: FunctionMigration
) -> None:
    [key] = [m["key"] for m in other.messages() if m["key"]]
    other.advance(0)
    before = other.view(), other.timeline()
    foreign = forge_calls(other.transfer_id, key)
    for index, (method, path, body) in enumerate(foreign):
        reference = migration.cloud.refused(404, method, FORGE + path, body)
        for strange in [UNKNOWN, *STRANGE]:
            _, found, content = forge_calls(strange, strange)[index]
            reply = migration.cloud.call(method, FORGE + found, content)
            assert reply.status == 404, (found, reply.body)
            document = problem(reply)
            if document["code"] != "path_not_found":
                assert without_id(document) == without_id(reference)
    assert (other.view(), other.timeline()) == before


def test_foreign_unknown_and_malformed_ids_look_alike_to_server_apps(
    migration: FunctionMigration, other: FunctionMigration
) -> None:
    begun = other.server.ok("POST", f"/server/v1/transfers/{other.transfer_id}/app-data", {})
    other.advance(0)
    before = other.view(), other.timeline()
    foreign = server_calls(other.transfer_id, begun["uploadId"])
    for index, (method, path, body) in enumerate(foreign):
        reference = migration.server.refused(404, method, "/server/v1" + path, body)
        for strange in [UNKNOWN, *STRANGE]:
            _, found, content = server_calls(strange, strange)[index]
            reply = migration.server.call(method, "/server/v1" + found, content)
            assert reply.status == 404, (found, reply.body)
            document = problem(reply)
            if document["code"] != "path_not_found":
                assert without_id(document) == without_id(reference)
    assert (other.view(), other.timeline()) == before


@pytest.mark.parametrize(
    "path",
    [
        "/migrations/{}",
        "/transfers/{}",
        "/transfers/{}/timeline",
        "/transfers/{}/messages",
        "/messages/{}",
    ],
)
def test_the_operator_too_gets_404_for_ids_that_are_none(
    migration: FunctionMigration, path: str
) -> None:
    for strange in [UNKNOWN, *STRANGE]:
        migration.admin.refused(404, "GET", "/admin/v1" + path.format(strange))
    for action in ("cancel", "rerun"):
        migration.admin.refused(404, "POST", f"/admin/v1/transfers/{UNKNOWN}/{action}")
    migration.admin.refused(404, "POST", f"/admin/v1/migrations/{UNKNOWN}/start")
    migration.admin.refused(404, "POST", f"/admin/v1/messages/{UNKNOWN}/redeliver")


def test_acknowledging_is_all_or_nothing(
    migration: FunctionMigration, other: FunctionMigration
) -> None:
    mine = migration.send("mine")
    theirs = other.message_of("theirs")
    path = f"{FORGE}/message/{migration.transfer_id}/status"
    for bad in (UNKNOWN, theirs, "nonsense", ""):
        half = {"status": "SUCCESS", "messageIds": [mine, bad]}
        assert migration.cloud.refused(404, "POST", path, half)["code"] == "message_not_found"
    wrong: list[object] = [
        {"status": "DONE", "messageIds": [mine]},
        {"status": "success", "messageIds": [mine]},
        {"status": "SUCCESS", "messageIds": []},
        {"status": "SUCCESS", "messageIds": mine},
        {"status": "SUCCESS", "messageIds": [1]},
        {"status": "SUCCESS", "messageIds": [None]},
        {"status": "SUCCESS"},
        {"status": "SUCCESS", "messageIds": [mine] * 1001},
        {},
        [],
    ]
    for body in wrong:
        migration.cloud.refused(400, "POST", path, body)
    assert migration.view()["acknowledged"] == 0
    migration.cloud.ok("POST", path, {"status": "FAILED", "messageIds": [mine, mine, mine.upper()]})
    migration.cloud.ok("POST", path, {"status": "SUCCESS", "messageIds": [mine]})
    view = migration.view()
    assert (view["acknowledged"], view["failed"]) == (1, 1)


@pytest.mark.parametrize(
    "raw",
    [
        b"",
        b"{",
        b"nonsense",
        b"[]",
        b"null",
        b'"text"',
        b"\xff\xfe",
        b'{"message": "\\ud800"}',
        b'{"message": "nul \\u0000"}',
        b'{"message": 1}',
        b'{"message": null}',
        b'{"message": "a"} trailing',
        b"[" * 100_000,
        b'{"message": ' + b"1" * 5000 + b"}",
    ],
)
def test_bodies_that_are_no_log_message(migration: FunctionMigration, raw: bytes) -> None:
    reply = migration.cloud.call("POST", f"{FORGE}/log/{migration.transfer_id}", raw=raw)
    assert reply.status == 400, reply.body
    problem(reply)


def test_log_messages_have_a_limit(migration: FunctionMigration) -> None:
    path = f"{FORGE}/log/{migration.transfer_id}"
    longest = "⛵" * 65_536
    migration.cloud.ok("POST", path, {"message": longest})
    document = migration.cloud.refused(400, "POST", path, {"message": longest + "x"})
    assert document["code"] == "message_too_long"
    logged = [e["data"]["message"] for e in migration.timeline() if e["kind"] == "log.added"]
    assert logged == [longest]


def test_bodies_have_a_limit(migration: FunctionMigration) -> None:
    path = f"{FORGE}/log/{migration.transfer_id}"
    raw = json.dumps({"message": "x" * (2 << 20)}).encode()
    reply = migration.cloud.call("POST", path, raw=raw)
    assert reply.status == 413
    assert problem(reply)["code"] == "body_too_large"


@pytest.mark.parametrize(
    "label",
    ["", " ", "notes", "größe", "日本語", "👩‍👩‍👧‍👦 ⛵", "\u202egnol", "x" * 1024, "\x01\t\n"],
)
def test_labels_of_any_unicode_arrive_unchanged(migration: FunctionMigration, label: str) -> None:
    message_id = migration.send(label)
    [item] = migration.cloud.ok("GET", f"{FORGE}/data/{migration.transfer_id}/all")
    assert item.get("label") == label
    migration.advance(0)
    [event] = [e for e in migration.events() if e["messageId"] == message_id]
    assert event.get("label") == label


@pytest.mark.parametrize("label", ['"nul \\u0000"', '"half \\ud83d"', '"' + "x" * 1025 + '"', "1"])
def test_labels_that_are_refused(migration: FunctionMigration, label: str) -> None:
    path = f"/server/v1/transfers/{migration.transfer_id}/app-data"
    reply = migration.server.call("POST", path, raw=b'{"label": %s}' % label.encode())
    assert reply.status == 400
    problem(reply)


REGISTRATIONS: list[tuple[str, Callable[[dict[str, Any]], None]]] = [
    ("manifest", lambda r: r["manifest"]["modules"].update({"migration": [{"key": "m"}]})),
    ("unknown event", lambda r: r.update(manifest=function_manifest(events=["avi:nothing"]))),
    ("missing file", lambda r: r.update(manifest=function_manifest("nowhere.run"))),
    ("missing function", lambda r: r.update(manifest=function_manifest("index.nothing"))),
    ("handler form", lambda r: r.update(manifest=function_manifest("run"))),
    ("outside the folder", lambda r: r.update(manifest=function_manifest("../other.run"))),
    ("upper-case environment", lambda r: r.update(environment="Production")),
    ("no source", lambda r: r.update(source=None)),
    ("relative source", lambda r: r.update(source="app")),
    ("missing source", lambda r: r.update(source="/nonexistent/app")),
    ("nul in source", lambda r: r.update(source="/tmp/\0")),
    ("kind", lambda r: r.update(kind="plugin")),
    ("empty key", lambda r: r.update(cloudAppKey=" ")),
    ("key with @", lambda r: r.update(cloudAppKey="a@b")),
    ("nul in key", lambda r: r.update(serverAppKey="a\0")),
    ("long key", lambda r: r.update(serverAppKey="x" * 1025)),
    ("scope", lambda r: r.update(accessScopes=["EVERYTHING"])),
    ("window of nothing", lambda r: r.update(windowSeconds=0)),
    ("negative window", lambda r: r.update(windowSeconds=-5)),
    ("endless window", lambda r: r.update(windowSeconds=2**31)),
    ("window beyond numbers", lambda r: r.update(windowSeconds=2**70)),
    ("text for a window", lambda r: r.update(windowSeconds="long")),
    ("manifest of another form", lambda r: r.update(manifest=[])),
    ("modules of another form", lambda r: r.update(manifest={"modules": []})),
    ("nul in manifest", lambda r: r["manifest"].update(note="\0")),
    ("nul in descriptor", lambda r: r.update(descriptor={"note": "\0"})),
    ("nul in Forge id", lambda r: r.update(forgeAppId="\0")),
]


@pytest.mark.parametrize("name", [name for name, _ in REGISTRATIONS])
def test_registrations_that_are_refused(migration: FunctionMigration, name: str) -> None:
    change = dict(REGISTRATIONS)[name]
    registration = json.loads(json.dumps(migration.registration))
    registration["cloudAppKey"] += "-new"
    change(registration)
    document = migration.admin.refused(400, "POST", "/admin/v1/apps", registration)
    assert document["code"] != "internal_error"
    plan = {
        "name": "n",
        "cloudUrl": "https://harbour.example",
        "sourceId": "s",
        "apps": [migration.registration["cloudAppKey"] + "-new"],
    }
    migration.admin.refused(404, "POST", "/admin/v1/migrations", plan)


MIGRATIONS: list[tuple[dict[str, Any], int]] = [
    ({"name": ""}, 400),
    ({"name": "\0"}, 400),
    ({"sourceId": ""}, 400),
    ({"sourceId": "x" * 1025}, 400),
    ({"cloudUrl": "harbour.example"}, 400),
    ({"cloudUrl": "ftp://harbour.example"}, 400),
    ({"cloudUrl": "https://[::1"}, 400),
    ({"cloudUrl": "https://harbour.example/\0"}, 400),
    ({"apps": []}, 400),
    ({"apps": ["org.example.unknown"]}, 404),
    ({"apps": ["\0"]}, 400),
    ({"containers": [{"type": "Board"}]}, 400),
    ({"containers": [{"type": "Site", "key": "\0"}]}, 400),
    ({"containers": [{"type": "Site", "selectedUsers": "\0"}]}, 400),
    ({"containers": [{"type": "JiraProject", "key": "A", "selectedUsers": "ALL_USERS"}]}, 400),
]


@pytest.mark.parametrize(("change", "status"), MIGRATIONS, ids=lambda value: str(value)[:40])
def test_migrations_that_are_refused(
    migration: FunctionMigration, change: dict[str, Any], status: int
) -> None:
    plan = {
        "name": "n",
        "cloudUrl": "https://harbour.example",
        "sourceId": "s",
        "apps": [migration.registration["cloudAppKey"]],
        **change,
    }
    document = migration.admin.refused(status, "POST", "/admin/v1/migrations", plan)
    assert document["code"] != "internal_error"


@pytest.mark.parametrize(
    "change",
    [
        {"serverAppKeys": "key"},
        {"agentId": "nul \0"},
        {"agentId": "x" * 2000},
        {"serverAppVersion": "nul \0"},
        {"serverAppVersion": "x" * 2000},
        {"waitSeconds": "long"},
        {"running": ["nonsense"]},
    ],
    ids=lambda change: str(change)[:40],
)
def test_claims_that_are_refused(
    platform_process: PlatformProcess, app_folder: Path, change: dict[str, Any]
) -> None:
    migration = FunctionMigration.begin(platform_process, app_folder, claim=False)
    request = {
        "serverAppKeys": [migration.registration["serverAppKey"]],
        "agentId": "agent",
        "waitSeconds": 0,
        **change,
    }
    reply = migration.server.call("POST", "/server/v1/listeners/claim", request)
    assert reply.status in (400, 404), reply.body
    problem(reply)
    assert migration.status == "READY"


@pytest.mark.parametrize("seconds", ["-1", "1e400", "1e18", '"soon"', "null", "[]"])
def test_the_clock_goes_forward_by_a_number(migration: FunctionMigration, seconds: str) -> None:
    before = migration.admin.ok("GET", "/admin/v1/clock")["offsetSeconds"]
    raw = b'{"seconds": %s}' % seconds.encode()
    reply = migration.admin.call("POST", "/admin/v1/clock/advance", raw=raw)
    assert reply.status == 400, reply.body
    problem(reply)
    assert migration.admin.ok("GET", "/admin/v1/clock")["offsetSeconds"] == before


@pytest.mark.parametrize("size", ["0", "-1", "100000", "x", "1.5", "9" * 30])
def test_page_sizes(migration: FunctionMigration, size: str) -> None:
    paths: list[tuple[Caller, str]] = [
        (migration.admin, "/admin/v1/apps?"),
        (migration.admin, "/admin/v1/migrations?"),
        (migration.admin, f"/admin/v1/transfers/{migration.transfer_id}/messages?"),
        (migration.admin, f"/admin/v1/transfers/{migration.transfer_id}/timeline?"),
        (migration.cloud, f"{FORGE}/data/{migration.transfer_id}/page?"),
        (migration.cloud, f"{FORGE}/mapping/{migration.transfer_id}/page?namespace=a:b&"),
        (migration.cloud, f"{FORGE}/container/{migration.transfer_id}/page?containerType=Site&"),
    ]
    for caller, path in paths:
        caller.refused(400, "GET", f"{path}pageSize={size}")


@pytest.mark.parametrize("cursor", ["nonsense!", "AAAA", "%00", "____", UNKNOWN, "x" * 3000])
def test_cursors_that_no_page_gave(migration: FunctionMigration, cursor: str) -> None:
    paths: list[tuple[Caller, str]] = [
        (migration.admin, f"/admin/v1/apps?cursor={cursor}"),
        (migration.admin, f"/admin/v1/migrations?cursor={cursor}"),
        (migration.admin, f"/admin/v1/transfers/{migration.transfer_id}/messages?cursor={cursor}"),
        (migration.admin, f"/admin/v1/transfers/{migration.transfer_id}/timeline?cursor={cursor}"),
        (
            migration.cloud,
            f"{FORGE}/container/{migration.transfer_id}/page?containerType=Site&lastEntity={cursor}",
        ),
        (
            migration.cloud,
            f"{FORGE}/mapping/{migration.transfer_id}/page?namespace=a:b&lastEntity={cursor}",
        ),
        (migration.cloud, f"{FORGE}/data/{migration.transfer_id}/page?lastEvaluatedKey={cursor}"),
    ]
    for caller, path in paths:
        assert caller.refused(400, "GET", path)["code"] == "cursor_invalid"


def test_missing_and_repeated_parameters(migration: FunctionMigration) -> None:
    transfer = migration.transfer_id
    migration.cloud.refused(400, "GET", f"{FORGE}/mapping/{transfer}/page")
    migration.cloud.refused(400, "POST", f"{FORGE}/mapping/{transfer}/find", ["1"])
    migration.cloud.refused(400, "GET", f"{FORGE}/container/{transfer}/page")
    path = f"{FORGE}/container/{transfer}/page?containerType="
    migration.cloud.refused(400, "GET", path + "Board")
    find = f"{FORGE}/mapping/{transfer}/find?namespace=jira:issue"
    for keys in (
        [""],
        ["1", "1"],
        [None],
        "1",
        {"a": 1},
        ["x" * 2049],
        ["\0"],
        [str(n) for n in range(101)],
    ):
        migration.cloud.refused(400, "POST", find, keys)
    assert migration.cloud.ok("POST", find, ["1"]) == {}


MAPPINGS: list[tuple[str, bytes]] = [
    ("application/x-ndjson", b"nonsense"),
    ("application/x-ndjson", b'{"namespace": "jira:issue"}'),
    ("application/x-ndjson", b'{"namespace": "issue", "serverKey": "1", "cloudKey": "2"}'),
    ("application/x-ndjson", b'{"namespace": "jira:issue", "serverKey": "", "cloudKey": "2"}'),
    ("application/x-ndjson", b'{"namespace":"jira:issue","serverKey":"\\u0000","cloudKey":"2"}'),
    ("application/x-ndjson", b'{"namespace":"jira:issue","serverKey":"\xff","cloudKey":"2"}'),
    ("application/x-ndjson", b'{"namespace":"jira:\\u0000","serverKey":"1","cloudKey":"2"}'),
    ("application/x-ndjson", b"x" * 70_000),
    ("text/csv", b"jira:issue,1"),
    ("text/csv", b"jira:issue,1,2,3"),
    ("text/csv", b'jira:issue,"1,2'),
    ("text/csv", b"\xff\xff,1,2"),
]


@pytest.mark.parametrize(("kind", "raw"), MAPPINGS, ids=lambda value: str(value)[:40])
def test_a_wrong_row_stores_nothing(migration: FunctionMigration, kind: str, raw: bytes) -> None:
    good = b'{"namespace":"jira:issue","serverKey":"good","cloudKey":"7"}\n'
    if kind == "text/csv":
        good = b"jira:issue,good,7\n"
    path = f"/admin/v1/migrations/{migration.migration_id}/mappings"
    reply = migration.admin.call("PUT", path, raw=good + raw, headers={"Content-Type": kind})
    assert reply.status == 400, reply.body
    assert problem(reply)["code"] in ("mapping_invalid", "mapping_too_long", "key_invalid")
    find = f"{FORGE}/mapping/{migration.transfer_id}/find?namespace=jira:issue"
    assert migration.cloud.ok("POST", find, ["good"]) == {}
    reply = migration.admin.call("PUT", path, raw=good, headers={"Content-Type": kind})
    assert reply.json["stored"] == 1
    assert migration.cloud.ok("POST", find, ["good", "bad"]) == {"good": "7"}


@pytest.mark.parametrize("field", ["serverAppKey", "cloudAppKey", "environment"])
@pytest.mark.parametrize("text", ["", " ", "a@b", "a\u202eb", "a\u0007b", "a\u0085b", "a\nb"])
def test_a_key_has_no_characters_that_a_terminal_obeys(
    platform_process: PlatformProcess, field: str, text: str
) -> None:
    """Bidirectional and control characters make one key look like another."""
    caller = platform_process.caller(platform_process.operator_token)
    body = {"kind": "forge", "serverAppKey": "s", "cloudAppKey": "c", field: text}
    refused = problem(caller.call("POST", "/admin/v1/apps", body))
    assert refused["status"] == 400
    assert refused["code"].endswith("_invalid")
