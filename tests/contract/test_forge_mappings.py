"""Forge REST, the two calls that read mappings."""

import pytest

from tests.contract.statements import case, statement
from tests.kit.platform import Reply
from tests.kit.remote_app import ForgeMigration

ISSUES = [("jira:issue", str(10_000 + n), str(20_000 + n)) for n in range(5)]


def find(forge: ForgeMigration, keys: object, namespace: str = "jira:issue") -> Reply:
    return forge.call("POST", f"/mapping/{forge.transfer_id}/find?namespace={namespace}", keys)


def page(forge: ForgeMigration, query: str = "namespace=jira:issue") -> Reply:
    return forge.call("GET", f"/mapping/{forge.transfer_id}/page?{query}")


@statement(
    "forge-rest",
    "POST /mapping/{transferId}/find",
    "the answer is an object from server key to cloud key, both strings",
)
def test_find(forge: ForgeMigration) -> None:
    forge.load(*ISSUES)
    reply = find(forge, ["10000", "10003"])
    assert (reply.status, reply.json) == (200, {"10000": "20000", "10003": "20003"})
    assert reply.headers["content-type"].startswith("application/json")


@statement("forge-rest", "POST /mapping/{transferId}/find", "the namespace is required")
def test_find_needs_a_namespace(forge: ForgeMigration) -> None:
    forge.refused(400, "POST", f"/mapping/{forge.transfer_id}/find", ["10000"])


@statement("forge-rest", "POST /mapping/{transferId}/find", "the body is an array of strings")
def test_find_takes_an_array_of_strings(forge: ForgeMigration) -> None:
    for body in ({"keys": ["1"]}, "1", [1], [["1"]], [{"1": "1"}]):
        assert find(forge, body).status == 400, body


@statement("forge-rest", "POST /mapping/{transferId}/find", "the keys of the body are unique")
def test_find_takes_unique_keys(forge: ForgeMigration) -> None:
    assert find(forge, ["10000", "10000"]).status == 400


@statement(
    "forge-rest",
    "POST /mapping/{transferId}/find",
    "a body without keys is answered with an empty object",
)
def test_find_nothing(forge: ForgeMigration) -> None:
    assert find(forge, []).json == {}


@statement(
    "forge-rest",
    "POST /mapping/{transferId}/find",
    "only the namespace that was asked for is looked in",
)
def test_find_in_one_namespace(forge: ForgeMigration) -> None:
    forge.load(("jira:issue", "1", "11"), ("jira:comment", "1", "91"))
    assert find(forge, ["1"]).json == {"1": "11"}
    assert find(forge, ["1"], "jira:comment").json == {"1": "91"}


@statement(
    "forge-rest",
    "POST /mapping/{transferId}/find",
    "no page says what an unknown namespace does; here nothing is found in it, which is no error",
)
def test_find_in_an_unknown_namespace(forge: ForgeMigration) -> None:
    assert find(forge, ["1"], "lighthouse:lamp").json == {}


@statement(
    "vendor-practice",
    "Mappings",
    "100 keys can be looked up in one call",
)
def test_find_100(forge: ForgeMigration) -> None:
    forge.load(*[("jira:issue", str(n), str(n + 1)) for n in range(100)])
    assert len(find(forge, [str(n) for n in range(100)]).json) == 100


@statement("vendor-practice", "Mappings", "more than 100 keys in one look-up are refused")
def test_find_101(forge: ForgeMigration) -> None:
    assert find(forge, [str(n) for n in range(101)]).status == 400


@statement(
    "forge-rest",
    "GET /mapping/{transferId}/page",
    "the answer has meta with pageSize, hasNext and lastEntity, and items",
)
def test_page_members(forge: ForgeMigration) -> None:
    forge.load(*ISSUES)
    found = page(forge).json
    assert set(found) == {"meta", "items"}
    assert set(found["meta"]) == {"pageSize", "hasNext", "lastEntity"}


@statement(
    "forge-rest",
    "GET /mapping/{transferId}/page",
    "items is an object from server key to cloud key",
)
def test_page_items(forge: ForgeMigration) -> None:
    forge.load(*ISSUES)
    assert page(forge).json["items"] == {key: value for _, key, value in ISSUES}


@statement("forge-rest", "GET /mapping/{transferId}/page", "pageSize is 1200 by default")
def test_page_default(forge: ForgeMigration) -> None:
    forge.load(*[("jira:issue", str(n), str(n)) for n in range(1_201)])
    found = page(forge).json
    assert len(found["items"]) == found["meta"]["pageSize"] == 1_200
    assert found["meta"]["hasNext"] is True


@statement(
    "mapping-page-size",
    "Change",
    "pageSize is at most 1200, not the 5000 of older pages: the notice is the newer one",
)
def test_page_greatest(forge: ForgeMigration) -> None:
    assert page(forge, "namespace=jira:issue&pageSize=1200").status == 200
    for size in (1_201, 5_000):
        assert page(forge, f"namespace=jira:issue&pageSize={size}").status == 400


@statement("forge-rest", "GET /mapping/{transferId}/page", "pageSize is at least 1")
def test_page_least(forge: ForgeMigration) -> None:
    forge.load(*ISSUES)
    assert len(page(forge, "namespace=jira:issue&pageSize=1").json["items"]) == 1
    for size in ("0", "-1", "many", "1.5"):
        assert page(forge, f"namespace=jira:issue&pageSize={size}").status == 400


@statement("forge-rest", "GET /mapping/{transferId}/page", "meta.pageSize is the size asked for")
def test_page_size_is_repeated(forge: ForgeMigration) -> None:
    assert page(forge, "namespace=jira:issue&pageSize=7").json["meta"]["pageSize"] == 7


@statement("forge-rest", "GET /mapping/{transferId}/page", "reading a page needs the namespace")
def test_page_needs_a_namespace(forge: ForgeMigration) -> None:
    assert page(forge, "pageSize=10").status == 400


@statement(
    "forge-rest",
    "GET /mapping/{transferId}/page",
    "hasNext is true and lastEntity a string as long as there is more",
)
def test_page_has_next(forge: ForgeMigration) -> None:
    forge.load(*ISSUES)
    meta = page(forge, "namespace=jira:issue&pageSize=4").json["meta"]
    assert meta["hasNext"] is True
    assert isinstance(meta["lastEntity"], str)
    assert meta["lastEntity"]


@statement(
    "mapping-life",
    "Answer",
    "on the last page hasNext is false and lastEntity is null",
)
def test_last_page(forge: ForgeMigration) -> None:
    forge.load(*ISSUES)
    meta = page(forge, "namespace=jira:issue&pageSize=5").json["meta"]
    assert meta == {"pageSize": 5, "hasNext": False, "lastEntity": None}


@statement(
    "mapping-life",
    "Question",
    "lastEntity of a page goes into the next request, and the pages hold each mapping once",
)
def test_pages_go_on(forge: ForgeMigration) -> None:
    forge.load(*ISSUES)
    seen: list[str] = []
    query = "namespace=jira:issue&pageSize=2"
    last = ""
    for _ in range(3):
        found = page(forge, query + last).json
        seen += found["items"]
        last = f"&lastEntity={found['meta']['lastEntity']}"
    assert found["meta"]["hasNext"] is False
    assert sorted(seen) == [key for _, key, _ in ISSUES]


@statement(
    "forge-rest",
    "GET /mapping/{transferId}/page",
    "a namespace without mappings is one empty page",
)
def test_empty_page(forge: ForgeMigration) -> None:
    found = page(forge, "namespace=jira:resolution").json
    assert found["items"] == {}
    assert found["meta"] == {"pageSize": 1_200, "hasNext": False, "lastEntity": None}


@pytest.mark.parametrize(
    ("method", "path", "body"),
    [
        case(
            "forge-rest",
            "POST /mapping/{transferId}/find",
            "finding mappings needs a transfer that exists",
            "POST",
            "/mapping/{}/find?namespace=jira:issue",
            ["1"],
            name="find",
        ),
        case(
            "forge-rest",
            "GET /mapping/{transferId}/page",
            "paging mappings needs a transfer that exists",
            "GET",
            "/mapping/{}/page?namespace=jira:issue",
            None,
            name="page",
        ),
    ],
)
def test_unknown_transfer(forge: ForgeMigration, method: str, path: str, body: object) -> None:
    unknown = "26925583-10bd-49fb-b67c-15fc2447a97b"
    assert forge.refused(404, method, path.format(unknown), body) == "transfer_not_found"


@statement(
    "forge-events",
    "Forge migration API",
    "a builder's limit is the page size and getOne is a page of one, as the SDK's example reads it",
)
def test_get_one(forge: ForgeMigration) -> None:
    forge.load(("jira/classic:appCustomField", "10004", "10011"))
    found = page(forge, "namespace=jira/classic:appCustomField&pageSize=1").json
    assert list(found["items"].items()) == [("10004", "10011")]
