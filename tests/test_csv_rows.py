"""Lists as CSV: every field in its column, readable times, and nothing that a spreadsheet runs."""

import csv
import io
import re
from enum import StrEnum

import msgspec
import pytest
from hypothesis import given
from hypothesis import strategies as st

from ferryman import csv_rows
from ferryman.wire.base import Wire


class Tone(StrEnum):
    """A word."""

    LOW = "low"


class Inner(Wire, frozen=True):
    """A member with fields of its own."""

    site_url: str
    deadline: int | None = None


class Item(Wire, frozen=True):
    """One of each kind of field."""

    name: str
    created_at: int | None
    count: int
    ratio: float
    done: bool
    tone: Tone
    tags: list[str]
    place: Inner
    other: Inner | None = None


class ItemPage(Wire, frozen=True):
    """A page of them."""

    items: list[Item]
    next_cursor: str | None = None


ITEM = Item(
    name='é, "quoted"\nand more',
    created_at=1_800_000_000_123,
    count=-7,
    ratio=0.5,
    done=True,
    tone=Tone.LOW,
    tags=["a", "b"],
    place=Inner(site_url="https://site.example", deadline=0),
)


def read(raw: bytes) -> list[list[str]]:
    return list(csv.reader(io.StringIO(raw.decode(), newline="")))


def test_every_field_has_a_column() -> None:
    """Those of a member after a dot, also where it is null."""
    kind = csv_rows.item_type(ItemPage)
    assert kind is Item
    [head] = read(csv_rows.head(kind))
    [row] = read(csv_rows.rows(kind, [ITEM]))
    assert dict(zip(head, row, strict=True)) == {
        "name": 'é, "quoted"\nand more',
        "createdAt": "2027-01-15T08:00:00.123Z",
        "count": "-7",
        "ratio": "0.5",
        "done": "true",
        "tone": "low",
        "tags": '["a","b"]',
        "place.siteUrl": "https://site.example",
        "place.deadline": "1970-01-01T00:00:00.000Z",
        "other.siteUrl": "",
        "other.deadline": "",
    }


@pytest.mark.parametrize(
    "text", ["=1+1", "+1", "-1", "@SUM(A1)", "\t=1", "\r=1", "  =1", "\uff1d1"]
)
def test_no_cell_is_a_formula(text: str) -> None:
    [row] = read(csv_rows.rows(Item, [msgspec.structs.replace(ITEM, name=text)]))
    assert row[0].startswith(("'", "\\"))
    assert row[0].replace("'", "").strip() == text.replace("\r", "\\r").strip()


@pytest.mark.parametrize(
    "text", ["a;=1+1", "a; +1", "a\t-1", "a\n@SUM(A1)", 'a;"=1', "a\n\uff1d1", "a;=1;=2"]
)
def test_no_cell_is_a_formula_where_semicolons_separate(text: str) -> None:
    """Such a spreadsheet knows neither the commas nor the quotation marks after them."""
    raw = csv_rows.rows(Item, [msgspec.structs.replace(ITEM, name="x", tone=text, tags=[])])
    raw += csv_rows.rows(Item, [msgspec.structs.replace(ITEM, name=text)])
    cells = re.split("[;\t\n]", raw.decode())
    formulas = ("=", "+", "-", "@", "\uff1d")
    assert [each for each in cells if each.lstrip(' "').startswith(formulas)] == []
    assert "'" in raw.decode()


def test_what_begins_no_cell_stays_as_it_is() -> None:
    text = "a=b; see x-1\n\nnext\tone"
    assert read(csv_rows.rows(Item, [msgspec.structs.replace(ITEM, name=text)]))[0][0] == text


@given(st.text())
def test_any_text_stays_one_cell_that_can_be_seen(text: str) -> None:
    raw = csv_rows.rows(Item, [msgspec.structs.replace(ITEM, name=text)] * 2)
    rows = read(raw)
    assert [len(row) for row in rows] == [11, 11]
    assert not rows[0][0].lstrip(" ").startswith(("=", "+", "-", "@", "\t", "\r", "\n"))
    assert all(each.isprintable() or each in "\r\n\t" for each in raw.decode())
