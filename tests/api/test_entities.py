"""Custom entities over HTTP: found by indexes and conditions; mistakes in the words of Forge."""

from concurrent.futures import ThreadPoolExecutor
from typing import Any

import pytest

from tests.kit.key_value import KeyValueStore
from tests.kit.platform import PlatformProcess

TASK = {
    "name": "task",
    "attributes": {
        "title": {"type": "string"},
        "board": {"type": "integer"},
        "done": {"type": "boolean"},
        "weight": {"type": "float"},
        "more": {"type": "any"},
    },
    "indexes": [
        "weight",
        {"name": "by-title", "partition": ["board", "done"], "range": ["title"]},
    ],
}
NOTE = {"name": "note", "attributes": {"text": {"type": "string"}}}


@pytest.fixture(scope="module")
def store(
    running_platform: PlatformProcess, tmp_path_factory: pytest.TempPathFactory
) -> KeyValueStore:
    """An app with two entities; each test has keys or a board of its own."""
    return KeyValueStore.begin(
        running_platform, tmp_path_factory.mktemp("app") / "app", entities=[TASK, NOTE]
    )


def keep(store: KeyValueStore, board: int, **tasks: dict[str, Any]) -> None:
    """Keep tasks of one board, which are not done."""
    done = store.ok(
        "batch/set",
        [
            {"entityName": "task", "key": key, "value": {"board": board, "done": False, **task}}
            for key, task in tasks.items()
        ],
    )
    assert done["failedKeys"] == []


def query(board: int, **asked: Any) -> dict[str, Any]:
    return {"entityName": "task", "indexName": "by-title", "partition": [board, False], **asked}


def found(store: KeyValueStore, asked: dict[str, Any]) -> list[str]:
    """The keys of all pages."""
    keys: list[str] = []
    while True:
        page = store.ok("entity/query", asked)
        keys += [row["key"] for row in page["data"]]
        if "cursor" not in page:
            return keys
        asked = {**asked, "cursor": page["cursor"]}


def test_values_of_entities_have_keys_of_their_own(store: KeyValueStore) -> None:
    store.ok("set", {"key": "same", "value": "plain"})
    store.ok("entity/set", {"entityName": "task", "key": "same", "value": {"title": "a"}})
    store.ok("entity/set", {"entityName": "note", "key": "same", "value": {"text": "b"}})
    asked = {"entityName": "task", "key": "same", "options": {"metadataFields": ["CREATED_AT"]}}
    task = store.ok("entity/get", asked)
    assert (task["key"], task["value"], set(task)) == (
        *("same", {"title": "a"}), {"key", "value", "createdAt"}
    )  # fmt: skip
    store.ok("entity/delete", {"entityName": "task", "key": "same"})
    assert store.refused("entity/get", {"entityName": "task", "key": "same"})[1] == "KEY_NOT_FOUND"
    assert store.get("same") == "plain"
    where = [{"property": "key", "condition": "BEGINS_WITH", "values": ["same"]}]
    assert store.ok("query", {"where": where})["data"] == [{"key": "same", "value": "plain"}]
    got = store.ok("batch/get", [{"key": "same"}, {"entityName": "note", "key": "same"}])
    assert got["successfulKeys"] == [
        {"key": "same", "value": "plain"},
        {"key": "same", "value": {"text": "b"}, "entityName": "note"},
    ]


def test_an_index_is_read_in_its_order_page_by_page(store: KeyValueStore) -> None:
    keep(store, 1, a={"title": "pear"}, b={"title": "apple"}, c={"title": "fig"}, d={})
    keep(store, 1, e={"title": "apple"}, f={"title": "zebra", "done": True})
    for limit in (1, 2, 100):
        assert found(store, query(1, limit=limit)) == ["b", "e", "c", "a"]
        assert found(store, query(1, limit=limit, sort="DESC")) == ["a", "c", "e", "b"]
    first = store.ok("entity/query", query(1, limit=1))
    assert first["data"] == [{"key": "b", "value": {"board": 1, "done": False, "title": "apple"}}]
    elsewhere = query(2, cursor=first["cursor"])
    assert store.refused("entity/query", elsewhere)[1] == "CURSOR_INVALID"


def test_a_value_is_found_where_it_is_now(store: KeyValueStore) -> None:
    keep(store, 3, a={"title": "old"})
    keep(store, 4, a={"title": "new"})
    assert found(store, query(3)) == []
    assert found(store, query(4)) == ["a"]
    store.ok("batch/delete", [{"entityName": "task", "key": "a"}])
    assert found(store, query(4)) == []


RANGES: tuple[tuple[str, list[Any], list[str]], ...] = (
    ("EQUAL_TO", [2], ["n2"]),
    ("BETWEEN", [-1.5, 2], ["n1", "n0", "n2"]),
    ("GREATER_THAN", [2], ["n10"]),
    ("GREATER_THAN_EQUAL_TO", [2], ["n2", "n10"]),
    ("LESS_THAN", [0], ["n1"]),
    ("LESS_THAN_EQUAL_TO", [0], ["n1", "n0"]),
)


@pytest.mark.parametrize(("condition", "values", "keys"), RANGES, ids=[each for each, *_ in RANGES])
def test_a_range_of_numbers(
    store: KeyValueStore, condition: str, values: list[Any], keys: list[str]
) -> None:
    numbers = {"n1": -1.5, "n0": 0, "n2": 2, "n10": 10}
    keep(store, 5, **{key: {"weight": number} for key, number in numbers.items()})
    asked = {"entityName": "task", "indexName": "weight"}
    where = {"condition": condition, "values": values}
    assert found(store, {**asked, "range": where}) == keys


def test_the_index_of_keys_is_always_there(store: KeyValueStore) -> None:
    for key in ("k:2", "k:1", "k:10", "l"):
        store.ok("entity/set", {"entityName": "note", "key": key, "value": {"text": key}})
    asked: dict[str, Any] = {"entityName": "note", "indexName": "by-key", "limit": 2}
    asked["range"] = {"condition": "BEGINS_WITH", "values": ["k:"]}
    assert found(store, asked) == ["k:1", "k:10", "k:2"]
    assert found(store, {**asked, "sort": "DESC"}) == ["k:2", "k:10", "k:1"]
    asked["range"] = {"condition": "GREATER_THAN", "values": ["k:10"]}
    assert found(store, asked)[:2] == ["k:2", "l"]


def test_filters_come_after_the_page(store: KeyValueStore) -> None:
    """So a page may be empty though others follow."""
    keep(store, 6, **{f"f{n}": {"title": f"t{n}", "more": n} for n in range(6)})
    late = {"property": "more", "condition": "GREATER_THAN", "values": [3]}
    asked = query(6, limit=2, filters={"and": [late]})
    first = store.ok("entity/query", asked)
    assert first["data"] == []
    assert first["cursor"]
    assert found(store, asked) == ["f4", "f5"]
    early = {"property": "title", "condition": "EQUAL_TO", "values": ["t0"]}
    assert found(store, query(6, filters={"or": [late, early]})) == ["f0", "f4", "f5"]
    assert found(store, query(6, filters={"and": [late, early]})) == []


def test_a_batch_says_what_became_of_each_value(store: KeyValueStore) -> None:
    items = [
        {"entityName": "task", "key": "b:1", "value": {"title": "a", "board": 7, "done": False}},
        {"entityName": "task", "key": "b:2", "value": {"title": 1}},
        {"entityName": "task", "key": "b:3", "value": {"other": 1}},
        {"entityName": "none", "key": "b:1", "value": {}},
        {"key": "b:1", "value": 1},
    ]
    done = store.ok("batch/set", items)
    assert done["successfulKeys"] == [{"key": "b:1", "entityName": "task"}, {"key": "b:1"}]
    failed = [
        (each["entityName"], each["key"], each["error"]["code"]) for each in done["failedKeys"]
    ]
    assert failed == [
        ("task", "b:2", "INVALID_ENTITY_VALUE"),
        ("task", "b:3", "INVALID_ENTITY_ATTRIBUTE"),
        ("none", "b:1", "INVALID_ENTITY_NAME"),
    ]
    assert found(store, query(7)) == ["b:1"]


def holds(attribute: str, value: object) -> dict[str, Any]:
    return {"and": [{"property": attribute, "condition": "EQUAL_TO", "values": [value]}]}


def test_a_transaction_is_done_if_its_conditions_hold(store: KeyValueStore) -> None:
    keep(store, 8, a={"title": "a"}, b={"title": "b"})
    change: dict[str, Any] = {
        "set": [
            {"key": "plain:8", "value": 1},
            {"entityName": "task", "key": "a", "value": {"title": "z", "board": 8, "done": False},
             "conditions": holds("title", "a")},
        ],
        "delete": [{"entityName": "task", "key": "b", "conditions": holds("title", "c")}],
        "check": [{"entityName": "task", "key": "none", "conditions": {
            "or": [{"property": "title", "condition": "NOT_EXISTS", "values": [True]}]}}],
    }  # fmt: skip
    assert store.refused("transaction", change) == (409, "CONDITIONAL_CHECK_FAILED")
    assert found(store, query(8)) == ["a", "b"]
    assert store.get("plain:8") is None
    change["delete"][0]["conditions"] = holds("title", "b")
    store.ok("transaction", change)
    assert [row["value"]["title"] for row in store.ok("entity/query", query(8))["data"]] == ["z"]
    assert store.get("plain:8") == 1
    # What was only checked is there as little as before.
    assert store.refused("entity/get", {"entityName": "task", "key": "none"})[0] == 404
    keep(store, 8, none={"title": "n"})
    assert store.refused("transaction", {"check": change["check"]})[1] == "CONDITIONAL_CHECK_FAILED"


def test_one_of_those_who_count_at_once_wins_each_time(store: KeyValueStore) -> None:
    """A condition is about the value that is replaced, whoever else writes; so is its absence."""

    def count(_: int) -> int:
        mine = KeyValueStore(store.migration, store.token)
        while True:
            reply = mine.call("entity/get", {"entityName": "task", "key": "counter"})
            now = reply.json["value"]["board"] if reply.status == 200 else None
            condition = (
                holds("board", now)
                if now is not None
                else {"and": [{"property": "board", "condition": "NOT_EXISTS", "values": [True]}]}
            )
            value = {"board": (now or 0) + 1}
            item = {"entityName": "task", "key": "counter", "value": value, "conditions": condition}
            if mine.call("transaction", {"set": [item]}).status == 204:
                return value["board"]

    with ThreadPoolExecutor(4) as threads:
        assert sorted(threads.map(count, range(12))) == list(range(1, 13))


FILTER = {"property": "title", "condition": "EQUAL_TO", "values": ["a"]}
REFUSED: tuple[tuple[str, dict[str, Any], str], ...] = (
    ("entity/get", {"entityName": "none", "key": "k"}, "INVALID_ENTITY_NAME"),
    ("entity/set", {"entityName": "task", "key": "", "value": {}}, "EMPTY_KEY"),
    ("entity/set", {"entityName": "task", "key": "k" * 501, "value": {}}, "KEY_TOO_LONG"),
    ("entity/set", {"entityName": "task", "key": "k", "value": 1}, "INVALID_ENTITY_VALUE"),
    ("entity/set", {"entityName": "task", "key": "k"}, "INVALID_VALUE"),
    (
        "entity/set",
        {"entityName": "task", "key": "k",
         "value": {"title": "t" * 901, "board": 1, "done": True}},
        "ENTITY_INDEX_MAX_SIZE",
    ),
    ("entity/query", query(1, limit=101), "COMPLEX_QUERY_PAGE_LIMIT_NOT_IN_RANGE"),
    ("entity/query", {**query(1), "indexName": "none"}, "INVALID_ENTITY_INDEX"),
    ("entity/query", {**query(1), "partition": [1]}, "INVALID_ENTITY_INDEX"),
    ("entity/query", query(1, filters={"and": []}), "EMPTY_FILTER_OPERATOR"),
    ("entity/query", query(1, filters={}), "EMPTY_FILTER_OPERATOR"),
    ("entity/query", query(1, filters={"and": [FILTER], "or": [FILTER]}), "EMPTY_FILTER_OPERATOR"),
    ("entity/query", query(1, filters={"or": [{**FILTER, "values": []}]}),
     "INSUFFICIENT_FILTER_VALUES"),
    ("entity/query", query(1, filters={"or": [{**FILTER, "property": "x"}]}),
     "INVALID_ENTITY_ATTRIBUTE"),
    ("entity/query", query(1, filters={"or": [FILTER] * 101}), "TOO_MANY_CONDITIONS"),
    ("entity/query", query(1, filters={"or": [{**FILTER, "condition": "LIKE"}]}),
     "INVALID_REQUEST"),
    ("entity/query", query(1, range={"condition": "EXISTS", "values": [True]}), "INVALID_RANGE"),
    ("entity/query", query(1, cursor="rubbish"), "CURSOR_INVALID"),
    ("transaction", {"check": [{"entityName": "task", "key": "k"}]}, "INVALID_REQUEST"),
    ("transaction", {"delete": [{"key": "k", "conditions": {"and": [FILTER]}}]}, "INVALID_REQUEST"),
    (
        "transaction",
        {"check": [{"entityName": "task", "key": f"k{n}", "conditions": {"and": [FILTER]}}
                   for n in range(26)]},
        "TOO_MANY_KEYS",
    ),
)  # fmt: skip


@pytest.mark.parametrize(("path", "body", "code"), REFUSED, ids=range(len(REFUSED)))
def test_mistakes_are_refused_in_the_words_of_forge(
    store: KeyValueStore, path: str, body: dict[str, Any], code: str
) -> None:
    assert store.refused(path, body) == (400, code)


def test_a_value_leaves_the_indexes_at_its_end(store: KeyValueStore) -> None:
    item = {"entityName": "task", "key": "ttl", "value": {"title": "t", "board": 9, "done": False}}
    store.ok("entity/set", {**item, "options": {"ttl": {"value": 10, "unit": "MINUTES"}}})
    assert found(store, query(9)) == ["ttl"]
    store.migration.advance(601)
    assert found(store, query(9)) == []
    policy = {"options": {"keyPolicy": "FAIL_IF_EXISTS"}}
    store.ok("entity/set", {**item, **policy})
    assert store.refused("entity/set", {**item, **policy}) == (409, "KEY_CONFLICT")
    asked = {"options": {"returnValue": "PREVIOUS"}}
    assert store.ok("entity/set", {**item, **asked})["value"] == item["value"]
    assert found(store, query(9)) == ["ttl"]
