"""Custom entities that a manifest declares: what is taken, and what is refused."""

from typing import Any

import pytest

from ferryman.domain.entity import Index
from ferryman.errors import Invalid
from ferryman.functions.manifest import parse_manifest
from ferryman.functions.manifest_entities import entities_of
from ferryman.kvs_vocab import AttributeType

ATTRIBUTES = {"surname": {"type": "string"}, "age": {"type": "integer"}}
INDEXES = ["surname", {"name": "by-age", "range": ["age"], "partition": ["surname"]}]


def manifest(*entities: object) -> dict[str, Any]:
    return {"app": {"id": "ari:cloud:ecosystem::app/1", "storage": {"entities": list(entities)}}}


def entity(**changed: object) -> dict[str, Any]:
    return {"name": "employee", "attributes": ATTRIBUTES, "indexes": INDEXES, **changed}


def test_entities_are_read_with_types_and_indexes() -> None:
    [employee] = parse_manifest(manifest(entity())).entities
    assert employee.name == "employee"
    assert employee.attributes == {"surname": AttributeType.STRING, "age": AttributeType.INTEGER}
    assert employee.indexes == {
        "surname": Index("surname", "surname"),
        "by-age": Index("by-age", "age", ("surname",)),
    }


def test_a_manifest_without_entities_has_none() -> None:
    documents: tuple[Any, ...] = (None, {}, {"app": {}}, {"app": {"storage": None}})
    for document in documents:
        assert entities_of(document).by_name == {}
    assert parse_manifest({"app": {}}).entities == ()


def test_every_change_of_an_entity_has_another_digest() -> None:
    documents = [manifest(), manifest(entity()), manifest(entity(indexes=["age"]))]
    assert len({entities_of(each).digest for each in documents}) == len(documents)
    assert entities_of(manifest(entity())) is entities_of(manifest(entity()))


def attributes(count: int) -> dict[str, Any]:
    return {f"a{number}": {"type": "any"} for number in range(count)}


@pytest.mark.parametrize(
    "changed",
    [
        {"name": "e:f-g_h.i2"},
        {"name": "e" * 60},
        {"indexes": None},
        {"attributes": attributes(50), "indexes": [f"a{number}" for number in range(7)]},
        {"attributes": {"a" * 64: {"type": "float"}}, "indexes": []},
        {"indexes": [{"name": "x" * 50, "range": ["age"]}]},
    ],
    ids=range(6),
)
def test_what_forge_takes_is_taken(changed: dict[str, Any]) -> None:
    assert len(parse_manifest(manifest(entity(**changed))).entities) == 1


@pytest.mark.parametrize(
    ("changed", "says"),
    [
        ({"name": None}, r"entities\[0\].name to be a string"),
        ({"name": "ab"}, "name of 3 to 60 characters"),
        ({"name": "e" * 61}, "name of 3 to 60 characters"),
        ({"name": "Employee"}, "lower-case letters"),
        ({"name": ".employee"}, "lower-case letters"),
        ({"attributes": None}, "attributes to be a mapping of 1 to 50"),
        ({"attributes": attributes(51)}, "attributes to be a mapping of 1 to 50"),
        ({"attributes": {"a": {"type": "text"}}}, "type to be one of string, integer"),
        ({"attributes": {"a": {}}}, "type to be a string"),
        ({"attributes": {"1a": {"type": "any"}}}, "named by a letter"),
        ({"attributes": {"a" * 65: {"type": "any"}}}, "64 characters at most"),
        ({"attributes": {1: {"type": "any"}}}, "named by a letter"),
        ({"indexes": ["size"]}, r"indexes\[0\] to be an attribute of the entity \(surname, age\)"),
        ({"indexes": ["age"] * 2}, "every key in .*indexes once"),
        ({"attributes": attributes(8), "indexes": [*attributes(8)]}, "at most 7 indexes"),
        ({"indexes": [{"name": "xy", "range": ["age"]}]}, "name of 3 to 50"),
        ({"indexes": [{"name": "x" * 51, "range": ["age"]}]}, "name of 3 to 50"),
        ({"indexes": [{"name": "by-key", "range": ["age"]}]}, "another name than by-key"),
        ({"indexes": [{"name": "none"}]}, "range to be a list of one attribute"),
        ({"indexes": [{"name": "two", "range": ["age", "surname"]}]}, "a list of one attribute"),
        ({"indexes": [{"name": "bad", "range": ["age"], "partition": ["x"]}]}, r"partition\[0\]"),
    ],
    ids=range(21),
)
def test_what_could_not_work_is_refused(changed: dict[str, Any], says: str) -> None:
    with pytest.raises(Invalid, match=says):
        parse_manifest(manifest(entity(**changed)))


def test_an_app_has_so_many_entities_each_once() -> None:
    named = [entity(name=f"entity-{number}") for number in range(21)]
    assert len(parse_manifest(manifest(*named[:20])).entities) == 20
    with pytest.raises(Invalid, match="at most 20 entities"):
        parse_manifest(manifest(*named))
    with pytest.raises(Invalid, match="manifest_duplicate_key"):
        parse_manifest(manifest(entity(), entity()))
