"""Rows that an operator loads into tables of apps."""

from typing import Any

import pytest

from ferryman.domain import sql as sql_policy
from ferryman.domain.sql_rows import check_definition, checked
from ferryman.errors import Invalid

KNOWN = ("id", "Text", "é")


def test_bytes_are_told_from_other_objects() -> None:
    rows: list[list[Any]] = [
        [1, {"base64": "AP8="}, {"base64": "AP8=", "more": 1}],
        [None, "x", []],
    ]
    assert checked(["id", "text", "é"], rows, KNOWN) == [
        [1, b"\0\xff", {"base64": "AP8=", "more": 1}],
        [None, "x", []],
    ]


@pytest.mark.parametrize(
    ("columns", "rows", "found"),
    [
        (["id", "colour"], [[1, 2]], "the unknown column 'colour'"),
        ([], [[]], "no columns"),
        (["id", "ID"], [[1, 2]], "a column twice"),
        (["id", "text"], [[1, 2], [1]], "1 values for 2 columns in row 2"),
        (["id"], [[{"base64": "?"}]], "not in base64"),
        (["id"], [[{"base64": 1}]], "not in base64"),
        (["id"], [[{"base64": "é"}]], "not in base64"),
    ],
)
def test_rows_that_cannot_be_are_refused(
    columns: list[str], rows: list[list[Any]], found: str
) -> None:
    with pytest.raises(Invalid, match="sql_rows_invalid") as refused:
        checked(columns, rows, KNOWN)
    assert found in str(refused.value)


@pytest.mark.parametrize("made", ["CREATE TABLE t (n INT)", "create view v as select 1"])
def test_a_definition_makes_a_table_or_a_view(made: str) -> None:
    check_definition(sql_policy.checked(made).outline)


@pytest.mark.parametrize("other", ["DROP TABLE t", "INSERT INTO t VALUES (1)", "SELECT 1", ""])
def test_another_statement_is_no_definition(other: str) -> None:
    with pytest.raises(Invalid, match="sql_definition_invalid"):
        check_definition(sql_policy.checked(other).outline)
