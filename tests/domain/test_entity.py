"""Custom entities: the types of attributes, the order of an index, and what a condition means."""

from typing import Any

import pytest
from hypothesis import given
from hypothesis import strategies as st

from ferryman.domain import entity as rules
from ferryman.domain import entity_query as query
from ferryman.domain.entity import Entity, Index
from ferryman.domain.entity_query import AttributeCondition, Filters
from ferryman.errors import PlatformError
from ferryman.kvs_vocab import AttributeType, Comparison

NOTE = Entity(
    "note",
    {
        "title": AttributeType.STRING,
        "page": AttributeType.INTEGER,
        "weight": AttributeType.FLOAT,
        "open": AttributeType.BOOLEAN,
        "more": AttributeType.ANY,
    },
    {
        "page": Index("page", "page"),
        "by-title": Index("by-title", "title", ("page", "open")),
        "more": Index("more", "more"),
    },
)


def refused(rule: Any, *arguments: object) -> str | None:
    """The code of a refusal; None if nothing was refused."""
    try:
        rule(*arguments)
    except PlatformError as error:
        return error.code.removeprefix("kvs_")
    return None


@pytest.mark.parametrize(
    ("value", "code"),
    [
        ({}, None),
        ({"title": "♥", "page": 1, "weight": 1, "open": False, "more": None}, None),
        ({"page": -(2**31), "weight": 1.5e300, "more": {"a": [1]}}, None),
        ([], "invalid_entity_value"),
        (None, "invalid_entity_value"),
        ({"other": 1}, "invalid_entity_attribute"),
        ({"title": 1}, "invalid_entity_value"),
        ({"title": " "}, "invalid_entity_value"),
        ({"title": None}, "invalid_entity_value"),
        ({"page": 2**31}, "invalid_entity_value"),
        ({"page": 1.5}, "invalid_entity_value"),
        ({"page": True}, "invalid_entity_value"),
        ({"weight": "1"}, "invalid_entity_value"),
        ({"weight": 10**400}, "invalid_entity_value"),
        ({"open": 1}, "invalid_entity_value"),
        ({"more": "x" * 900}, None),
        ({"more": "x" * 901}, "entity_index_max_size"),
        ({"more": ["x" * 901]}, None),
    ],
)
def test_values_have_the_types_of_the_manifest(value: object, code: str | None) -> None:
    assert refused(rules.check_value, NOTE, value) == code


def test_partition_attributes_have_a_limit_together() -> None:
    strings = dict.fromkeys("abc", AttributeType.STRING)
    entity = Entity("long", strings, {"i": Index("i", "c", ("a", "b"))})
    value = {"a": "a" * 850, "b": "b" * 850, "c": "c" * 900}
    rules.check_value(entity, value)
    longer = {**value, "b": "b" * 851}
    assert refused(rules.check_value, entity, longer) == "entity_index_max_size"


def test_a_refused_value_is_not_repeated() -> None:
    with pytest.raises(PlatformError) as error:
        rules.check_value(NOTE, {"page": "ada@harbour.example"})
    assert "ada" not in str(error.value)
    assert "page to be an integer of 32 bits" in str(error.value)


def test_an_index_has_values_with_all_its_attributes() -> None:
    whole = {"title": "a", "page": 1, "open": True}
    assert [place.index for place in rules.places(NOTE, whole)] == ["page", "by-title"]
    for name in whole:
        lacking = {key: value for key, value in whole.items() if key != name}
        assert "by-title" not in {place.index for place in rules.places(NOTE, lacking)}
    assert rules.places(NOTE, {"more": {}}) == rules.places(NOTE, "no object") == ()


TEXTS = st.text(max_size=5)
NUMBERS = st.integers(-(2**53), 2**53) | st.floats(allow_nan=False, allow_infinity=False)
ATOMS = st.booleans() | NUMBERS | TEXTS


@given(NUMBERS, NUMBERS)
def test_numbers_are_in_their_order(one: float, other: float) -> None:
    left, right = rules.encoded(one), rules.encoded(other)
    assert left is not None
    assert right is not None
    assert (left < right) == (float(one) < float(other))
    assert (left == right) == (float(one) == float(other))


RANGES = [
    Comparison.BETWEEN,
    Comparison.EQUAL_TO,
    Comparison.GREATER_THAN,
    Comparison.GREATER_THAN_EQUAL_TO,
    Comparison.LESS_THAN,
    Comparison.LESS_THAN_EQUAL_TO,
]


@given(ATOMS, st.sampled_from([*RANGES, Comparison.BEGINS_WITH]), ATOMS, ATOMS)
def test_an_index_finds_what_a_filter_would(
    stored: object, comparison: Comparison, first: object, second: object
) -> None:
    """Wherever both may be used, so that moving a condition to an index changes nothing."""
    values = (first, second) if comparison is Comparison.BETWEEN else (first,)
    if comparison is Comparison.BEGINS_WITH and not isinstance(first, str):
        return
    if comparison is Comparison.BETWEEN and type(first) is not type(second):
        return
    condition = AttributeCondition("more", comparison, values)
    span = query.span(NOTE, NOTE.index("more"), (), condition)
    [place] = rules.places(NOTE, {"more": stored})
    within = span.first <= place.place < span.behind
    assert within == query.matches(Filters((condition,)), {"more": stored})
    everything = query.span(NOTE, NOTE.index("more"), (), None)
    assert everything.first <= place.place < everything.behind
    assert everything.partition == place.partition


@given(st.text("abz:09 ", min_size=1, max_size=4), st.sampled_from(RANGES), TEXTS, TEXTS)
def test_the_index_of_keys_finds_what_a_filter_would(
    key: str, comparison: Comparison, first: str, second: str
) -> None:
    values = (first, second) if comparison is Comparison.BETWEEN else (first,)
    condition = AttributeCondition("title", comparison, values)
    span = query.span(NOTE, NOTE.index("by-key"), (), condition)
    within = span.first_key.encode() <= key.encode() < span.behind_key.encode()
    assert within == query.matches(Filters((condition,)), {"title": key})


@pytest.mark.parametrize(
    ("comparison", "values", "found", "holds"),
    [
        (Comparison.EQUAL_TO, [1], 1.0, True),
        (Comparison.EQUAL_TO, [1], True, False),
        (Comparison.EQUAL_TO, [[1]], [1], True),
        (Comparison.NOT_EQUAL_TO, [1], 2, True),
        (Comparison.NOT_EQUAL_TO, [1], 1, False),
        (Comparison.CONTAINS, ["b"], "abc", True),
        (Comparison.CONTAINS, [1], [1, 2], True),
        (Comparison.CONTAINS, [True], [1, 2], False),
        (Comparison.CONTAINS, ["1"], 1, False),
        (Comparison.NOT_CONTAINS, ["x"], "abc", True),
        (Comparison.BEGINS_WITH, ["a"], "abc", True),
        (Comparison.BEGINS_WITH, ["a"], 1, False),
        (Comparison.EXISTS, [True], None, True),
        (Comparison.NOT_EXISTS, [True], None, False),
        (Comparison.GREATER_THAN, ["1"], 2, False),
    ],
)
def test_conditions(
    comparison: Comparison, values: list[object], found: object, holds: bool
) -> None:
    filters = Filters((AttributeCondition("more", comparison, tuple(values)),))
    assert query.matches(filters, {"more": found}) is holds


@pytest.mark.parametrize("comparison", Comparison)
def test_what_is_not_there_meets_only_what_denies(comparison: Comparison) -> None:
    filters = Filters((AttributeCondition("more", comparison, ("a", "b")),))
    for value in (None, {}, {"title": "a"}):
        assert query.matches(filters, value) is comparison.value.startswith("NOT_")


def test_all_conditions_hold_or_one() -> None:
    some = (
        AttributeCondition("page", Comparison.EQUAL_TO, (1,)),
        AttributeCondition("title", Comparison.EQUAL_TO, ("a",)),
    )
    for value, count in (({"page": 1, "title": "a"}, 2), ({"page": 1}, 1), ({}, 0)):
        assert query.matches(Filters(some), value) is (count == 2)
        assert query.matches(Filters(some, every=False), value) is (count > 0)


def condition(
    comparison: Comparison, *values: object, attribute: str = "page"
) -> AttributeCondition:
    return AttributeCondition(attribute, comparison, values)


@pytest.mark.parametrize(
    ("conditions", "code"),
    [
        ([condition(Comparison.EQUAL_TO, 1)] * 100, None),
        ([condition(Comparison.EQUAL_TO, 1)] * 101, "too_many_conditions"),
        ([], "empty_filter_operator"),
        ([condition(Comparison.EQUAL_TO)], "insufficient_filter_values"),
        ([condition(Comparison.BETWEEN, 1)], "insufficient_filter_values"),
        ([condition(Comparison.EQUAL_TO, 1, attribute="x")], "invalid_entity_attribute"),
    ],
)
def test_filters(conditions: list[AttributeCondition], code: str | None) -> None:
    assert refused(query.check_filters, NOTE, Filters(tuple(conditions))) == code


@pytest.mark.parametrize(
    ("index", "partition", "where", "code"),
    [
        ("page", (), None, None),
        ("page", (1,), None, "invalid_entity_index"),
        ("by-title", (1,), None, "invalid_entity_index"),
        ("by-title", (1, "yes"), None, "invalid_entity_value"),
        ("by-title", (1, True), condition(Comparison.BEGINS_WITH, "a"), None),
        ("page", (), condition(Comparison.EQUAL_TO, "a"), "invalid_entity_value"),
        ("page", (), condition(Comparison.BETWEEN, 1), "insufficient_filter_values"),
        ("page", (), condition(Comparison.CONTAINS, 1), "invalid_range"),
        ("more", (), condition(Comparison.EQUAL_TO, [1]), "invalid_entity_value"),
        ("by-key", (), condition(Comparison.EQUAL_TO, 1), "invalid_entity_value"),
        ("by-key", (), condition(Comparison.EQUAL_TO, "é" * 700), None),
    ],
)
def test_what_an_index_is_asked(
    index: str, partition: tuple[object, ...], where: AttributeCondition | None, code: str | None
) -> None:
    assert refused(query.span, NOTE, NOTE.index(index), partition, where) == code
    assert refused(NOTE.index, "other") == "invalid_entity_index"


def test_pages_of_entities() -> None:
    assert [query.page_limit(asked) for asked in (None, 1, 100)] == [10, 1, 100]
    for asked in (0, 101):
        code = "complex_query_page_limit_not_in_range"
        assert refused(query.page_limit, asked) == code
