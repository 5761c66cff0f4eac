"""The rules behind what is printed: lines, tables, items, server-sent events."""

from dataclasses import dataclass

import pytest

from ferryman.client.follow import event_data
from ferryman.client.pages import items
from ferryman.client.text import clean, field_lines, instant, table
from ferryman.client.timeline_text import csv_line, line
from ferryman.sentences import sentence
from ferryman.wire.transfer import TimelineEntry

STREAM = (
    b": hello\r\n\r\n"
    b'id: 1\r\nevent: a\r\ndata: {"n":1}\r\n\r\n'
    b"data: two\ndata: lines\n\n"
    b"data:tight\n\n"
    b"data: cut off"
)


@pytest.mark.parametrize("size", [1, 2, 3, 7, 1_000])
def test_events_in_any_pieces(size: int) -> None:
    """However the bytes arrive, the events are the same; one that is cut off is left out."""
    pieces = [STREAM[start : start + size] for start in range(0, len(STREAM), size)]
    assert list(event_data(pieces)) == [b'{"n":1}', b"two\nlines", b"tight"]


def entry(kind: str, **data: object) -> TimelineEntry:
    """An entry of the first moment of 1970."""
    return TimelineEntry(seq=1, at=0, kind=kind, data=data)


@pytest.mark.parametrize(
    ("found", "said"),
    [
        (entry("transfer.changed", before="READY", after="FAILED"), "status READY -> FAILED"),
        (entry("upload.begun", key="k", label=None), "file k begun"),
        (entry("upload.begun", key="k", label="a {label}"), "file k begun, label a {label}"),
        (entry("log.added", message="{0} {x}"), "log: {0} {x}"),
        (entry("attempt.lost", messageId="m"), "message m, attempt ?: lost"),
        (entry("of.tomorrow", count=3, name="n"), "of.tomorrow, count 3, name n"),
        (
            entry("attempt.failed", messageId="m", number=2, durationMs=7, error="E: no"),
            "message m, attempt 2: failed in 7 ms: E: no",
        ),
    ],
)
def test_sentences(found: TimelineEntry, said: str) -> None:
    """Also of kinds and members that this version does not know."""
    assert sentence(found) == said


def test_a_line_and_a_row() -> None:
    """UTC in ISO form; several lines stay together; CSV quotes what it must."""
    log = entry("log.added", message='a,"b"\nc')
    assert line(log) == '1970-01-01T00:00:00.000Z  log: a,"b"\n    c'
    assert csv_line(log).startswith('1,1970-01-01T00:00:00.000Z,log.added,"log: a,""b""\nc",')


def test_text_of_others_cannot_steer_the_terminal() -> None:
    """Escapes, bells and characters that turn the line around are spelled out."""
    assert clean("a\x1b[2J\x07\r\u202eb\tc\nd é 漢") == "a\\x1b[2J\\x07\\r\\u202eb\tc\nd é 漢"


def test_tables_and_fields() -> None:
    """Columns are aligned by what is seen, wide characters too; nothing is cut."""
    assert table(("A", "B"), [("漢", 1), (None, "x" * 300)]).splitlines() == [
        "A   B",
        "漢  1",
        "    " + "x" * 300,
    ]
    assert field_lines({"a": 1, "long": "two\nlines", "none": None}) == (
        "a     1\nlong  two\n      lines"
    )
    assert instant(None) is None


@dataclass
class Page:
    """A page of a list."""

    items: list[int]
    next_cursor: str | None


def test_all_pages() -> None:
    """Until one says that there is none behind it, an empty one in between or not."""
    book = {None: Page([1, 2], "b"), "b": Page([], "c"), "c": Page([3], None)}
    assert list(items(lambda cursor, _size: book[cursor])) == [1, 2, 3]
