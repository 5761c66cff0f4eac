"""Forge's key-value store over HTTP: what is kept, for whom, and the limits in Forge's words."""

import json
from concurrent.futures import ThreadPoolExecutor
from datetime import datetime
from typing import Any

import pytest

from tests.kit.key_value import PATH, KeyValueStore
from tests.kit.platform import Caller, PlatformProcess


@pytest.fixture(scope="module")
def store(
    running_platform: PlatformProcess, tmp_path_factory: pytest.TempPathFactory
) -> KeyValueStore:
    """An app's store; each test has keys of its own."""
    return KeyValueStore.begin(running_platform, tmp_path_factory.mktemp("app") / "app")


@pytest.fixture(scope="module")
def other(
    running_platform: PlatformProcess, tmp_path_factory: pytest.TempPathFactory
) -> KeyValueStore:
    """Another app's store on the same site."""
    return KeyValueStore.begin(running_platform, tmp_path_factory.mktemp("other") / "app")


VALUES: tuple[Any, ...] = (
    *(None, 0, "", [], {"b": 1, "a": [1.50, "\0"]}, 12345678901234567890123, "♥😀"),
)


@pytest.mark.parametrize("value", VALUES, ids=range(len(VALUES)))
def test_a_value_comes_back_as_it_was_sent(store: KeyValueStore, value: object) -> None:
    store.ok("set", {"key": "same", "value": value})
    sent = json.dumps(value)
    reply = store.call("get", {"key": "same"})
    assert reply.body.decode() == f'{{"key":"same","value":{sent}}}'


def test_a_key_without_a_value_says_so(store: KeyValueStore) -> None:
    assert store.refused("get", {"key": "none"}) == (404, "KEY_NOT_FOUND")
    assert store.refused("secret/get", {"key": "none"}) == (404, "KEY_NOT_FOUND")
    store.ok("delete", {"key": "none"})
    store.ok("set", {"key": "gone", "value": 1})
    store.ok("delete", {"key": "gone"})
    assert store.get("gone") is None


def test_what_others_keep_is_never_seen(store: KeyValueStore, other: KeyValueStore) -> None:
    """Neither by another app with the same keys, nor among secrets."""
    store.ok("set", {"key": "shared", "value": "plain"})
    store.ok("secret/set", {"key": "shared", "value": "secret"})
    other.ok("set", {"key": "shared", "value": "other"})
    assert store.get("shared") == "plain"
    assert store.ok("secret/get", {"key": "shared"})["value"] == "secret"
    assert other.get("shared") == "other"
    assert other.refused("secret/get", {"key": "shared"}) == (404, "KEY_NOT_FOUND")
    where = [{"property": "key", "condition": "BEGINS_WITH", "values": ["shared"]}]
    [found] = other.ok("query", {"where": where})["data"]
    assert found == {"key": "shared", "value": "other"}
    other.ok("delete", {"key": "shared"})
    other.ok("secret/delete", {"key": "shared"})
    other.ok("batch/delete", [{"key": "shared"}])
    other.ok("transaction", {"delete": [{"key": "shared"}]})
    assert store.get("shared") == "plain"
    assert store.ok("secret/get", {"key": "shared"})["value"] == "secret"


def test_only_a_token_of_an_event_opens_it(
    store: KeyValueStore, platform_process: PlatformProcess
) -> None:
    tokens = store.migration.tokens
    for token, expected in (
        (tokens["cloudToken"], (403, "INSTALLATION_MISSING")),
        (tokens["serverToken"], (401, "TOKEN_INVALID")),
        (platform_process.operator_token, (401, "TOKEN_INVALID")),
        (None, (401, "TOKEN_MISSING")),
    ):
        caller = platform_process.caller(token)
        reply = caller.call("POST", f"{PATH}/get", {"key": "k"})
        assert (reply.status, reply.json["code"]) == expected


def test_values_are_listed_by_key(store: KeyValueStore) -> None:
    keys = [f"list:{number:02}" for number in range(25)]
    for batch in (keys[15:], keys[:15]):
        store.ok("batch/set", [{"key": key, "value": key} for key in batch])
    store.ok("secret/set", {"key": "list:00", "value": "secret"})
    where = [{"property": "key", "condition": "BEGINS_WITH", "values": ["list:"]}]
    for limit, sizes in ((None, [10, 10, 5]), (25, [25]), (24, [24, 1]), (100, [25])):
        asked: dict[str, Any] = {"where": where} | ({"limit": limit} if limit else {})
        pages = [store.ok("query", asked)]
        while cursor := pages[-1].get("cursor"):
            pages.append(store.ok("query", {**asked, "after": cursor}))
        assert [len(page["data"]) for page in pages] == sizes
        assert [row["key"] for page in pages for row in page["data"]] == keys
        assert "cursor" not in pages[-1]
    first = store.ok("query", {"where": where})
    elsewhere = [{**where[0], "values": ["other:"]}]
    code = store.refused("query", {"where": elsewhere, "after": first["cursor"]})[1]
    assert code == "CURSOR_INVALID"


def test_a_page_of_large_values_ends_early(store: KeyValueStore) -> None:
    for number in range(20):
        store.ok("set", {"key": f"large:{number:02}", "value": "x" * 240_000})
    where = [{"property": "key", "condition": "BEGINS_WITH", "values": ["large:"]}]
    first = store.ok("query", {"where": where, "limit": 20})
    second = store.ok("query", {"where": where, "limit": 20, "after": first["cursor"]})
    assert len(first["data"]) < 20
    keys = [row["key"] for page in (first, second) for row in page["data"]]
    assert keys == [f"large:{number:02}" for number in range(20)]
    assert "cursor" not in second


TEXT = "x" * (240 << 10)
DEEP: object = 1
for _ in range(32):
    DEEP = [DEEP]
MANY = [{"key": f"k{number}", "value": 1} for number in range(26)]
LIMITS: tuple[tuple[str, Any, str], ...] = (
    ("get", {"key": ""}, "KEY_TOO_SHORT"),
    ("set", {"key": "k" * 501, "value": 1}, "KEY_TOO_LONG"),
    ("secret/set", {"key": "a/b", "value": 1}, "INVALID_KEY"),
    ("delete", {"key": " "}, "INVALID_KEY"),
    ("set", {"key": "k", "value": TEXT}, "MAX_SIZE"),
    ("set", {"key": "k", "value": DEEP}, "MAX_DEPTH"),
    ("set", {"key": "k"}, "INVALID_VALUE"),
    (
        "set",
        {"key": "k", "value": 1, "options": {"ttl": {"value": 2, "unit": "YEARS"}}},
        "INVALID_REQUEST",
    ),
    (
        "set",
        {"key": "k", "value": 1, "options": {"ttl": {"value": 366, "unit": "DAYS"}}},
        "INVALID_TTL",
    ),
    ("query", {"limit": 101}, "INVALID_LIMIT"),
    ("query", {"where": [{"property": "key", "condition": "EQUAL_TO", "values": ["k"]}]},
     "INVALID_QUERY"),
    ("query", {"after": "rubbish"}, "CURSOR_INVALID"),
    ("batch/set", MANY, "TOO_MANY_KEYS"),
    ("batch/get", [], "NO_KEYS"),
    ("batch/delete", [{"key": "k"}, {"key": "k"}], "DUPLICATE_KEY"),
    ("batch/set", [{"key": f"k{n}", "value": TEXT} for n in range(20)], "PAYLOAD_TOO_LARGE"),
    ("transaction", {}, "NO_KEYS"),
    ("transaction", {"set": MANY[:13], "delete": MANY[13:]}, "TOO_MANY_KEYS"),
    ("transaction", {"set": MANY[:1], "delete": MANY[:1]}, "DUPLICATE_KEY"),
    ("entity/get", {"key": "k"}, "INVALID_REQUEST"),
    ("get", {"entityName": "e", "key": "k"}, "INVALID_REQUEST"),
    ("get", {"key": 1}, "INVALID_REQUEST"),
    ("get", [], "INVALID_REQUEST"),
    ("set", {"key": "k", "value": "\ud800"}, "INVALID_VALUE"),
    ("set", {"key": "k", "value": ["\ud83d", "\ude00"]}, "INVALID_VALUE"),
    ("set", {"key": "\udc00", "value": 1}, "INVALID_VALUE"),
    ("transaction", {"set": [{"key": f"k{n}", "value": TEXT} for n in range(20)]},
     "PAYLOAD_TOO_LARGE"),
    (
        "set",
        {"key": "k", "value": 1,
         "options": {"keyPolicy": "FAIL_IF_EXISTS", "returnValue": "LATEST"}},
        "INVALID_RETURN_VALUE",
    ),
)  # fmt: skip


@pytest.mark.parametrize(("path", "body", "code"), LIMITS, ids=range(len(LIMITS)))
def test_each_limit_is_refused_in_the_words_of_forge(
    store: KeyValueStore, path: str, body: object, code: str
) -> None:
    assert store.refused(path, body) == (400, code)


def test_a_body_beyond_every_limit_is_refused(store: KeyValueStore) -> None:
    reply = store.caller.call("POST", f"{PATH}/set", raw=b" " * (7 << 20))
    assert (reply.status, reply.json["code"]) == (413, "BODY_TOO_LARGE")
    for raw in (b"\xff", b'{"key": "k", "value": ' + b"[" * 100_000 + b"]" * 100_000 + b"}", b""):
        reply = store.caller.call("POST", f"{PATH}/set", raw=raw)
        assert (reply.status, set(reply.json)) == (400, {"code", "message"})
    for value in (b'"\xff"', b"1e999"):
        reply = store.caller.call("POST", f"{PATH}/set", raw=b'{"key": "k", "value": %s}' % value)
        assert (reply.status, reply.json["code"]) == (400, "INVALID_REQUEST"), value


def test_a_batch_says_what_became_of_each_key(store: KeyValueStore) -> None:
    store.ok("set", {"key": "batch:old", "value": 1})
    policy = {"keyPolicy": "FAIL_IF_EXISTS"}
    done = store.ok(
        "batch/set",
        [
            {"key": "batch:new", "value": 2},
            {"key": "batch:old", "value": 3, "options": policy},
            {"key": "batch:fresh", "value": 4, "options": policy},
            {"key": "batch/bad", "value": 5},
            {"key": "batch:large", "value": TEXT},
        ],
    )
    assert done["successfulKeys"] == [{"key": "batch:new"}, {"key": "batch:fresh"}]
    failed = {each["key"]: each["error"]["code"] for each in done["failedKeys"]}
    assert failed == {
        "batch:old": "KEY_CONFLICT", "batch/bad": "INVALID_KEY", "batch:large": "MAX_SIZE"
    }  # fmt: skip
    got = store.ok("batch/get", [{"key": f"batch:{name}"} for name in ("old", "new", "none")])
    assert [row["value"] for row in got["successfulKeys"]] == [1, 2]
    assert [each["error"]["code"] for each in got["failedKeys"]] == ["KEY_NOT_FOUND"]
    store.ok("batch/delete", [{"key": "batch:old"}, {"key": "batch:new"}])
    assert store.get("batch:old") is store.get("batch:new") is None


def test_a_transaction_is_done_whole_or_not_at_all(store: KeyValueStore) -> None:
    store.ok("batch/set", [{"key": "t:a", "value": 1}, {"key": "t:b", "value": 1}])
    fails = {"key": "t:b", "value": 2, "options": {"keyPolicy": "FAIL_IF_EXISTS"}}
    changes: dict[str, Any] = {
        "set": [{"key": "t:z", "value": 2}, fails],
        "delete": [{"key": "t:a"}],
    }
    assert store.refused("transaction", changes) == (409, "KEY_CONFLICT")
    assert [store.get(f"t:{name}") for name in "abz"] == [1, 1, None]
    changes["set"][1]["options"] = {}
    store.ok("transaction", changes)
    assert [store.get(f"t:{name}") for name in "abz"] == [None, 2, 2]


def test_calls_at_once_neither_wait_for_each_other_nor_lose_any(store: KeyValueStore) -> None:
    """Transactions, batches and deletions of the same keys, in both orders."""
    keys = [f"busy:{number}" for number in range(8)]

    def call(number: int) -> int:
        mine = keys if number % 2 else keys[::-1]
        items = [{"key": key, "value": number} for key in mine]
        path, body = [
            ("batch/set", items),
            ("transaction", {"set": items[:4], "delete": [{"key": key} for key in mine[4:]]}),
            ("batch/delete", [{"key": key} for key in mine]),
        ][number % 3]
        caller = store.migration.platform.caller(store.token)
        return caller.call("POST", f"{PATH}/{path}", body).status

    with ThreadPoolExecutor(4) as threads:
        assert set(threads.map(call, range(48))) <= {200, 204}


def test_the_value_that_is_asked_for(store: KeyValueStore) -> None:
    asked = {"returnValue": "PREVIOUS", "returnMetadataFields": ["CREATED_AT", "UPDATED_AT"]}
    assert store.ok("set", {"key": "v", "value": 1, "options": asked}) is None
    before = store.ok("set", {"key": "v", "value": 2, "options": asked})
    assert (before["key"], before["value"]) == ("v", 1)
    assert before["createdAt"] == before["updatedAt"]
    latest = {"returnValue": "LATEST", "returnMetadataFields": ["CREATED_AT", "UPDATED_AT"]}
    after = store.ok("set", {"key": "v", "value": 3, "options": latest})
    assert after["value"] == 3
    assert after["createdAt"] == before["createdAt"] < after["updatedAt"]
    fields = {"metadataFields": ["CREATED_AT", "EXPIRE_TIME"]}
    got = store.ok("get", {"key": "v", "options": fields})
    assert got == {"key": "v", "value": 3, "createdAt": after["createdAt"]}
    conflict = {"keyPolicy": "FAIL_IF_EXISTS"}
    assert store.refused("set", {"key": "v", "value": 4, "options": conflict}) == (
        *(409, "KEY_CONFLICT"),
    )
    assert store.get("v") == 3


def test_a_value_ends_with_its_lifetime(store: KeyValueStore) -> None:
    ttl = {"ttl": {"value": 10, "unit": "MINUTES"}}
    store.ok("set", {"key": "ttl", "value": 1, "options": ttl})
    got = store.ok("get", {"key": "ttl", "options": {"metadataFields": ["EXPIRE_TIME"]}})
    assert datetime.fromisoformat(got["expireTime"]).tzinfo is not None
    store.migration.advance(540)
    assert store.get("ttl") == 1
    store.migration.advance(61)
    assert store.refused("get", {"key": "ttl"}) == (404, "KEY_NOT_FOUND")
    where = [{"property": "key", "condition": "BEGINS_WITH", "values": ["ttl"]}]
    assert store.ok("query", {"where": where}) == {"data": []}
    new = {"keyPolicy": "FAIL_IF_EXISTS", **ttl}
    store.ok("set", {"key": "ttl", "value": 2, "options": new})
    assert store.get("ttl") == 2


def test_refused_calls_are_explained(store: KeyValueStore) -> None:
    """But a missing key, which every app asks for, is not."""
    store.refused("set", {"key": "a/b", "value": 1})
    store.refused("get", {"key": "nothing"})
    admin: Caller = store.migration.admin
    text = admin.call("GET", f"/admin/v1/transfers/{store.migration.transfer_id}/explain").body
    assert b"key_not_found" not in text


def test_the_older_package_keeps_the_same_values(store: KeyValueStore) -> None:
    def call(query: str, variables: object) -> Any:
        body = {"query": query, "variables": variables}
        reply = store.caller.call("POST", "/app/forge/entities/graphql", body)
        assert reply.status == 200, reply.body
        return reply.json

    change = {"input": {"key": "old:1", "value": {"n": 1}, "encrypted": False}}
    query = (
        "mutation x($input: I!) { appStorage { setAppStoredEntity(input: $input) { success } } }"
    )
    assert call(query, change)["data"]["appStorage"]["setAppStoredEntity"]["success"]
    assert store.get("old:1") == {"n": 1}
    read = "query y($key: ID!) { appStoredEntity(key: $key, encrypted: $encrypted) { key value } }"
    for key, value in (("old:1", {"n": 1}), ("old:none", None)):
        got = call(read, {"key": key, "encrypted": False})["data"]["appStoredEntity"]
        assert got == {"key": key, "value": value}
    where = [{"field": "key", "condition": "STARTS_WITH", "value": "old:"}]
    page = "query z { appStoredEntities(where: $where, cursor: $cursor, limit: $limit) { edges } }"
    asked = {"where": where, "cursor": None, "limit": None}
    [edge] = call(page, asked)["data"]["appStoredEntities"]["edges"]
    assert edge["node"] == {"key": "old:1", "value": {"n": 1}}
    rest = call(page, {**asked, "cursor": edge["cursor"]})
    assert rest["data"]["appStoredEntities"]["edges"] == []
    wrong = call(query, {"input": {**change["input"], "key": "a/b"}})
    assert wrong["errors"][0]["extensions"] == {"errorType": "INVALID_KEY"}
